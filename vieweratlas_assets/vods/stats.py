"""Figures of the queue.

Belongs here: counting rows. Not here: states and their changes (queue), printing (commands.vods), metrics
(monitoring.measurements).
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
        states: number of VODs per state; every state has a key.
        oldest_pending: when the pending VOD that has waited for longest was added.
        oldest_due: since when the VOD that has waited for longest could have been fetched: it was added and complete
            and, if VODs are fetched by whole days, its day was over. VODs that rest after a failure do not count.
        attempts: number of VODs per number of attempts, from 1 on.
        last_completed: when the last VOD was completed.
        completed_last_hour: VODs completed in the last hour.
        failed_last_hour: VODs given up in the last hour.
        seconds_a_vod: mean duration of the attempts that completed a VOD; None if no VOD is completed.
        seconds_a_vod_last_hour: the same for the last hour.
        reasons: the five most frequent reasons of failed and skipped VODs, with their numbers.
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
        """The figures as values of JSON, with completed_a_minute: the mean of the last hour."""
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
    """Let the database count the figures.

    Args:
        by_whole_days: VODs are fetched once their day is over, as Dagster's runs do.
    """
    rows, in_last_hour = VOD_QUEUE.c, VOD_QUEUE.c.completed_at > now - HOUR

    def counts(by: sa.ColumnElement[Any], among: sa.ColumnElement[bool], most: int | None = None) -> dict[Any, int]:
        number = sa.func.count()
        query = sa.select(by, number).where(among).group_by(by).order_by(number.desc(), by).limit(most)
        return {row[0]: row[1] for row in connection.execute(query)}

    def one(value: sa.ColumnElement[Any], among: sa.ColumnElement[bool]) -> Any:
        return connection.execute(sa.select(value).where(among)).scalar_one()

    states = counts(rows.state, sa.true())
    has_reason = rows.state.in_([State.FAILED, State.SKIPPED]) & (rows.reason != "")
    seconds = one(sa.func.avg(rows.seconds), sa.true())
    recent_seconds = one(sa.func.avg(rows.seconds), in_last_hour)
    return QueueStats(
        states={state.value: states.get(state.value, 0) for state in State},
        oldest_pending=one(sa.func.min(rows.added_at), rows.state == State.PENDING),
        oldest_due=_oldest_due(connection, now, by_whole_days=by_whole_days),
        attempts=dict(sorted(counts(rows.attempts, rows.attempts > 0).items())),
        last_completed=one(sa.func.max(rows.completed_at), sa.true()),
        completed_last_hour=one(sa.func.count(), in_last_hour),
        failed_last_hour=one(sa.func.count(), (rows.state == State.FAILED) & (rows.updated_at > now - HOUR)),
        seconds_a_vod=None if seconds is None else round(seconds, 3),
        seconds_a_vod_last_hour=None if recent_seconds is None else round(recent_seconds, 3),
        reasons=counts(rows.reason, has_reason, most=5),
    )


def _oldest_due(connection: sa.Connection, now: dt.datetime, *, by_whole_days: bool) -> dt.datetime | None:
    rows = VOD_QUEUE.c
    # Before the first claim, next_attempt_at is when the VOD is complete; later it changes with each attempt, while
    # the VOD has waited since it was added.
    was_incomplete = rows.worker.is_(None) & (rows.next_attempt_at > rows.added_at)
    since = sa.func.min(sa.case((was_incomplete, rows.next_attempt_at), else_=rows.added_at))
    due = (rows.state == State.PENDING) & (rows.next_attempt_at <= now)
    query = sa.select(rows.day, since).where(due).group_by(rows.day)
    starts: list[dt.datetime] = []
    for day, waits_since in connection.execute(query):
        over = dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), dt.UTC)
        if not by_whole_days:
            starts.append(waits_since)
        elif over <= now:
            starts.append(max(waits_since, over))
    return min(starts, default=None)


def _iso(moment: dt.datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
