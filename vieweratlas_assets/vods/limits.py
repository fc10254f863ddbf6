"""How fast, and how much, all workers together may ask of an endpoint that nobody documented.

Belongs here: a rate and a daily budget that every run on every machine keeps to. Not here: asking (clients).
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
    """Today's requests are used up."""


class SharedRequests:
    """Gives out turns to ask, one after another over all workers."""

    def __init__(
        self,
        database: Database,
        *,
        per_s: float,
        per_day: int | None,
        clock: Callable[[], float] | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Keep to limits.

        Args:
            per_s: requests a second.
            per_day: requests a day, UTC; None for any number.
            clock: s since 1970; None takes the database's.
        """
        self._database, self._every_s, self._a_day = database, 1 / per_s, per_day
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
        # There before it is locked: a row that is not there locks nobody out.
        first = {"name": NAME, "day": day, "asked": 0, "next_at": now}
        connection.execute(self._database.insert(VOD_REQUESTS).values(first).on_conflict_do_nothing())
        found = connection.execute(sa.select(VOD_REQUESTS).where(_SHARED.name == NAME).with_for_update()).one()
        asked = found.asked if found.day == day else 0
        if self._a_day is not None and asked >= self._a_day:
            raise BudgetSpentError(
                f"{asked} requests for VOD chat were made on {day}; vod.requests_a_day allows no more"
            )
        # A turn far ahead is of a clock that was set back.
        at = found.next_at if now < found.next_at < now + 3600 else now
        told = {"day": day, "asked": asked + 1, "next_at": at + self._every_s}
        connection.execute(sa.update(VOD_REQUESTS).where(_SHARED.name == NAME), told)
        return at - now
