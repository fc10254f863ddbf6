"""The number of channels per viewer of a day, and the sources that saw them, for filters and figures across channels.

Belongs here: counting all pairs of a day, at 8 bytes per pair. Not here: using the counts (filters, quality).

A viewer is identified by the upper 62 bits of a digest of the name; the lower two bits hold the sources of the pair.
Two of n viewers collide with a probability of about n² / 2⁶³: 1 in 100,000 at ten million.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import polars as pl

from vieweratlas_assets.domain.presence.source_bits import SOURCE_BITS

_SOURCES = np.uint64(3)
_BITS = np.uint64(2)
_RANGES = 32
_RANGE_SHIFT = np.uint64(64 - 5)


@dataclass(frozen=True)
class ViewerCounts:
    """The distinct viewers of pairs.

    Attributes:
        viewers: digests, ascending, uint64 with the lower two bits 0.
        channels: number of channels per viewer, uint32.
        sources: the sources that saw each viewer, as bits (source_bits), uint8.
    """

    viewers: np.ndarray
    channels: np.ndarray
    sources: np.ndarray

    def seen_by(self, source: str) -> int:
        """The number of viewers that a source ("live" or "vod") saw."""
        return int(np.count_nonzero(self.sources & np.uint8(SOURCE_BITS[source])))

    def those(self, chosen: np.ndarray) -> "ViewerCounts":
        """The viewers that a boolean mask selects."""
        return ViewerCounts(self.viewers[chosen], self.channels[chosen], self.sources[chosen])


def pair_digests(audience: pl.DataFrame) -> np.ndarray:
    """The digests of pairs (at least columns viewer and sources), one per row, uint64."""
    sources = audience["sources"].replace_strict(SOURCE_BITS, return_dtype=pl.UInt64).to_numpy()
    digests: np.ndarray = viewer_digests(audience["viewer"]) | sources
    return digests


def viewer_digests(names: pl.Series) -> np.ndarray:
    """The digests of names, as in `ViewerCounts.viewers`."""
    digests: np.ndarray = names.hash().to_numpy() & ~_SOURCES
    return digests


def count_viewers(digests: Iterable[np.ndarray]) -> ViewerCounts:
    """Count the viewers of distinct (channel, viewer) pairs.

    Args:
        digests: arrays from `pair_digests`, split in any way.
    """
    pieces = [np.empty(0, np.uint64), *digests]
    # Range by range, so that sorting and counting need little memory compared with the pairs.
    ranges = [_counted(pieces, np.uint64(number)) for number in range(_RANGES)]
    return ViewerCounts(*(np.concatenate(parts) for parts in zip(*ranges, strict=True)))


def _counted(pieces: list[np.ndarray], number: np.uint64) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The viewers whose digests start with the bits of a number, as the columns of `ViewerCounts`."""
    pairs = np.concatenate([piece[piece >> _RANGE_SHIFT == number] for piece in pieces])
    pairs.sort()
    starts = np.flatnonzero(np.diff(pairs >> _BITS, prepend=~np.uint64(0)) != 0)
    sources = (pairs & _SOURCES).astype(np.uint8)
    seen = np.bitwise_or.reduceat(sources, starts) if starts.size else sources
    return pairs[starts] & ~_SOURCES, np.diff(starts, append=pairs.size).astype(np.uint32), seen
