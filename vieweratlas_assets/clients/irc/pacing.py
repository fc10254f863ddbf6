"""How fast channels are joined and connections made, under what Twitch allows.

Belongs here: the profiles, and waiting for one's turn. Not here: what is joined (shard).

https://dev.twitch.tv/docs/chat/#rate-limits: 20 JOINs and 20 authentications in 10 s for each account. Nothing is
documented for anonymous connections; what has been seen of them is in docs/decisions/live-collection.md.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

WINDOW_S = 10.0
# What leaves evenly arrives unevenly: a little slower, and no 10 s hold more than is allowed.
MARGIN = 1.04
SLOWEST = 1 / 16
CALM_S = 30.0


@dataclass(frozen=True)
class Profile:
    """How many JOINs go out in 10 s, on one connection and on all, and how far apart connections are made."""

    joins_a_connection: int
    joins_in_all: int
    connect_every_s: float


PROFILES = {
    "conservative": Profile(20, 20, 2.0),
    "default": Profile(20, 100, 0.55),
    "fast": Profile(40, 400, 0.55),
}


class Pacing:
    """Turns to join and to connect; slows down on trouble, and recovers."""

    def __init__(
        self,
        profile: Profile,
        *,
        now: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Pace by a profile.

        Args:
            now: seconds of a clock that is never set.
        """
        self._profile = profile
        self._now, self._sleep = now, sleep
        self._next_join = self._next_connection = 0.0
        self._next_of: dict[int, float] = {}
        self._share = 1.0
        self._changed = now()

    @property
    def share(self) -> float:
        """How much of the profile's rate is used now, 1/16 to 1."""
        if self._share < 1 and self._now() - self._changed >= CALM_S:
            self._share, self._changed = min(1.0, 2 * self._share), self._now()
        return self._share

    def trouble(self) -> None:
        """Halve the rate, but once in 10 s: one cause shows in many channels."""
        if self._share == 1 or self._now() - self._changed >= WINDOW_S:
            self._share, self._changed = max(SLOWEST, self._share / 2), self._now()

    async def turn_to_join(self, connection: int) -> None:
        """Wait until a connection may send its next JOIN."""
        await self._until(self._next_of.get(connection, 0.0))
        begin = max(self._now(), self._next_join)
        self._next_join = begin + self._apart(self._profile.joins_in_all)
        await self._until(begin)
        self._next_of[connection] = self._now() + self._apart(self._profile.joins_a_connection)

    async def turn_to_connect(self) -> None:
        """Wait until another connection may be made."""
        begin = max(self._now(), self._next_connection)
        self._next_connection = begin + self._profile.connect_every_s
        await self._until(begin)

    def forget(self, connection: int) -> None:
        """A connection is gone."""
        self._next_of.pop(connection, None)

    def _apart(self, joins: int) -> float:
        return MARGIN * WINDOW_S / (joins * self.share)

    async def _until(self, moment: float) -> None:
        wait = moment - self._now()
        if wait > 0:
            await self._sleep(wait)
