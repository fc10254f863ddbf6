"""Exact counts of the viewers that channels share, within a memory limit.

Belongs here: counting. Not here: pairs in memory and on disk (pairs), the loops (kernels), measures (measures), the
graph (graph).

With B the binary viewer x channel matrix, shared = BᵀB. Only the upper triangle is computed: each viewer adds one to
every pair of their channels.
"""

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from vieweratlas_assets.domain.overlap import kernels
from vieweratlas_assets.domain.overlap.pairs import WindowPairs, code_audience

SHARED = pl.Schema({"channel_a": pl.String, "channel_b": pl.String, "shared_viewers": pl.Int64})
SIZES = pl.Schema({"channel": pl.String, "viewers": pl.Int64})
MEMORY_BYTES = 512 * 2**20
_NO_LIMIT = np.iinfo(np.int32).max
_BYTES_PER_COUNT = 4


@dataclass(frozen=True)
class Overlap:
    """Audience sizes and shared viewers of the channels of a window.

    Attributes:
        sizes: columns channel and viewers (distinct), every channel with a viewer, sorted.
        shared: columns channel_a < channel_b and shared_viewers (exact), sorted; without channels that have too few
            viewers and pairs that share too few.
        viewers: distinct viewers of all channels.
        viewers_left_out: distinct viewers of too many channels; no other figure includes them.
    """

    sizes: pl.DataFrame
    shared: pl.DataFrame
    viewers: int
    viewers_left_out: int


class _Viewers:
    """The viewers of some days with their channels, as ranks by name; can be iterated repeatedly.

    Attributes:
        channels: names, sorted.
        sizes, kept, left_out: viewers per channel, viewers in total, and viewers of too many channels; each
            iteration computes them again.
    """

    def __init__(self, pairs: WindowPairs, days: Iterable[dt.date] | None, max_channels: int | None) -> None:
        names = np.array(pairs.codes.names(), dtype=object)
        order = np.argsort(names, kind="stable")
        self.channels = pl.Series("channel", names[order], dtype=pl.String)
        self.rank = np.empty(order.size, np.int32)
        self.rank[order] = np.arange(order.size, dtype=np.int32)
        self.max_channels = _NO_LIMIT if max_channels is None else max_channels
        self.pairs = pairs
        self.days = None if days is None else list(days)
        self.sizes = np.zeros(order.size, np.int64)
        self.kept = self.left_out = 0

    def __iter__(self) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        self.sizes = np.zeros(self.rank.size, np.int64)
        self.kept = self.left_out = 0
        for names, channels in self.pairs.parts(self.days):
            slots = 1 << max(4, names.size.bit_length() + 1)
            table = np.empty(slots, np.uint64), np.full(slots, -1, np.int32)
            viewer_of, grouped = np.empty(names.size, np.int32), np.empty(names.size, np.int32)
            starts = np.empty(names.size + 2, np.int64)
            kept, left_out = kernels.group_by_viewer(
                names, channels, self.rank, self.max_channels, *table, viewer_of, starts, grouped
            )
            self.sizes += np.bincount(grouped[: starts[kept]], minlength=self.rank.size)
            self.kept += kept
            self.left_out += left_out
            yield kept, starts, grouped


def count_overlap(
    pairs: WindowPairs,
    days: Iterable[dt.date] | None = None,
    *,
    min_shared: int = 1,
    min_channel_viewers: int = 0,
    max_channels_per_viewer: int | None = None,
    memory_bytes: int = MEMORY_BYTES,
) -> Overlap:
    """Count the viewers that each pair of channels shares over some days.

    Args:
        pairs: the pairs of all days.
        days: the days to count; None = all.
        min_shared: pairs of channels that share fewer viewers are left out; >= 1.
        min_channel_viewers: channels with fewer distinct viewers are left out of the shared counts.
        max_channels_per_viewer: viewers of more channels are left out; None = no limit.
        memory_bytes: limit for the counts, which take 4 bytes per pair of channels. If they do not fit, the viewers
            are iterated once per block of rows that fits.

    Raises:
        ValueError: min_shared < 1.
    """
    if min_shared < 1:
        raise ValueError(f"min_shared is {min_shared}; it must be at least 1")
    viewers = _Viewers(pairs, days, max_channels_per_viewer)
    most_counts = max(1, memory_bytes // _BYTES_PER_COUNT)
    if _counts_in_rows(0, len(pairs.codes), len(pairs.codes)) > most_counts:
        # This pass is for the sizes only, so that channels below the minimum take no row.
        for _ in viewers:
            pass
        kept = np.flatnonzero(viewers.sizes >= min_channel_viewers)
    else:
        kept = np.arange(len(pairs.codes))
    blocks = [
        _count_rows(viewers, kept, first, stop, min_shared) for first, stop in _row_blocks(kept.size, most_counts)
    ]
    left, right, counts = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    enough = viewers.sizes >= min_channel_viewers
    both = enough[left] & enough[right]
    shared = pl.DataFrame(
        {
            "channel_a": viewers.channels.gather(left[both]),
            "channel_b": viewers.channels.gather(right[both]),
            "shared_viewers": counts[both],
        },
        schema_overrides=SHARED,
    )
    sizes = viewers.channels.to_frame().with_columns(viewers=pl.Series(viewers.sizes, dtype=pl.Int64))
    return Overlap(sizes.filter(pl.col("viewers") > 0), shared, viewers.kept, viewers.left_out)


def _count_rows(
    viewers: _Viewers, kept: np.ndarray, first: int, stop: int, min_shared: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ranks and counts of the pairs whose first channel is in kept[first:stop], sorted."""
    row_by_rank = np.full(viewers.rank.size, -1, np.int32)
    row_by_rank[kept] = np.arange(kept.size, dtype=np.int32)
    lengths = kept.size - 1 - np.arange(first, stop)
    ends = np.cumsum(lengths, dtype=np.int64)
    counts = np.zeros(_counts_in_rows(first, stop, kept.size), np.uint32)
    # The start of row a as if it had a column for every channel: column b then lies at row_starts[a] + b.
    row_starts = ends - lengths - np.arange(first + 1, stop + 1)
    for number, starts, grouped in viewers:
        kernels.add_shared(number, starts, grouped, row_by_rank, first, stop, row_starts, counts)
    enough = np.flatnonzero(counts >= min_shared)
    row = np.searchsorted(ends, enough, side="right")
    return kept[row + first], kept[enough - row_starts[row]], counts[enough]


def _counts_in_rows(first: int, stop: int, channels: int) -> int:
    """Number of pairs of channels in rows first to stop of the upper triangle."""
    return (stop - first) * (2 * channels - first - stop - 1) // 2


def _row_blocks(channels: int, most_counts: int) -> Iterator[tuple[int, int]]:
    """Ranges of rows with at most `most_counts` counts each, but at least one row."""
    first = 0
    while True:
        stop = first + 1
        while stop < channels and _counts_in_rows(first, stop + 1, channels) <= most_counts:
            stop += 1
        yield first, min(stop, channels)
        if stop >= channels:
            return
        first = stop


def overlap_of(
    audience: pl.DataFrame,
    *,
    min_shared: int = 1,
    min_channel_viewers: int = 0,
    max_channels_per_viewer: int | None = None,
    memory_bytes: int = MEMORY_BYTES,
) -> Overlap:
    """Count the viewers that channels share in one audience in memory.

    Args:
        audience: columns channel and viewer; repeated pairs count once.
        min_shared, min_channel_viewers, max_channels_per_viewer: as in `count_overlap`.
        memory_bytes: limit for the pairs, and the same limit again for the counts.

    >>> audience = pl.DataFrame({"channel": ["a", "a", "b"], "viewer": ["ann", "bob", "ann"]})
    >>> overlap_of(audience).shared.rows()
    [('a', 'b', 1)]
    """
    with WindowPairs(memory_bytes) as pairs:
        pairs.add(dt.date.min, [code_audience(audience.select("channel", "viewer").sort("channel"), pairs.codes)])
        return count_overlap(
            pairs,
            min_shared=min_shared,
            min_channel_viewers=min_channel_viewers,
            max_channels_per_viewer=max_channels_per_viewer,
            memory_bytes=memory_bytes,
        )
