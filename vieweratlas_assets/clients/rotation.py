"""More channels than an account may be in at once: each has its turn.

Belongs here: whose turn it is, and telling what is not watched meanwhile. Not here: reading chat (irc).

Since 2024 Twitch lets an account be in 100 channels at once.
https://discuss.dev.twitch.com/t/giving-broadcasters-control-concurrent-join-limits-for-irc-and-eventsub/54997
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Self

from vieweratlas_assets.clients.chat import (
    BANNED,
    NO_SUCH_CHANNEL,
    ROTATION,
    SUSPENDED,
    ChatEvent,
    ChatSource,
    Released,
    Unwatched,
    Watched,
)

UNAVAILABLE_REASONS = (BANNED, NO_SUCH_CHANNEL, SUSPENDED)


@dataclass(frozen=True)
class Turns:
    """Who watches how much for how long.

    Attributes:
        at_once: channels.
        turn_s: how long each is watched from its join on, by the source's clock.
        round_s: between the beginnings of two rounds; a round that takes longer is followed by the next at once.
        join_s: a channel that is not joined so long after its turn began gives its place away.
        tick_s: of real time, between two looks at the clock.
    """

    at_once: int = 100
    turn_s: float = 60.0
    round_s: float = 3600.0
    join_s: float = 120.0
    tick_s: float = 0.5


class Rotation:
    """A source that watches some of its channels at a time; see chat.ChatSource.

    A place that comes free goes to the next channel at once, so that a round takes as long as its joins do. When all
    have had their turn, the last keep being watched until the next round begins.
    """

    def __init__(self, source: ChatSource, turns: Turns, *, clock: Callable[[], float] = time.time) -> None:
        """Take turns at a source that nothing else uses; it is opened and closed with this.

        Args:
            clock: the source's, s since 1970.
        """
        self._source, self._turns, self._clock = source, turns, clock
        self._wanted: dict[str, None] = {}
        self._ends: dict[str, float] = {}
        self._queue: deque[str] = deque()
        self._round_began = -math.inf
        self._own: list[ChatEvent] = []
        self._turning: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Begin to listen."""
        await self._source.__aenter__()
        self._turning = asyncio.create_task(self._keep_turning())
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Leave."""
        if self._turning is not None:
            self._turning.cancel()
            await asyncio.gather(self._turning, return_exceptions=True)
        await self._source.__aexit__(*exception)

    def watch(self, channels: Collection[str]) -> None:
        """Want these channels (logins) and no others from now on."""
        before, self._wanted, now = self._wanted, dict.fromkeys(channels), self._clock()
        if not before:
            self._round_began = now
        gone = [name for name in before if name not in self._wanted and name not in self._ends]
        self._own += [Released(name, now) for name in gone]
        added = [name for name in self._wanted if name not in before]
        self._own += [Unwatched(name, now, ROTATION) for name in added]
        self._queue = deque([name for name in self._queue if name in self._wanted] + added)
        self._ends = {name: end for name, end in self._ends.items() if name in self._wanted}
        self._turn(always=True)

    async def events(self) -> AsyncIterator[Sequence[ChatEvent]]:
        """What happens, some at a time, until the source is closed."""
        async for events in self._source.events():
            if self._turning is not None and self._turning.done() and not self._turning.cancelled():
                self._turning.result()
            own, self._own = self._own, []
            yield [*own, *map(self._seen, events)]

    def proven_until(self, channel: str) -> float:
        """The last moment at which a watched channel was certainly being read."""
        return self._source.proven_until(channel)

    async def prove(self) -> None:
        """Ask all connections for a sign of life, and wait for it."""
        await self._source.prove()

    @property
    def joined_channels(self) -> int:
        """How many channels are read now."""
        return self._source.joined_channels

    @property
    def connections_made(self) -> int:
        """How many connections were tried by now."""
        return self._source.connections_made

    @property
    def reconnects(self) -> int:
        """How many of them were to replace one that was lost or ended."""
        return self._source.reconnects

    def _seen(self, event: ChatEvent) -> ChatEvent:
        """Note what turns depend on, and tell who gave the place away from who is not wanted any more."""
        if isinstance(event, Released) and event.channel in self._wanted:
            return Unwatched(event.channel, event.at, ROTATION)
        if isinstance(event, Watched) and event.channel in self._ends:
            self._ends[event.channel] = event.at + self._turns.turn_s
        elif isinstance(event, Unwatched) and event.reason in UNAVAILABLE_REASONS and event.channel in self._ends:
            self._ends[event.channel] = event.at
        return event

    async def _keep_turning(self) -> None:
        while True:
            await asyncio.sleep(self._turns.tick_s)
            self._turn()

    def _turn(self, *, always: bool = False) -> None:
        """Give places that are free, or whose turn is over, to those that wait."""
        now = self._clock()
        if not self._queue and now >= self._round_began + self._turns.round_s:
            # Those that are watched have another turn too, as the last ones.
            self._queue.extend([*(name for name in self._wanted if name not in self._ends), *self._ends])
            self._round_began = now
        free = self._turns.at_once - len(self._ends)
        over = sorted((end, name) for name, end in self._ends.items() if end <= now)
        waiting = sum(name not in self._ends for name in self._queue)
        for _, name in over[: max(0, waiting - free)]:
            del self._ends[name]
        given = 0
        while self._queue and (self._queue[0] in self._ends or len(self._ends) < self._turns.at_once):
            name = self._queue.popleft()
            is_new = name not in self._ends
            self._ends[name] = now + (self._turns.join_s if is_new else self._turns.turn_s)
            given += is_new
        if given or always:
            self._source.watch(list(self._ends))
