"""The communities of a day's graph, and their labels.

Belongs here: applying the settings, figures and verdicts. Not here: detection (domain.communities), the rules of
labels (domain.tagging), what a community keeps from day to day (steps.continuity).
"""

import datetime as dt
from dataclasses import asdict
from typing import Any

import polars as pl

from vieweratlas_assets.domain.communities.detection import Detection, detect_communities
from vieweratlas_assets.domain.communities.profile_picture import draw_profile
from vieweratlas_assets.domain.schemas import COMMUNITIES, COMMUNITY_TAGS
from vieweratlas_assets.domain.tagging.labels import tag_communities
from vieweratlas_assets.settings import AnalysisSettings
from vieweratlas_assets.steps.earlier import latest_good_day
from vieweratlas_assets.steps.results import DayResult, Verdict, settings_used
from vieweratlas_assets.storage.sealed import PartitionRecord, SealedPartitions

DETECTION_SETTINGS = ("algorithm", "weight", "resolution", "resolution_mode", "min_community_size", "seed")


def detect(
    nodes: pl.DataFrame,
    edges: pl.DataFrame,
    analysis: AnalysisSettings,
    *,
    earlier: pl.DataFrame | None = None,
    profiled: bool = False,
) -> Detection:
    """Find the communities of a graph as the settings ask.

    Args:
        nodes, edges: schemas GRAPH_NODES and GRAPH_EDGES.
        earlier: schema COMMUNITIES, which the communities may continue.
        profiled: also find what other resolutions would give.
    """
    options = {name: getattr(analysis, name) for name in DETECTION_SETTINGS}
    return detect_communities(nodes, edges, **options, earlier=earlier, profiled=profiled)


def tags(nodes: pl.DataFrame, communities: pl.DataFrame, analysis: AnalysisSettings) -> pl.DataFrame:
    """Name each community (schema COMMUNITIES) as the settings ask: schema COMMUNITY_TAGS."""
    return tag_communities(
        nodes,
        communities,
        game_threshold=analysis.game_threshold,
        language_threshold=analysis.language_threshold,
    )


def communities_of_day(
    sealed: SealedPartitions,
    day: dt.date,
    nodes: pl.DataFrame,
    edges: pl.DataFrame,
    analysis: AnalysisSettings,
    *,
    start_over: bool = False,
) -> DayResult:
    """Find the communities of a day's graph, continuing those of the latest good day with the same settings.

    Args:
        start_over: ignore earlier days, as on a first day.
    """
    settings = settings_used(analysis, *DETECTION_SETTINGS)

    def same_settings(record: PartitionRecord) -> bool:
        return record.facts.get("settings") == settings

    earlier = None
    if analysis.keep_communities and not start_over:
        earlier = latest_good_day(sealed, day, nodes["channel"], may_be=same_settings)
    continued = None if earlier is None else sealed.table(earlier, COMMUNITIES)
    detection = detect(nodes, edges, analysis, earlier=continued, profiled=True)
    facts = {**_facts(detection), "settings": settings, "went_on_from": earlier and str(earlier.day)}
    profile = detection.profile
    pictures = {"profile": draw_profile(profile, detection.resolution)} if profile else {}
    return DayResult(
        tables={COMMUNITIES: detection.communities},
        facts=facts,
        verdicts=_verdicts(detection),
        pictures=pictures,
    )


def _facts(detection: Detection) -> dict[str, Any]:
    return {
        "rows": detection.communities.height,
        "communities": len(detection.sizes),
        "unclustered": detection.unclustered,
        "modularity": detection.modularity,
        "stability": detection.stability,
        "largest": detection.sizes[0] if detection.sizes else 0,
        "sizes": list(detection.sizes),
        "weight_used": detection.weight,
        "edges_left_out": detection.edges_left_out,
        "edges_used": detection.edges_used,
        "edges_per_channel": detection.edges_per_channel,
        "resolution_used": detection.resolution,
        "natural_resolution": detection.natural_resolution,
        "resolution_profile": [asdict(step) for step in detection.profile],
        "communities_kept": detection.continues_earlier,
    }


def _verdicts(detection: Detection) -> dict[str, Verdict]:
    channels, count = detection.communities.height, len(detection.sizes)
    modularity, stability = detection.modularity, detection.stability
    return {
        "modularity_in_range": Verdict(modularity is None or -0.5 <= modularity <= 1, f"modularity {modularity}"),
        "community_count": Verdict(
            channels < 2 or 2 <= count < channels / 2, f"{count} communities of {channels} channels"
        ),
        "stability": Verdict(stability is None or stability >= 0.5, f"stability {stability}"),
    }


def tags_of_day(nodes: pl.DataFrame, communities: pl.DataFrame, analysis: AnalysisSettings) -> DayResult:
    """Name the communities of a day."""
    labels = tags(nodes, communities, analysis)
    repeated = labels.height - labels["label"].n_unique()
    facts = {
        "rows": labels.height,
        "communities_named_by_metadata": labels.filter(pl.col("channels_known") > 0).height,
        "labels": labels["label"].to_list(),
        "settings": settings_used(analysis, "game_threshold", "language_threshold"),
    }
    verdicts = {"labels_unique": Verdict(repeated == 0, f"{repeated} labels occur more than once")}
    return DayResult(tables={COMMUNITY_TAGS: labels}, facts=facts, verdicts=verdicts)
