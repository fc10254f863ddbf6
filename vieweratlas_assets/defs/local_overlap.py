"""The overlap of a window counted on this machine.

Belongs here: which days the window still lacks. Not here: the counting (domain.overlap), Spark (spark_overlap).
"""

import datetime as dt
from collections.abc import Sequence
from typing import Any

from vieweratlas_assets.domain.overlap.counting import Overlap, count_overlap
from vieweratlas_assets.domain.overlap.pairs import WindowPairs, code_audience
from vieweratlas_assets.domain.schemas import CHANNEL_AUDIENCE
from vieweratlas_assets.storage.sealed import AssetDays, PartitionRecord


def count_here(
    audience: AssetDays,
    pairs: WindowPairs,
    _day: dt.date,
    window: Sequence[PartitionRecord],
    *,
    overlap_threshold: int,
    min_channel_viewers: int,
    max_channels_per_viewer: int | None,
) -> tuple[Overlap, dict[str, Any]]:
    """Count the overlap of the audiences of a window.

    Args:
        pairs: of the days that an earlier window had too; moves on to this one. Its limit of memory holds for the
            counts as well.
        window: records of the audiences, oldest first, at least one.
        max_channels_per_viewer: viewers of more channels of the window are left out of all counts; None keeps all.

    Returns:
        The overlap, and figures of the engine for the partition's facts.
    """
    days = [record.day for record in window]
    pairs.drop_before(days[0])
    for day in days:
        if day not in pairs.days:
            groups = audience.row_groups(day, CHANNEL_AUDIENCE, ("channel", "viewer"))
            pairs.add(day, (code_audience(group, pairs.codes) for group in groups))
    overlap = count_overlap(
        pairs,
        days,
        min_shared=overlap_threshold,
        min_channel_viewers=min_channel_viewers,
        max_channels_per_viewer=max_channels_per_viewer,
        memory_bytes=pairs.memory_bytes,
    )
    return overlap, {
        "engine": "local",
        "pairs_by_day": pairs.pairs,
        "pairs_on_disk": pairs.pairs - pairs.pairs_in_memory,
        "viewers_left_out": overlap.viewers_left_out,
    }
