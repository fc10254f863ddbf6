"""What a day takes over from earlier days: places on the map, and who each community is.

Belongs here: the layout and the community history of a day. Not here: the methods (domain), which earlier day is good
enough (steps.earlier).
"""

import datetime as dt
import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import polars as pl

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
    GRAPH_NODES,
    LAYOUT,
)
from vieweratlas_assets.settings import AnalysisSettings
from vieweratlas_assets.steps.earlier import latest_good_day
from vieweratlas_assets.steps.results import DayResult, Verdict, settings_used
from vieweratlas_assets.storage.sealed import PartitionRecord, SealedPartitions

LOG = logging.getLogger("vieweratlas.days")
EVENTS = ("born", "died", "split", "merged", "renamed", "moved")


def lay_out(
    nodes: pl.DataFrame,
    edges: pl.DataFrame,
    communities: pl.DataFrame,
    analysis: AnalysisSettings,
    earlier: pl.DataFrame | None = None,
) -> tuple[pl.DataFrame, bool]:
    """Place every channel on the map.

    Args:
        nodes, edges, communities: schemas GRAPH_NODES, GRAPH_EDGES and COMMUNITIES.
        earlier: schema LAYOUT, an earlier day's map on which channels stay where they were.

    Returns:
        Schema LAYOUT, and whether it continues the earlier map.
    """
    weight = usable_weight(edges, analysis.weight)
    if analysis.layout == "force":
        return force_layout(nodes, edges, weight=weight, seed=analysis.seed), False
    graph = map_graph(nodes, edges, communities, weight=weight)
    if earlier is not None:
        moved = moved_layout(graph, earlier, seed=analysis.seed)
        if moved is not None:
            return moved, True
    return map_layout(graph, seed=analysis.seed), False


def layout_of_day(
    sealed: SealedPartitions,
    day: dt.date,
    nodes: pl.DataFrame,
    edges: pl.DataFrame,
    communities: pl.DataFrame,
    analysis: AnalysisSettings,
    *,
    start_over: bool = False,
) -> DayResult:
    """Lay out a day's map, continuing an earlier one where one exists.

    Args:
        start_over: ignore earlier days, as on a first day.
    """
    earlier = None
    if analysis.layout == "map" and not start_over:
        earlier = _earlier_map(sealed, day, nodes["channel"])
    before = None if earlier is None else sealed.table(earlier, LAYOUT)
    layout, continued = lay_out(nodes, edges, communities, analysis, before)
    outside = layout.filter(~(pl.col("x").is_between(0, 1) & pl.col("y").is_between(0, 1))).height
    facts = {
        "rows": layout.height,
        "weight_used": usable_weight(edges, analysis.weight),
        "went_on_from": str(earlier.day) if earlier is not None and continued else None,
        "settings": settings_used(analysis, "layout", "weight", "seed"),
    }
    return DayResult(
        tables={LAYOUT: layout},
        facts=facts,
        verdicts={"positions_in_unit_square": Verdict(outside == 0, f"{outside} channels outside")},
    )


def _earlier_map(sealed: SealedPartitions, day: dt.date, channels: pl.Series) -> PartitionRecord | None:
    """The record of `atlas_layout` that a day continues; None where no earlier map fits."""

    def has_map(communities: PartitionRecord) -> bool:
        layout = sealed.sound_record("atlas_layout", communities.day)
        return layout is not None and layout.facts.get("settings", {}).get("layout") == "map"

    communities = latest_good_day(sealed, day, channels, may_be=has_map)
    return None if communities is None else sealed.record("atlas_layout", communities.day)


def history_of_day(
    sealed: SealedPartitions,
    today: Day,
    tags: pl.DataFrame,
    layout: pl.DataFrame,
    given_names: Mapping[int, str],
    *,
    start_over: bool = False,
) -> DayResult:
    """Give each community of a day the id, name and color that it keeps, and say what became of the earlier ones.

    Args:
        tags, layout: schemas COMMUNITY_TAGS and LAYOUT.
        given_names: names that people chose, by community id.
        start_over: ignore earlier days, as on a first day; ids that were given out are still not given again.
    """
    latest = sealed.newest_before("community_history", today.day)
    earlier = None if start_over else _earlier_day(sealed, today.day, today.nodes["channel"])
    if earlier is not None and latest is not None:
        earlier = replace(earlier, next_id=max(earlier.next_id, latest.facts["next_id"]))
    first_id = 1 if latest is None else latest.facts["next_id"]
    history = identify(today, tags, layout, earlier, given_names, first_id=first_id)
    fingerprint = _communities_fingerprint(sealed.record("communities", today.day))
    return replace(_history_result(history, earlier), made_from=fingerprint)


def _earlier_day(sealed: SealedPartitions, day: dt.date, channels: pl.Series) -> EarlierDay | None:
    """The latest good day whose history describes its current communities; None where no day qualifies."""

    def describes(communities: PartitionRecord) -> bool:
        history = sealed.sound_record("community_history", communities.day)
        if history is not None and history.made_from != _communities_fingerprint(communities):
            LOG.warning(
                "community_history of %s describes communities that no longer exist, and is skipped: "
                "materialize it again",
                history.day,
            )
            return False
        return history is not None

    communities = latest_good_day(sealed, day, channels, may_be=describes)
    history = None if communities is None else sealed.record("community_history", communities.day)
    if communities is None or history is None:
        return None
    graph = sealed.record("overlap_graph", communities.day)
    return EarlierDay(
        communities.day,
        GRAPH_NODES.empty() if graph is None else sealed.table(graph, GRAPH_NODES),
        sealed.table(communities, COMMUNITIES),
        sealed.table(history, COMMUNITY_HISTORY),
        history.facts["next_id"],
    )


def history_fingerprint(history: pl.DataFrame) -> str:
    """Identify a day's history (schema COMMUNITY_HISTORY): ids mean something only within one history."""
    return hashlib.sha256(history.write_csv().encode()).hexdigest()[:16]


def _communities_fingerprint(communities: PartitionRecord | None) -> str:
    files = sorted(communities.files.items()) if communities else []
    return hashlib.sha256(json.dumps(files).encode()).hexdigest()[:16]


def _history_result(history: History, earlier: EarlierDay | None) -> DayResult:
    rows, events = history.communities, history.events
    counts = dict(events["event"].value_counts().iter_rows())
    facts: dict[str, Any] = {
        "rows": rows.height,
        "went_on_from": None if earlier is None else str(earlier.day),
        "earlier_history": None if earlier is None else history_fingerprint(earlier.history),
        "kept": rows["similarity"].drop_nulls().len(),
        **{event: counts.get(event, 0) for event in EVENTS},
        "next_id": history.next_id,
    }
    distinct = rows["community_id"].n_unique() == rows["name"].n_unique() == rows.height
    return DayResult(
        tables={COMMUNITY_HISTORY: rows, COMMUNITY_EVENTS: events},
        facts=facts,
        verdicts={"ids_and_names_unique": Verdict(distinct, f"{rows.height} communities")},
    )
