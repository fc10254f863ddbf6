"""What drawing takes from the graph: which links, and how large a disc.

Belongs here: the backbone of the links, the radii of the discs. Not here: where channels stand (layout), drawing.
"""

import numpy as np
import numpy.typing as npt
import polars as pl

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

# Discs cover this share of the unit square in which the layout stands; one disc is never wider than
# MAX_RADIUS allows, nor too small to be seen.
INK = 0.11
MAX_RADIUS = 0.03
MIN_RADIUS = 0.0022


def edge_ends(channels: pl.Series, edges: pl.DataFrame) -> tuple[Indices, Indices]:
    """Return the positions in `channels` (distinct logins) of both ends of every edge.

    Raises:
        polars.exceptions.InvalidOperationError: an edge names a channel that is not in `channels`.
    """
    if edges.is_empty():
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    positions = pl.Enum(channels)
    a, b = (edges[end].cast(positions).to_physical().cast(pl.Int64).to_numpy() for end in ("channel_a", "channel_b"))
    return a, b


def backbone(edges: pl.DataFrame, *, weight: str, per_channel: int) -> pl.DataFrame:
    """Keep the links that are among the strongest of at least one of their channels.

    Args:
        edges: schema GRAPH_EDGES.
        weight: the measure; null and negative values count as 0.
        per_channel: links that every channel may keep.

    Returns:
        The kept rows, as `with_strength` gives them.
    """
    edges = with_strength(edges, weight=weight)
    a, b = edge_ends(_channels(edges), edges)
    ends, rows = np.concatenate([a, b]), np.tile(np.arange(edges.height), 2)
    order = np.lexsort((rows, -np.tile(edges["strength"].to_numpy(), 2), ends))
    firsts = np.searchsorted(ends[order], ends[order])
    kept = np.zeros(edges.height, dtype=bool)
    kept[rows[order][np.arange(order.size) - firsts < per_channel]] = True
    return edges.filter(pl.Series(kept, dtype=pl.Boolean))


def with_strength(edges: pl.DataFrame, *, weight: str) -> pl.DataFrame:
    """Say of each link how strong it is for its channels.

    Args:
        edges: schema GRAPH_EDGES.
        weight: the measure; null and negative values count as 0.

    Returns:
        The rows, sorted by (channel_a, channel_b), with a column `strength` of 0 to 1: w_ab / sqrt(s_a s_b), with s
        the sum of a channel's weights. By the bare weight everybody's strongest links would lead to the few largest
        channels.
    """
    edges = edges.sort("channel_a", "channel_b")
    channels = _channels(edges)
    a, b = edge_ends(channels, edges)
    bare = edges[weight].cast(pl.Float64).fill_null(0.0).clip(0.0).to_numpy()
    totals = np.bincount(a, bare, channels.len()) + np.bincount(b, bare, channels.len())
    scale = np.sqrt(totals[a] * totals[b])
    strength = np.divide(bare, scale, out=np.zeros_like(bare), where=scale > 0)
    return edges.with_columns(pl.Series("strength", strength, dtype=pl.Float64))


def _channels(edges: pl.DataFrame) -> pl.Series:
    return pl.concat([edges["channel_a"], edges["channel_b"]]).unique().sort()


def disc_radii(viewers: pl.Series, total: int | None = None) -> Floats:
    """Return the radius of every channel's disc, in units of the map (whose longer side is 1).

    Args:
        total: viewers of all channels of the map; None where these are all.

    Area grows with viewers. The scale is set by the sum over all channels, not by the largest, so that one
    large channel does not shrink the others from one day to the next; unknown viewers: the smallest disc.
    """
    known = viewers.cast(pl.Float64).fill_null(0.0).clip(0.0).to_numpy()
    area = known * (INK / max(known.sum() if total is None else total, 1.0))
    radii: Floats = np.clip(np.sqrt(area / np.pi), MIN_RADIUS, MAX_RADIUS)
    return radii
