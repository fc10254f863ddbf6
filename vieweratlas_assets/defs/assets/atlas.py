"""From audiences to the atlas: `overlap_graph`, `communities` and `community_tags`.

Belongs here: their definitions and checks. Not here: the work (steps), the map (continuity), products.
"""

import datetime as dt
from functools import partial

import dagster as dg

from vieweratlas_assets.defs.assets.options import ContinuityConfig, atlas_asset
from vieweratlas_assets.defs.checks import Check, schema_check
from vieweratlas_assets.defs.days import each_day
from vieweratlas_assets.defs.io_managers import LakeIOManager
from vieweratlas_assets.defs.metadata import column_schemas
from vieweratlas_assets.defs.partitions import Partitions
from vieweratlas_assets.defs.resources import Analysis
from vieweratlas_assets.defs.spark.door import spark_counter
from vieweratlas_assets.domain.overlap.graph import DENSITY_RANGE
from vieweratlas_assets.domain.overlap.pairs import WindowPairs
from vieweratlas_assets.domain.schemas import COMMUNITIES, COMMUNITY_TAGS, GRAPH_EDGES, GRAPH_NODES
from vieweratlas_assets.settings import EngineSettings
from vieweratlas_assets.steps.communities import communities_of_day, tags_of_day
from vieweratlas_assets.steps.graph import count_on_this_machine, graph_of_day, kept_graph
from vieweratlas_assets.steps.results import DayResult
from vieweratlas_assets.storage.sealed import AssetDays

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


class GraphConfig(dg.Config):
    """Run config of `overlap_graph`.

    Attributes:
        force: compute the graph even where an imported one exists, and replace it.
    """

    force: bool = False


def overlap_graph_asset(partitions: Partitions, engine: EngineSettings) -> dg.AssetsDefinition:
    """Build the asset `overlap_graph`, counted on this machine or on Spark."""
    window_days = partitions.window_days
    count_on_spark = spark_counter(engine)

    @atlas_asset(
        partitions,
        "overlap_graph",
        GRAPH_CHECKS,
        ins={"channel_audience": dg.AssetIn(partition_mapping=partitions.window, input_manager_key="lake")},
        kinds={"spark" if count_on_spark else "numba", "polars", "parquet"},
        metadata={**column_schemas(GRAPH_TABLES), "window_days": window_days},
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
            partial(count_on_spark, context, lake.store)
            if count_on_spark
            else partial(count_on_this_machine, channel_audience, pairs)
        )

        def of_day(day: dt.date) -> DayResult:
            existing = lake.sealed.record("overlap_graph", day)
            if existing is not None and existing.imported and not config.force:
                context.log.warning(
                    f"overlap_graph of {day} came from {existing.origin} and is kept; `force` replaces it"
                )
                return kept_graph(lake.sealed, existing)
            return graph_of_day(channel_audience, day, window_days, analysis, count)

        with pairs:
            return each_day(context, lake.sealed, of_day, tables=GRAPH_TABLES, asset_checks=GRAPH_CHECKS)

    return overlap_graph


def communities_asset(partitions: Partitions) -> dg.AssetsDefinition:
    """Build the asset `communities`."""

    @atlas_asset(
        partitions,
        "communities",
        COMMUNITY_CHECKS,
        ins={"overlap_graph": dg.AssetIn(input_manager_key="lake")},
        deps=[dg.AssetDep("communities", partition_mapping=partitions.day_before)],
        kinds={"numba", "matplotlib", "parquet"},
        metadata=column_schemas([COMMUNITIES]),
    )
    def communities(
        context: dg.AssetExecutionContext,
        config: ContinuityConfig,
        overlap_graph: AssetDays,
        lake: dg.ResourceParam[LakeIOManager],
        analysis: Analysis,
    ) -> dg.MaterializeResult:
        """Groups of channels that share viewers among each other more than with the rest."""

        def of_day(day: dt.date) -> DayResult:
            nodes, edges = overlap_graph.table(day, GRAPH_NODES), overlap_graph.table(day, GRAPH_EDGES)
            return communities_of_day(lake.sealed, day, nodes, edges, analysis, start_over=config.start_over)

        return each_day(context, lake.sealed, of_day, tables=[COMMUNITIES], asset_checks=COMMUNITY_CHECKS)

    return communities


def community_tags_asset(partitions: Partitions) -> dg.AssetsDefinition:
    """Build the asset `community_tags`."""

    @atlas_asset(
        partitions,
        "community_tags",
        TAG_CHECKS,
        ins={name: dg.AssetIn(input_manager_key="lake") for name in ("overlap_graph", "communities")},
        kinds={"polars", "parquet"},
        metadata=column_schemas([COMMUNITY_TAGS]),
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
            return tags_of_day(overlap_graph.table(day, GRAPH_NODES), communities.table(day, COMMUNITIES), analysis)

        return each_day(context, lake.sealed, of_day, tables=[COMMUNITY_TAGS], asset_checks=TAG_CHECKS)

    return community_tags
