"""A day's overlap graph: the channels of the trailing window, joined by the viewers they share.

Belongs here: which days a window has, counting them on this machine, figures and verdicts. Not here: the counting
and the graph itself (domain.overlap), counting on Spark (defs.spark).
"""

import datetime as dt
import json
from collections import Counter
from collections.abc import Sequence
from typing import Any, Protocol, TypedDict

import polars as pl

from vieweratlas_assets.domain.days import first_of_window
from vieweratlas_assets.domain.overlap.counting import Overlap, count_overlap
from vieweratlas_assets.domain.overlap.graph import (
    EmptyWindowError,
    OverlapGraph,
    build_overlap_graph,
    density,
    density_advice,
    graph_facts,
)
from vieweratlas_assets.domain.overlap.pairs import WindowPairs, code_audience
from vieweratlas_assets.domain.schemas import CHANNEL_ACTIVITY, CHANNEL_AUDIENCE, GRAPH_EDGES, GRAPH_NODES
from vieweratlas_assets.settings import AnalysisSettings
from vieweratlas_assets.steps.freshness import window_fingerprint
from vieweratlas_assets.steps.results import DayResult, Verdict, settings_used
from vieweratlas_assets.storage.sealed import AssetDays, PartitionRecord, SealedPartitions


class CountOverlap(Protocol):
    """Counts the viewers that the channels of a window share, here or elsewhere."""

    def __call__(
        self,
        day: dt.date,
        window: Sequence[PartitionRecord],
        /,
        *,
        overlap_threshold: int,
        min_channel_viewers: int,
        max_channels_per_viewer: int | None,
    ) -> tuple[Overlap, dict[str, Any]]:
        """The overlap, and figures of the engine for the partition's facts."""


class OverlapLimits(TypedDict):
    """What is left out of an overlap; None = nothing."""

    overlap_threshold: int
    min_channel_viewers: int
    max_channels_per_viewer: int | None


def overlap_limits(analysis: AnalysisSettings) -> OverlapLimits:
    """The settings that limit an overlap."""
    return {
        "overlap_threshold": analysis.overlap_threshold,
        "min_channel_viewers": analysis.min_channel_viewers,
        "max_channels_per_viewer": analysis.max_channels_per_viewer if analysis.drop_viewers_over_max else None,
    }


def count_on_this_machine(
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
        pairs: the coded days of an earlier window; moves on to this one. Its memory limit holds for the counts too.
        window: records of the audiences, oldest first, at least one.
        max_channels_per_viewer: viewers of more channels of the window count nowhere; None keeps all.

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


def graph_of_day(
    audience: AssetDays, day: dt.date, window_days: int, analysis: AnalysisSettings, count: CountOverlap
) -> DayResult:
    """Build the graph of the window that ends with a day.

    Raises:
        EmptyWindowError: no day of the window has presence.
    """
    existing = audience.window(day, window_days)
    window = [record for record in existing if record.facts["total_snapshots"]]
    present = [record.day for record in window]
    if not present:
        raise EmptyWindowError(
            f"no presence from {first_of_window(day, window_days)} to {day}: import or collect some, or materialize "
            "channel_audience of the days that have it"
        )
    overlap, engine = count(day, window, **overlap_limits(analysis))
    activity = {each: audience.table(each, CHANNEL_ACTIVITY) for each in present}
    graph = build_overlap_graph(overlap, activity, min_channel_viewers=analysis.min_channel_viewers)
    facts = {
        **graph_facts(graph),
        "engine": engine,
        "window_days": window_days,
        "days_present": len(present),
        "days": [str(each) for each in present],
        "window": _window_facts(window),
        "settings": {
            "window_days": window_days,
            **settings_used(analysis, "overlap_threshold", "min_channel_viewers"),
        },
    }
    filters = {json.dumps(record.facts["settings"], sort_keys=True) for record in window}
    verdicts = {
        **graph_verdicts(graph),
        "same_filters": Verdict(len(filters) == 1, " | ".join(sorted(filters))),
    }
    return DayResult(
        tables={GRAPH_NODES: graph.nodes, GRAPH_EDGES: graph.edges},
        facts=facts,
        verdicts=verdicts,
        made_from=window_fingerprint(existing),
    )


def kept_graph(sealed: SealedPartitions, record: PartitionRecord) -> DayResult:
    """An imported graph that stays as it is, with its verdicts."""
    nodes, edges = (sealed.table(record, table) for table in (GRAPH_NODES, GRAPH_EDGES))
    return DayResult(kept=record, verdicts=graph_verdicts(OverlapGraph(nodes, edges, 0, None)))


def _window_facts(window: list[PartitionRecord]) -> dict[str, Any]:
    """Figures of the window's audiences, summed over its days."""
    sources = [source for record in window for source in record.facts["sources"].values()]
    used = {name for record in window for name, each in record.facts["sources"].items() if each["snapshots"]}
    removed: Counter[str] = Counter()
    for effect in (effect for record in window for effect in record.facts["filters"] if effect["removed"]):
        removed[effect["name"]] += effect["pairs"]
    return {
        "sources": sorted(used),
        "snapshots": sum(source["snapshots"] for source in sources),
        "files_read": sum(source["files_read"] for source in sources),
        "files_rejected": sum(source["files_rejected"] for source in sources),
        "pairs_removed_by_filter": dict(removed),
    }


def graph_verdicts(graph: OverlapGraph) -> dict[str, Verdict]:
    """The verdicts that need only the graph."""
    above = graph.edges.filter(pl.col("overlap_coefficient") > 1).height
    advice, share = density_advice(graph), density(graph)
    return {
        "shared_within_sizes": Verdict(above == 0, f"{above} of {graph.edges.height} edges share too many viewers"),
        "has_edges": Verdict(graph.edges.height > 0, f"{graph.nodes.height} channels, {graph.edges.height} edges"),
        "density": Verdict(advice is None, advice or f"density {share}"),
    }
