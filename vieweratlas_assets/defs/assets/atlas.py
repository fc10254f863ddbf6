"""From audiences to the atlas: graph, communities, labels.

Belongs here: the assets that compute. Not here: the map (continuity), what people look at (products), the methods
(domain).
"""

import datetime as dt
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import dagster as dg
import polars as pl

from vieweratlas_assets.defs.checks import Check, Verdict, schema_check
from vieweratlas_assets.defs.days import DayResult, each_day
from vieweratlas_assets.defs.earlier import good_day_before
from vieweratlas_assets.defs.io_managers import LakeIOManager
from vieweratlas_assets.defs.local_overlap import count_here
from vieweratlas_assets.defs.metadata import OWNERS, column_schemas
from vieweratlas_assets.defs.resources import Analysis
from vieweratlas_assets.defs.spark_overlap import count_on_spark, spark_launcher
from vieweratlas_assets.domain.communities.detection import detect_communities
from vieweratlas_assets.domain.communities.profile_picture import draw_profile
from vieweratlas_assets.domain.overlap.counting import Overlap
from vieweratlas_assets.domain.overlap.graph import (
    DENSITY_RANGE,
    EmptyWindow,
    OverlapGraph,
    build_overlap_graph,
    density,
    density_advice,
    graph_facts,
)
from vieweratlas_assets.domain.overlap.pairs import WindowPairs
from vieweratlas_assets.domain.schemas import (
    CHANNEL_ACTIVITY,
    COMMUNITIES,
    COMMUNITY_TAGS,
    GRAPH_EDGES,
    GRAPH_NODES,
)
from vieweratlas_assets.domain.tagging.labels import tag_communities
from vieweratlas_assets.partitions import RANGE, Partitions
from vieweratlas_assets.settings import EngineSettings
from vieweratlas_assets.storage.sealed import AssetDays, PartitionRecord

GRAPH_TABLES = (GRAPH_NODES, GRAPH_EDGES)
GRAPH_CHECKS = (
    schema_check(GRAPH_TABLES),
    Check("shared_within_sizes", "No pair of channels shares more viewers than the smaller one has.", blocking=True),
    Check("same_filters", "All audiences of the window were made with the same filters."),
    Check("has_edges", "At least two channels share viewers."),
    Check("density", f"The share of joined pairs lies between {DENSITY_RANGE[0]} and {DENSITY_RANGE[1]}."),
)
COMMUNITY_CHECKS = (
    schema_check([COMMUNITIES]),
    Check("modularity_in_range", "Modularity lies between -0.5 and 1, its mathematical limits.", blocking=True),
    Check("community_count", "There are at least two communities, and fewer than half as many as channels."),
    Check("stability", "Five seeds agree: mean pairwise adjusted Rand index of at least 0.5."),
)
TAG_CHECKS = (
    schema_check([COMMUNITY_TAGS]),
    Check("labels_unique", "Every community has a label of its own.", blocking=True),
)
DETECTION = ("algorithm", "weight", "resolution", "resolution_mode", "min_community_size", "seed")

Counting = Callable[..., tuple[Overlap, dict[str, Any]]]
"""`count_here` or `count_on_spark`: (day, window, thresholds) to counts and figures."""


class ContinuityConfig(dg.Config):
    """What may be asked of one run of an asset that goes on from an earlier day.

    Attributes:
        anew: begin anew, as on a first day.
    """

    anew: bool = False


class GraphConfig(dg.Config):
    """What may be asked of one run of `overlap_graph`.

    Attributes:
        force: compute the graph also where an imported one stands, and replace it.
    """

    force: bool = False


def atlas_options(partitions: Partitions, asset: str, checks: tuple[Check, ...] = (), **more: Any) -> dict[str, Any]:
    """What all assets of the atlas have in common, for `dg.asset`."""
    return {
        "partitions_def": partitions.daily,
        "group_name": "atlas",
        "owners": OWNERS,
        "backfill_policy": RANGE,
        "check_specs": [check.spec(asset) for check in checks],
        **more,
    }


def overlap_graph_asset(partitions: Partitions, engine: EngineSettings) -> dg.AssetsDefinition:
    """Build the asset `overlap_graph`; this machine counts, or Spark."""
    window_days = partitions.window_days
    spark = spark_launcher(engine)

    @dg.asset(
        ins={"channel_audience": dg.AssetIn(partition_mapping=partitions.window, input_manager_key="lake")},
        kinds={"spark" if spark else "numba", "polars", "parquet"},
        metadata={**column_schemas(GRAPH_TABLES), "window_days": window_days},
        **atlas_options(partitions, "overlap_graph", GRAPH_CHECKS),
    )
    def overlap_graph(
        context: dg.AssetExecutionContext,
        config: GraphConfig,
        channel_audience: AssetDays,
        lake: dg.ResourceParam[LakeIOManager],
        analysis: Analysis,
    ) -> dg.MaterializeResult:
        """Channels joined by the viewers they share, over the trailing window of days."""
        pairs = WindowPairs(engine.memory_limit_bytes // 3)
        count = (
            partial(count_on_spark, context, spark, lake.store)
            if spark
            else partial(count_here, channel_audience, pairs)
        )

        def of_day(day: dt.date) -> DayResult:
            there = lake.sealed.record("overlap_graph", day)
            if there is not None and there.imported and not config.force:
                context.log.warning(
                    f"overlap_graph of {day} came from {there.origin} and is kept; `force` replaces it"
                )
                nodes, edges = (lake.sealed.table(there, table) for table in GRAPH_TABLES)
                return DayResult(kept=there, verdicts=_graph_verdicts(OverlapGraph(nodes, edges, 0, None)))
            return graph_of_day(channel_audience, day, window_days, analysis, count)

        with pairs:
            return each_day(context, lake.sealed, of_day, tables=GRAPH_TABLES, asset_checks=GRAPH_CHECKS)

    return overlap_graph


def graph_of_day(
    audience: AssetDays, day: dt.date, window_days: int, analysis: Analysis, count: Counting
) -> DayResult:
    """Build the graph of the window that ends with a day.

    Args:
        count: what counts the shared viewers, on this machine or elsewhere.

    Raises:
        EmptyWindow: no day of the window has presence.
    """
    first = day - dt.timedelta(days=window_days - 1)
    found = audience.window(day, window_days)
    window = [record for record in found if record.facts["total_snapshots"]]
    present = [record.day for record in window]
    if not present:
        raise EmptyWindow(
            f"no presence from {first} to {day}: import or collect some, or materialise channel_audience of the "
            "days that have it"
        )
    limits = {
        "overlap_threshold": analysis.overlap_threshold,
        "min_channel_viewers": analysis.min_channel_viewers,
        "max_channels_per_viewer": analysis.max_channels_per_viewer if analysis.drop_viewers_over_max else None,
    }
    overlap, engine = count(day, window, **limits)
    graph = build_overlap_graph(
        overlap,
        {each: audience.table(each, CHANNEL_ACTIVITY) for each in present},
        min_channel_viewers=analysis.min_channel_viewers,
    )
    facts = {
        **graph_facts(graph),
        "engine": engine,
        "window_days": window_days,
        "days_present": len(present),
        "days": [str(each) for each in present],
        "window": _window_facts(window),
        "settings": {"window_days": window_days, **analysis.used("overlap_threshold", "min_channel_viewers")},
    }
    used = {json.dumps(record.facts["settings"], sort_keys=True) for record in window}
    verdicts = {
        **_graph_verdicts(graph),
        "same_filters": Verdict(len(used) == 1, " | ".join(sorted(used))),
    }
    return DayResult(
        tables={GRAPH_NODES: graph.nodes, GRAPH_EDGES: graph.edges},
        facts=facts,
        verdicts=verdicts,
        made_from=window_fingerprint(found),
    )


def window_fingerprint(window: Iterable[PartitionRecord]) -> str:
    """Tells whether a graph was made of these audiences; days in which nobody wrote anywhere do not count."""
    files = [(str(record.day), sorted(record.files.items())) for record in window if record.facts["total_snapshots"]]
    return hashlib.sha256(json.dumps(files).encode()).hexdigest()[:16]


def _window_facts(window: list[PartitionRecord]) -> dict[str, Any]:
    """What the audiences of the window stand on, summed over its days."""
    sources = [source for record in window for source in record.facts["sources"].values()]
    told = {name for record in window for name, each in record.facts["sources"].items() if each["snapshots"]}
    removed: Counter[str] = Counter()
    for effect in (effect for record in window for effect in record.facts["filters"] if effect["removed"]):
        removed[effect["name"]] += effect["pairs"]
    return {
        "sources": sorted(told),
        "snapshots": sum(source["snapshots"] for source in sources),
        "files_read": sum(source["files_read"] for source in sources),
        "files_rejected": sum(source["files_rejected"] for source in sources),
        "pairs_removed_by_filter": dict(removed),
    }


def _graph_verdicts(graph: OverlapGraph) -> dict[str, Verdict]:
    above = graph.edges.filter(pl.col("overlap_coefficient") > 1).height
    advice, share = density_advice(graph), density(graph)
    return {
        "shared_within_sizes": Verdict(above == 0, f"{above} of {graph.edges.height} edges share too many viewers"),
        "has_edges": Verdict(graph.edges.height > 0, f"{graph.nodes.height} channels, {graph.edges.height} edges"),
        "density": Verdict(advice is None, advice or f"density {share}"),
    }


def communities_asset(partitions: Partitions) -> dg.AssetsDefinition:
    """Build the asset `communities`."""

    @dg.asset(
        ins={"overlap_graph": dg.AssetIn(input_manager_key="lake")},
        deps=[dg.AssetDep("communities", partition_mapping=partitions.day_before)],
        kinds={"numba", "matplotlib", "parquet"},
        metadata=column_schemas([COMMUNITIES]),
        **atlas_options(partitions, "communities", COMMUNITY_CHECKS),
    )
    def communities(
        context: dg.AssetExecutionContext,
        config: ContinuityConfig,
        overlap_graph: AssetDays,
        lake: dg.ResourceParam[LakeIOManager],
        analysis: Analysis,
    ) -> dg.MaterializeResult:
        """Groups of channels that share viewers among each other more than with the rest."""

        def found_alike(record: PartitionRecord) -> bool:
            return record.facts.get("settings") == analysis.used(*DETECTION)

        def of_day(day: dt.date) -> DayResult:
            earlier = None
            if analysis.keep_communities and not config.anew:
                channels = overlap_graph.table(day, GRAPH_NODES)["channel"]
                earlier = good_day_before(lake.sealed, day, channels, may_be=found_alike)
            found = None if earlier is None else lake.sealed.table(earlier, COMMUNITIES)
            result = communities_of_day(overlap_graph, day, analysis, found)
            return replace(result, facts={**result.facts, "went_on_from": earlier and str(earlier.day)})

        return each_day(context, lake.sealed, of_day, tables=[COMMUNITIES], asset_checks=COMMUNITY_CHECKS)

    return communities


def communities_of_day(
    graph: AssetDays, day: dt.date, analysis: Analysis, earlier: pl.DataFrame | None = None
) -> DayResult:
    """Find the communities of a day's graph.

    Args:
        earlier: schema COMMUNITIES, that the communities may go on from.
    """
    found = detect_communities(
        graph.table(day, GRAPH_NODES),
        graph.table(day, GRAPH_EDGES),
        algorithm=analysis.algorithm,
        weight=analysis.weight,
        resolution=analysis.resolution,
        resolution_mode=analysis.resolution_mode,
        min_community_size=analysis.min_community_size,
        seed=analysis.seed,
        profiled=True,
        earlier=earlier,
    )
    channels, count = found.communities.height, len(found.sizes)
    sane = channels < 2 or 2 <= count < channels / 2
    facts = {
        "rows": channels,
        "communities": count,
        "unclustered": found.unclustered,
        "modularity": found.modularity,
        "stability": found.stability,
        "largest": found.sizes[0] if found.sizes else 0,
        "sizes": list(found.sizes),
        "weight_used": found.weight,
        "edges_left_out": found.edges_left_out,
        "edges_used": found.edges_used,
        "edges_per_channel": found.edges_per_channel,
        "resolution_used": found.resolution,
        "natural_resolution": found.natural_resolution,
        "resolution_profile": [asdict(step) for step in found.profile],
        "communities_kept": found.goes_on,
        "settings": analysis.used(*DETECTION),
    }
    verdicts = {
        "modularity_in_range": Verdict(
            found.modularity is None or -0.5 <= found.modularity <= 1, f"modularity {found.modularity}"
        ),
        "community_count": Verdict(sane, f"{count} communities of {channels} channels"),
        "stability": Verdict(found.stability is None or found.stability >= 0.5, f"stability {found.stability}"),
    }
    pictures = {"profile": draw_profile(found.profile, found.resolution)} if found.profile else {}
    return DayResult(tables={COMMUNITIES: found.communities}, facts=facts, verdicts=verdicts, pictures=pictures)


def community_tags_asset(partitions: Partitions) -> dg.AssetsDefinition:
    """Build the asset `community_tags`."""

    @dg.asset(
        ins={name: dg.AssetIn(input_manager_key="lake") for name in ("overlap_graph", "communities")},
        kinds={"polars", "parquet"},
        metadata=column_schemas([COMMUNITY_TAGS]),
        **atlas_options(partitions, "community_tags", TAG_CHECKS),
    )
    def community_tags(
        context: dg.AssetExecutionContext,
        overlap_graph: AssetDays,
        communities: AssetDays,
        lake: dg.ResourceParam[LakeIOManager],
        analysis: Analysis,
    ) -> dg.MaterializeResult:
        """What each community is about: a label from the games and languages of its channels, and the reason."""

        def of_day(day: dt.date) -> DayResult:
            tags = tag_communities(
                overlap_graph.table(day, GRAPH_NODES),
                communities.table(day, COMMUNITIES),
                game_threshold=analysis.game_threshold,
                language_threshold=analysis.language_threshold,
            )
            return tags_result(tags, analysis)

        return each_day(context, lake.sealed, of_day, tables=[COMMUNITY_TAGS], asset_checks=TAG_CHECKS)

    return community_tags


def tags_result(tags: pl.DataFrame, analysis: Analysis) -> DayResult:
    """A day's labels with their figures."""
    repeated = tags.height - tags["label"].n_unique()
    facts = {
        "rows": tags.height,
        "communities_named_by_metadata": tags.filter(pl.col("channels_known") > 0).height,
        "labels": tags["label"].to_list(),
        "settings": analysis.used("game_threshold", "language_threshold"),
    }
    verdicts = {"labels_unique": Verdict(repeated == 0, f"{repeated} labels stand more than once")}
    return DayResult(tables={COMMUNITY_TAGS: tags}, facts=facts, verdicts=verdicts)
