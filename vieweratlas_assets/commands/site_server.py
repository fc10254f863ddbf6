"""A web server for the site in the lake, for one's own machine and network.

Belongs here: answering GET and HEAD from a store. Not here: the command (serve), what the files hold
(domain.atlas.site). In production a CDN serves the same files from the bucket.
"""

import hashlib
import mimetypes
import socket
from http import HTTPStatus

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.atlas import site
from vieweratlas_assets.errors import StorageError
from vieweratlas_assets.storage.errors import ObjectNotFoundError
from vieweratlas_assets.storage.objects import ObjectStore, is_key

IDLE_S = 60
NOT_STORED = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def site_app(store: ObjectStore) -> Starlette:
    """The site as an ASGI application: each file with its type, its ETag and the time that it may be cached."""

    # Not async: Starlette runs it in a thread, because stores block.
    def answer(request: Request) -> Response:
        try:
            key = lake.site_file(request.path_params["path"].lstrip("/") or site.PAGE)
            data = store.download_bytes(key) if is_key(key) else None
        except (ObjectNotFoundError, ValueError):
            data = None
        except StorageError:
            return _failed(HTTPStatus.BAD_GATEWAY)
        if data is None:
            return _failed(HTTPStatus.NOT_FOUND)
        etag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
        headers = {
            "ETag": etag,
            "Cache-Control": lake.cache_control(key) or "no-store",
            "X-Content-Type-Options": "nosniff",
        }
        if etag in [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]:
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        return Response(data, headers=headers, media_type=_content_type(key))

    return Starlette(routes=[Route("/{path:path}", answer, methods=["GET"])])


def site_server(store: ObjectStore) -> uvicorn.Server:
    """A server of the site; `run(sockets=[socket])` serves until it is interrupted or `should_exit` is set.

    It logs no requests: addresses of readers do not belong in a log.
    """
    config = uvicorn.Config(
        site_app(store),
        log_level="error",
        access_log=False,
        server_header=False,
        timeout_keep_alive=IDLE_S,
        timeout_graceful_shutdown=1,
    )
    return uvicorn.Server(config)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket.

    Args:
        port: 0 takes a free one.

    Raises:
        OSError: the address is not available.
    """
    return socket.create_server((host, port))


def _failed(status: HTTPStatus) -> Response:
    return PlainTextResponse(f"{status.value} {status.phrase}\n", status_code=status, headers=NOT_STORED)


def _content_type(key: str) -> str:
    return mimetypes.guess_type(key)[0] or "application/octet-stream"
