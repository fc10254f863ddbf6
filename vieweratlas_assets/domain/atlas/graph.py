"""The links and disc sizes that layouts and drawings use.

Belongs here: the backbone of the links, the radii of the discs. Not here: positions (layout, map_layout), drawing.
"""

import numpy as np
import numpy.typing as npt
import polars as pl

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

# All discs together cover this share of the unit square of the layout. MAX_RADIUS and MIN_RADIUS limit a single disc,
# so that none dominates and none is invisible.
INK = 0.11
MAX_RADIUS = 0.03
MIN_RADIUS = 0.0022


def edge_ends(channels: pl.Series, edges: pl.DataFrame) -> tuple[Indices, Indices]:
    """The indices in `channels` (distinct logins) of both ends of every edge.

    Raises:
        polars.exceptions.InvalidOperationError: an edge has a channel that is not in `channels`.
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
        per_channel: number of strongest links per channel.

    Returns:
        The remaining rows of `with_strength`.
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
    """Add the strength of each link, relative to the other links of its channels.

    Args:
        edges: schema GRAPH_EDGES.
        weight: the measure; null and negative values count as 0.

    Returns:
        The rows, sorted by (channel_a, channel_b), with a column `strength` of 0 to 1: w_ab / sqrt(s_a s_b), with s
        the sum of a channel's weights. By the weight alone, the strongest links of all channels would lead to the
        few largest channels.
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
    """The radius of every channel's disc, in units of the map (whose longer side is 1).

    Args:
        viewers: viewers per channel; unknown viewers give the smallest disc.
        total: viewers of all channels of the map; None = the sum of `viewers`.

    The area is proportional to viewers. The scale depends on the sum over all channels, not on the largest one, so
    that one large channel does not shrink the others from one day to the next.
    """
    known = viewers.cast(pl.Float64).fill_null(0.0).clip(0.0).to_numpy()
    area = known * (INK / max(known.sum() if total is None else total, 1.0))
    radii: Floats = np.clip(np.sqrt(area / np.pi), MIN_RADIUS, MAX_RADIUS)
    return radii
