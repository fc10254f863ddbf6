"""A faulty S3 server: a proxy in front of a real one, which breaks chosen requests."""

import contextlib
import http.client
import itertools
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

SLOW_DOWN = (
    b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>SlowDown</Code>'
    b"<Message>Please reduce your request rate.</Message></Error>"
)
FAULTS = ("slow down", "reset", "truncated", "stall", "lost answer")
"""503 SlowDown; a connection reset before the request is executed; half an answer; half an answer and then silence;
and an executed request whose answer is lost."""

Choice = Callable[[str, str], str | None]
"""The fault of a request, by its method and path; None passes it on unharmed."""


def every(count: int, faults: tuple[str, ...] = FAULTS) -> Choice:
    """The next fault at every `count`-th request."""
    numbers, chosen = itertools.count(1), itertools.cycle(faults)
    lock = threading.Lock()

    def choose(method: str, path: str) -> str | None:
        with lock:
            return next(chosen) if next(numbers) % count == 0 else None

    return choose


class FaultyS3(ThreadingHTTPServer):
    """Passes requests on with their signed headers, Host included, and counts its faults.

    Attributes:
        choose: the fault of each request.
        done: the number of times that each fault was applied.
    """

    daemon_threads = True

    def __init__(self, upstream: str, choose: Choice) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream = urlsplit(upstream).netloc
        self.choose = choose
        self.done: Counter[str] = Counter()
        self.ended = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FaultyS3

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.server.choose(self.command, self.path)
        if fault is not None:
            self.server.done[fault] += 1
        if fault == "slow down":
            self._send(503, {"Content-Type": "application/xml"}, SLOW_DOWN)
        elif fault == "reset":
            self._reset()
        else:
            self._pass_on(body, fault)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _answer

    def _pass_on(self, body: bytes, fault: str | None) -> None:
        connection = http.client.HTTPConnection(self.server.upstream, timeout=60)
        try:
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in ("connection", "expect"):
                    connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            content = answer.read()
            headers = {name: value for name, value in answer.getheaders() if name.lower() not in _HOP_HEADERS}
        finally:
            connection.close()
        if fault == "lost answer":
            self._reset()
        elif fault in ("truncated", "stall"):
            self._send(answer.status, headers, content, upto=len(content) // 2 if content else None)
            if fault == "stall":
                self.server.ended.wait()
            self._reset()
        else:
            self._send(answer.status, headers, content)

    def _send(self, status: int, headers: dict[str, str], body: bytes, upto: int | None = -1) -> None:
        """Send an answer, or its first `upto` bytes; None breaks off inside the headers."""
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if self.command != "HEAD":
            self.send_header("Content-Length", str(len(body)))
        if upto is not None:
            self.end_headers()
            sent = body if upto < 0 else body[:upto]
            self.wfile.write(b"" if self.command == "HEAD" else sent)
        self.wfile.flush()

    def _reset(self) -> None:
        # With a linger time of 0, closing sends RST.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RD)
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Keep the test's output clean."""


_HOP_HEADERS = ("connection", "content-length", "transfer-encoding", "keep-alive")


@contextmanager
def faulty_s3(upstream: str, choose: Choice) -> Iterator[FaultyS3]:
    """Run the proxy while the block runs."""
    with FaultyS3(upstream, choose) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.ended.set()
            server.shutdown()
            thread.join()
