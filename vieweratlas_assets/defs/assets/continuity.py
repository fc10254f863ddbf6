"""Where channels stand and who communities are, from day to day: `atlas_layout` and `community_history`.

Belongs here: their definitions and checks. Not here: the work (steps.continuity).
"""

import datetime as dt

import dagster as dg

from vieweratlas_assets.defs.assets.options import ContinuityConfig, atlas_asset
from vieweratlas_assets.defs.checks import Check, schema_check
from vieweratlas_assets.defs.days import each_day
from vieweratlas_assets.defs.io_managers import LakeIOManager
from vieweratlas_assets.defs.metadata import column_schemas
from vieweratlas_assets.defs.partitions import Partitions
from vieweratlas_assets.defs.resources import Analysis
from vieweratlas_assets.domain.communities.history import Day
from vieweratlas_assets.domain.schemas import (
    COMMUNITIES,
    COMMUNITY_EVENTS,
    COMMUNITY_HISTORY,
    COMMUNITY_TAGS,
    GRAPH_EDGES,
    GRAPH_NODES,
    LAYOUT,
)
from vieweratlas_assets.settings import AtlasSettings, read_community_names
from vieweratlas_assets.steps.continuity import history_of_day, layout_of_day
from vieweratlas_assets.steps.results import DayResult
from vieweratlas_assets.storage.sealed import AssetDays

LAYOUT_CHECKS = (
    schema_check([LAYOUT]),
    Check("positions_in_unit_square", "Every position is a number from 0 to 1.", blocking=True),
)
HISTORY_TABLES = (COMMUNITY_HISTORY, COMMUNITY_EVENTS)
HISTORY_CHECKS = (
    schema_check(HISTORY_TABLES),
    Check("ids_and_names_unique", "Every community has an id and a name of its own.", blocking=True),
)


def atlas_layout_asset(partitions: Partitions) -> dg.AssetsDefinition:
    """Build the asset `atlas_layout`."""

    @atlas_asset(
        partitions,
        "atlas_layout",
        LAYOUT_CHECKS,
        ins={name: dg.AssetIn(input_manager_key="lake") for name in ("overlap_graph", "communities")},
        deps=[dg.AssetDep("atlas_layout", partition_mapping=partitions.day_before)],
        kinds={"numba", "parquet"},
        metadata=column_schemas([LAYOUT]),
    )
    def atlas_layout(
        context: dg.AssetExecutionContext,
        config: ContinuityConfig,
        overlap_graph: AssetDays,
        communities: AssetDays,
        lake: dg.ResourceParam[LakeIOManager],
        analysis: Analysis,
    ) -> dg.MaterializeResult:
        """Where every channel stands on the map: x and y from 0 to 1. A channel stays where it was a day before."""

        def of_day(day: dt.date) -> DayResult:
            graph = overlap_graph.table(day, GRAPH_NODES), overlap_graph.table(day, GRAPH_EDGES)
            partition = communities.table(day, COMMUNITIES)
            return layout_of_day(lake.sealed, day, *graph, partition, analysis, start_over=config.start_over)

        return each_day(context, lake.sealed, of_day, tables=[LAYOUT], asset_checks=LAYOUT_CHECKS)

    return atlas_layout


def community_history_asset(partitions: Partitions, settings: AtlasSettings) -> dg.AssetsDefinition:
    """Build the asset `community_history`."""
    upstream = ("overlap_graph", "communities", "community_tags", "atlas_layout")

    @atlas_asset(
        partitions,
        "community_history",
        HISTORY_CHECKS,
        ins={name: dg.AssetIn(input_manager_key="lake") for name in upstream},
        deps=[dg.AssetDep("community_history", partition_mapping=partitions.day_before)],
        kinds={"polars", "parquet"},
        metadata=column_schemas(HISTORY_TABLES),
    )
    def community_history(
        context: dg.AssetExecutionContext,
        config: ContinuityConfig,
        overlap_graph: AssetDays,
        communities: AssetDays,
        community_tags: AssetDays,
        atlas_layout: AssetDays,
        lake: dg.ResourceParam[LakeIOManager],
    ) -> dg.MaterializeResult:
        """Who each community is: an id, name and color that it keeps from day to day, and what became of others."""
        file = settings.community_names_file
        names = {} if file is None else read_community_names(file)

        def of_day(day: dt.date) -> DayResult:
            today = Day(day, overlap_graph.table(day, GRAPH_NODES), communities.table(day, COMMUNITIES))
            tags, layout = community_tags.table(day, COMMUNITY_TAGS), atlas_layout.table(day, LAYOUT)
            return history_of_day(lake.sealed, today, tags, layout, names, start_over=config.start_over)

        return each_day(context, lake.sealed, of_day, tables=HISTORY_TABLES, asset_checks=HISTORY_CHECKS)

    return community_history
