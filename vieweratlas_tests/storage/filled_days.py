"""Presence of a day for the tests of its files and of its rows: live, VODs, their catalog, and the roster."""

import datetime as dt

import polars as pl

from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.presence.names import PLAIN
from vieweratlas_assets.domain.presence.records import complete_vod_presence
from vieweratlas_assets.domain.schemas import CHANNEL_ROSTER, PRESENCE, VOD_CATALOG
from vieweratlas_assets.storage.objects import ObjectStore

DAY = dt.date(2020, 3, 10)


NOON = dt.datetime(2020, 3, 10, 12, tzinfo=dt.UTC)


def presence(channel: str, vod_id: str, *viewers: str) -> pl.DataFrame:
    """One row of presence of a VOD, at noon."""
    rows = pl.DataFrame(
        {"channel": [channel], "content_id": [f"vod:{vod_id}"], "offset_s": [0], "chatters": [list(viewers)]}
    )
    return complete_vod_presence(rows, created_at=NOON, names=PLAIN)


def put_vod(store: ObjectStore, channel: str, vod_id: str, *viewers: str) -> str:
    """Write the presence of a VOD; returns its key."""
    key = lake.vod_presence(channel, vod_id)
    store.upload_parquet(key, presence(channel, vod_id, *viewers), PRESENCE)
    return key


def put_catalog(store: ObjectStore, day: dt.date, *vods: tuple[str, str]) -> None:
    """Write the catalog of a day: (channel, VOD)."""
    known = pl.DataFrame(
        {"channel": [channel for channel, _ in vods], "vod_id": [vod_id for _, vod_id in vods]},
        schema={"channel": pl.String, "vod_id": pl.String},
    )
    store.upload_parquet(lake.vod_catalog(day), _with_other_columns(known), VOD_CATALOG)


def _with_other_columns(known: pl.DataFrame) -> pl.DataFrame:
    empty = VOD_CATALOG.empty().drop("channel", "vod_id", "created_at")
    return known.with_columns(pl.lit(NOON).dt.cast_time_unit("us").alias("created_at")).with_columns(
        pl.lit(None, dtype=dtype).alias(name) for name, dtype in empty.schema.items()
    )


def put_live(store: ObjectStore, day: dt.date, channel: str, *viewers: str) -> str:
    """Write the live presence of one channel; returns its key."""
    frame = presence(channel, "1", *viewers).with_columns(
        pl.lit("live").alias("source"), pl.lit("live:1").alias("content_id")
    )
    store.upload_parquet(lake.live_presence(day), frame, PRESENCE)
    return lake.live_presence(day)


def put_roster(store: ObjectStore, day: dt.date, hour: int, channel: str) -> str:
    """Write an hour of the roster with one channel; returns its key."""
    frame = CHANNEL_ROSTER.empty()
    row = {"channel": channel, "observed_at": NOON, "tags": ["a"]}
    frame = pl.concat(
        [frame, pl.DataFrame([row], schema_overrides={"observed_at": frame.schema["observed_at"]})], how="diagonal"
    )
    store.upload_parquet(lake.channel_roster(day, hour), frame, CHANNEL_ROSTER)
    return lake.channel_roster(day, hour)


def fill(store: ObjectStore) -> None:
    """Live presence, two VODs and two roster hours of the day, and of the days before and after it."""
    for day, vods in ((DAY, ("1", "2")), (DAY + dt.timedelta(days=1), ("3",)), (DAY - dt.timedelta(days=1), ("4",))):
        put_live(store, day, "live_channel", "ann")
        put_catalog(store, day, *((f"c{vod_id}", vod_id) for vod_id in vods))
        for vod_id in vods:
            put_vod(store, f"c{vod_id}", vod_id, f"viewer{vod_id}")
        for hour in (9, 23):
            put_roster(store, day, hour, f"r{hour}")
