"""One connection to Twitch's chat.

Belongs here: the bytes of one connection, its registration, its PINGs, what its lines mean. Not here: which channels
it joins and when (shard).
"""

import asyncio
import contextlib
import random
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit

from vieweratlas_assets.clients.chat import (
    BANNED,
    CHANNEL_LIMIT,
    CONNECTION_LOST,
    CONNECTION_SILENT,
    LOGIN_REFUSED,
    NO_SUCH_CHANNEL,
    SUSPENDED,
    ChatMessage,
)
from vieweratlas_assets.clients.irc.lines import MAX_LINE_BYTES, LineError, ServerLine, parse_line

CAPABILITIES = "twitch.tv/tags twitch.tv/commands"
# NOTICEs that refuse a JOIN. https://dev.twitch.tv/docs/chat/irc/#notice-ids
REFUSALS = {
    "msg_banned": BANNED,
    "msg_channel_suspended": SUSPENDED,
    "tos_ban": SUSPENDED,
    "msg_room_not_found": NO_SUCH_CHANNEL,
    "msg_concurrent_channel_limit_reached": CHANNEL_LIMIT,
}
LEAVE_S = 2.0
LOGIN_REFUSALS = ("login authentication failed", "improperly formatted auth", "login unsuccessful", "invalid nick")


@dataclass(frozen=True)
class Account:
    """Who listens.

    Attributes:
        login: lowercase.
        token: without `oauth:`; None listens anonymously.
    """

    login: str
    token: str | None = field(default=None, repr=False)


def anonymous() -> Account:
    """A made-up name with which Twitch lets anybody listen."""
    return Account(f"justinfan{random.randrange(10_000, 10_000_000)}")


@dataclass(frozen=True)
class Address:
    """Where chat is: ircs://host:port with TLS, irc://host:port without.

    Attributes:
        tls: what to trust; None trusts what the machine does.
    """

    url: str
    tls: ssl.SSLContext | None = None

    async def connect(self, protocol: asyncio.Protocol) -> None:
        """Connect a protocol to it.

        Raises:
            OSError: nobody answers, or the name is not found, or the certificate is not to be trusted.
        """
        parts = urlsplit(self.url)
        encrypted = parts.scheme == "ircs"
        await asyncio.get_running_loop().create_connection(
            lambda: protocol,
            parts.hostname or "",
            parts.port or (6697 if encrypted else 6667),
            ssl=(self.tls or ssl.create_default_context()) if encrypted else None,
        )


class Listener(Protocol):
    """Who owns a connection, and is told what comes."""

    def received(self, messages: list[ChatMessage]) -> None:
        """Messages came."""
        ...

    def unreadable(self, channel: str) -> None:
        """A line could not be read."""
        ...

    def joined(self, connection: "Connection", channel: str) -> None:
        """The server confirms a JOIN."""
        ...

    def refused(self, connection: "Connection", channel: str, reason: str) -> None:
        """The server refuses a JOIN or puts the account out."""
        ...

    def asked_to_reconnect(self, connection: "Connection") -> None:
        """The server is about to close the connection."""
        ...


class Connection(asyncio.Protocol):
    """Registers, answers PINGs, and tells its listener what it reads.

    Attributes:
        number: of the connection, unlike that of any other.
        alive_at: when bytes last came, by the listener's clock.
        registered: whether the server has welcomed the account, once that is known.
        closed: done when the connection is gone; its result is why, out of chat.GAP_REASONS.
        lost_at: until when everything that the server sent was read, once it is closed.
    """

    def __init__(self, number: int, account: Account, listener: Listener, clock: Callable[[], float]) -> None:
        loop = asyncio.get_running_loop()
        self.number = number
        self.alive_at = self.lost_at = clock()
        self.registered: asyncio.Future[bool] = loop.create_future()
        self.closed: asyncio.Future[str] = loop.create_future()
        self._account, self._listener, self._clock = account, listener, clock
        self._transport: asyncio.Transport | None = None
        self._rest = b""
        self._too_long = False
        self._reason = CONNECTION_LOST
        self._pong = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Register."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.alive_at = self._clock()
        if self._account.token is not None:
            self._send(f"PASS oauth:{self._account.token}")
        self._send(f"CAP REQ :{CAPABILITIES}")
        self._send(f"NICK {self._account.login}")
        # For servers that are not Twitch's: they wait for it.
        self._send(f"USER {self._account.login} 0 * :{self._account.login}")

    def connection_lost(self, exc: Exception | None) -> None:
        """Say why, and until when all was read."""
        # An orderly end comes after everything that was sent; with any other, some of it may be gone.
        orderly = exc is None and self._reason == CONNECTION_LOST
        self.lost_at = self._clock() if orderly else self.alive_at
        if not self.closed.done():
            self.closed.set_result(self._reason)
        if not self.registered.done():
            self.registered.set_result(False)

    def data_received(self, data: bytes) -> None:
        """Read the lines of what came."""
        self.alive_at = now = self._clock()
        received_ms = int(now * 1000)
        messages: list[ChatMessage] = []
        for line in self._lines(data):
            try:
                parsed = parse_line(line, received_ms)
            except LineError as error:
                self._listener.unreadable(error.channel)
                continue
            if isinstance(parsed, ChatMessage):
                messages.append(parsed)
            else:
                self._obey(parsed)
        if messages:
            self._listener.received(messages)

    def join(self, channel: str) -> None:
        """Ask to join a channel; the listener is told the answer, if there is one."""
        self._send(f"JOIN #{channel}")

    def part(self, channel: str) -> None:
        """Leave a channel."""
        self._send(f"PART #{channel}")

    async def ping(self, within_s: float) -> None:
        """Ask for a sign of life, and close the connection where none comes within so many seconds."""
        self._pong.clear()
        self._send("PING :vieweratlas")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._pong.wait(), within_s)
            return
        self.abort(CONNECTION_SILENT)

    def abort(self, reason: str) -> None:
        """Close at once, for a reason out of chat.GAP_REASONS."""
        self._reason = reason
        if self._transport is not None:
            self._transport.abort()

    def leave(self) -> None:
        """Have the server close the connection, after what is still on its way; after some seconds close it."""
        self._send("QUIT")
        if self._transport is not None:
            asyncio.get_running_loop().call_later(LEAVE_S, self._transport.close)

    def _send(self, line: str) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(f"{line}\r\n".encode())

    def _lines(self, data: bytes) -> list[str]:
        """The whole lines of what came by now, without those that are longer than a line may be."""
        *whole, rest = (self._rest + data).split(b"\n")
        if self._too_long and whole:
            del whole[0]
            self._too_long = False
        if len(rest) > MAX_LINE_BYTES:
            if not self._too_long:
                self._listener.unreadable("")
            self._too_long, rest = True, b""
        self._rest = rest
        lines = []
        for line in whole:
            if len(line) > MAX_LINE_BYTES:
                self._listener.unreadable("")
            elif line := line.rstrip(b"\r"):
                lines.append(line.decode("latin-1"))
        return lines

    def _obey(self, line: ServerLine) -> None:
        params = line.params
        match line.command:
            case "PING":
                self._send(f"PONG :{params[-1] if params else 'tmi.twitch.tv'}")
            case "PONG":
                self._pong.set()
            case "CAP" if "NAK" in params:
                # A server that is not Twitch's and waits for the end of this; messages come without tags.
                self._send("CAP END")
            case "001" if not self.registered.done():
                self.registered.set_result(True)
            case "366" if len(params) > 1:
                self._joined(params[1])
            case "ROOMSTATE" if params:
                self._joined(params[0])
            case "JOIN" if params and line.sender == self._account.login:
                self._joined(params[0])
            case "NOTICE" if len(params) > 1:
                self._notice(line)
            # Numerics of IRC at large: no such channel, too many channels, cannot join, bad name.
            case "403" | "405" | "471" | "473" | "474" | "475" | "476" if len(params) > 1:
                reason = {"403": NO_SUCH_CHANNEL, "476": NO_SUCH_CHANNEL, "405": CHANNEL_LIMIT}.get(
                    line.command, BANNED
                )
                self._listener.refused(self, params[1].removeprefix("#").lower(), reason)
            case "RECONNECT":
                self._listener.asked_to_reconnect(self)

    def _joined(self, target: str) -> None:
        self._listener.joined(self, target.removeprefix("#").lower())

    def _notice(self, line: ServerLine) -> None:
        target, text = line.params[0], line.params[-1]
        if target.startswith("#") and line.msg_id in REFUSALS:
            self._listener.refused(self, target[1:].lower(), REFUSALS[line.msg_id])
        elif not self.registered.done() and text.lower().startswith(LOGIN_REFUSALS):
            self.abort(LOGIN_REFUSED)
