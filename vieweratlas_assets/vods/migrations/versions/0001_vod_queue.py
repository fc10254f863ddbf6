"""The tables of the queue, and of the request count that all workers share."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "vod_queue",
        sa.Column("vod_id", sa.String(32), primary_key=True),
        sa.Column("channel", sa.String(64), nullable=False),
        sa.Column("vod_created_at", moment, nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("reason", sa.String(400)),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_attempt_at", moment, nullable=False),
        sa.Column("worker", sa.String(80)),
        sa.Column("lease_expires_at", moment),
        sa.Column("added_at", moment, nullable=False),
        sa.Column("updated_at", moment, nullable=False),
        sa.Column("completed_at", moment),
        sa.Column("comments", sa.Integer),
        sa.Column("buckets", sa.Integer),
        sa.Column("chatters", sa.Integer),
        sa.Column("seconds", sa.Float),
        sa.Column("sampled", sa.Boolean),
    )
    op.create_index("vod_queue_due", "vod_queue", ["state", "next_attempt_at"])
    op.create_index("vod_queue_day", "vod_queue", ["day", "state"])
    op.create_table(
        "vod_requests",
        sa.Column("name", sa.String(20), primary_key=True),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("asked", sa.Integer, nullable=False),
        sa.Column("next_at", sa.Float, nullable=False),
    )


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("vod_requests")
    op.drop_table("vod_queue")
