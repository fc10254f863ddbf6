"""How well two maps of the same channels agree.

Belongs here: a measure that does not change if a map is shifted, rotated, mirrored or scaled. Not here: laying out
maps (layout, map_layout).
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy.spatial import cKDTree

NEAREST = 10
MIN_CHANNELS = 3
"""Fewest channels on both maps; with fewer, every channel is a neighbor of every other."""


@dataclass(frozen=True)
class NeighborsKept:
    """How many of the nearest channels on one map are also among the nearest on the other.

    Attributes:
        nearest: number of neighbors compared per channel.
        share: mean share of common neighbors, 0 to 1; 1 = the same neighbors everywhere.
        by_chance: expected share for a shuffled map.
        channels: number of channels on both maps.
    """

    nearest: int
    share: float
    by_chance: float
    channels: int


def neighbors_kept(layout: pl.DataFrame, reference: pl.DataFrame, nearest: int = NEAREST) -> NeighborsKept:
    """Compare two maps with columns channel, x and y, over the channels on both.

    Of channels at the same distance, either may count as nearer.

    Raises:
        ValueError: fewer than MIN_CHANNELS channels are on both maps.
    """
    both = layout.join(reference, on="channel", suffix="_reference").sort("channel")
    if both.height < MIN_CHANNELS:
        raise ValueError(f"{both.height} channel(s) are on both maps: too few to compare")
    nearest = min(nearest, both.height - 2)
    ours, theirs = (
        _nearest(both.select(f"x{suffix}", f"y{suffix}").to_numpy(), nearest) for suffix in ("", "_reference")
    )
    kept = np.mean([np.intersect1d(a, b).size / nearest for a, b in zip(ours, theirs, strict=True)])
    return NeighborsKept(nearest, float(kept), nearest / (both.height - 1), both.height)


def _nearest(places: np.ndarray, nearest: int) -> list[np.ndarray]:
    """The indices of the nearest other places, per place."""
    _, neighbors = cKDTree(places).query(places, k=nearest + 1)
    # If several places coincide, a place need not be first among its own neighbors.
    return [row[row != number][:nearest] for number, row in enumerate(neighbors)]
