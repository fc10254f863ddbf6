"""One day's atlas: the tables that every picture, page and export draws from.

Belongs here: the joined view of the channels, which measure to draw with, which links and how large a disc.
Not here: where channels stand (layout), colours (palette), any format (picture, page, exports).
"""

import re
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl

from vieweratlas_assets.domain.schemas import (
    COMMUNITIES,
    COMMUNITY_TAGS,
    GRAPH_EDGES,
    GRAPH_NODES,
    LAYOUT,
)
from vieweratlas_assets.domain.tables import SchemaError

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

UNCLUSTERED = "Unclustered"
AUDIENCE_NOTE = "Audience = people who wrote in chat (chatters), not lurkers"

# Discs cover this share of the unit square in which the layout stands; one disc is never wider than
# MAX_RADIUS allows, nor too small to be seen.
INK = 0.11
MAX_RADIUS = 0.03
MIN_RADIUS = 0.0022

# C0 and C1 controls, line and paragraph separators, and the marks that reverse the direction of writing:
# they would break a line, or show a name as another one.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")


@dataclass(frozen=True, eq=False)
class Atlas:
    """The tables of one day, checked against their contracts and sorted by their keys.

    Attributes:
        day: last day of the window.
        nodes: schema GRAPH_NODES.
        edges: schema GRAPH_EDGES; both ends are channels of `nodes`.
        communities: schema COMMUNITIES; a null community, or a missing channel, is unclustered.
        tags: schema COMMUNITY_TAGS.
        layout: schema LAYOUT; a finite place for every channel of `nodes`.

    Raises:
        SchemaError: a table does not keep to its schema, an edge ends nowhere, a channel has no place.
    """

    day: date
    nodes: pl.DataFrame
    edges: pl.DataFrame
    communities: pl.DataFrame
    tags: pl.DataFrame
    layout: pl.DataFrame

    def __post_init__(self) -> None:
        tables = (GRAPH_NODES, GRAPH_EDGES, COMMUNITIES, COMMUNITY_TAGS, LAYOUT)
        for field, table in zip(("nodes", "edges", "communities", "tags", "layout"), tables, strict=True):
            object.__setattr__(self, field, table.conform(getattr(self, field)))
        ends = pl.concat([self.edges["channel_a"], self.edges["channel_b"]])
        placed = self.layout.filter(pl.col("x").is_finite() & pl.col("y").is_finite())["channel"]
        _require(ends, self.nodes["channel"], "graph_edges names channels that graph_nodes lacks")
        _require(self.nodes["channel"], placed, "layout has no finite place for channels of graph_nodes")

    @cached_property
    def channels(self) -> pl.DataFrame:
        """One row per channel, sorted by channel.

        Columns: channel, viewers (null = unknown), viewer_minutes, game_name, language, community (null =
        unclustered), label (of the community; "Unclustered" where it has none), x and y (0 to 1, y upwards).
        """
        return (
            self.nodes.join(self.communities, on="channel", how="left")
            .join(self.tags.select("community", "label"), on="community", how="left")
            .join(self.layout, on="channel", how="left")
            .with_columns(pl.col("label").fill_null(UNCLUSTERED))
            .sort("channel")
        )

    @cached_property
    def channels_by_size(self) -> pl.DataFrame:
        """`channels` with the largest first: by viewers, then by number of links, then by name."""
        ends = pl.concat([self.edges["channel_a"], self.edges["channel_b"]]).alias("channel")
        links = ends.to_frame().group_by("channel").len("links")
        joined = self.channels.join(links, on="channel", how="left")
        order = joined.sort(
            pl.col("viewers").fill_null(-1),
            pl.col("links").fill_null(0),
            "channel",
            descending=[True, True, False],
        )
        return order.drop("links")


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
        The kept rows, sorted by (channel_a, channel_b), with a column `strength` of 0 to 1.

    A link's strength is w_ab / sqrt(s_a s_b), with s the sum of a channel's weights: by the bare weight
    everybody's strongest links would lead to the few largest channels.
    """
    edges = edges.sort("channel_a", "channel_b")
    channels = pl.concat([edges["channel_a"], edges["channel_b"]]).unique().sort()
    a, b = edge_ends(channels, edges)
    bare = edges[weight].cast(pl.Float64).fill_null(0.0).clip(0.0).to_numpy()
    totals = np.bincount(a, bare, channels.len()) + np.bincount(b, bare, channels.len())
    scale = np.sqrt(totals[a] * totals[b])
    strength = np.divide(bare, scale, out=np.zeros_like(bare), where=scale > 0)
    ends, rows = np.concatenate([a, b]), np.tile(np.arange(edges.height), 2)
    order = np.lexsort((rows, -np.tile(strength, 2), ends))
    firsts = np.searchsorted(ends[order], ends[order])
    kept = np.zeros(edges.height, dtype=bool)
    kept[rows[order][np.arange(order.size) - firsts < per_channel]] = True
    return edges.with_columns(pl.Series("strength", strength, dtype=pl.Float64)).filter(
        pl.Series(kept, dtype=pl.Boolean)
    )


def disc_radii(viewers: pl.Series) -> Floats:
    """Return the radius of every channel's disc, in units of the map (whose longer side is 1).

    Area grows with viewers. The scale is set by the sum over all channels, not by the largest, so that one
    large channel does not shrink the others from one day to the next; unknown viewers: the smallest disc.
    """
    known = viewers.cast(pl.Float64).fill_null(0.0).clip(0.0).to_numpy()
    area = known * (INK / max(known.sum(), 1.0))
    radii: Floats = np.clip(np.sqrt(area / np.pi), MIN_RADIUS, MAX_RADIUS)
    return radii


def printable(text: str) -> str:
    """Put a space for everything that is not for the eye: newlines, control and direction characters."""
    return _UNPRINTABLE.sub(" ", text)


def _require(wanted: pl.Series, present: pl.Series, problem: str) -> None:
    missing = wanted.unique().sort().filter(~wanted.unique().sort().is_in(present.to_list()))
    if missing.len():
        raise SchemaError(f"{problem}: {missing.len()}, the first is {missing[0]!r}")
