"""The pace of JOINs and of new connections, within Twitch's limits.

Belongs here: the profiles, and waiting for a turn. Not here: which channels are joined (shard).

https://dev.twitch.tv/docs/chat/#rate-limits: 20 JOINs and 20 authentications in 10 s per account. Nothing is
documented for anonymous connections; docs/decisions/live-collection.md has what was observed.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

WINDOW_S = 10.0
# JOINs that leave evenly arrive unevenly: a little slower, so that no 10 s hold more than allowed.
MARGIN = 1.04
SLOWEST = 1 / 16
CALM_S = 30.0


@dataclass(frozen=True)
class Profile:
    """JOINs in 10 s, per connection and over all connections, and the pause between two new connections."""

    joins_per_connection: int
    joins_total: int
    connect_every_s: float


PROFILES = {
    "conservative": Profile(20, 20, 2.0),
    "default": Profile(20, 100, 0.55),
    "fast": Profile(40, 400, 0.55),
}


class Pacing:
    """Gives turns to join and to connect; slows down on trouble, and recovers."""

    def __init__(
        self,
        profile: Profile,
        *,
        now: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Pace by a profile.

        Args:
            now: s of a monotonic clock.
        """
        self._profile = profile
        self._now, self._sleep = now, sleep
        self._next_join = self._next_connection = 0.0
        self._next_join_by_connection: dict[int, float] = {}
        self._share = 1.0
        self._changed = now()

    @property
    def share(self) -> float:
        """The share of the profile's rate that is used now, 1/16 to 1."""
        if self._share < 1 and self._now() - self._changed >= CALM_S:
            self._share, self._changed = min(1.0, 2 * self._share), self._now()
        return self._share

    def trouble(self) -> None:
        """Halve the rate, at most once in 10 s: one cause shows in many channels."""
        if self._share == 1 or self._now() - self._changed >= WINDOW_S:
            self._share, self._changed = max(SLOWEST, self._share / 2), self._now()

    async def turn_to_join(self, connection: int) -> None:
        """Wait until a connection may send its next JOIN."""
        await self._until(self._next_join_by_connection.get(connection, 0.0))
        begin = max(self._now(), self._next_join)
        self._next_join = begin + self._interval_s(self._profile.joins_total)
        await self._until(begin)
        interval_s = self._interval_s(self._profile.joins_per_connection)
        self._next_join_by_connection[connection] = self._now() + interval_s

    async def turn_to_connect(self) -> None:
        """Wait until another connection may be opened."""
        begin = max(self._now(), self._next_connection)
        self._next_connection = begin + self._profile.connect_every_s
        await self._until(begin)

    def forget(self, connection: int) -> None:
        """Forget a connection that is closed."""
        self._next_join_by_connection.pop(connection, None)

    def _interval_s(self, joins: int) -> float:
        return MARGIN * WINDOW_S / (joins * self.share)

    async def _until(self, moment: float) -> None:
        wait = moment - self._now()
        if wait > 0:
            await self._sleep(wait)
