"""The catalog of a day's VODs, read from the lake.

Belongs here: reading it where it may not be there. Not here: what is in it (domain.presence.vod_catalog), finding
VODs (cataloging). Apart from presence, which takes long to load.
"""

import datetime as dt

import polars as pl

from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.schemas import VOD_CATALOG
from vieweratlas_assets.storage.objects import ObjectStore


def read_vod_catalog(store: ObjectStore, day: dt.date) -> pl.DataFrame:
    """The VODs of a day: schema VOD_CATALOG, empty where there is no catalog.

    Raises:
        CorruptObjectError: it cannot be read.
    """
    key = lake.vod_catalog(day)
    return store.download_parquet(key, VOD_CATALOG) if store.exists(key) else VOD_CATALOG.empty()
