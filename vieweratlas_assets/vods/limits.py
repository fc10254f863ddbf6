"""Limits on requests to the undocumented endpoint of VOD chat, shared by all workers.

Belongs here: a rate and a daily budget for all runs on all machines. Not here: the requests themselves
(clients.vod_chat).
"""

import datetime as dt
import time
from collections.abc import Callable

import sqlalchemy as sa

from vieweratlas_assets.errors import TwitchError
from vieweratlas_assets.vods.database import Database
from vieweratlas_assets.vods.tables import VOD_REQUESTS

NAME = "vod_chat"
_SHARED = VOD_REQUESTS.c


class BudgetSpentError(TwitchError):
    """The day's requests are used up."""


class SharedRequests:
    """Hands out turns to send a request, one after another over all workers."""

    def __init__(
        self,
        database: Database,
        *,
        per_s: float,
        per_day: int | None,
        clock: Callable[[], float] | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Count in a database.

        Args:
            per_s: requests per second.
            per_day: requests per UTC day; None for no limit.
            clock: s since 1970; None uses the database's.
        """
        self._database, self._interval_s, self._per_day = database, 1 / per_s, per_day
        self._clock, self._sleep = clock, sleep

    def turn(self) -> None:
        """Wait until it is our turn.

        Raises:
            BudgetSpentError: the day's requests are used up.
        """
        pause = self._database.transaction(self._take)
        if pause > 0:
            self._sleep(pause)

    def _take(self, connection: sa.Connection) -> float:
        now = self._database.now(connection) if self._clock is None else self._clock()
        day = dt.datetime.fromtimestamp(now, dt.UTC).date()
        # Inserted before it is locked: a missing row cannot be locked.
        first = {"name": NAME, "day": day, "asked": 0, "next_at": now}
        connection.execute(self._database.insert(VOD_REQUESTS).values(first).on_conflict_do_nothing())
        counter = connection.execute(sa.select(VOD_REQUESTS).where(_SHARED.name == NAME).with_for_update()).one()
        asked = counter.asked if counter.day == day else 0
        if self._per_day is not None and asked >= self._per_day:
            raise BudgetSpentError(
                f"{asked} requests for VOD chat were sent on {day} (UTC), as many as vod.requests_a_day allows: "
                "raise it or wait for the next day"
            )
        # A turn more than an hour ahead comes from a clock that was set back.
        at = counter.next_at if now < counter.next_at < now + 3600 else now
        counted = {"day": day, "asked": asked + 1, "next_at": at + self._interval_s}
        connection.execute(sa.update(VOD_REQUESTS).where(_SHARED.name == NAME), counted)
        return at - now
