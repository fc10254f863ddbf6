"""How far two maps of the same channels agree.

Belongs here: a measure that no shift, turn, mirroring or stretch of a map changes. Not here: making maps (layout).
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy.spatial import cKDTree

NEAREST = 10
FEWEST = 3
"""Channels on both maps; below, every channel is next to every other."""


@dataclass(frozen=True)
class NeighborsKept:
    """How many of the nearest channels on one map are among the nearest on the other.

    Attributes:
        nearest: how many of each channel are looked at.
        share: mean share of them, 0 to 1; 1 = the same neighbors everywhere.
        by_chance: the share that a shuffled map would have.
        channels: on both maps.
    """

    nearest: int
    share: float
    by_chance: float
    channels: int


def neighbors_kept(found: pl.DataFrame, reference: pl.DataFrame, nearest: int = NEAREST) -> NeighborsKept:
    """Compare two maps with the columns channel, x and y over the channels that both place.

    Of channels at the same distance either may count as nearer.

    Raises:
        ValueError: fewer than FEWEST channels are on both maps.
    """
    both = found.join(reference, on="channel", suffix="_reference").sort("channel")
    if both.height < FEWEST:
        raise ValueError(f"{both.height} channel(s) are on both maps: too few to compare")
    nearest = min(nearest, both.height - 2)
    ours, theirs = (
        _nearest(both.select(f"x{suffix}", f"y{suffix}").to_numpy(), nearest) for suffix in ("", "_reference")
    )
    kept = np.mean([np.intersect1d(a, b).size / nearest for a, b in zip(ours, theirs, strict=True)])
    return NeighborsKept(nearest, float(kept), nearest / (both.height - 1), both.height)


def _nearest(places: np.ndarray, nearest: int) -> list[np.ndarray]:
    """Of each place the rows of the nearest others."""
    _, found = cKDTree(places).query(places, k=nearest + 1)
    # Where several stand on one spot, a place need not be the first of its own neighbors.
    return [row[row != number][:nearest] for number, row in enumerate(found)]
