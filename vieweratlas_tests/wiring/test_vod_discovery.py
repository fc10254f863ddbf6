"""Finding VODs: tracked channels, what discovery takes, catalogs of days, and what enters the queue."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from vieweratlas_assets.clients.helix import HelixClient
from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.presence.names import PLAIN, ViewerNames
from vieweratlas_assets.domain.schemas import CHANNEL_ROSTER, PRESENCE, VOD_CATALOG
from vieweratlas_assets.settings import Settings, VodSettings
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_assets.storage.vod_catalogs import read_vod_catalog
from vieweratlas_assets.vods.queue import QueuedVod, VodQueue
from vieweratlas_assets.vods.tables import State
from vieweratlas_assets.wiring import vod_discovery
from vieweratlas_assets.wiring.twitch import helix_client
from vieweratlas_assets.wiring.vod_discovery import DiscoveryLimits
from vieweratlas_assets.wiring.vod_workers import open_queue
from vieweratlas_tests.clients.twitch import Twitch
from vieweratlas_tests.vods.made_up import MadeUpTwitch, made_up_twitch

FIRST, LAST = dt.date(2026, 10, 5), dt.date(2026, 10, 6)
DAY = dt.timedelta(days=1)
NOW = dt.datetime(2026, 10, 11, tzinfo=dt.UTC)
ALL = DiscoveryLimits(most=1000, max_age_days=1000, min_views=0)


@pytest.fixture(scope="module")
def twitch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MadeUpTwitch]:
    with made_up_twitch(tmp_path_factory.mktemp("twitch")) as running:
        yield running


@pytest.fixture
def client(twitch: MadeUpTwitch) -> HelixClient:
    return helix_client(twitch.settings())


@pytest.fixture
def queue(tmp_path: Path, twitch: MadeUpTwitch) -> Iterator[VodQueue]:
    with open_queue(twitch.settings(VIEWERATLAS_VOD__QUEUE_URL=f"sqlite:///{tmp_path}/queue.db")) as opened:
        yield opened


def put_roster(store: LocalStore, day: dt.date, **ids: str | None) -> None:
    """Write a roster of noon: ids by login."""
    noon = dt.datetime.combine(day, dt.time(12), dt.UTC)
    rows: list[dict[str, Any]] = [
        {"channel": login, "channel_id": number, "observed_at": noon, "tags": []} for login, number in ids.items()
    ]
    frame = pl.DataFrame(rows, schema=CHANNEL_ROSTER.schema)
    store.upload_parquet(lake.channel_roster(day, 12), frame, CHANNEL_ROSTER)


def catalog(*vods: tuple[str, int], day: dt.date = FIRST) -> pl.DataFrame:
    """Finished VODs of ann: id and views."""
    created = dt.datetime.combine(day, dt.time(9), dt.UTC)
    rows = [("ann", "1", vod_id, created, None, None, 3600, views, None) for vod_id, views in vods]
    return VOD_CATALOG.conform(pl.DataFrame(rows, schema=VOD_CATALOG.schema, orient="row"))


def busiest(twitch: MadeUpTwitch) -> tuple[str, pl.DataFrame]:
    """The id of the channel with most VODs, and its VODs, newest first."""
    vods = twitch.vods(FIRST - DAY, LAST).sort("started_at", descending=True)
    login = vods["channel"].value_counts(sort=True)["channel"][0]
    number = twitch.world.channels.filter(channel=login)["channel_id"][0]
    return number, vods.filter(channel=login)


def test_limits_are_those_of_the_settings() -> None:
    vod = VodSettings(vod_limit_per_channel=3, max_age_days=9, min_views=100)
    assert vod_discovery.discovery_limits(Settings(vod=vod)) == DiscoveryLimits(3, 9, 100)


def test_watched_channels_and_those_of_rosters_are_tracked(twitch: MadeUpTwitch, store: LocalStore) -> None:
    settings, asking = twitch.settings(), helix_client(twitch.settings())
    known = dict(twitch.world.channels.select("channel", "channel_id").head(1).iter_rows())
    put_roster(store, dt.datetime.now(dt.UTC).date(), ann="41", bob=None, gone="43")
    put_roster(store, FIRST, cid="44")
    watched = [*known, "ann", "nobody_has_this_login"]
    names = ViewerNames(opted_out_channels=["gone"])
    tracked = vod_discovery.tracked_channels(settings, store, asking, watched, names)
    assert tracked == {"ann": "41", **known}
    assert list(tracked) == sorted(tracked)
    with_day = vod_discovery.tracked_channels(settings, store, asking, watched, names, [FIRST])
    assert with_day == {"ann": "41", "cid": "44", **known}


def test_without_a_roster_and_a_watch_list_the_largest_live_channels_are_tracked(
    helix: Twitch, store: LocalStore
) -> None:
    settings = helix.settings(VIEWERATLAS_COLLECTION__TOP_CHANNELS_LIMIT="3")
    tracked = vod_discovery.tracked_channels(settings, store, helix.client(), [], PLAIN)
    assert list(tracked) == sorted(helix.live()[:3])


def test_discovery_takes_the_newest_archives_within_its_limits(twitch: MadeUpTwitch, client: HelixClient) -> None:
    number, vods = busiest(twitch)
    assert vods.height > 1
    taken = vod_discovery.discover(client, number, ALL, NOW)
    VOD_CATALOG.validate(taken.sort("channel", "vod_id"))
    assert taken["vod_id"].to_list() == vods["vod_id"].to_list()
    newest = vods.row(0, named=True)
    assert vod_discovery.discover(client, number, DiscoveryLimits(1, 1000, 0), NOW)["vod_id"].to_list() == [
        newest["vod_id"]
    ]
    views = taken["view_count"].max()
    assert isinstance(views, int)
    most_seen = vod_discovery.discover(client, number, DiscoveryLimits(1000, 1000, views), NOW)
    assert most_seen["view_count"].to_list() == [views]
    after = newest["started_at"] + dt.timedelta(days=1, seconds=1)
    assert vod_discovery.discover(client, number, DiscoveryLimits(1000, 1, 0), after).is_empty()


def test_an_archive_that_still_grows_is_not_taken(twitch: MadeUpTwitch, client: HelixClient) -> None:
    number, vods = busiest(twitch)
    newest = vods.row(0, named=True)
    now = newest["started_at"] + dt.timedelta(seconds=newest["duration_s"])
    assert newest["vod_id"] not in vod_discovery.discover(client, number, ALL, now)["vod_id"]


def test_the_archives_of_some_days_are_read_once_per_channel(twitch: MadeUpTwitch) -> None:
    channels = dict(twitch.world.channels.select("channel", "channel_id").head(5).iter_rows())
    client = helix_client(twitch.settings())
    asked = twitch.helix.requests
    frames = list(vod_discovery.archives_of_days(client, channels, [LAST], NOW))
    assert twitch.helix.requests == asked + len(frames) == asked + 5
    vods = twitch.vods(LAST).filter(pl.col("channel").is_in(list(channels)))
    assert set(pl.concat(frames)["vod_id"]) == set(vods["vod_id"])


def test_catalogs_grow_by_what_is_new(queue: VodQueue, store: LocalStore) -> None:
    days = [FIRST, LAST]
    first = vod_discovery.add_to_catalogs(queue, store, [catalog(("1", 5), ("2", 5)), catalog(("1", 9))], days)
    assert first == {FIRST: (2, 2), LAST: (0, 0)}
    assert store.exists(lake.vod_catalog(LAST))
    assert read_vod_catalog(store, FIRST)["view_count"].to_list() == [5, 5]
    later = catalog(("3", 1), day=LAST)
    assert vod_discovery.add_to_catalogs(queue, store, [catalog(("1", 9)), later], days) == {
        FIRST: (2, 0),
        LAST: (1, 1),
    }
    assert read_vod_catalog(store, FIRST).select("vod_id", "view_count").rows() == [("1", 9), ("2", 5)]


def test_an_unchanged_catalog_is_not_written_again(
    queue: VodQueue, store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    vod_discovery.add_to_catalogs(queue, store, [catalog(("1", 5))], [FIRST])
    written: list[str] = []
    monkeypatch.setattr(LocalStore, "upload_bytes", lambda _, key, data: written.append(key))
    assert vod_discovery.add_to_catalogs(queue, store, [catalog(("1", 5))], [FIRST]) == {FIRST: (1, 0)}
    assert written == []
    vod_discovery.add_to_catalogs(queue, store, [catalog(("1", 6))], [FIRST])
    assert written == [lake.vod_catalog(FIRST)]


def test_the_queue_gets_finished_vods_and_knows_those_with_presence(queue: VodQueue, store: LocalStore) -> None:
    grows = catalog(("3", 1)).with_columns(duration_s=pl.lit(None, pl.Int64))
    store.upload_parquet(lake.vod_catalog(FIRST), pl.concat([catalog(("1", 1), ("2", 1)), grows]), VOD_CATALOG)
    store.upload_parquet(lake.vod_presence("ann", "2"), PRESENCE.empty(), PRESENCE)
    created = dt.datetime.combine(FIRST, dt.time(9), dt.UTC)
    vod_discovery.sync(queue, store, [FIRST, LAST], created + DAY)
    assert {row["vod_id"]: row["state"] for row in queue.rows()} == {"1": State.PENDING, "2": State.COMPLETED}
    assert vod_discovery.as_queued(catalog(("1", 1))) == [QueuedVod("1", "ann", created)]


def test_vods_of_the_queue_alone_enter_the_catalog_under_their_login(
    twitch: MadeUpTwitch, client: HelixClient, queue: VodQueue, store: LocalStore
) -> None:
    vod = twitch.vods(FIRST).row(0, named=True)
    store.upload_parquet(lake.vod_catalog(FIRST), catalog(("1", 1)), VOD_CATALOG)
    queue.add(QueuedVod(vod_id, "older_name", vod["started_at"]) for vod_id in ("1", vod["vod_id"], "999"))
    offline = vod_discovery.queued_only(queue, store, None, [FIRST], NOW)
    assert sorted(offline["vod_id"]) == sorted(["999", vod["vod_id"]])
    assert offline["duration_s"].null_count() == 2
    vod_discovery.catalog_queue(queue, store, client, [FIRST], NOW)
    rows = {row["vod_id"]: row for row in read_vod_catalog(store, FIRST).iter_rows(named=True)}
    assert rows.keys() == {"1", "999", vod["vod_id"]}
    assert (rows[vod["vod_id"]]["channel"], rows[vod["vod_id"]]["duration_s"]) == ("older_name", vod["duration_s"])
    assert rows["999"]["channel_id"] is None
    assert vod_discovery.queued_only(queue, store, client, [FIRST], NOW).is_empty()
