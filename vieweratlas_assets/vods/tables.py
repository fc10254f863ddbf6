"""The queue's tables in the current schema.

Belongs here: columns and states. Not here: bringing a database to this schema (migrations), changing the state of a
VOD (queue).
"""

import datetime as dt
from enum import StrEnum

import sqlalchemy as sa


class State(StrEnum):
    """The state of a VOD on its way into the lake."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"


class UtcTime(sa.TypeDecorator[dt.datetime]):
    """A time in UTC; SQLite stores no time zone."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, _: sa.Dialect) -> dt.datetime | None:
        """Convert to UTC, in which it is stored."""
        return None if value is None else value.astimezone(dt.UTC)

    def process_result_value(self, value: dt.datetime | None, _: sa.Dialect) -> dt.datetime | None:
        """Return the time with its zone, UTC."""
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
    # The UTC day of vod_created_at: the partition.
    sa.Column("day", sa.Date, nullable=False),
    sa.Column("state", sa.String(10), nullable=False),
    # Why it was skipped, or why the last attempt failed.
    sa.Column("reason", sa.String(400)),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("next_attempt_at", UtcTime, nullable=False),
    # The worker that holds the VOD or held it last, and the end of its lease.
    sa.Column("worker", sa.String(80)),
    sa.Column("lease_expires_at", UtcTime),
    sa.Column("added_at", UtcTime, nullable=False),
    sa.Column("updated_at", UtcTime, nullable=False),
    sa.Column("completed_at", UtcTime),
    # Figures of the completed attempt; null if the VOD was imported.
    sa.Column("comments", sa.Integer),
    sa.Column("buckets", sa.Integer),
    sa.Column("chatters", sa.Integer),
    sa.Column("seconds", sa.Float),
    # Whether only some of its comments were requested.
    sa.Column("sampled", sa.Boolean),
    sa.Index("vod_queue_due", "state", "next_attempt_at"),
    sa.Index("vod_queue_day", "day", "state"),
)
VOD_REQUESTS = sa.Table(
    "vod_requests",
    METADATA,
    # One row: the requests of all workers together.
    sa.Column("name", sa.String(20), primary_key=True),
    sa.Column("day", sa.Date, nullable=False),
    sa.Column("asked", sa.Integer, nullable=False),
    sa.Column("next_at", sa.Float, nullable=False),
)
