"""One connection to Twitch's chat.

Belongs here: the bytes of one connection, its registration, its PINGs, and the reaction to each line. Not here: which
channels it joins, and when (shard).
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
    """The account that reads chat.

    Attributes:
        login: lowercase.
        token: without `oauth:`; None reads anonymously.
    """

    login: str
    token: str | None = field(default=None, repr=False)


def anonymous() -> Account:
    """A random name of the form with which Twitch lets anyone read without an account."""
    return Account(f"justinfan{random.randrange(10_000, 10_000_000)}")


@dataclass(frozen=True)
class Address:
    """The address of a chat server: ircs://host:port with TLS, irc://host:port without.

    Attributes:
        tls: the certificates to trust; None trusts those that the machine trusts.
    """

    url: str
    tls: ssl.SSLContext | None = None

    async def connect(self, protocol: asyncio.Protocol) -> None:
        """Connect a protocol to the server.

        Raises:
            OSError: the server does not answer, its name is unknown, or its certificate is not trusted.
        """
        parts = urlsplit(self.url)
        encrypted = parts.scheme == "ircs"
        await asyncio.get_running_loop().create_connection(
            lambda: protocol,
            parts.hostname or "",
            parts.port or (6697 if encrypted else 6667),
            ssl=(self.tls or ssl.create_default_context()) if encrypted else None,
        )


class ConnectionOwner(Protocol):
    """Gets what comes over a connection."""

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
        """The server refuses a JOIN, or removes the account from a channel; `reason` is a key of chat.GAP_REASONS."""
        ...

    def asked_to_reconnect(self, connection: "Connection") -> None:
        """The server is about to close the connection."""
        ...


class Connection(asyncio.Protocol):
    """Registers, answers PINGs, and passes what it reads to its owner.

    Attributes:
        number: unique per connection.
        alive_at: when bytes last came, by the owner's clock.
        registered: whether the server has welcomed the account, once that is known.
        closed: done when the connection is closed; the result is the reason, a key of chat.GAP_REASONS.
        lost_at: once it is closed: everything that the server sent before this moment was read.
    """

    def __init__(self, number: int, account: Account, owner: ConnectionOwner, clock: Callable[[], float]) -> None:
        loop = asyncio.get_running_loop()
        self.number = number
        self.alive_at = self.lost_at = clock()
        self.registered: asyncio.Future[bool] = loop.create_future()
        self.closed: asyncio.Future[str] = loop.create_future()
        self._account, self._owner, self._clock = account, owner, clock
        self._transport: asyncio.Transport | None = None
        self._rest = b""
        self._is_too_long = False
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
        # Other servers than Twitch's wait for it.
        self._send(f"USER {self._account.login} 0 * :{self._account.login}")

    def connection_lost(self, exc: Exception | None) -> None:
        """Record the reason, and until when everything was read."""
        # An orderly end comes after everything that was sent; after any other end, some of it may be lost.
        is_orderly = exc is None and self._reason == CONNECTION_LOST
        self.lost_at = self._clock() if is_orderly else self.alive_at
        if not self.closed.done():
            self.closed.set_result(self._reason)
        if not self.registered.done():
            self.registered.set_result(False)

    def data_received(self, data: bytes) -> None:
        """Read the lines that are complete."""
        self.alive_at = now = self._clock()
        received_ms = int(now * 1000)
        messages: list[ChatMessage] = []
        for line in self._lines(data):
            try:
                parsed = parse_line(line, received_ms)
            except LineError as error:
                self._owner.unreadable(error.channel)
                continue
            if isinstance(parsed, ChatMessage):
                messages.append(parsed)
            else:
                self._react(parsed)
        if messages:
            self._owner.received(messages)

    def join(self, channel: str) -> None:
        """Ask to join a channel; the owner gets the answer, if there is one."""
        self._send(f"JOIN #{channel}")

    def part(self, channel: str) -> None:
        """Leave a channel."""
        self._send(f"PART #{channel}")

    async def ping(self, timeout_s: float) -> None:
        """Send a PING, and close the connection if the answer does not come in time."""
        self._pong.clear()
        self._send("PING :vieweratlas")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._pong.wait(), timeout_s)
            return
        self.abort(CONNECTION_SILENT)

    def abort(self, reason: str) -> None:
        """Close immediately; `reason` is a key of chat.GAP_REASONS."""
        self._reason = reason
        if self._transport is not None:
            self._transport.abort()

    def leave(self) -> None:
        """Ask the server to close the connection after what it has sent; close it ourselves after LEAVE_S."""
        self._send("QUIT")
        if self._transport is not None:
            asyncio.get_running_loop().call_later(LEAVE_S, self._transport.close)

    def _send(self, line: str) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(f"{line}\r\n".encode())

    def _lines(self, data: bytes) -> list[str]:
        """The complete lines so far, without lines that are longer than allowed."""
        *complete, rest = (self._rest + data).split(b"\n")
        if self._is_too_long and complete:
            del complete[0]
            self._is_too_long = False
        if len(rest) > MAX_LINE_BYTES:
            if not self._is_too_long:
                self._owner.unreadable("")
            self._is_too_long, rest = True, b""
        self._rest = rest
        lines = []
        for line in complete:
            if len(line) > MAX_LINE_BYTES:
                self._owner.unreadable("")
            elif line := line.rstrip(b"\r"):
                lines.append(line.decode("latin-1"))
        return lines

    def _react(self, line: ServerLine) -> None:
        params = line.params
        match line.command:
            case "PING":
                self._send(f"PONG :{params[-1] if params else 'tmi.twitch.tv'}")
            case "PONG":
                self._pong.set()
            case "CAP" if "NAK" in params:
                # Another server than Twitch's: it waits for the end of CAP, and its messages have no tags.
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
            # Numerics of other IRC servers: no such channel, too many channels, cannot join, bad name.
            case "403" | "405" | "471" | "473" | "474" | "475" | "476" if len(params) > 1:
                reason = {"403": NO_SUCH_CHANNEL, "476": NO_SUCH_CHANNEL, "405": CHANNEL_LIMIT}.get(
                    line.command, BANNED
                )
                self._owner.refused(self, params[1].removeprefix("#").lower(), reason)
            case "RECONNECT":
                self._owner.asked_to_reconnect(self)

    def _joined(self, target: str) -> None:
        self._owner.joined(self, target.removeprefix("#").lower())

    def _notice(self, line: ServerLine) -> None:
        target, text = line.params[0], line.params[-1]
        if target.startswith("#") and line.msg_id in REFUSALS:
            self._owner.refused(self, target[1:].lower(), REFUSALS[line.msg_id])
        elif not self.registered.done() and text.lower().startswith(LOGIN_REFUSALS):
            self.abort(LOGIN_REFUSED)
