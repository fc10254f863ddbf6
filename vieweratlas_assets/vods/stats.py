"""What the queue looks like, for people and for machines.

Belongs here: figures. Not here: states and their changes (queue), printing (commands).
"""

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vieweratlas_assets.vods.tables import State

HOUR = dt.timedelta(hours=1)


@dataclass(frozen=True)
class QueueStats:
    """Figures of a queue.

    Attributes:
        states: VODs by state; every state is named.
        oldest_pending: when the VOD that has waited for longest was put in.
        attempts: how many of the VODs that were tried needed how many attempts.
        completed_last_hour: VODs that were completed in the last hour; a_minute of them.
        seconds_a_vod: mean time of an attempt that completed one; None where none did.
        reasons: the most frequent reasons of failed and skipped VODs.
    """

    states: dict[str, int]
    oldest_pending: dt.datetime | None
    attempts: dict[int, int]
    completed_last_hour: int
    seconds_a_vod: float | None
    reasons: dict[str, int]

    def as_json(self) -> dict[str, Any]:
        """The figures, JSON-ready."""
        return {
            "states": self.states,
            "oldest_pending": None if self.oldest_pending is None else self.oldest_pending.isoformat(),
            "attempts": {str(attempts): count for attempts, count in self.attempts.items()},
            "completed_last_hour": self.completed_last_hour,
            "completed_a_minute": round(self.completed_last_hour / 60, 3),
            "seconds_a_vod": self.seconds_a_vod,
            "reasons": self.reasons,
        }


def queue_stats(rows: Sequence[dict[str, Any]], now: dt.datetime) -> QueueStats:
    """The figures of the rows of a queue (`VodQueue.rows`)."""
    states = Counter(row["state"] for row in rows)
    waiting = [row["added_at"] for row in rows if row["state"] == State.PENDING]
    lately = [row for row in rows if row["completed_at"] is not None and row["completed_at"] > now - HOUR]
    seconds = [row["seconds"] for row in rows if row["seconds"] is not None]
    unhappy = (State.FAILED, State.SKIPPED)
    reasons = Counter(row["reason"] for row in rows if row["state"] in unhappy and row["reason"])
    return QueueStats(
        states={state.value: states[state] for state in State},
        oldest_pending=min(waiting, default=None),
        attempts=dict(sorted(Counter(row["attempts"] for row in rows if row["attempts"]).items())),
        completed_last_hour=len(lately),
        seconds_a_vod=round(sum(seconds) / len(seconds), 3) if seconds else None,
        reasons=dict(reasons.most_common(5)),
    )
