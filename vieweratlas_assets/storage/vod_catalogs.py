"""The catalog of a day's VODs, read from the lake.

Belongs here: reading a catalog that may not exist. Not here: its content (domain.presence.vod_catalog), finding
VODs (wiring.vod_discovery). Separate from day_presence, which is slow to import.
"""

import datetime as dt

import polars as pl

from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.schemas import VOD_CATALOG
from vieweratlas_assets.storage.objects import ObjectStore


def read_vod_catalog(store: ObjectStore, day: dt.date) -> pl.DataFrame:
    """The VODs of a day: schema VOD_CATALOG, empty if there is no catalog.

    Raises:
        CorruptObjectError: the catalog cannot be read.
    """
    key = lake.vod_catalog(day)
    return store.download_parquet(key, VOD_CATALOG) if store.exists(key) else VOD_CATALOG.empty()
