"""What the queue looks like, for people and for machines.

Belongs here: figures. Not here: states and their changes (queue), printing (commands).
"""

import datetime as dt
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from vieweratlas_assets.vods.tables import VOD_QUEUE, State

HOUR = dt.timedelta(hours=1)


@dataclass(frozen=True)
class QueueStats:
    """Figures of a queue.

    Attributes:
        states: VODs by state; every state is named.
        oldest_pending: when the VOD that has waited for longest was put in.
        oldest_due: since when the one that has waited for longest might have been fetched: it was in, whole, and,
            where VODs are fetched by whole days, its day was over. Those that rest from a failure are left out.
        attempts: how many of the VODs that were tried needed how many attempts.
        last_completed: when a VOD was completed last.
        completed_last_hour: VODs that were completed in the last hour; a_minute of them.
        failed_last_hour: VODs that were given up in the last hour.
        seconds_a_vod: mean time of an attempt that completed one; None where none did.
        seconds_a_vod_last_hour: of the last hour alone.
        reasons: the most frequent reasons of failed and skipped VODs.
    """

    states: dict[str, int]
    oldest_pending: dt.datetime | None
    oldest_due: dt.datetime | None
    attempts: dict[int, int]
    last_completed: dt.datetime | None
    completed_last_hour: int
    failed_last_hour: int
    seconds_a_vod: float | None
    seconds_a_vod_last_hour: float | None
    reasons: dict[str, int]

    def as_json(self) -> dict[str, Any]:
        """The figures, JSON-ready."""
        return {
            "states": self.states,
            "oldest_pending": _iso(self.oldest_pending),
            "oldest_due": _iso(self.oldest_due),
            "attempts": {str(attempts): count for attempts, count in self.attempts.items()},
            "last_completed": _iso(self.last_completed),
            "completed_last_hour": self.completed_last_hour,
            "completed_a_minute": round(self.completed_last_hour / 60, 3),
            "failed_last_hour": self.failed_last_hour,
            "seconds_a_vod": self.seconds_a_vod,
            "seconds_a_vod_last_hour": self.seconds_a_vod_last_hour,
            "reasons": self.reasons,
        }


def read_stats(connection: sa.Connection, now: dt.datetime, *, by_whole_days: bool) -> QueueStats:
    """The figures of a queue, counted by its database.

    Args:
        by_whole_days: VODs are fetched once their day is over, as runs of Dagster do.
    """
    rows, lately = VOD_QUEUE.c, VOD_QUEUE.c.completed_at > now - HOUR

    def counts(by: sa.ColumnElement[Any], among: sa.ColumnElement[bool], most: int | None = None) -> dict[Any, int]:
        number = sa.func.count()
        asked = sa.select(by, number).where(among).group_by(by).order_by(number.desc(), by).limit(most)
        return {row[0]: row[1] for row in connection.execute(asked)}

    def one(asked: sa.ColumnElement[Any], among: sa.ColumnElement[bool]) -> Any:
        return connection.execute(sa.select(asked).where(among)).scalar_one()

    states = counts(rows.state, sa.true())
    unhappy = rows.state.in_([State.FAILED, State.SKIPPED]) & (rows.reason != "")
    seconds = one(sa.func.avg(rows.seconds), sa.true())
    seconds_lately = one(sa.func.avg(rows.seconds), lately)
    return QueueStats(
        states={state.value: states.get(state.value, 0) for state in State},
        oldest_pending=one(sa.func.min(rows.added_at), rows.state == State.PENDING),
        oldest_due=_oldest_due(connection, now, by_whole_days=by_whole_days),
        attempts=dict(sorted(counts(rows.attempts, rows.attempts > 0).items())),
        last_completed=one(sa.func.max(rows.completed_at), sa.true()),
        completed_last_hour=one(sa.func.count(), lately),
        failed_last_hour=one(sa.func.count(), (rows.state == State.FAILED) & (rows.updated_at > now - HOUR)),
        seconds_a_vod=None if seconds is None else round(seconds, 3),
        seconds_a_vod_last_hour=None if seconds_lately is None else round(seconds_lately, 3),
        reasons=counts(rows.reason, unhappy, most=5),
    )


def _oldest_due(connection: sa.Connection, now: dt.datetime, *, by_whole_days: bool) -> dt.datetime | None:
    rows = VOD_QUEUE.c
    # Of one that nobody had yet; later on its next attempt is put off, though it has waited all the while.
    put_off = rows.worker.is_(None) & (rows.next_attempt_at > rows.added_at)
    since = sa.func.min(sa.case((put_off, rows.next_attempt_at), else_=rows.added_at))
    due = (rows.state == State.PENDING) & (rows.next_attempt_at <= now)
    asked = sa.select(rows.day, since).where(due).group_by(rows.day)
    found: list[dt.datetime] = []
    for day, waits in connection.execute(asked):
        over = dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), dt.UTC)
        if not by_whole_days:
            found.append(waits)
        elif over <= now:
            found.append(max(waits, over))
    return min(found, default=None)


def _iso(moment: dt.datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
