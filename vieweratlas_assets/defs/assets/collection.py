"""Presence and catalogues as importers and generators write them: assets that are observed, not run.

Belongs here: the specs of what lies above `channel_audience`. Their collectors make them executable.
"""

from typing import Any

import dagster as dg

from vieweratlas_assets.defs.metadata import column_schemas
from vieweratlas_assets.domain.schemas import PRESENCE, VOD_CATALOG
from vieweratlas_assets.domain.tables import Table
from vieweratlas_assets.partitions import Partitions

OWNERS = ["team:vieweratlas"]


def collection_specs(partitions: Partitions) -> list[dg.AssetSpec]:
    """The assets that hold what was imported."""
    return [
        dg.AssetSpec("vod_catalog", partitions_def=partitions.daily, **_described(VOD_CATALOG, "collection")),
        dg.AssetSpec(
            "vod_presence",
            partitions_def=partitions.daily,
            deps=["vod_catalog"],
            **_described(PRESENCE, "presence", "Chat replay of the VODs created on a day, one file a VOD."),
        ),
    ]


def _described(table: Table, group: str, description: str | None = None) -> dict[str, Any]:
    return {
        "group_name": group,
        "description": description or table.description,
        "owners": OWNERS,
        "kinds": {"parquet", "twitch"},
        "metadata": column_schemas([table]),
    }
