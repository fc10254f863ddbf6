"""A collector as the settings name it: whom it watches, where its files wait, how it ends.

Belongs here: from settings to a collector, and running one until a signal. Not here: collecting (collector), asking
Twitch (twitch), reporting to Dagster (defs, commands).
"""

import asyncio
import datetime as dt
import math
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl

from vieweratlas_assets.clients.chat import ChatSource
from vieweratlas_assets.clients.helix import HelixClient, HelixError
from vieweratlas_assets.clients.http import NoAnswerError
from vieweratlas_assets.clients.twitch_token import TokenRefusedError
from vieweratlas_assets.collector.collector import NO_LISTENERS, Collector, Hours, Listeners, Pace
from vieweratlas_assets.collector.minutes import MinuteBook
from vieweratlas_assets.collector.spool import Spool
from vieweratlas_assets.collector.wanted import NoChannelsError, RosterUnavailableError, Wanted
from vieweratlas_assets.domain import lake as paths
from vieweratlas_assets.domain.presence.bots import known_bots
from vieweratlas_assets.domain.presence.names import ViewerNames
from vieweratlas_assets.domain.schemas import CHANNEL_ROSTER
from vieweratlas_assets.errors import SettingsError, StorageError
from vieweratlas_assets.settings import Settings
from vieweratlas_assets.storage.errors import ObjectNotFoundError
from vieweratlas_assets.storage.objects import ObjectStore
from vieweratlas_assets.wiring.home import dagster_home
from vieweratlas_assets.wiring.twitch import chat_source, helix_client, live_channels, watch_list

NO_CHANNELS_MESSAGE = (
    "no channel to watch: set TWITCH_CLIENT_ID and TWITCH_CLIENT_SECRET, so that Twitch lists who is live, or name "
    "channels in TWITCH_CHANNELS (collection.channels) or CHANNELS_FILE (collection.channels_file)"
)


def spool_folder(settings: Settings) -> Path:
    """Where minutes wait for the lake: the setting, else the folder `collector` in DAGSTER_HOME."""
    return (settings.collection.spool_dir or dagster_home() / "collector").absolute()


def collector_from_settings(
    settings: Settings,
    store: ObjectStore,
    names: ViewerNames,
    *,
    source: ChatSource | None = None,
    clock: Callable[[], float] = time.time,
    pace: Pace | None = None,
    listeners: Listeners = NO_LISTENERS,
) -> Collector:
    """A collector; nothing is connected yet.

    Args:
        store: the lake's objects.
        source: None uses the source that the settings name.
        clock: returns seconds since 1970.
        pace: None uses roster_refresh of the settings, and the defaults.

    Raises:
        TokenRefusedError, NoAnswerError: as `wiring.twitch.chat_source`.
    """
    name = settings.collection.collector
    return Collector(
        source or chat_source(settings, clock=clock),
        MinuteBook(name, names, known_bots()),
        Spool(spool_folder(settings), store),
        Roster(settings, store, names, clock),
        name=name,
        clock=clock,
        pace=pace or Pace(roster_s=settings.collection.roster_refresh),
        listeners=listeners,
    )


class Roster:
    """Finds the channels to watch: the watch list, and who is live.

    The first call uses the hour's channel_roster if the lake has it; later calls ask Twitch. Without Twitch
    credentials, only the watch list counts.
    """

    def __init__(
        self, settings: Settings, store: ObjectStore, names: ViewerNames, clock: Callable[[], float]
    ) -> None:
        self._settings, self._store, self._names, self._clock = settings, store, names, clock
        self._is_first = True
        self._client: HelixClient | None = None

    def __call__(self) -> Wanted:
        """The channels to watch now.

        Raises:
            NoChannelsError: the watch list cannot be read, Twitch refuses the credentials, or no channel is left.
            RosterUnavailableError: Twitch or the lake does not answer.
        """
        is_first, self._is_first = self._is_first, False
        try:
            watched = watch_list(self._settings)
            roster = self._from_lake() if is_first else None
            if roster is None:
                roster = self._from_twitch(watched)
        except (SettingsError, TokenRefusedError) as error:
            raise NoChannelsError(str(error)) from error
        except (HelixError, NoAnswerError, StorageError) as error:
            raise RosterUnavailableError(str(error)) from error
        roster = self._names.without_opted_out(roster)
        largest_first = roster.sort("viewer_count", "channel", descending=[True, False], nulls_last=True)
        channels = dict.fromkeys([*watched, *largest_first["channel"]])
        kept = tuple(channel for channel in channels if self._names.keeps_channel(channel))
        if not kept:
            raise NoChannelsError(NO_CHANNELS_MESSAGE)
        return Wanted(kept, roster)

    def _from_lake(self) -> pl.DataFrame | None:
        now = dt.datetime.fromtimestamp(self._clock(), dt.UTC)
        try:
            return self._store.download_parquet(paths.channel_roster(now.date(), now.hour), CHANNEL_ROSTER)
        except ObjectNotFoundError:
            return None

    def _from_twitch(self, watched: list[str]) -> pl.DataFrame:
        if not self._settings.twitch.has_helix_credentials:
            return CHANNEL_ROSTER.empty()
        moment = dt.datetime.fromtimestamp(self._clock(), dt.UTC)
        top = self._settings.collection.top_channels_limit
        if self._client is None:
            self._client = helix_client(self._settings)
        return live_channels(self._client, top, watched, moment).roster


def collect_until_stopped(
    collector: Collector, until: float = math.inf, *, hours: float = math.inf
) -> tuple[Hours, bool]:
    """Run a collector until a moment, for some hours, or until SIGTERM or SIGINT; it writes what it has, and stops.

    Args:
        until: seconds since 1970.
        hours: how many hours to finish.

    Returns:
        The figures of its hours, and whether a signal stopped it.
    """
    return asyncio.run(_run_until_stopped(collector, until, hours))


async def _run_until_stopped(collector: Collector, until: float, hours: float) -> tuple[Hours, bool]:
    loop = asyncio.get_running_loop()
    signaled = asyncio.Event()

    def stop() -> None:
        signaled.set()
        collector.stop()

    # Only the main thread receives signals.
    caught = (signal.SIGTERM, signal.SIGINT) if threading.current_thread() is threading.main_thread() else ()
    before = {number: signal.getsignal(number) for number in caught}
    for number in caught:
        loop.add_signal_handler(number, stop)
    try:
        return await collector.run(until, hours=hours), signaled.is_set()
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)
