"""Finding VODs: from settings, rosters and Helix to the catalogs and the queue.

Belongs here: the tracked channels, their archives, a day's catalog, and what of it enters the queue. Not here:
talking to Twitch (clients), reading records (domain.presence.vod_catalog), fetching chat (vod_workers, vods).
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
    """Which archives of a channel discovery takes.

    Attributes:
        most: how many, newest first.
        max_age_days: days since their creation.
        min_views: archives with fewer views are skipped.
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
    """The channels whose VODs are discovered: the watch list, and the rosters of the last day and of given days.

    Without any of these, asks Twitch who is live.

    Returns:
        Ids by login, sorted by login, without channels that do not exist or opted out.

    Raises:
        HelixError, NoAnswerError, TokenRefusedError: Twitch refused or did not answer.
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
    """The archives of a channel that discovery takes, newest first, without those that still grow.

    Returns:
        Schema VOD_CATALOG, at most `limits.most` rows.

    Raises:
        HelixError, NoAnswerError, TokenRefusedError: Twitch refused or did not answer.
    """
    since = now - dt.timedelta(days=limits.max_age_days)
    listed = vod_catalog.finished_vods(vod_catalog.catalog_of(_archives(client, user_id, since), now), now)
    seen_enough = listed.filter(pl.col("view_count").fill_null(0) >= limits.min_views)
    return seen_enough.sort("created_at", "vod_id", descending=True).head(limits.most)


def archives_of_days(
    client: HelixClient, channels: Mapping[str, str], days: Collection[dt.date], now: dt.datetime
) -> Iterator[pl.DataFrame]:
    """The archives that channels created on some days; pages each channel once.

    Yields:
        Schema VOD_CATALOG, one frame per channel.

    Raises:
        HelixError, NoAnswerError, TokenRefusedError: Twitch refused or did not answer.
    """
    since = dt.datetime.combine(min(days), dt.time(), dt.UTC)
    wanted = pl.col("created_at").dt.date().is_in(sorted(days))
    for user_id in channels.values():
        yield vod_catalog.catalog_of(_archives(client, user_id, since), now).filter(wanted)


def _archives(client: HelixClient, user_id: str, since: dt.datetime) -> Iterator[Mapping[str, object]]:
    """A channel's archives, newest first, back to `since`."""
    for record in client.archives_of(user_id):
        created_at = time(record.get("created_at"))
        if created_at is not None and created_at < since:
            return
        yield record


def queued_only(
    queue: VodQueue, store: ObjectStore, client: HelixClient | None, days: Collection[dt.date], now: dt.datetime
) -> pl.DataFrame:
    """The queue's VODs of some days that no catalog has, as those that discovery put there.

    Args:
        client: adds what Helix knows; of VODs that Helix does not know, and without a client, only the queue's
            fields are filled.

    Returns:
        Schema VOD_CATALOG.
    """
    listed = {vod_id for day in days for vod_id in read_vod_catalog(store, day)["vod_id"]}
    missing = {row["vod_id"]: row for row in queue.rows(days) if row["vod_id"] not in listed}
    known = vod_catalog.catalog_of(client.videos(sorted(missing)) if client and missing else (), now)
    # Channel and day as in the queue: they decide the path of the presence.
    ours = pl.DataFrame(
        [(vod_id, row["channel"], row["vod_created_at"]) for vod_id, row in missing.items()],
        schema={name: VOD_CATALOG.schema[name] for name in ("vod_id", "channel", "created_at")},
        orient="row",
    )
    return VOD_CATALOG.conform(ours.join(known.drop("channel", "created_at"), on="vod_id", how="left"))


def add_to_catalogs(
    queue: VodQueue, store: ObjectStore, archives: Iterable[pl.DataFrame], days: Collection[dt.date]
) -> dict[dt.date, tuple[int, int]]:
    """Merge VODs into the catalogs of their days; writes a day's catalog if it changes or does not exist.

    Args:
        archives: schema VOD_CATALOG, of these days; of a VOD that occurs several times the first counts.

    Returns:
        Per day, the number of VODs in its catalog, and how many of them are new.

    Raises:
        CorruptObjectError: a catalog cannot be read; it and those of later days stay as they are.
    """
    by_day: dict[dt.date, list[pl.DataFrame]] = defaultdict(list)
    for frame in archives:
        for (day,), rows in frame.group_by(pl.col("created_at").dt.date()):
            assert isinstance(day, dt.date)
            by_day[day].append(rows)
    # One at a time, so that no writer overwrites what another has added.
    return {day: queue.exclusively(partial(_add_to_day, store, day, by_day[day])) for day in sorted(days)}


def _add_to_day(store: ObjectStore, day: dt.date, archives: list[pl.DataFrame]) -> tuple[int, int]:
    key = paths.vod_catalog(day)
    known = store.download_parquet(key, VOD_CATALOG) if store.exists(key) else None
    before = VOD_CATALOG.empty() if known is None else known
    of_day = pl.concat([VOD_CATALOG.empty(), *archives]).unique("vod_id", keep="first", maintain_order=True)
    after = VOD_CATALOG.conform(vod_catalog.merge_catalogs(before, of_day))
    if known is None or not after.equals(known):
        store.upload_parquet(key, after, VOD_CATALOG)
    return after.height, after.height - before.height


def as_queued(catalog: pl.DataFrame) -> list[QueuedVod]:
    """The VODs of a catalog (schema VOD_CATALOG), for the queue."""
    return [QueuedVod(*row) for row in catalog.select("vod_id", "channel", "created_at").iter_rows()]


def sync(queue: VodQueue, store: ObjectStore, days: Iterable[dt.date], now: dt.datetime) -> None:
    """Update the queue from the catalogs of some days: VODs with stored presence are completed, others pending.

    Raises:
        CorruptObjectError: a catalog cannot be read.
    """
    for day in days:
        catalog = read_vod_catalog(store, day)
        note_stored(queue, store, catalog)
        queue.add(as_queued(vod_catalog.finished_vods(catalog, now)))


def note_stored(queue: VodQueue, store: ObjectStore, catalog: pl.DataFrame) -> None:
    """Mark the VODs of a catalog as completed whose presence is in the lake, such as imported ones."""
    vods = as_queued(catalog)
    queue.add_completed([vod for vod in vods if store.exists(paths.vod_presence(vod.channel, vod.vod_id))])


def catalog_queue(
    queue: VodQueue, store: ObjectStore, client: HelixClient | None, days: Collection[dt.date], now: dt.datetime
) -> None:
    """Add the queue's VODs of some days to the catalogs, because audiences read only VODs of a catalog.

    Raises:
        HelixError, NoAnswerError, TokenRefusedError: Twitch refused or did not answer.
        CorruptObjectError: a catalog cannot be read.
    """
    uncataloged = queued_only(queue, store, client, days, now)
    if not uncataloged.is_empty():
        created = uncataloged["created_at"].dt.date().unique().to_list()
        add_to_catalogs(queue, store, [uncataloged], created)
