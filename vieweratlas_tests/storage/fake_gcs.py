"""A fake Google Cloud Storage: one bucket in memory, over the XML API that obstore speaks."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

BUCKET = "fake-bucket"
NOW = "2026-03-01T12:00:00.000Z"


class FakeGcs(ThreadingHTTPServer):
    """The objects of BUCKET by name; any other bucket does not exist."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.objects: dict[str, bytes] = {}
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FakeGcs

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        address = urlsplit(self.path)
        bucket, _, name = unquote(address.path).removeprefix("/").partition("/")
        with self.server.lock:
            if bucket != BUCKET:
                self._send(404, _error("NoSuchBucket"))
            elif not name:
                self._list({key: values[0] for key, values in parse_qs(address.query).items()})
            elif self.command == "PUT":
                self._put(name, body)
            elif name not in self.server.objects:
                self._send(404, _error("NoSuchKey"))
            elif self.command == "DELETE":
                del self.server.objects[name]
                self._send(204)
            else:
                data = self.server.objects[name]
                self._send(200, data, etag=_etag(data))

    do_GET = do_PUT = do_DELETE = do_HEAD = _answer

    def _put(self, name: str, body: bytes) -> None:
        if self.headers.get("x-goog-if-generation-match") == "0" and name in self.server.objects:
            self._send(412, _error("PreconditionFailed"))
            return
        self.server.objects[name] = body
        self._send(200, etag=_etag(body))

    def _list(self, query: dict[str, str]) -> None:
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter")
        names = sorted(name for name in self.server.objects if name.startswith(prefix))
        folders: set[str] = set()
        if delimiter:
            below = {name: name.removeprefix(prefix).partition(delimiter) for name in names}
            folders = {prefix + first + slash for first, slash, _ in below.values() if slash}
            names = [name for name in names if not below[name][1]]
        contents = (
            f"<Contents><Key>{escape(name)}</Key><LastModified>{NOW}</LastModified>"
            f"<ETag>{_etag(self.server.objects[name])}</ETag><Size>{len(self.server.objects[name])}</Size></Contents>"
            for name in names
        )
        prefixes = (f"<CommonPrefixes><Prefix>{escape(name)}</Prefix></CommonPrefixes>" for name in sorted(folders))
        self._send(200, f"<ListBucketResult>{''.join(contents)}{''.join(prefixes)}</ListBucketResult>".encode())

    def _send(self, status: int, body: bytes = b"", etag: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Last-Modified", formatdate(usegmt=True))
        if etag:
            self.send_header("ETag", etag)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Keep the test's output clean."""


def _etag(data: bytes) -> str:
    return f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'


def _error(code: str) -> bytes:
    return f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>No.</Message></Error>'.encode()


@contextmanager
def fake_gcs() -> Iterator[FakeGcs]:
    """Run the server while the block runs."""
    with FakeGcs() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
