"""The catalog: the archives of past broadcasts that Twitch lists.

Belongs here: records of Helix to the table, merging what is known, which VODs are to be fetched. Not here: asking
(clients.helix), where catalogs lie (domain.lake).
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from vieweratlas_assets.domain.presence.helix_values import count, duration_s, text, time
from vieweratlas_assets.domain.schemas import VOD_CATALOG

ENDED_FOR = dt.timedelta(minutes=10)
"""So long after its end an archive is whole: while a broadcast runs its archive is listed, and grows."""
LONGEST = dt.timedelta(hours=48)
"""After so long Twitch ends a broadcast."""


def catalog_of(videos: Iterable[Mapping[str, Any]], now: dt.datetime) -> pl.DataFrame:
    """The catalog that records of Get Videos make.

    Args:
        videos: each with `user_id` and `user_login`; those without an id or a time of creation, and those that are
            no archives, are left out; whatever else is missing is unknown.
        now: when they were asked for. The length of one that may still grow is not known.

    Returns:
        Schema VOD_CATALOG.
    """
    rows: dict[str, dict[str, Any]] = {}
    for video in videos:
        vod_id, created_at = text(video.get("id")), time(video.get("created_at"))
        if vod_id is None or created_at is None or video.get("type") != "archive":
            continue
        length_s = duration_s(video.get("duration"))
        is_whole = length_s is not None and created_at + dt.timedelta(seconds=length_s) + ENDED_FOR <= now
        rows[vod_id] = {
            "channel": video["user_login"].lower(),
            "channel_id": video["user_id"],
            "vod_id": vod_id,
            "created_at": created_at,
            "title": text(video.get("title")),
            "language": text(video.get("language")),
            "duration_s": length_s if is_whole else None,
            "view_count": count(video.get("view_count")),
            "stream_id": text(video.get("stream_id")),
        }
    return VOD_CATALOG.conform(pl.DataFrame(list(rows.values()), schema=VOD_CATALOG.schema))


def merged(known: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    """What was known, with what was found: a VOD once known stays, and what is told of it anew counts.

    A VOD whose channel has another login now keeps the one under which its presence lies.

    Args:
        known, found: schema VOD_CATALOG.
    """
    logins = known.select("vod_id", pl.col("channel").alias("known_channel"))
    renamed = found.join(logins, on="vod_id", how="left", maintain_order="left").with_columns(
        channel=pl.coalesce("known_channel", "channel")
    )
    return known.update(renamed.drop("known_channel"), on=["channel", "vod_id"], how="full")


def whole_at(created_at: dt.datetime) -> dt.datetime:
    """When a VOD whose length is not known certainly grows no more."""
    return created_at + LONGEST + ENDED_FOR


def whole(catalog: pl.DataFrame, now: dt.datetime) -> pl.DataFrame:
    """The VODs that grow no more: their length is known, or they are older than a broadcast can last.

    Args:
        catalog: schema VOD_CATALOG.
    """
    return catalog.filter(pl.col("duration_s").is_not_null() | (pl.col("created_at") + LONGEST + ENDED_FOR <= now))
