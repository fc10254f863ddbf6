"""A sandbox's chat for the tests of its readers: steady talk, and a listener that keeps account of all of it."""

import asyncio
import datetime as dt
import ssl
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from vieweratlas_assets.clients.chat import ChatMessage, ChatSource, Released, UnreadableLine, Unwatched, Watched
from vieweratlas_assets.clients.eventsub.reader import EventSubReader
from vieweratlas_assets.clients.irc.connection import Account, Address, anonymous
from vieweratlas_assets.clients.irc.pacing import Profile
from vieweratlas_assets.clients.irc.reader import IrcReader
from vieweratlas_assets.clients.retry import RetryPolicy
from vieweratlas_assets.clients.twitch_token import READ_CHAT_SCOPE, UserToken
from vieweratlas_assets.sandbox.clock import SandboxClock
from vieweratlas_assets.sandbox.feed import FedMessage
from vieweratlas_assets.sandbox.helix import SandboxHelix
from vieweratlas_assets.sandbox.irc import ChatLimits, SandboxChat
from vieweratlas_assets.sandbox.server import SandboxServer
from vieweratlas_assets.sandbox.world import World, WorldSpec, build_world

START = dt.datetime(2026, 10, 6, 18, tzinfo=dt.UTC)
START_MS = round(START.timestamp() * 1000)
HASTE = Profile(joins_a_connection=2000, joins_in_all=2000, connect_every_s=0.01)
NO_LIMITS = ChatLimits(joins=10_000, logins=10_000)
QUICK = RetryPolicy(
    register_s=2.0,
    answer_s=0.5,
    first_retry_s=0.2,
    ping_every_s=0.3,
    pong_s=2.0,
    first_reconnect_s=0.1,
    longest_reconnect_s=0.5,
    lasted_s=1.0,
    limit_s=0.5,
    login_s=0.5,
    overlap_s=0.5,
)
EDGE_S = 0.15
"""What lies so near to a gap's edge may be on either side of it: that is how long a message is on its way."""
DEADLINE_S = 60.0


SMALL = WorldSpec(channels=72, viewers=720, days=1)


@cache
def small_world() -> World:
    """The world of which the sandbox's Helix tells."""
    return build_world(SMALL)


def numbered(channels: int) -> dict[str, str]:
    """Ids by the logins of so many channels, channel_0000 first, of which Helix does not know."""
    return {f"channel_{number:04d}": f"{number}" for number in range(channels)}


def of_world(channels: int) -> dict[str, str]:
    """Ids by the logins of so many channels of which Helix knows."""
    return dict(small_world().channels.select("channel", "channel_id").head(channels).iter_rows())


class SteadyFeed:
    """In every channel somebody says something every so many ms, one channel after the other."""

    def __init__(self, room_ids: Mapping[str, str], every_ms: int = 50) -> None:
        self.room_ids = room_ids
        self._every_ms = every_ms

    def between(self, start: dt.datetime, end: dt.datetime) -> Iterator[FedMessage]:
        """What is written in that time."""
        first, last = (-(-(round(each.timestamp() * 1000) - START_MS) // self._every_ms) for each in (start, end))
        for number in range(first, last):
            yield from (self._message(number, name) for name in self.room_ids)

    def _message(self, number: int, channel: str) -> FedMessage:
        sent_ms = START_MS + number * self._every_ms
        login = f"viewer_{number % 7}"
        tags = f"@badges=;id={channel}-{number};room-id={self.room_ids[channel]};tmi-sent-ts={sent_ms};user-type="
        return FedMessage(sent_ms, channel, f"{tags} :{login}!{login}@{login} PRIVMSG #{channel} :hello")


@dataclass
class Chatting:
    """A running sandbox with steady talk, and a reader's settings for it."""

    chat: SandboxChat
    server: SandboxServer
    helix: SandboxHelix
    clock: SandboxClock
    feed: SteadyFeed

    def now(self) -> float:
        """By the sandbox's clock, s since 1970."""
        return self.clock.now().timestamp()

    def eventsub_reader(self, token: str | None = None, **settings: Any) -> EventSubReader:
        """A hasty reader of it over EventSub."""
        user = UserToken(token or self.helix.user_token(), None, url=f"{self.server.url}/oauth2")
        settings = {"url": self.server.eventsub_url, "retry_policy": QUICK, "clock": self.now} | settings
        helix_url = f"{self.server.url}/helix"
        return EventSubReader(lambda: user.user(READ_CHAT_SCOPE), helix_url=helix_url, **settings)

    def reader(
        self,
        *,
        url: str | None = None,
        account: Callable[[], Account] = anonymous,
        profile: Profile = HASTE,
        retry_policy: RetryPolicy = QUICK,
        channels_a_connection: int = 5,
        trusted: ssl.SSLContext | None = None,
        clock: Callable[[], float] | None = None,
    ) -> IrcReader:
        """A hasty reader of it."""
        return IrcReader(
            Address(url or self.server.chat_url, trusted),
            account=account,
            profile=profile,
            retry_policy=retry_policy,
            clock=clock or self.now,
            channels_a_connection=channels_a_connection,
        )


@contextmanager
def chatting(
    channels: int | SteadyFeed = 12,
    *,
    limits: ChatLimits = NO_LIMITS,
    every_ms: int = 50,
    tls: ssl.SSLContext | None = None,
    speed: float = 1.0,
    start: dt.datetime = START,
) -> Iterator[Chatting]:
    """Serve steady talk in so many channels, or another, from a moment not before START on."""
    clock = SandboxClock(start, speed)
    helix = SandboxHelix(
        small_world(),
        clock,
        client_id="sandbox",
        client_secret="sandbox-secret",
        now=lambda: clock.now().timestamp(),
    )
    feed = SteadyFeed(numbered(channels), every_ms) if isinstance(channels, int) else channels
    chat = SandboxChat(feed, clock, knows=helix.knows, limits=limits)
    with SandboxServer(helix, chat, tls=tls).running() as server:
        yield Chatting(chat, server, helix, clock, feed)


@dataclass
class Heard:
    """What a source told, kept account of while `listen` runs.

    Attributes:
        gaps: of each channel, (from, until, reason) in s since 1970; until is infinite while it lasts.
    """

    source: ChatSource
    messages: list[ChatMessage] = field(default_factory=list)
    unreadable: list[UnreadableLine] = field(default_factory=list)
    gaps: dict[str, list[tuple[float, float, str]]] = field(default_factory=lambda: defaultdict(list))
    released: dict[str, float] = field(default_factory=dict)
    watching: set[str] = field(default_factory=set)

    async def listen(self) -> None:
        """Take all events."""
        async for events in self.source.events():
            for event in events:
                self._take(event)

    def _take(self, event: object) -> None:
        match event:
            case ChatMessage():
                self.messages.append(event)
            case UnreadableLine():
                self.unreadable.append(event)
            case Unwatched(channel, at, reason):
                self._close(channel, at)
                self.gaps[channel].append((at, float("inf"), reason))
                self.watching.discard(channel)
            case Watched(channel, at):
                self._close(channel, at)
                self.watching.add(channel)
            case Released(channel, at):
                self._close(channel, at)
                self.watching.discard(channel)
                self.released[channel] = at

    def _close(self, channel: str, at: float) -> None:
        if self.gaps[channel] and self.gaps[channel][-1][1] == float("inf"):
            begin, _, reason = self.gaps[channel][-1]
            assert begin <= at
            self.gaps[channel][-1] = (begin, at, reason)

    def reasons(self, channel: str) -> list[str]:
        """Why a channel was not watched, one gap after the other."""
        return [reason for _, _, reason in self.gaps[channel]]

    def gap_s(self, channel: str, sent_s: float) -> float:
        """How far from its nearest gap a moment is, in s; 0 within."""
        return min((max(begin - sent_s, sent_s - end, 0.0) for begin, end, _ in self.gaps[channel]), default=1e9)

    def missed(self, feed: SteadyFeed, until: dt.datetime) -> list[str]:
        """What was written before `until` in watched channels, outside of all gaps, and not heard."""
        heard = {(message.channel, message.sent_ms) for message in self.messages}
        return [
            f"{channel} at {sent_ms / 1000 - START.timestamp():.3f} s"
            for sent_ms, channel, _ in feed.between(START, until)
            if channel in self.gaps
            and self.gaps[channel][0][0] < sent_ms / 1000 < self.released.get(channel, float("inf")) - EDGE_S
            and self.gap_s(channel, sent_ms / 1000) > EDGE_S
            and (channel, sent_ms) not in heard
        ]


@asynccontextmanager
async def heard_from(source: ChatSource) -> AsyncIterator[Heard]:
    """Listen to a source; what goes wrong in it fails the test."""
    heard = Heard(source)
    async with source:
        listening = asyncio.create_task(heard.listen())
        yield heard
    await listening


async def until(reached: Callable[[], bool], what: str) -> None:
    """Wait for something that must come."""
    deadline = asyncio.get_running_loop().time() + DEADLINE_S
    while not reached():
        assert asyncio.get_running_loop().time() < deadline, f"not reached in {DEADLINE_S:.0f} s: {what}"
        await asyncio.sleep(0.01)
