"""Finding VODs: whose archives are asked for, what a day's catalog says, and what the queue gets of it.

Belongs here: from settings, rosters and Helix to catalogs and the queue. Not here: talking to Twitch (clients),
reading records (domain.presence.vod_catalog), fetching chat (fetching).
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import polars as pl

from vieweratlas_assets.clients.helix import HelixClient
from vieweratlas_assets.domain import lake as paths
from vieweratlas_assets.domain.presence import vod_catalog
from vieweratlas_assets.domain.presence.helix_values import time
from vieweratlas_assets.domain.presence.names import ViewerNames
from vieweratlas_assets.domain.schemas import CHANNEL_ROSTER, VOD_CATALOG
from vieweratlas_assets.settings import Settings
from vieweratlas_assets.storage.objects import ObjectStore
from vieweratlas_assets.storage.vod_catalogs import read_vod_catalog
from vieweratlas_assets.vods.queue import QueuedVod, VodQueue
from vieweratlas_assets.wiring.twitch import live_channels

DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class DiscoveryLimits:
    """Which archives discovery takes of a channel.

    Attributes:
        most: the newest.
        max_age_days: since their creation.
        min_views: those with fewer are left.
    """

    most: int
    max_age_days: int
    min_views: int


def discovery_limits(settings: Settings) -> DiscoveryLimits:
    """The limits that the settings name."""
    vod = settings.vod
    return DiscoveryLimits(vod.vod_limit_per_channel, vod.max_age_days, vod.min_views)


def tracked_channels(
    settings: Settings,
    store: ObjectStore,
    client: HelixClient,
    watched: Sequence[str],
    names: ViewerNames,
    days: Collection[dt.date] = (),
) -> dict[str, str]:
    """The channels whose VODs are looked for: the watch list, and the rosters of the last day and of some others.

    Where there is no roster Twitch is asked who is live.

    Returns:
        Ids by login, sorted by login, without channels that do not exist or opted out.

    Raises:
        HelixError, NoAnswerError, TokenRefusedError: Twitch does not tell.
        CorruptObjectError: a roster cannot be read.
    """
    now = dt.datetime.now(dt.UTC)
    rosters = [
        store.download_parquet(key, CHANNEL_ROSTER)
        for day in sorted({*days, now.date() - DAY, now.date()})
        for key in store.list_files(paths.channel_roster_day(day), ".parquet")
    ]
    if not rosters and not watched:
        rosters = [live_channels(client, settings.collection.top_channels_limit, watched, now).roster]
    known = pl.concat([CHANNEL_ROSTER.empty(), *rosters]).drop_nulls("channel_id")
    ids = dict(known.select("channel", "channel_id").iter_rows())
    ids |= client.user_ids([login for login in watched if login not in ids])
    return {login: ids[login] for login in sorted(ids) if names.keeps_channel(login)}


def discover(client: HelixClient, user_id: str, limits: DiscoveryLimits, now: dt.datetime) -> pl.DataFrame:
    """The archives of a channel that discovery takes, newest first; only those that grow no more.

    Returns:
        Schema VOD_CATALOG, at most `limits.most` rows.

    Raises:
        HelixError, NoAnswerError, TokenRefusedError: Twitch does not tell.
    """
    since = now - dt.timedelta(days=limits.max_age_days)
    listed = vod_catalog.finished_vods(vod_catalog.catalog_of(_archives(client, user_id, since), now), now)
    seen_enough = listed.filter(pl.col("view_count").fill_null(0) >= limits.min_views)
    return seen_enough.sort("created_at", "vod_id", descending=True).head(limits.most)


def archives_of_days(
    client: HelixClient, channels: Mapping[str, str], days: Collection[dt.date], now: dt.datetime
) -> Iterator[pl.DataFrame]:
    """The archives that channels created on some days; each channel is paged once.

    Yields:
        Schema VOD_CATALOG, a frame for each channel.

    Raises:
        HelixError, NoAnswerError, TokenRefusedError: Twitch does not tell.
    """
    since = dt.datetime.combine(min(days), dt.time(), dt.UTC)
    wanted = pl.col("created_at").dt.date().is_in(sorted(days))
    for user_id in channels.values():
        yield vod_catalog.catalog_of(_archives(client, user_id, since), now).filter(wanted)


def _archives(client: HelixClient, user_id: str, since: dt.datetime) -> Iterator[Mapping[str, object]]:
    """A channel's archives, newest first, until they are older than that."""
    for record in client.archives_of(user_id):
        created_at = time(record.get("created_at"))
        if created_at is not None and created_at < since:
            return
        yield record


def queued_only(
    queue: VodQueue, store: ObjectStore, client: HelixClient | None, days: Collection[dt.date], now: dt.datetime
) -> pl.DataFrame:
    """What is known of VODs of some days that are in the queue and in no catalog, as those that discovery found.

    Args:
        client: tells more of them; of those that it does not know, and without it, the queue alone tells.

    Returns:
        Schema VOD_CATALOG.
    """
    listed = {vod_id for day in days for vod_id in read_vod_catalog(store, day)["vod_id"]}
    missing = {row["vod_id"]: row for row in queue.rows(days) if row["vod_id"] not in listed}
    told = vod_catalog.catalog_of(client.videos(sorted(missing)) if client and missing else (), now)
    # As in the queue: under this channel and on this day its presence lies.
    ours = pl.DataFrame(
        [(vod_id, row["channel"], row["vod_created_at"]) for vod_id, row in missing.items()],
        schema={name: VOD_CATALOG.schema[name] for name in ("vod_id", "channel", "created_at")},
        orient="row",
    )
    return VOD_CATALOG.conform(ours.join(told.drop("channel", "created_at"), on="vod_id", how="left"))


def add_to_catalogs(
    queue: VodQueue, store: ObjectStore, found: Iterable[pl.DataFrame], days: Collection[dt.date]
) -> dict[dt.date, tuple[int, int]]:
    """Merge VODs into the catalogs of their days; a day's is written where that changes it, or there is none.

    Args:
        found: schema VOD_CATALOG, of these days; of a VOD that comes several times the first counts.

    Returns:
        Of each day, how many VODs its catalog names, and how many of them are new.

    Raises:
        CorruptObjectError: a catalog cannot be read; it is left as it is, as are those of later days.
    """
    by_day: dict[dt.date, list[pl.DataFrame]] = defaultdict(list)
    for frame in found:
        for (day,), rows in frame.group_by(pl.col("created_at").dt.date()):
            assert isinstance(day, dt.date)
            by_day[day].append(rows)
    # One at a time, so that nobody writes over what another has found.
    return {day: queue.exclusively(partial(_add_to_day, store, day, by_day[day])) for day in sorted(days)}


def _add_to_day(store: ObjectStore, day: dt.date, found: list[pl.DataFrame]) -> tuple[int, int]:
    key = paths.vod_catalog(day)
    known = store.download_parquet(key, VOD_CATALOG) if store.exists(key) else None
    before = VOD_CATALOG.empty() if known is None else known
    of_day = pl.concat([VOD_CATALOG.empty(), *found]).unique("vod_id", keep="first", maintain_order=True)
    after = VOD_CATALOG.conform(vod_catalog.merge_catalogs(before, of_day))
    if known is None or not after.equals(known):
        store.upload_parquet(key, after, VOD_CATALOG)
    return after.height, after.height - before.height


def as_queued(catalog: pl.DataFrame) -> list[QueuedVod]:
    """The VODs of a catalog (schema VOD_CATALOG) as the queue takes them."""
    return [QueuedVod(*row) for row in catalog.select("vod_id", "channel", "created_at").iter_rows()]


def sync(queue: VodQueue, store: ObjectStore, days: Iterable[dt.date], now: dt.datetime) -> None:
    """Bring the queue up to date with the catalogs of some days: what the lake has is completed, all else waits.

    Raises:
        CorruptObjectError: a catalog cannot be read.
    """
    for day in days:
        catalog = read_vod_catalog(store, day)
        note_stored(queue, store, catalog)
        queue.add(as_queued(vod_catalog.finished_vods(catalog, now)))


def note_stored(queue: VodQueue, store: ObjectStore, catalog: pl.DataFrame) -> None:
    """Note that the VODs of a catalog whose presence is in the lake, as imported ones, are completed."""
    vods = as_queued(catalog)
    queue.add_completed([vod for vod in vods if store.exists(paths.vod_presence(vod.channel, vod.vod_id))])


def catalog_queue(
    queue: VodQueue, store: ObjectStore, client: HelixClient | None, days: Collection[dt.date], now: dt.datetime
) -> None:
    """Put the queue's VODs of some days into the catalogs, without which no audience takes them in.

    Raises:
        HelixError, NoAnswerError, TokenRefusedError: Twitch does not tell.
        CorruptObjectError: a catalog cannot be read.
    """
    found = queued_only(queue, store, client, days, now)
    if not found.is_empty():
        add_to_catalogs(queue, store, [found], found["created_at"].dt.date().unique().to_list())
