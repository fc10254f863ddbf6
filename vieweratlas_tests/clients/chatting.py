"""A sandbox chat for the tests of its readers: steady talk, and a listener that records everything."""

import asyncio
import datetime as dt
import ssl
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import cache

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
from vieweratlas_assets.sandbox.world import World, build_world
from vieweratlas_assets.sandbox.world_spec import WorldSpec

START = dt.datetime(2026, 10, 6, 18, tzinfo=dt.UTC)
START_MS = round(START.timestamp() * 1000)
HASTE = Profile(joins_per_connection=2000, joins_total=2000, connect_every_s=0.01)
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
"""A message this near to the edge of a gap may be on either side of it: it takes this long to arrive."""
DEADLINE_S = 60.0


SMALL = WorldSpec(channels=72, viewers=720, days=1)


@cache
def small_world() -> World:
    """The world that the sandbox's Helix serves."""
    return build_world(SMALL)


def numbered(channels: int) -> dict[str, str]:
    """Ids by login of N channels that Helix does not know, channel_0000 first."""
    return {f"channel_{number:04d}": f"{number}" for number in range(channels)}


def of_world(channels: int) -> dict[str, str]:
    """Ids by login of N channels that Helix knows."""
    return dict(small_world().channels.select("channel", "channel_id").head(channels).iter_rows())


class SteadyFeed:
    """In every channel, one after another, somebody writes a message every `every_ms`."""

    def __init__(self, room_ids: Mapping[str, str], every_ms: int = 50) -> None:
        self.room_ids = room_ids
        self._every_ms = every_ms

    def between(self, start: dt.datetime, end: dt.datetime) -> Iterator[FedMessage]:
        """The messages that are sent in that time."""
        first, last = (-(-(round(at.timestamp() * 1000) - START_MS) // self._every_ms) for at in (start, end))
        for number in range(first, last):
            yield from (self._message(number, name) for name in self.room_ids)

    def _message(self, number: int, channel: str) -> FedMessage:
        sent_ms = START_MS + number * self._every_ms
        login = f"viewer_{number % 7}"
        tags = f"@badges=;id={channel}-{number};room-id={self.room_ids[channel]};tmi-sent-ts={sent_ms};user-type="
        return FedMessage(sent_ms, channel, f"{tags} :{login}!{login}@{login} PRIVMSG #{channel} :hello")


@dataclass
class Chatting:
    """A running sandbox with steady talk, and readers for it."""

    chat: SandboxChat
    server: SandboxServer
    helix: SandboxHelix
    clock: SandboxClock
    feed: SteadyFeed

    def now(self) -> float:
        """The sandbox's clock, s since 1970."""
        return self.clock.now().timestamp()

    def eventsub_reader(self, token: str | None = None, *, url: str | None = None) -> EventSubReader:
        """A fast reader over EventSub."""
        user = UserToken(token or self.helix.user_token(), None, url=f"{self.server.url}/oauth2")
        return EventSubReader(
            lambda: user.user(READ_CHAT_SCOPE),
            url=url or self.server.eventsub_url,
            helix_url=f"{self.server.url}/helix",
            retry_policy=QUICK,
            clock=self.now,
        )

    def reader(
        self,
        *,
        url: str | None = None,
        account: Callable[[], Account] = anonymous,
        profile: Profile = HASTE,
        retry_policy: RetryPolicy = QUICK,
        channels_per_connection: int = 5,
        trusted: ssl.SSLContext | None = None,
        clock: Callable[[], float] | None = None,
    ) -> IrcReader:
        """A fast reader over IRC."""
        return IrcReader(
            Address(url or self.server.chat_url, trusted),
            account=account,
            profile=profile,
            retry_policy=retry_policy,
            clock=clock or self.now,
            channels_per_connection=channels_per_connection,
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
    """Serve steady talk in N channels, or another feed, from `start` on, which is not before START."""
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
    """The events of a source, recorded while `listen` runs.

    Attributes:
        gaps: per channel, (start, end, reason) in s since 1970; the end is infinite while the gap lasts.
    """

    source: ChatSource
    messages: list[ChatMessage] = field(default_factory=list)
    unreadable: list[UnreadableLine] = field(default_factory=list)
    gaps: dict[str, list[tuple[float, float, str]]] = field(default_factory=lambda: defaultdict(list))
    released: dict[str, float] = field(default_factory=dict)
    watching: set[str] = field(default_factory=set)

    async def listen(self) -> None:
        """Record all events."""
        async for events in self.source.events():
            for event in events:
                self._record(event)

    def _record(self, event: object) -> None:
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
        """The reasons of a channel's gaps, in order."""
        return [reason for _, _, reason in self.gaps[channel]]

    def gap_s(self, channel: str, sent_s: float) -> float:
        """The distance of a moment from the nearest gap, in s; 0 within a gap."""
        return min((max(begin - sent_s, sent_s - end, 0.0) for begin, end, _ in self.gaps[channel]), default=1e9)

    def missed(self, feed: SteadyFeed, until: dt.datetime) -> list[str]:
        """The messages before `until` in watched channels, outside of all gaps, that were not heard."""
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
    """Listen to a source; an error in it fails the test."""
    heard = Heard(source)
    async with source:
        listening = asyncio.create_task(heard.listen())
        yield heard
    await listening


async def until(reached: Callable[[], bool], what: str) -> None:
    """Wait for something that must happen."""
    deadline = asyncio.get_running_loop().time() + DEADLINE_S
    while not reached():
        assert asyncio.get_running_loop().time() < deadline, f"not reached in {DEADLINE_S:.0f} s: {what}"
        await asyncio.sleep(0.01)


async def talk_on(heard: Heard, twitch: Chatting, *, for_s: float = 0.5) -> dt.datetime:
    """Let the talk go on for a while; returns a moment before which all of it in watched channels has arrived."""
    end = twitch.clock.now() + dt.timedelta(seconds=for_s)

    def is_past_end() -> bool:
        # The messages of a channel come in their order.
        later = {message.channel for message in heard.messages if message.sent_ms > end.timestamp() * 1000}
        return heard.watching <= later

    await until(is_past_end, "a later message in every watched channel")
    return end
