"""The quality report: figures of a day's audience and of the data behind it.

Belongs here: figures of an audience and its sources. Not here: checks of the figures (defs.checks).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from vieweratlas_assets.domain.presence.audience import DayAudience
from vieweratlas_assets.domain.presence.records import SOURCES
from vieweratlas_assets.domain.presence.viewer_counts import ViewerCounts

MAX_REASONS = 5


@dataclass(frozen=True)
class RejectedFile:
    """A file of presence that could not be used, and why."""

    source: str
    key: str
    reason: str


def rejection_summary(rejected: Sequence[RejectedFile]) -> str:
    """The reasons for the first few rejections; the report has all of them."""
    reasons = [file.reason for file in rejected[:MAX_REASONS]]
    more = [f"and {len(rejected) - MAX_REASONS} more"] if len(rejected) > MAX_REASONS else []
    return "; ".join(reasons + more) or "no file was rejected"


def quality_report(
    day: DayAudience[Any], files_read: Mapping[str, int], rejected: Sequence[RejectedFile]
) -> dict[str, Any]:
    """Figures of a day's audience.

    Args:
        day: the audience after the filters.
        files_read: number of files read, by source.
        rejected: the files that could not be used.

    Returns:
        Figures, ready for JSON. Averages and the median are over channels with at least one viewer. A one-off viewer
        was seen in one channel only. Figures without any data are null.
    """
    return {
        **audience_figures(day.viewers, day.activity),
        "total_snapshots": int(day.sightings["snapshots"].sum()),
        "filters": [effect.as_dict() for effect in day.filters],
        "sources": {source: _source(source, day, files_read, rejected) for source in SOURCES},
        "rejected_files": [{"file": file.key, "reason": file.reason} for file in rejected],
    }


def audience_figures(counts: ViewerCounts, activity: pl.DataFrame) -> dict[str, Any]:
    """The figures that follow from the audience alone: from its viewers and CHANNEL_ACTIVITY."""
    viewers = activity.filter(pl.col("viewers") > 0)["viewers"]
    channels_per_viewer = counts.channels
    unique = channels_per_viewer.size
    one_off = int((channels_per_viewer == 1).sum())
    return {
        "total_channels": activity.height,
        "total_unique_viewers": unique,
        "avg_viewers_per_channel": _rounded(viewers.mean()),
        "median_viewers_per_channel": _rounded(viewers.median()),
        "max_viewers_per_channel": viewers.max(),
        "min_viewers_per_channel": viewers.min(),
        "avg_channels_per_viewer": _rounded(channels_per_viewer.mean()) if unique else None,
        "repeat_viewers_2_or_more": int((channels_per_viewer >= 2).sum()),
        "repeat_viewers_3_or_more": int((channels_per_viewer >= 3).sum()),
        "one_off_viewers": one_off,
        "one_off_viewers_percent": _rounded(100 * one_off / unique) if unique else None,
    }


def _source(
    source: str,
    day: DayAudience[Any],
    files_read: Mapping[str, int],
    rejected: Sequence[RejectedFile],
) -> dict[str, int]:
    rows = day.sightings.filter(pl.col("source") == source)
    return {
        "channels": rows["channel"].n_unique(),
        "unique_viewers": day.viewers.seen_by(source),
        "snapshots": int(rows["snapshots"].sum()),
        "files_read": files_read.get(source, 0),
        "files_rejected": sum(file.source == source for file in rejected),
    }


def _rounded(value: Any) -> float | None:
    return None if value is None else round(float(value), 4)
