"""The queue's tables as they are now.

Belongs here: columns and states. Not here: how a database comes to have them (migrations), what happens to a VOD
(queue).
"""

import datetime as dt
from enum import StrEnum

import sqlalchemy as sa


class State(StrEnum):
    """Where a VOD is on its way into the lake."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"


class UtcTime(sa.TypeDecorator[dt.datetime]):
    """A moment in UTC; SQLite knows no zones and would lose it."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, _: sa.Dialect) -> dt.datetime | None:
        """As it is stored."""
        return None if value is None else value.astimezone(dt.UTC)

    def process_result_value(self, value: dt.datetime | None, _: sa.Dialect) -> dt.datetime | None:
        """As it was given."""
        if value is None:
            return None
        return value.astimezone(dt.UTC) if value.tzinfo else value.replace(tzinfo=dt.UTC)


METADATA = sa.MetaData()
VOD_QUEUE = sa.Table(
    "vod_queue",
    METADATA,
    sa.Column("vod_id", sa.String(32), primary_key=True),
    sa.Column("channel", sa.String(64), nullable=False),
    sa.Column("vod_created_at", UtcTime, nullable=False),
    # Of vod_created_at, UTC: the partition.
    sa.Column("day", sa.Date, nullable=False),
    sa.Column("state", sa.String(10), nullable=False),
    # Why it was skipped, or why the last attempt failed.
    sa.Column("reason", sa.String(400)),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("next_attempt_at", UtcTime, nullable=False),
    # Who has it, or had it last; until when nobody else may.
    sa.Column("worker", sa.String(80)),
    sa.Column("lease_expires_at", UtcTime),
    sa.Column("added_at", UtcTime, nullable=False),
    sa.Column("updated_at", UtcTime, nullable=False),
    sa.Column("completed_at", UtcTime),
    # What came of it; null where it was imported.
    sa.Column("comments", sa.Integer),
    sa.Column("buckets", sa.Integer),
    sa.Column("chatters", sa.Integer),
    sa.Column("seconds", sa.Float),
    # Whether only some of its comments were asked for.
    sa.Column("sampled", sa.Boolean),
    sa.Index("vod_queue_due", "state", "next_attempt_at"),
    sa.Index("vod_queue_day", "day", "state"),
)
VOD_REQUESTS = sa.Table(
    "vod_requests",
    METADATA,
    # One row: what all workers have asked for together.
    sa.Column("name", sa.String(20), primary_key=True),
    sa.Column("day", sa.Date, nullable=False),
    sa.Column("asked", sa.Integer, nullable=False),
    sa.Column("next_at", sa.Float, nullable=False),
)
