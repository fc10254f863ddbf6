"""Canonical presence records: completing and checking rows from elsewhere, so that they have schema PRESENCE.

Belongs here: filling and checking presence rows. Not here: how names are stored (names), reading files
(importers, storage), reducing rows to an audience (audience).
"""

import datetime as dt

import polars as pl

from vieweratlas_assets.domain.presence.names import ViewerNames, folded
from vieweratlas_assets.domain.schemas import PRESENCE
from vieweratlas_assets.domain.tables import SchemaError

BUCKET_LEN_S = 60
REQUIRED = ("channel", "content_id", "offset_s", "chatters")
SOURCES = ("live", "vod")
MAX_OFFSET_S = 2**31 - 1


def complete_vod_presence(rows: pl.DataFrame, *, created_at: dt.datetime | None, names: ViewerNames) -> pl.DataFrame:
    """Fill the missing columns of a VOD's presence rows, and convert names to the form in which they are stored.

    Args:
        rows: at least channel, content_id, offset_s (seconds into the VOD) and chatters; other columns of PRESENCE
            are kept, all others are ignored.
        created_at: start of the recording, UTC; None = not known, then bucket_start stays null.
        names: how names are stored, and which channels are left out: their rows are dropped.

    Returns:
        Schema PRESENCE. Chatters are distinct, sorted and in stored form; viewer_count is their number.

    Raises:
        SchemaError: a required column is missing or has the wrong type, a bucket is not 60 s long, an offset is
            negative, not a multiple of 60 or above MAX_OFFSET_S, or a channel is blank.
    """
    missing = [name for name in REQUIRED if name not in rows.columns]
    if missing:
        raise SchemaError(f"missing column(s) {', '.join(missing)}; found {', '.join(rows.columns) or 'none'}")
    # If nobody wrote in a chat, all lists are empty, and files have no type for their elements.
    if rows.schema["chatters"] == pl.List(pl.Null):
        rows = rows.with_columns(pl.col("chatters").cast(pl.List(pl.String)))
    if rows.schema["chatters"] != pl.List(pl.String):
        raise SchemaError(f"column chatters is {rows.schema['chatters']}, not a list of strings")
    for name in ("channel", "content_id"):
        if rows.schema[name] != pl.String:
            raise SchemaError(f"column {name} is {rows.schema[name]}, not text")
    _refuse_other_buckets(rows)
    offset = pl.col("offset_s").cast(pl.Int32)
    start = pl.lit(created_at, dtype=PRESENCE.schema["bucket_start"])
    optional = ("channel_id", "game_name", "language", "title", "started_at")
    completed = rows.with_columns(
        pl.lit(None, dtype=PRESENCE.schema[name]).alias(name) for name in optional if name not in rows.columns
    ).with_columns(
        pl.lit("twitch").alias("platform"),
        pl.lit("vod").alias("source"),
        folded(pl.col("channel")),
        pl.lit(BUCKET_LEN_S).alias("bucket_len_s"),
        (start + pl.duration(seconds=offset)).alias("bucket_start"),
        pl.format("{}_offset_{}", "content_id", offset).alias("timestamp"),
        names.chatters(rows["chatters"]).alias("chatters"),
    )
    if (completed["channel"] == "").any():
        raise SchemaError("column channel is empty in some row(s)")
    counted = completed.with_columns(pl.col("chatters").list.len().cast(pl.Int32).alias("viewer_count"))
    return PRESENCE.conform(names.without_opted_out(counted))


def _refuse_other_buckets(rows: pl.DataFrame) -> None:
    if "bucket_len_s" in rows.columns:
        if not rows.schema["bucket_len_s"].is_integer():
            raise SchemaError(f"column bucket_len_s is {rows.schema['bucket_len_s']}, not a whole number of seconds")
        other = rows.filter(pl.col("bucket_len_s").ne_missing(BUCKET_LEN_S))
        if other.height:
            first = other["bucket_len_s"][0]
            value = "null" if first is None else first
            raise SchemaError(f"bucket_len_s is {value} in {other.height} row(s); only {BUCKET_LEN_S} is supported")
    if not rows.schema["offset_s"].is_integer():
        raise SchemaError(f"column offset_s is {rows.schema['offset_s']}, not a whole number of seconds")
    bad = rows.filter((pl.col("offset_s") < 0) | (pl.col("offset_s") % BUCKET_LEN_S != 0))
    if bad.height:
        raise SchemaError(f"offset_s is {bad['offset_s'][0]} in {bad.height} row(s); it must be a multiple of 60")
    beyond = rows.filter(pl.col("offset_s") > MAX_OFFSET_S)
    if beyond.height:
        raise SchemaError(f"offset_s is {beyond['offset_s'][0]} in {beyond.height} row(s); no VOD is that long")
