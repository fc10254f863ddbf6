"""`analysis_results.json`: the day's analysis in one file for those who read JSON.

Belongs here: putting together what the steps found. Not here: finding it.
"""

import json
from collections.abc import Mapping
from typing import Any

import polars as pl

from vieweratlas_assets.domain.atlas.model import Atlas


def analysis_results(atlas: Atlas, statistics: Mapping[str, Any], settings: Mapping[str, Any]) -> bytes:
    """Put a day's analysis together as JSON.

    Args:
        atlas: the day.
        statistics: figures of the steps: graph, detection, tagging, aggregation (null where a step did not run).
        settings: the settings used.

    Returns:
        UTF-8 JSON: date, settings, statistics, communities (with label, reason and shares), partition (channel ->
        community, null = unclustered).
    """
    tags = atlas.tags.sort("community").to_dicts()
    members = atlas.communities.drop_nulls().sort("channel").group_by("community").agg("channel")
    channels = dict(members.iter_rows())
    document = {
        "date": atlas.day.isoformat(),
        "settings": dict(settings),
        "statistics": dict(statistics),
        "communities": [{**tag, "members": channels[tag["community"]]} for tag in tags],
        "partition": dict(atlas.communities.sort("channel").select("channel", pl.col("community")).iter_rows()),
    }
    return (json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()
