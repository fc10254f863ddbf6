"""The overlap graph: channels of a window, linked by the viewers they share.

Belongs here: nodes, edges, thresholds and figures of the graph. Not here: which days a window has (steps.graph),
communities (communities).
"""

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from vieweratlas_assets.domain.overlap.counting import Overlap
from vieweratlas_assets.domain.overlap.measures import with_measures
from vieweratlas_assets.domain.schemas import GRAPH_NODES
from vieweratlas_assets.errors import LakeStateError

DENSITY_RANGE = (0.01, 0.10)


class EmptyWindowError(LakeStateError):
    """No day of a window has presence, so there is no graph to build."""


@dataclass(frozen=True)
class OverlapGraph:
    """Channels and the viewers they share.

    Attributes:
        nodes: schema GRAPH_NODES.
        edges: schema GRAPH_EDGES; both channels of an edge are nodes.
        channels_below_minimum: number of channels left out because of min_channel_viewers.
        total_viewers: distinct viewers in the window, including those of channels left out; None = not known.
    """

    nodes: pl.DataFrame
    edges: pl.DataFrame
    channels_below_minimum: int
    total_viewers: int | None


def build_overlap_graph(
    overlap: Overlap, activity: Mapping[dt.date, pl.DataFrame], *, min_channel_viewers: int = 10
) -> OverlapGraph:
    """Build the graph of a window of days.

    Args:
        overlap: audience sizes and shared viewers of the window.
        activity: schema CHANNEL_ACTIVITY by day, for the days that exist.
        min_channel_viewers: channels with fewer distinct viewers in the window are left out.
    """
    known = window_nodes(overlap.sizes, activity)
    nodes = known.filter(pl.col("viewers") >= min_channel_viewers)
    inside = nodes["channel"].implode()
    shared = overlap.shared.filter(pl.col("channel_a").is_in(inside) & pl.col("channel_b").is_in(inside))
    edges = with_measures(shared, nodes, total_viewers=overlap.viewers)
    return OverlapGraph(nodes, edges, known.height - nodes.height, overlap.viewers)


def window_nodes(sizes: pl.DataFrame, activity: Mapping[dt.date, pl.DataFrame]) -> pl.DataFrame:
    """Every channel of a window: schema GRAPH_NODES.

    Args:
        sizes: columns channel and viewers; channels without a row have 0 viewers.
        activity: schema CHANNEL_ACTIVITY by day.

    A channel's game, language and display name are those with the most viewer minutes; ties go by name.
    """
    days = pl.concat(
        [GRAPH_NODES_SOURCE.to_frame(), *(day.select(list(GRAPH_NODES_SOURCE)) for day in activity.values())]
    )
    nodes = (
        days.group_by("channel")
        .agg(pl.col("viewer_minutes").sum())
        .join(sizes, on="channel", how="left")
        .with_columns(pl.col("viewers").fill_null(0))
    )
    for column in ("game_name", "language", "display_name"):
        nodes = nodes.join(_heaviest(days, column), on="channel", how="left")
    return GRAPH_NODES.conform(nodes)


GRAPH_NODES_SOURCE = pl.Schema(
    {
        "channel": pl.String,
        "viewer_minutes": pl.Int64,
        "game_name": pl.String,
        "language": pl.String,
        "display_name": pl.String,
    }
)


def _heaviest(days: pl.DataFrame, column: str) -> pl.DataFrame:
    """The value of a column with the most viewer minutes, per channel."""
    return (
        days.filter(pl.col(column).is_not_null())
        .group_by("channel", column)
        .agg(pl.col("viewer_minutes").sum())
        .sort("channel", -pl.col("viewer_minutes"), column)
        .unique("channel", keep="first", maintain_order=True)
        .select("channel", column)
    )


def graph_facts(graph: OverlapGraph) -> dict[str, Any]:
    """Figures of a graph, ready for JSON."""
    return {
        "rows": graph.nodes.height,
        "nodes": graph.nodes.height,
        "edges": graph.edges.height,
        "density": density(graph),
        "density_advice": density_advice(graph),
        "total_viewers": graph.total_viewers,
        "channels_below_minimum": graph.channels_below_minimum,
    }


def density(graph: OverlapGraph) -> float | None:
    """Share of all possible pairs of channels that have an edge; None for fewer than two channels."""
    channels = graph.nodes.height
    return None if channels < 2 else graph.edges.height / math.comb(channels, 2)


def density_advice(graph: OverlapGraph) -> str | None:
    """What to do about a density outside 0.01 to 0.10, in one sentence; None within this range."""
    share = density(graph)
    low, high = DENSITY_RANGE
    if share is None or low <= share <= high:
        return None
    if share < low:
        return (
            f"density {share:.4f} is below {low}: few channels are linked; lower overlap_threshold, "
            "widen the window (window_days) or collect more chat"
        )
    wanted = int(high * math.comb(graph.nodes.height, 2))
    counts = graph.edges["shared_viewers"].drop_nulls().sort(descending=True)
    hint = f", {counts[wanted] + 1} would bring it to at most {high}" if 0 < wanted < counts.len() else ""
    return f"density {share:.4f} is above {high}: weak overlaps hide strong ones; raise overlap_threshold{hint}"
