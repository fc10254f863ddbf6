"""Connections to the sandbox's chat: TCP, with or without TLS, and WebSocket.

Belongs here: bytes and frames. Not here: what the lines mean (irc).
"""

import asyncio
import contextlib
import socket
import struct

from starlette.websockets import WebSocket, WebSocketDisconnect

from vieweratlas_assets.sandbox.irc import SandboxChat, Session


class TcpWire(asyncio.Protocol):
    """A connection over TCP."""

    def __init__(self, chat: SandboxChat) -> None:
        self._chat = chat
        self._session: Session | None = None
        self._transport: asyncio.Transport | None = None
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin a session."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._session = self._chat.connected(self)

    def data_received(self, data: bytes) -> None:
        """Pass complete lines to the session."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if self._session is not None and line.strip():
                self._session.handle(line.decode(errors="replace").rstrip("\r"))

    def connection_lost(self, _: Exception | None) -> None:
        """End the session."""
        if self._session is not None:
            self._chat.disconnected(self._session)

    def write(self, data: bytes) -> None:
        """Send bytes."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()

    def reset(self) -> None:
        """Abort the connection with a TCP reset."""
        if self._transport is not None:
            sock = self._transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()


class WebSocketWire:
    """A connection over WebSocket: one or more lines per frame."""

    def __init__(self) -> None:
        self._outgoing: asyncio.Queue[str | None] = asyncio.Queue()

    def write(self, data: bytes) -> None:
        """Send lines."""
        self._outgoing.put_nowait(data.decode(errors="replace"))

    def close(self) -> None:
        """Close the connection."""
        self._outgoing.put_nowait(None)

    reset = close

    async def serve(self, socket: WebSocket, chat: SandboxChat) -> None:
        """Serve a client until it disconnects."""
        # Some clients request this subprotocol, and require it in the answer.
        await socket.accept(subprotocol="irc" if "irc" in socket.scope["subprotocols"] else None)
        session = chat.connected(self)
        sending = asyncio.create_task(self.send(socket))
        try:
            async for frame in socket.iter_text():
                for line in filter(str.strip, frame.splitlines()):
                    session.handle(line)
        finally:
            chat.disconnected(session)
            sending.cancel()

    async def send(self, socket: WebSocket) -> None:
        """Send outgoing lines until the connection is closed."""
        with contextlib.suppress(WebSocketDisconnect):
            while (lines := await self._outgoing.get()) is not None:
                await socket.send_text(lines)
            await socket.close()
