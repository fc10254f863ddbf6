"""The sandbox as a server: a simulated Twitch on loopback.

Belongs here: serving, starting and stopping. Not here: the responses (helix, irc, eventsub, vod_chat).
"""

import asyncio
import contextlib
import socket
import ssl
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from vieweratlas_assets.sandbox.eventsub import SandboxEventSub
from vieweratlas_assets.sandbox.helix import SandboxHelix
from vieweratlas_assets.sandbox.irc import NOTICES, SandboxChat
from vieweratlas_assets.sandbox.vod_chat import SandboxVodChat
from vieweratlas_assets.sandbox.wire import TcpWire, WebSocketWire

HOST = "127.0.0.1"
START_S = 10.0


class SandboxServer:
    """Serves a sandbox until it is stopped.

    Attributes:
        url: base URL of Helix and tokens, of the chat of VODs (/gql), and with ws:// of chat over WebSocket.
        chat_url: URL of chat over TCP, such as irc://127.0.0.1:6667.
        eventsub_url: URL of EventSub over WebSocket.
    """

    def __init__(
        self,
        helix: SandboxHelix,
        chat: SandboxChat | None = None,
        vod_chat: SandboxVodChat | None = None,
        *,
        port: int = 0,
        chat_port: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Open the ports.

        Args:
            helix: Helix and tokens.
            chat: live chat; None serves none.
            vod_chat: chat of VODs; None serves none.
            port, chat_port: ports on loopback; 0 chooses a free port.
            tls: encrypts chat over TCP; None serves it unencrypted.

        Raises:
            OSError: a port is in use; the error's `filename` is the port.
        """
        self._chat, self._tls = chat, tls
        self._socket = _listen(port)
        self.url = f"http://{HOST}:{self._socket.getsockname()[1]}"
        routes: list[BaseRoute] = [*helix.routes, *(vod_chat.routes if vod_chat else ())]
        if chat is not None:
            try:
                self._chat_socket = _listen(chat_port)
            except OSError:
                self._socket.close()
                raise
            self.chat_url = f"{'ircs' if tls else 'irc'}://{HOST}:{self._chat_socket.getsockname()[1]}"
            self.eventsub_url = f"{self.url.replace('http', 'ws')}/ws"
            eventsub, path = SandboxEventSub(chat), "/helix/eventsub/subscriptions"
            routes += [
                WebSocketRoute("/", self._websocket),
                WebSocketRoute("/ws", eventsub.serve),
                Route(path, helix.guarded(eventsub.subscribe, 202), methods=["POST"]),
                Route(path, helix.guarded(eventsub.unsubscribe, 204), methods=["DELETE"]),
                Route("/sandbox/chat", self._set_fault, methods=["POST"]),
            ]
        config = uvicorn.Config(
            Starlette(routes=routes, lifespan=self._lifespan),
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=1,
            loop="asyncio",
            ws="websockets-sansio",
        )
        self._server = uvicorn.Server(config)
        self._loop: asyncio.AbstractEventLoop | None = None

    def run(self) -> None:
        """Serve until interrupted, or stopped."""
        self._server.run(sockets=[self._socket])

    def stop(self) -> None:
        """End `run`; may be called from any thread."""
        self._server.should_exit = True

    @contextmanager
    def running(self) -> Iterator["SandboxServer"]:
        """Serve in a thread while the block runs."""
        thread = threading.Thread(target=self.run, daemon=True)
        thread.start()
        deadline = time.monotonic() + START_S
        while not self._server.started:
            if time.monotonic() > deadline or not thread.is_alive():
                raise RuntimeError(f"the sandbox at {self.url} did not start within {START_S:.0f} s")
            time.sleep(0.01)
        try:
            yield self
        finally:
            self.stop()
            thread.join(START_S)

    def call(self, function: Callable[..., None], *arguments: object) -> None:
        """Call a function of the chat on the server's event loop, as in `server.call(chat.reset)`, and wait."""
        done = threading.Event()

        def run() -> None:
            try:
                function(*arguments)
            finally:
                done.set()

        assert self._loop is not None
        self._loop.call_soon_threadsafe(run)
        done.wait(START_S)

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        self._loop = asyncio.get_running_loop()
        if self._chat is None:
            yield
            return
        chat = self._chat
        listening = await self._loop.create_server(lambda: TcpWire(chat), sock=self._chat_socket, ssl=self._tls)
        playing = asyncio.create_task(chat.play())
        try:
            yield
        finally:
            playing.cancel()
            listening.close()
            for session in list(chat.sessions):
                session.wire.close()
            with contextlib.suppress(asyncio.CancelledError):
                await playing

    async def _websocket(self, websocket: WebSocket) -> None:
        assert self._chat is not None
        await WebSocketWire().serve(websocket, self._chat)

    async def _set_fault(self, request: Request) -> Response:
        """Cause the faults of the chat that the request's JSON object names."""
        chat = self._chat
        assert chat is not None
        try:
            body = await request.json()
            for fault, value in body.items():
                match fault:
                    case "reset":
                        chat.reset()
                    case "freeze":
                        chat.freeze()
                    case "reconnect":
                        chat.reconnect(float(value))
                    case "joins_to_drop":
                        chat.faults.joins_to_drop = int(value)
                    case "refused" if set(value.values()) <= set(NOTICES):
                        chat.faults.refused = dict(value)
                    case _:
                        raise ValueError(fault)
        except (ValueError, TypeError, AttributeError):
            message = 'the body must be JSON such as {"reset": true, "reconnect": 10, "joins_to_drop": 5}'
            return JSONResponse({"error": message, "notices": sorted(NOTICES)}, status_code=400)
        return JSONResponse({"sessions": len(chat.sessions), "copies": chat.copies})


def _listen(port: int) -> socket.socket:
    # With the protocol named, asyncio sets TCP_NODELAY; without it the second piece of an answer waits 40 ms.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((HOST, port))
        listening.listen()
        return listening
    except OSError as error:
        listening.close()
        raise OSError(error.errno, error.strerror, str(port)) from error
