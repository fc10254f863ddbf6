"""Turns for more channels than an account may join at the same time.

Belongs here: choosing the channels whose turn it is, and gap events for the others. Not here: reading chat (irc,
eventsub).

Since 2024 Twitch lets an account join 100 channels at the same time.
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
    """How many channels are watched at the same time, and for how long.

    Attributes:
        at_once: channels that are watched at the same time.
        turn_s: length of a turn, from the join, by the source's clock.
        round_s: time between the starts of two rounds; after a longer round the next starts immediately.
        join_s: a channel that is not joined this long after its turn started loses its place.
        tick_s: time between two looks at the clock, in s of real time.
    """

    at_once: int = 100
    turn_s: float = 60.0
    round_s: float = 3600.0
    join_s: float = 120.0
    tick_s: float = 0.5


class Rotation:
    """A source that watches a few of its channels at a time; see chat.ChatSource.

    A free place goes to the next channel immediately, so a round takes as long as its joins. After the last turn of a
    round, its last channels stay watched until the next round starts.
    """

    def __init__(self, source: ChatSource, turns: Turns, *, clock: Callable[[], float] = time.time) -> None:
        """Rotate over the channels of a source, which opens and closes with the rotation.

        Args:
            source: used by nothing else.
            clock: the source's, s since 1970.
        """
        self._source, self._turns, self._clock = source, turns, clock
        self._wanted: dict[str, None] = {}
        self._ends: dict[str, float] = {}
        self._queue: deque[str] = deque()
        self._round_began = -math.inf
        self._own_events: list[ChatEvent] = []
        self._turning: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Start listening."""
        await self._source.__aenter__()
        self._turning = asyncio.create_task(self._keep_turning())
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Leave all channels and disconnect."""
        if self._turning is not None:
            self._turning.cancel()
            await asyncio.gather(self._turning, return_exceptions=True)
        await self._source.__aexit__(*exception)

    def watch(self, channels: Collection[str]) -> None:
        """From now on, watch exactly these channels (logins)."""
        previous, self._wanted, now = self._wanted, dict.fromkeys(channels), self._clock()
        if not previous:
            self._round_began = now
        gone = [name for name in previous if name not in self._wanted and name not in self._ends]
        self._own_events += [Released(name, now) for name in gone]
        added = [name for name in self._wanted if name not in previous]
        self._own_events += [Unwatched(name, now, ROTATION) for name in added]
        self._queue = deque([name for name in self._queue if name in self._wanted] + added)
        self._ends = {name: end for name, end in self._ends.items() if name in self._wanted}
        self._rotate(always=True)

    async def events(self) -> AsyncIterator[Sequence[ChatEvent]]:
        """Yield events in batches until the source is closed."""
        async for events in self._source.events():
            if self._turning is not None and self._turning.done() and not self._turning.cancelled():
                self._turning.result()
            own_events, self._own_events = self._own_events, []
            yield [*own_events, *map(self._translate, events)]

    def proven_until(self, channel: str) -> float:
        """The last moment at which a watched channel was certainly read."""
        return self._source.proven_until(channel)

    async def prove(self) -> None:
        """Ask every connection for a sign of life and wait for it."""
        await self._source.prove()

    @property
    def joined_channels(self) -> int:
        """How many channels are read now."""
        return self._source.joined_channels

    @property
    def connections_made(self) -> int:
        """How many connections were attempted so far."""
        return self._source.connections_made

    @property
    def reconnects(self) -> int:
        """How many of them replaced a connection that was lost or ended."""
        return self._source.reconnects

    def _translate(self, event: ChatEvent) -> ChatEvent:
        """Update the end of the channel's turn; a wanted channel that the source released has lost its turn."""
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
            self._rotate()

    def _rotate(self, *, always: bool = False) -> None:
        """Give free places, and those whose turn is over, to the channels that wait.

        Args:
            always: pass the channels on to the source even if no place changed.
        """
        now = self._clock()
        if not self._queue and now >= self._round_began + self._turns.round_s:
            # The channels that are watched now come last in the new round.
            self._queue.extend([*(name for name in self._wanted if name not in self._ends), *self._ends])
            self._round_began = now
        free = self._turns.at_once - len(self._ends)
        over = sorted((end, name) for name, end in self._ends.items() if end <= now)
        waiting = sum(name not in self._ends for name in self._queue)
        for _, name in over[: max(0, waiting - free)]:
            del self._ends[name]
        started = 0
        while self._queue and (self._queue[0] in self._ends or len(self._ends) < self._turns.at_once):
            name = self._queue.popleft()
            is_new = name not in self._ends
            self._ends[name] = now + (self._turns.join_s if is_new else self._turns.turn_s)
            started += is_new
        if started or always:
            self._source.watch(list(self._ends))
