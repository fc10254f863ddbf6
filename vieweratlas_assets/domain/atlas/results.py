"""`analysis_results.json`: the day's analysis in one JSON file.

Belongs here: combining the results of the steps. Not here: computing them.
"""

import json
from collections.abc import Mapping
from typing import Any

import polars as pl

from vieweratlas_assets.domain.atlas.model import Atlas


def analysis_results(atlas: Atlas, statistics: Mapping[str, Mapping[str, Any] | None]) -> bytes:
    """Combine a day's analysis as JSON.

    Args:
        atlas: the day.
        statistics: figures by step: aggregation (of the day's own presence; graph has those of the window), graph,
            detection, tagging, layout; None for a step that did not run. The entry "settings" of a step has its
            settings; the JSON has them separately from the figures.

    Returns:
        UTF-8 JSON: date, settings by step (null if none applied, as for an imported graph), statistics by step,
        communities (with label, reason and shares), partition (channel -> community, null = unclustered).
    """
    tags = atlas.tags.sort("community").to_dicts()
    members = atlas.communities.drop_nulls().sort("channel").group_by("community").agg("channel")
    channels = dict(members.iter_rows())
    document = {
        "date": atlas.day.isoformat(),
        "settings": {step: (facts or {}).get("settings") for step, facts in statistics.items()},
        "statistics": {step: _without_settings(facts) for step, facts in statistics.items()},
        "communities": [{**tag, "members": channels[tag["community"]]} for tag in tags],
        "partition": dict(atlas.communities.sort("channel").select("channel", pl.col("community")).iter_rows()),
    }
    return (json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _without_settings(facts: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if facts is None else {name: value for name, value in facts.items() if name != "settings"}
