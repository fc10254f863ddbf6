"""A web server for the site in the lake, for one's own machine and network.

Belongs here: answering GET and HEAD from a store. Not here: the command (commands.serve), what the files hold
(domain.atlas.site). In production a CDN serves the same files from the bucket.
"""

import logging
import mimetypes
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.atlas import site
from vieweratlas_assets.errors import StorageError
from vieweratlas_assets.storage.errors import ObjectNotFoundError
from vieweratlas_assets.storage.objects import ObjectStore, is_key

LOG = logging.getLogger("vieweratlas.serving")


def site_server(store: ObjectStore, host: str, port: int) -> ThreadingHTTPServer:
    """A server of the site; it listens, and answers once it is told to serve.

    Args:
        port: 0 takes a free one.

    Raises:
        OSError: the port cannot be had.
    """

    class Handler(BaseHTTPRequestHandler):
        server_version = "vieweratlas"
        protocol_version = "HTTP/1.1"
        timeout = 60

        def do_GET(self) -> None:
            self._answer(with_body=True)

        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: addresses of readers belong in no log."""

        def _answer(self, *, with_body: bool) -> None:
            key = ""
            try:
                key = _key(self.path)
                data = store.download_bytes(key) if is_key(key) else None
                status = HTTPStatus.NOT_FOUND if data is None else HTTPStatus.OK
            except ValueError:
                data, status = None, HTTPStatus.BAD_REQUEST
            except ObjectNotFoundError:
                data, status = None, HTTPStatus.NOT_FOUND
            except StorageError:
                data, status = None, HTTPStatus.BAD_GATEWAY
            body = f"{status.value} {status.phrase}\n".encode() if data is None else data
            self.send_response(status)
            self.send_header("Content-Type", _content_type(key) if data is not None else "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", (data is not None and lake.cache_control(key)) or "no-store")
            self.send_header("X-Content-Type-Options", "nosniff")
            self.end_headers()
            if with_body:
                self.wfile.write(body)

    return _Server((host, port), Handler)


class _Server(ThreadingHTTPServer):
    def handle_error(self, _request: Any, _client_address: Any) -> None:
        """Tell what went wrong, but not with whom; that somebody left early is nothing to tell."""
        error = sys.exception()
        if not isinstance(error, ConnectionError | TimeoutError):
            LOG.error("an answer failed: %s", type(error).__name__)


def _key(path: str) -> str:
    return lake.site_file(unquote(urlsplit(path).path).lstrip("/") or site.PAGE)


def _content_type(key: str) -> str:
    kind = mimetypes.guess_type(key)[0] or "application/octet-stream"
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind
