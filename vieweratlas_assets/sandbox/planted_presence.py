"""The sandbox's world as tables of the lake: what a collector would have stored, without collecting.

Belongs here: live presence, the roster, VODs and the planted truth, and writing the last two. Not here: who writes
when (chat).
"""

import dataclasses
import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.presence.records import BUCKET_LEN_S
from vieweratlas_assets.domain.schemas import CHANNEL_ROSTER, PRESENCE, VOD_CATALOG
from vieweratlas_assets.domain.tables import TIMESTAMP
from vieweratlas_assets.sandbox.chat import stream_chat
from vieweratlas_assets.sandbox.world import World
from vieweratlas_assets.sandbox.world_spec import WorldSpec

if TYPE_CHECKING:
    from vieweratlas_assets.storage.objects import ObjectStore

_DAY = dt.timedelta(days=1)
_ROSTER_DRAW = 2
"""Separates the random numbers of rosters from those of chats."""


def live_presence(world: World, day: dt.date) -> pl.DataFrame:
    """Return what a collector saw on a day in the chats of the channels that are watched live.

    Returns:
        Schema PRESENCE: one row per channel and minute of the UTC day in which the channel was live, even for a part
        of the minute; chatters is empty if nobody wrote.

    Raises:
        ValueError: the day is not in the world.
    """
    midnight = _midnight(world, day)
    streams = live_between(world, midnight, midnight + _DAY).filter(pl.col("source") == "live")
    minutes = _chat_by_bucket(world, streams.with_columns(origin=pl.col("started_at").dt.truncate("1m")))
    in_day = pl.col("bucket_start").is_between(midnight, midnight + _DAY, closed="left")
    rows = minutes.filter(in_day).with_columns(
        content_id=pl.format("live:{}", "stream_id"),
        offset_s=None,
        timestamp=pl.col("bucket_start").dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
    )
    return _as_presence(rows)


def vods_created(world: World, day: dt.date) -> list[tuple[dict[str, Any], pl.DataFrame]]:
    """Return the VODs of a day's broadcasts, for the channels that are known only through their VODs.

    Returns:
        Per VOD, by channel: its row of schema VOD_CATALOG, and its chat replay in schema PRESENCE with every minute
        of the VOD, including those after midnight; game and language are null, because a VOD does not have them.

    Raises:
        ValueError: the day is not in the world.
    """
    midnight = _midnight(world, day)
    streams = live_between(world, midnight, midnight + _DAY).filter(
        pl.col("source") == "vod", pl.col("started_at") >= midnight
    )
    minutes = _chat_by_bucket(world, streams.with_columns(origin=pl.col("started_at")))
    offset_s = (pl.col("bucket_start") - pl.col("started_at")).dt.total_seconds()
    rows = minutes.with_columns(
        content_id=pl.format("vod:{}", "vod_id"),
        offset_s=offset_s,
        timestamp=pl.format("vod:{}_offset_{}", "vod_id", offset_s),
        game_name=None,
        language=None,
    )
    presence = _as_presence(rows).partition_by("content_id", as_dict=True)
    catalog = VOD_CATALOG.conform(
        streams.with_columns(created_at="started_at", view_count=(pl.col("popularity") * world.spec.viewers).ceil())
    )
    return [(row, presence[(f"vod:{row['vod_id']}",)]) for row in catalog.iter_rows(named=True)]


def channel_roster(world: World, day: dt.date, hour: int) -> pl.DataFrame:
    """Return all channels that are live during an hour (0 to 23, UTC), including those known only through VODs.

    Returns:
        Schema CHANNEL_ROSTER; observed_at is the start of the hour, viewer_count the concurrent viewers, always
        more than the people who write.

    Raises:
        ValueError: the day is not in the world, or the hour is not from 0 to 23.
    """
    if not 0 <= hour <= 23:
        raise ValueError(f"hour is {hour}; allowed: 0 to 23")
    start = _midnight(world, day) + dt.timedelta(hours=hour)
    streams = _with_viewers(world, start, live_between(world, start, start + dt.timedelta(hours=1)))
    return CHANNEL_ROSTER.conform(streams.with_columns(observed_at=pl.lit(start, TIMESTAMP)))


def live_streams(world: World, moment: dt.datetime) -> pl.DataFrame:
    """Return the streams that are live at a moment (UTC), most viewers first; none outside the days of the world.

    Returns:
        The columns of World.streams and of its channels (game_name of the stream), with viewer_count.
    """
    streams = live_between(world, moment, moment + dt.timedelta(microseconds=1))
    hour = moment.replace(minute=0, second=0, microsecond=0)
    return _with_viewers(world, hour, streams).sort("viewer_count", "channel", descending=[True, False])


def live_between(world: World, start: dt.datetime, end: dt.datetime) -> pl.DataFrame:
    """Return the streams that are live at some time in [start, end), UTC.

    Returns:
        stream_no, the columns of World.streams and, by channel_no, those of World.channels (game_name of the stream).
    """
    ended_at = pl.col("started_at") + pl.duration(seconds="duration_s")
    channels = world.channels.drop("game_name").with_row_index("channel_no")
    return (
        world.streams.with_row_index("stream_no")
        .filter(pl.col("started_at") < end, ended_at > start)
        .join(channels, on="channel_no", maintain_order="left")
    )


def _with_viewers(world: World, hour: dt.datetime, streams: pl.DataFrame) -> pl.DataFrame:
    """Add viewer_count to streams: the concurrent viewers in an hour."""
    generator = np.random.default_rng([world.spec.seed, _ROSTER_DRAW, int(hour.timestamp()) // 3600])
    wobble = generator.uniform(0.8, 1.25, world.channels.height)
    concurrent = pl.col("followers") * pl.col("lurkers") * pl.col("wobble")
    return (
        streams.join(world.follower_counts, on="channel_no", maintain_order="left")
        .with_columns(wobble=pl.Series(wobble[streams["channel_no"]]))
        .with_columns(viewer_count=concurrent.ceil().cast(pl.Int64))
    )


def write_vods(store: "ObjectStore", world: World, day: dt.date) -> None:
    """Write a day's VODs and their catalog.

    Raises:
        ValueError: the day is not in the world.
    """
    vods = vods_created(world, day)
    for row, presence in vods:
        store.upload_parquet(lake.vod_presence(row["channel"], row["vod_id"]), presence, PRESENCE)
    catalog = pl.DataFrame([row for row, _ in vods], schema=VOD_CATALOG.schema)
    store.upload_parquet(lake.vod_catalog(day), catalog, VOD_CATALOG)


def write_truth(store: "ObjectStore", world: World) -> None:
    """Write the planted communities as JSON: {"communities": {login: community}, "spec": {field: value}}."""
    communities = dict(world.channels.select("channel", "community").iter_rows())
    store.upload_json(lake.planted_communities(), {"communities": communities, "spec": spec_as_json(world.spec)})


def spec_as_json(spec: WorldSpec) -> dict[str, int | str]:
    """Return a spec as the planted truth stores it."""
    return dataclasses.asdict(spec) | {"start": spec.start.isoformat()}


def _midnight(world: World, day: dt.date) -> dt.datetime:
    """Return the start of a day of the world."""
    first, last = world.spec.dates[0], world.spec.dates[-1]
    if not first <= day <= last:
        raise ValueError(f"day is {day}; allowed: the days of this world, {first} to {last}")
    return dt.datetime.combine(day, dt.time(), dt.UTC)


def _chat_by_bucket(world: World, streams: pl.DataFrame) -> pl.DataFrame:
    """Group the chats of streams into buckets of 60 s, counted from each stream's `origin`.

    Returns:
        The columns of streams with bucket_start and chatters: one row per bucket until the stream's end.
    """
    lead_s = (pl.col("started_at") - pl.col("origin")).dt.total_seconds()
    timed = streams.with_columns(lead_s=lead_s)
    chats = [pl.DataFrame(schema={"stream_no": pl.UInt32, "bucket": pl.Int64, "viewer_no": pl.UInt32})]
    for stream_no, stream_lead_s in timed.select("stream_no", "lead_s").iter_rows():
        chat = stream_chat(world, stream_no)
        chats.append(
            chat.select(
                stream_no=pl.lit(stream_no, pl.UInt32),
                bucket=(pl.col("second").cast(pl.Int64) + stream_lead_s) // BUCKET_LEN_S,
                viewer_no="viewer_no",
            ).unique()
        )
    # viewer_no follows the order of the logins.
    messages = pl.concat(chats).sort("stream_no", "bucket", "viewer_no")
    written = (
        messages.with_columns(login=world.viewers["login"].gather(messages["viewer_no"]))
        .group_by("stream_no", "bucket", maintain_order=True)
        .agg(pl.col("login").alias("chatters"))
    )
    buckets = (pl.col("lead_s") + pl.col("duration_s") + BUCKET_LEN_S - 1) // BUCKET_LEN_S
    return (
        timed.with_columns(bucket=pl.int_ranges(buckets))
        .explode("bucket")
        .join(written, on=["stream_no", "bucket"], how="left", maintain_order="left")
        .with_columns(
            pl.col("chatters").fill_null([]),
            bucket_start=pl.col("origin") + pl.duration(minutes="bucket"),
        )
    )


def _as_presence(rows: pl.DataFrame) -> pl.DataFrame:
    """Complete rows with content, time and chatters to schema PRESENCE."""
    return PRESENCE.conform(
        rows.with_columns(
            platform=pl.lit("twitch"), bucket_len_s=BUCKET_LEN_S, viewer_count=pl.col("chatters").list.len()
        )
    )
