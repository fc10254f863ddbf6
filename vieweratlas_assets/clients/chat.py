"""What a source of live chat tells, whichever way it listens.

Belongs here: the events, and the protocol of a source. Not here: how chat is read (irc, eventsub), what becomes of it
(collector).
"""

from collections.abc import AsyncIterator, Collection, Sequence
from typing import NamedTuple, Protocol, Self


class ChatMessage(NamedTuple):
    """Somebody wrote; what they wrote is not kept.

    Attributes:
        channel: login of the channel in whose chat it appeared.
        login: who wrote, as the server spells it; Twitch does in lowercase.
        sent_ms: when, by the server's clock, in ms since 1970.
        id: of the message; "" where the server gives none.
        mirrored: it was written in another channel and appears here by Shared Chat.
        by_bot: Twitch marks who wrote as a bot.
    """

    channel: str
    login: str
    sent_ms: int
    id: str
    mirrored: bool
    by_bot: bool


class Watched(NamedTuple):
    """From `at` on (s since 1970, by the source's clock) all of a channel's chat is read."""

    channel: str
    at: float


class Unwatched(NamedTuple):
    """From `at` on it is not read, for a reason out of `GAP_REASONS`; the channel is still wanted."""

    channel: str
    at: float
    reason: str


class Released(NamedTuple):
    """From `at` on the channel is not wanted any more."""

    channel: str
    at: float


class UnreadableLine(NamedTuple):
    """A line that is no message; `channel` is "" where it does not tell."""

    channel: str
    at: float


ChatEvent = ChatMessage | Watched | Unwatched | Released | UnreadableLine

CONNECTING = "connecting"
JOINING = "joining"
JOIN_UNANSWERED = "join_unanswered"
CONNECTION_LOST = "connection_lost"
CONNECTION_SILENT = "connection_silent"
SERVER_RECONNECT = "server_reconnect"
CHANNEL_LIMIT = "channel_limit"
BANNED = "banned"
SUSPENDED = "suspended"
NO_SUCH_CHANNEL = "no_such_channel"
ROTATION = "rotation"
LOGIN_REFUSED = "login_refused"
GAP_REASONS = {
    CONNECTING: "no connection yet, or none can be had",
    JOINING: "waiting for its turn to join, or for the server's answer",
    JOIN_UNANSWERED: "the server does not answer the JOIN; it is tried again",
    CONNECTION_LOST: "the connection broke",
    CONNECTION_SILENT: "the connection went silent, and even a PING was not answered",
    SERVER_RECONNECT: "the server closed the connection, as it had announced, before the next one was ready",
    CHANNEL_LIMIT: "the account is in as many channels as Twitch lets it",
    BANNED: "the account is banned there",
    SUSPENDED: "the channel is suspended",
    NO_SUCH_CHANNEL: "there is no such channel",
    ROTATION: "another batch of channels has its turn",
    LOGIN_REFUSED: "the server refuses the account's token",
}


class ChatSource(Protocol):
    """Reads the live chat of channels; used as an async context manager, which listens while it is open."""

    async def __aenter__(self) -> Self:
        """Begin to listen."""
        ...

    async def __aexit__(self, *exception: object) -> None:
        """Leave."""
        ...

    def watch(self, channels: Collection[str]) -> None:
        """Want these channels (logins) and no others from now on."""
        ...

    def events(self) -> AsyncIterator[Sequence[ChatEvent]]:
        """What happens, some at a time, until the source is closed.

        Of one channel, Watched, Unwatched and Released come in the order of their `at`.
        """
        ...

    def proven_until(self, channel: str) -> float:
        """The last moment at which a watched channel was certainly being read: its connection was alive."""
        ...

    async def prove(self) -> None:
        """Ask all connections for a sign of life, and wait for it, so that `proven_until` tells of now."""
        ...

    @property
    def joined_channels(self) -> int:
        """How many channels are read now."""
        ...

    @property
    def connections_made(self) -> int:
        """How many connections were tried by now."""
        ...

    @property
    def reconnects(self) -> int:
        """How many of them were to replace one that was lost or ended."""
        ...
