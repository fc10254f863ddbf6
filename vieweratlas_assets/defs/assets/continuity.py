"""What stays as it was from day to day: where channels stand, and who the communities are.

Belongs here: `atlas_layout` and `community_history`. Not here: communities themselves, which go on too (atlas), what
people look at (products), the methods (domain).
"""

import datetime as dt
import hashlib
import json
import logging
from dataclasses import replace
from typing import Any

import dagster as dg
import polars as pl

from vieweratlas_assets.defs.assets.atlas import ContinuityConfig, atlas_options
from vieweratlas_assets.defs.checks import Check, Verdict, schema_check
from vieweratlas_assets.defs.days import DayResult, each_day
from vieweratlas_assets.defs.earlier import good_day_before
from vieweratlas_assets.defs.io_managers import LakeIOManager
from vieweratlas_assets.defs.metadata import column_schemas
from vieweratlas_assets.defs.resources import Analysis
from vieweratlas_assets.domain.atlas.identity import identify
from vieweratlas_assets.domain.atlas.layout import force_layout
from vieweratlas_assets.domain.atlas.map_layout import map_graph, map_layout
from vieweratlas_assets.domain.atlas.moved_layout import moved_layout
from vieweratlas_assets.domain.communities.history import Day, EarlierDay, History
from vieweratlas_assets.domain.overlap.measures import usable_weight
from vieweratlas_assets.domain.schemas import (
    COMMUNITIES,
    COMMUNITY_EVENTS,
    COMMUNITY_HISTORY,
    COMMUNITY_TAGS,
    GRAPH_EDGES,
    GRAPH_NODES,
    LAYOUT,
)
from vieweratlas_assets.partitions import Partitions
from vieweratlas_assets.settings import AtlasSettings, read_community_names
from vieweratlas_assets.storage.sealed import AssetDays, PartitionRecord, SealedPartitions

LAYOUT_CHECKS = (
    schema_check([LAYOUT]),
    Check("positions_in_unit_square", "Every position is a number from 0 to 1.", blocking=True),
)
HISTORY_TABLES = (COMMUNITY_HISTORY, COMMUNITY_EVENTS)
HISTORY_CHECKS = (
    schema_check(HISTORY_TABLES),
    Check("ids_and_names_unique", "Every community has an id and a name of its own.", blocking=True),
)
LOG = logging.getLogger("vieweratlas.days")
EVENTS = ("born", "died", "split", "merged", "renamed", "moved")


def atlas_layout_asset(partitions: Partitions) -> dg.AssetsDefinition:
    """Build the asset `atlas_layout`."""

    @dg.asset(
        ins={name: dg.AssetIn(input_manager_key="lake") for name in ("overlap_graph", "communities")},
        deps=[dg.AssetDep("atlas_layout", partition_mapping=partitions.day_before)],
        kinds={"numba", "parquet"},
        metadata=column_schemas([LAYOUT]),
        **atlas_options(partitions, "atlas_layout", LAYOUT_CHECKS),
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
            tables = overlap_graph.table(day, GRAPH_NODES), overlap_graph.table(day, GRAPH_EDGES)
            earlier = None
            if analysis.layout == "map" and not config.anew:
                earlier = earlier_map(lake.sealed, day, tables[0]["channel"])
            return layout_of_day(*tables, communities.table(day, COMMUNITIES), analysis, lake.sealed, earlier)

        return each_day(context, lake.sealed, of_day, tables=[LAYOUT], asset_checks=LAYOUT_CHECKS)

    return atlas_layout


def layout_of_day(
    nodes: pl.DataFrame,
    edges: pl.DataFrame,
    communities: pl.DataFrame,
    analysis: Analysis,
    sealed: SealedPartitions,
    earlier: PartitionRecord | None,
) -> DayResult:
    """Lay out a day's map, from an earlier one where there is one."""
    weight = usable_weight(edges, analysis.weight)
    layout, moved = None, False
    if analysis.layout == "force":
        layout = force_layout(nodes, edges, weight=weight, seed=analysis.seed)
    else:
        graph = map_graph(nodes, edges, communities, weight=weight)
        if earlier is not None:
            layout = moved_layout(graph, sealed.table(earlier, LAYOUT), seed=analysis.seed)
            moved = layout is not None
        if layout is None:
            layout = map_layout(graph, seed=analysis.seed)
    outside = layout.filter(~(pl.col("x").is_between(0, 1) & pl.col("y").is_between(0, 1))).height
    facts = {
        "rows": layout.height,
        "weight_used": weight,
        "went_on_from": str(earlier.day) if earlier is not None and moved else None,
        "settings": analysis.used("layout", "weight", "seed"),
    }
    return DayResult(
        tables={LAYOUT: layout},
        facts=facts,
        verdicts={"positions_in_unit_square": Verdict(outside == 0, f"{outside} channels outside")},
    )


def earlier_map(sealed: SealedPartitions, day: dt.date, channels: pl.Series) -> PartitionRecord | None:
    """The record of `atlas_layout` that a day goes on from; None where there is no map that it could."""

    def has_map(communities: PartitionRecord) -> bool:
        layout = sealed.sound_record("atlas_layout", communities.day)
        return layout is not None and layout.facts.get("settings", {}).get("layout") == "map"

    found = good_day_before(sealed, day, channels, may_be=has_map)
    return None if found is None else sealed.record("atlas_layout", found.day)


def community_history_asset(partitions: Partitions, settings: AtlasSettings) -> dg.AssetsDefinition:
    """Build the asset `community_history`."""
    upstream = ("overlap_graph", "communities", "community_tags", "atlas_layout")

    @dg.asset(
        ins={name: dg.AssetIn(input_manager_key="lake") for name in upstream},
        deps=[dg.AssetDep("community_history", partition_mapping=partitions.day_before)],
        kinds={"polars", "parquet"},
        metadata=column_schemas(HISTORY_TABLES),
        **atlas_options(partitions, "community_history", HISTORY_CHECKS),
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
        """Who each community is: an id, name and colour that it keeps from day to day, and what became of others."""
        file = settings.community_names_file
        names = {} if file is None else read_community_names(file)

        def of_day(day: dt.date) -> DayResult:
            today = Day(day, overlap_graph.table(day, GRAPH_NODES), communities.table(day, COMMUNITIES))
            latest = lake.sealed.newest_before("community_history", day)
            earlier = None if config.anew else earlier_day(lake.sealed, day, today.nodes["channel"])
            if earlier is not None and latest is not None:
                earlier = replace(earlier, next_id=max(earlier.next_id, latest.facts["next_id"]))
            found = identify(
                *(today, community_tags.table(day, COMMUNITY_TAGS), atlas_layout.table(day, LAYOUT), earlier, names),
                first_id=1 if latest is None else latest.facts["next_id"],
            )
            return replace(history_result(found, earlier), made_from=_made_of(communities.record(day)))

        return each_day(context, lake.sealed, of_day, tables=HISTORY_TABLES, asset_checks=HISTORY_CHECKS)

    return community_history


def earlier_day(sealed: SealedPartitions, day: dt.date, channels: pl.Series) -> EarlierDay | None:
    """The earlier day that a day goes on from, whose history tells of the communities that are there; None: none."""

    def is_told_of(communities: PartitionRecord) -> bool:
        history = sealed.sound_record("community_history", communities.day)
        if history is not None and history.made_from != _made_of(communities):
            LOG.warning(
                "community_history of %s tells of communities that are no longer there, and is passed over: "
                "materialise it again",
                history.day,
            )
            return False
        return history is not None

    found = good_day_before(sealed, day, channels, may_be=is_told_of)
    history = None if found is None else sealed.record("community_history", found.day)
    if found is None or history is None:
        return None
    graph = sealed.record("overlap_graph", found.day)
    return EarlierDay(
        found.day,
        GRAPH_NODES.empty() if graph is None else sealed.table(graph, GRAPH_NODES),
        sealed.table(found, COMMUNITIES),
        sealed.table(history, COMMUNITY_HISTORY),
        history.facts["next_id"],
    )


def fingerprint_of(history: pl.DataFrame) -> str:
    """Tells a day's history (schema COMMUNITY_HISTORY) from others: ids mean what they mean in one of them."""
    return hashlib.sha256(history.write_csv().encode()).hexdigest()[:16]


def _made_of(communities: PartitionRecord | None) -> str:
    """Tells the communities of a day from others."""
    files = sorted(communities.files.items()) if communities else []
    return hashlib.sha256(json.dumps(files).encode()).hexdigest()[:16]


def history_result(found: History, earlier: EarlierDay | None) -> DayResult:
    """A day's history with its figures."""
    rows, events = found.communities, found.events
    counted = dict(events["event"].value_counts().iter_rows())
    facts: dict[str, Any] = {
        "rows": rows.height,
        "went_on_from": None if earlier is None else str(earlier.day),
        "earlier_history": None if earlier is None else fingerprint_of(earlier.history),
        "kept": rows["similarity"].drop_nulls().len(),
        **{event: counted.get(event, 0) for event in EVENTS},
        "next_id": found.next_id,
    }
    distinct = rows["community_id"].n_unique() == rows["name"].n_unique() == rows.height
    verdict = Verdict(distinct, f"{rows.height} communities")
    return DayResult(
        tables={COMMUNITY_HISTORY: rows, COMMUNITY_EVENTS: events},
        facts=facts,
        verdicts={"ids_and_names_unique": verdict},
    )
