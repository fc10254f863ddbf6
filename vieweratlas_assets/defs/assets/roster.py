"""Who is live: the hourly roster.

Belongs here: the `channel_roster` asset. Not here: asking Twitch (clients.helix), the table (domain.presence.roster).
"""

import datetime as dt
from collections.abc import Callable
from typing import Any

import dagster as dg
import polars as pl

from vieweratlas_assets.clients.helix import HelixClient, HelixError
from vieweratlas_assets.clients.http import NoAnswer
from vieweratlas_assets.clients.twitch_token import TokenRefused
from vieweratlas_assets.defs import metadata
from vieweratlas_assets.defs.io_managers import LakeIOManager
from vieweratlas_assets.defs.metadata import OWNERS
from vieweratlas_assets.domain import lake as paths
from vieweratlas_assets.domain.presence.names import ViewerNames
from vieweratlas_assets.domain.schemas import CHANNEL_ROSTER
from vieweratlas_assets.partitions import Partitions
from vieweratlas_assets.settings import SettingsError
from vieweratlas_assets.storage.objects import StorageError
from vieweratlas_assets.twitch import live_channels

# Where Twitch is down for longer than the client's own patience.
RETRIES = dg.RetryPolicy(max_retries=2, delay=60)
HOUR = dt.timedelta(hours=1)
MOST_GAMES = 5


def channel_roster_asset(partitions: Partitions, top_channels: int) -> dg.AssetsDefinition:
    """Build the asset `channel_roster`.

    Args:
        top_channels: the channels with the most viewers that are taken, beside the watch list.
    """

    @dg.asset(
        partitions_def=partitions.hourly,
        group_name="collection",
        kinds={"twitch", "parquet"},
        owners=OWNERS,
        description=CHANNEL_ROSTER.description,
        metadata=metadata.column_schemas([CHANNEL_ROSTER]),
        retry_policy=RETRIES,
        backfill_policy=dg.BackfillPolicy.multi_run(max_partitions_per_run=1),
    )
    def channel_roster(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[LakeIOManager],
        viewer_names: dg.ResourceParam[ViewerNames],
        helix: dg.ResourceParam[Callable[[], HelixClient]],
        watch_list: dg.ResourceParam[Callable[[], list[str]]],
    ) -> dg.MaterializeResult:
        hour = context.partition_time_window.start
        try:
            roster, facts = roster_of_hour(lake, hour, top_channels, helix, watch_list)
        except (HelixError, SettingsError, StorageError, TokenRefused, HourIsOver) as error:
            raise dg.Failure(f"channel_roster of {context.partition_key}: {error}", allow_retries=False) from error
        except NoAnswer as error:
            raise dg.Failure(f"channel_roster of {context.partition_key}: {error}") from error
        key = paths.channel_roster(hour.date(), hour.hour)
        if roster is not None:
            kept = viewer_names.without_opted_out(roster)
            lake.store.upload_parquet(key, kept, CHANNEL_ROSTER)
            facts |= {"channels_opted_out": roster.height - kept.height, "dagster/row_count": kept.height}
        return dg.MaterializeResult(metadata=metadata.shown(facts) | {"dagster/uri": lake.store.uri(key)})

    return channel_roster


class HourIsOver(LookupError):
    """A roster is asked for that nobody took in its hour."""


def roster_of_hour(
    lake: LakeIOManager,
    hour: dt.datetime,
    top_channels: int,
    helix: Callable[[], HelixClient],
    watch_list: Callable[[], list[str]],
) -> tuple[pl.DataFrame | None, dict[str, Any]]:
    """Take the roster of the running hour; one of an hour that is over stays as it is.

    Returns:
        Schema CHANNEL_ROSTER, or None where it stays; and figures.

    Raises:
        HourIsOver: the hour is over and has no roster, or has not begun.
        HelixError, NoAnswer, TokenRefused: Twitch does not tell.
        SettingsError: the watch list cannot be read.
    """
    moment = dt.datetime.now(dt.UTC)
    if not hour <= moment < hour + HOUR:
        if lake.store.exists(paths.channel_roster(hour.date(), hour.hour)):
            return None, {"kept": "the hour is over, its roster stays"}
        raise HourIsOver(
            "Twitch only tells who is live now, and this hour has no roster; materialise the running hour "
            f"({moment:%Y-%m-%d-%H}:00), or collect the hour's VODs: their presence tells who was live"
        )
    watched = watch_list()
    found = live_channels(helix(), top_channels, watched, moment)
    roster = found.roster
    live = set(roster["channel"])
    games = roster["game_name"].drop_nulls().value_counts().sort("count", "game_name", descending=[True, False])
    return roster, {
        "top_channels": found.top,
        "watched": len(watched),
        "watched_live": sum(login in live for login in watched),
        "concurrent_viewers": int(roster["viewer_count"].sum()),
        "languages": roster["language"].drop_nulls().n_unique(),
        "largest_games": dict(games.head(MOST_GAMES).iter_rows()),
    }
