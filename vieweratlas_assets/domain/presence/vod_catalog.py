"""The VOD catalog: archives of past broadcasts that Twitch lists.

Belongs here: records of Helix to the table, merging catalogs, which VODs are finished. Not here: requests
(clients.helix), paths (domain.lake).
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from vieweratlas_assets.domain.presence.helix_values import count, duration_s, text, time
from vieweratlas_assets.domain.schemas import VOD_CATALOG

ENDED_FOR = dt.timedelta(minutes=10)
"""An archive is finished this long after its end. Twitch lists the archive of a running broadcast, and it grows."""
LONGEST = dt.timedelta(hours=48)
"""Twitch ends a broadcast after this time."""


def catalog_of(videos: Iterable[Mapping[str, Any]], now: dt.datetime) -> pl.DataFrame:
    """Build the catalog from records of Get Videos.

    Args:
        videos: each with `user_id` and `user_login`. Videos without an id or creation time, and those that are not
            archives, are left out; other missing fields become null.
        now: time of the request. The duration of a VOD that may still grow is null.

    Returns:
        Schema VOD_CATALOG.
    """
    rows: dict[str, dict[str, Any]] = {}
    for video in videos:
        vod_id, created_at = text(video.get("id")), time(video.get("created_at"))
        if vod_id is None or created_at is None or video.get("type") != "archive":
            continue
        length_s = duration_s(video.get("duration"))
        is_finished = length_s is not None and created_at + dt.timedelta(seconds=length_s) + ENDED_FOR <= now
        rows[vod_id] = {
            "channel": video["user_login"].lower(),
            "channel_id": video["user_id"],
            "vod_id": vod_id,
            "created_at": created_at,
            "title": text(video.get("title")),
            "language": text(video.get("language")),
            "duration_s": length_s if is_finished else None,
            "view_count": count(video.get("view_count")),
            "stream_id": text(video.get("stream_id")),
        }
    return VOD_CATALOG.conform(pl.DataFrame(list(rows.values()), schema=VOD_CATALOG.schema))


def merge_catalogs(known: pl.DataFrame, listed: pl.DataFrame) -> pl.DataFrame:
    """Update a catalog: known VODs stay, new ones are added, and newer values replace older ones.

    If a channel was renamed, its known VODs keep the login under which their presence is stored.

    Args:
        known: schema VOD_CATALOG.
        listed: schema VOD_CATALOG, the current answer of Twitch.
    """
    logins = known.select("vod_id", pl.col("channel").alias("known_channel"))
    renamed = listed.join(logins, on="vod_id", how="left", maintain_order="left").with_columns(
        channel=pl.coalesce("known_channel", "channel")
    )
    return known.update(renamed.drop("known_channel"), on=["channel", "vod_id"], how="full")


def finished_by(created_at: dt.datetime) -> dt.datetime:
    """The time at which a VOD of unknown duration has certainly stopped growing."""
    return created_at + LONGEST + ENDED_FOR


def finished_vods(catalog: pl.DataFrame, now: dt.datetime) -> pl.DataFrame:
    """The VODs that no longer grow: their duration is known, or they are older than a broadcast can last.

    Args:
        catalog: schema VOD_CATALOG.
    """
    return catalog.filter(pl.col("duration_s").is_not_null() | (pl.col("created_at") + LONGEST + ENDED_FOR <= now))
