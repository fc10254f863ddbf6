"""How clients reach the sandbox's chat: TCP, with TLS or without, and WebSocket.

Belongs here: bytes and frames. Not here: what the lines mean (irc).
"""

import asyncio
import contextlib
import socket
import struct

from starlette.websockets import WebSocket, WebSocketDisconnect

from vieweratlas_assets.sandbox.irc import SandboxChat, Session


class TcpWire(asyncio.Protocol):
    """A client over TCP."""

    def __init__(self, chat: SandboxChat) -> None:
        self._chat = chat
        self._session: Session | None = None
        self._transport: asyncio.Transport | None = None
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client came."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._session = self._chat.connected(self)

    def data_received(self, data: bytes) -> None:
        """Hand on whole lines."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if self._session is not None and line.strip():
                self._session.take(line.decode(errors="replace").rstrip("\r"))

    def connection_lost(self, _: Exception | None) -> None:
        """The client went."""
        if self._session is not None:
            self._chat.gone(self._session)

    def write(self, data: bytes) -> None:
        """Send bytes."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def close(self) -> None:
        """Close in order."""
        if self._transport is not None:
            self._transport.close()

    def reset(self) -> None:
        """Break off, with a TCP reset."""
        if self._transport is not None:
            sock = self._transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()


class WebSocketWire:
    """A client over WebSocket: some lines a frame."""

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[str | None] = asyncio.Queue()

    def write(self, data: bytes) -> None:
        """Send lines."""
        self._waiting.put_nowait(data.decode(errors="replace"))

    def close(self) -> None:
        """Close in order."""
        self._waiting.put_nowait(None)

    reset = close

    async def serve(self, socket: WebSocket, chat: SandboxChat) -> None:
        """Talk with a client until it goes."""
        # What some clients ask for, as it is spoken.
        await socket.accept(subprotocol="irc" if "irc" in socket.scope["subprotocols"] else None)
        session = chat.connected(self)
        sending = asyncio.create_task(self.send(socket))
        try:
            async for frame in socket.iter_text():
                for line in filter(str.strip, frame.splitlines()):
                    session.take(line)
        finally:
            chat.gone(session)
            sending.cancel()

    async def send(self, socket: WebSocket) -> None:
        """Send what was written, until it is closed."""
        with contextlib.suppress(WebSocketDisconnect):
            while (lines := await self._waiting.get()) is not None:
                await socket.send_text(lines)
            await socket.close()
