"""In how many channels each viewer of a day is, and who saw them: what filters and figures across channels need.

Belongs here: counting over all pairs of a day at 8 bytes a pair. Not here: what follows from the counts (filters,
quality).

A viewer is known by the upper 62 bits of a digest of the name; the lower two say which sources saw the pair. Two of
n viewers are taken for one with a chance of about n² / 2⁶³: 1 in 100,000 at ten million.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import polars as pl

from vieweratlas_assets.domain.presence import kernels

_SOURCES = np.uint64(3)
_BITS = np.uint64(2)
_RANGES = 32
_RANGE_SHIFT = np.uint64(64 - 5)


@dataclass(frozen=True)
class ViewerCounts:
    """The distinct viewers of pairs.

    Attributes:
        viewers: digests, ascending, uint64 with the lower two bits 0.
        channels: in how many channels each is, uint32.
        sources: the bits kernels.LIVE and kernels.VOD of who saw each, uint8.
    """

    viewers: np.ndarray
    channels: np.ndarray
    sources: np.ndarray

    def seen_by(self, source: str) -> int:
        """How many viewers a source ("live" or "vod") saw."""
        return int(np.count_nonzero(self.sources & np.uint8(kernels.SOURCE_BITS[source])))

    def those(self, chosen: np.ndarray) -> "ViewerCounts":
        """Some of the viewers, by a mask."""
        return ViewerCounts(self.viewers[chosen], self.channels[chosen], self.sources[chosen])


def pair_digests(audience: pl.DataFrame) -> np.ndarray:
    """The digests of pairs (at least columns viewer and sources), one a row, uint64."""
    sources = audience["sources"].replace_strict(kernels.SOURCE_BITS, return_dtype=pl.UInt64).to_numpy()
    return viewer_digests(audience["viewer"]) | sources


def viewer_digests(names: pl.Series) -> np.ndarray:
    """The digests of names, as in `ViewerCounts.viewers`."""
    return names.hash().to_numpy() & ~_SOURCES


def count_viewers(digests: Iterable[np.ndarray]) -> ViewerCounts:
    """Count the viewers of distinct (channel, viewer) pairs.

    Args:
        digests: as from `pair_digests`, in any pieces.
    """
    pieces = [np.empty(0, np.uint64), *digests]
    # By ranges of digests, so that what sorting and counting need on top is small beside the pairs.
    ranges = [_counted(pieces, np.uint64(number)) for number in range(_RANGES)]
    return ViewerCounts(*(np.concatenate(parts) for parts in zip(*ranges, strict=True)))


def _counted(pieces: list[np.ndarray], number: np.uint64) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The viewers whose digests begin with a number, in the columns of `ViewerCounts`."""
    pairs = np.concatenate([piece[piece >> _RANGE_SHIFT == number] for piece in pieces])
    pairs.sort()
    starts = np.flatnonzero(np.diff(pairs >> _BITS, prepend=~np.uint64(0)) != 0)
    sources = (pairs & _SOURCES).astype(np.uint8)
    seen = np.bitwise_or.reduceat(sources, starts) if starts.size else sources
    return pairs[starts] & ~_SOURCES, np.diff(starts, append=pairs.size).astype(np.uint32), seen
