"""The events of live chat, and the protocol of a source that delivers them.

Belongs here: events, the reasons of gaps, and the protocol. Not here: reading chat (irc, eventsub), counting what was
read (collector).
"""

from collections.abc import AsyncIterator, Collection, Sequence
from typing import NamedTuple, Protocol, Self


class ChatMessage(NamedTuple):
    """A message in a chat; its text is not kept.

    Attributes:
        channel: login of the channel in whose chat it appeared.
        login: the writer, as the server spells it; Twitch uses lowercase.
        sent_ms: when it was sent, by the server's clock, in ms since 1970.
        id: of the message; "" if the server gives none.
        mirrored: it was written in another channel and appears here by Shared Chat.
        by_bot: Twitch marks the writer as a bot.
    """

    channel: str
    login: str
    sent_ms: int
    id: str
    mirrored: bool
    by_bot: bool


class Watched(NamedTuple):
    """From `at` (s since 1970, by the source's clock), all of a channel's chat is read."""

    channel: str
    at: float


class Unwatched(NamedTuple):
    """From `at`, a channel that is still wanted is not read; `reason` is a key of `GAP_REASONS`."""

    channel: str
    at: float
    reason: str


class Released(NamedTuple):
    """From `at`, the channel is no longer wanted."""

    channel: str
    at: float


class UnreadableLine(NamedTuple):
    """A line that could not be read; `channel` is "" if the line does not name one."""

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
    CONNECTING: "there is no connection yet, or connecting fails",
    JOINING: "the channel waits for its turn to join, or for the server's answer",
    JOIN_UNANSWERED: "the server does not answer the JOIN; it is sent again later",
    CONNECTION_LOST: "the connection broke",
    CONNECTION_SILENT: "the connection went silent: not even a PING was answered",
    SERVER_RECONNECT: "the server closed the connection, as announced, before the next one was ready",
    CHANNEL_LIMIT: "the account is in as many channels as Twitch allows",
    BANNED: "the account is banned from the channel",
    SUSPENDED: "the channel is suspended",
    NO_SUCH_CHANNEL: "the channel does not exist",
    ROTATION: "another batch of channels has its turn",
    LOGIN_REFUSED: "the server refuses the account's token",
}


class ChatSource(Protocol):
    """Reads the live chat of channels; an async context manager that listens while it is open."""

    async def __aenter__(self) -> Self:
        """Start listening."""
        ...

    async def __aexit__(self, *exception: object) -> None:
        """Leave all channels and disconnect."""
        ...

    def watch(self, channels: Collection[str]) -> None:
        """From now on, watch exactly these channels (logins)."""
        ...

    def events(self) -> AsyncIterator[Sequence[ChatEvent]]:
        """Yield events in batches until the source is closed.

        The Watched, Unwatched and Released events of one channel come in the order of their `at`.
        """
        ...

    def proven_until(self, channel: str) -> float:
        """The last moment at which a watched channel was certainly read: its connection was alive."""
        ...

    async def prove(self) -> None:
        """Ask every connection for a sign of life and wait for it, which brings `proven_until` up to date."""
        ...

    @property
    def joined_channels(self) -> int:
        """How many channels are read now."""
        ...

    @property
    def connections_made(self) -> int:
        """How many connections were attempted so far."""
        ...

    @property
    def reconnects(self) -> int:
        """How many of them replaced a connection that was lost or ended."""
        ...
