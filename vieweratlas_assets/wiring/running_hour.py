"""What can be collected only while its hour is running: the roster and live chat.

Belongs here: taking them, and what an hour that is over still has. Not here: asking Twitch (clients), collecting
(collector), reporting to Dagster (defs).
"""

import datetime as dt
from collections.abc import Callable
from typing import Any

import polars as pl

from vieweratlas_assets.clients.helix import HelixClient
from vieweratlas_assets.collector.collector import Collector
from vieweratlas_assets.domain import lake as paths
from vieweratlas_assets.errors import LakeStateError
from vieweratlas_assets.storage.objects import ObjectStore
from vieweratlas_assets.storage.raw_snapshots import hour_figures
from vieweratlas_assets.wiring.collector import collect_until_stopped
from vieweratlas_assets.wiring.twitch import live_channels

HOUR = dt.timedelta(hours=1)
MOST_GAMES = 5


class HourOverError(LakeStateError):
    """An hour was asked for that nobody collected while it was running, or that has not begun."""


def roster_of_hour(
    store: ObjectStore,
    hour: dt.datetime,
    top_channels: int,
    helix: Callable[[], HelixClient],
    watch_list: Callable[[], list[str]],
) -> tuple[pl.DataFrame | None, dict[str, Any]]:
    """Take the roster of the running hour; an hour that is over keeps the roster it has.

    Returns:
        Schema CHANNEL_ROSTER, or None where the existing roster stays; and figures.

    Raises:
        HourOverError: the hour is over and has no roster, or has not begun.
        HelixError, NoAnswerError, TokenRefusedError: Twitch refused or did not answer.
        SettingsError: the watch list cannot be read.
    """
    now = dt.datetime.now(dt.UTC)
    if not hour <= now < hour + HOUR:
        if store.exists(paths.channel_roster(hour.date(), hour.hour)):
            return None, {"kept": "the hour is over, its roster stays"}
        raise HourOverError(
            "Twitch reports only who is live now, and this hour has no roster; materialize the running hour "
            f"({now:%Y-%m-%d-%H}:00), or collect the hour's VODs: their presence shows who was live"
        )
    watched = watch_list()
    channels = live_channels(helix(), top_channels, watched, now)
    roster = channels.roster
    live = set(roster["channel"])
    games = roster["game_name"].drop_nulls().value_counts().sort("count", "game_name", descending=[True, False])
    return roster, {
        "top_channels": channels.top,
        "watched": len(watched),
        "watched_live": sum(login in live for login in watched),
        "concurrent_viewers": int(roster["viewer_count"].sum()),
        "languages": roster["language"].drop_nulls().n_unique(),
        "largest_games": dict(games.head(MOST_GAMES).iter_rows()),
    }


def collect_hour(
    store: ObjectStore, hour: dt.datetime, minutes: float | None, collector: Callable[[], Collector]
) -> dict[str, Any]:
    """Collect the running hour, to its end or for some minutes; an hour that is over stays as it is.

    Returns:
        Figures of everything that the lake has of the hour.

    Raises:
        HourOverError: the hour is over and nobody collected it, or it has not begun.
        RosterUnavailableError: no channel is to be watched, or the channels are not known.
        TokenRefusedError, NoAnswerError: Twitch refused the account's token, or did not answer.
        StorageError: the lake failed; the collected minutes wait in the spool.
    """
    now = dt.datetime.now(dt.UTC)
    ended: dict[str, Any] = {}
    if hour <= now < hour + HOUR:
        end = hour + HOUR if minutes is None else min(hour + HOUR, now + dt.timedelta(minutes=minutes))
        _, by_signal = collect_until_stopped(collector(), end.timestamp())
        ended = {"ended_by": "a signal"} if by_signal else {}
    figures = hour_figures(store, hour)
    if figures is None:
        raise HourOverError(
            "nobody collected chat in this hour, and it cannot be collected later. The chat replay of its VODs has "
            "most of it: materialize vod_catalog and vod_presence of the day, or of a range of days"
            if hour <= now
            else f"the hour has not begun; the running one is {now:%Y-%m-%d-%H}:00"
        )
    return {**ended, **figures}
