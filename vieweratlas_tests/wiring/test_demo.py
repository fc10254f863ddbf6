"""The collecting of the demo: a sandbox in another process, its clock, and the lake in the end."""

import datetime as dt
import json
from pathlib import Path

import polars as pl
import pytest

from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.presence.bots import known_bots
from vieweratlas_assets.domain.presence.coverage import chat_coverage_of
from vieweratlas_assets.domain.presence.names import ViewerNames
from vieweratlas_assets.domain.schemas import CHANNEL_ROSTER, RAW_SNAPSHOTS
from vieweratlas_assets.sandbox.planted_presence import channel_roster, live_presence, live_streams, vods_created
from vieweratlas_assets.sandbox.world import World, build_world
from vieweratlas_assets.sandbox.world_spec import WorldSpec
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_assets.storage.raw_snapshots import find_raw_day, read_raw_hours
from vieweratlas_assets.wiring.demo import Collected, OtherWorldError, collect_world, has_world

SPEC = WorldSpec(channels=72, viewers=2000, days=1)
DAY = SPEC.start
# A file that an interrupted demo left.
LEFT = f"{lake.raw_hour(dt.datetime.combine(DAY, dt.time(3), dt.UTC))}demo-0300-left.parquet"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> LocalStore:
    store = LocalStore(tmp_path_factory.mktemp("lake"))
    store.upload_parquet(LEFT, RAW_SNAPSHOTS.empty(), RAW_SNAPSHOTS)
    return store


@pytest.fixture(scope="module")
def moments() -> list[dt.datetime]:
    return []


@pytest.fixture(scope="module")
def collected(store: LocalStore, moments: list[dt.datetime]) -> Collected:
    assert not has_world(store, SPEC)
    return collect_world(store, ViewerNames(), SPEC, on_moment=moments.append)


@pytest.fixture(scope="module")
def world() -> World:
    return build_world(SPEC)


@pytest.fixture(scope="module")
def raw(store: LocalStore, collected: Collected) -> pl.DataFrame:
    return pl.concat([hour.rows for hour in read_raw_hours(store, find_raw_day(store, DAY))])


def test_every_sent_message_is_counted_or_dropped_by_rule(collected: Collected, raw: pl.DataFrame) -> None:
    assert collected.sent == collected.counted + collected.mirrors + collected.bots
    assert min(collected.counted, collected.mirrors, collected.bots) > 100
    sums = [raw[name].sum() for name in ("messages", "dropped_mirrors", "dropped_bots", "coverage_s")]
    assert sums == [collected.counted, collected.mirrors, collected.bots, collected.observed_s]


def test_little_time_is_left_unobserved_also_on_a_busy_machine(collected: Collected) -> None:
    assert 0.9 * collected.wanted_s < collected.observed_s <= collected.wanted_s


def test_observed_minutes_hold_the_chatters_who_wrote(world: World, raw: pl.DataFrame) -> None:
    observed = chat_coverage_of(raw).filter(pl.col("coverage_s") == 60).select("channel", "bucket_start")
    keys = ["channel", "bucket_start"]
    people = ~pl.col("chatters").is_in(list(known_bots()))
    wrote = live_presence(world, DAY).select(*keys, "chatters").explode("chatters").filter(people)
    expected = wrote.join(observed, on=keys, how="semi").unique().sort(*keys, "chatters")
    collected = raw.select(*keys, "chatters").explode("chatters").drop_nulls().join(observed, on=keys, how="semi")
    assert collected.unique().sort(*keys, "chatters").equals(expected)
    assert expected.height > 0.7 * wrote.height


def test_channels_known_through_their_vods_are_not_collected(
    store: LocalStore, world: World, raw: pl.DataFrame
) -> None:
    vod_only = set(world.channels.filter(pl.col("source") != "live")["channel"])
    assert vod_only
    assert not vod_only & set(raw["channel"])
    for row, _ in vods_created(world, DAY):
        assert store.exists(lake.vod_presence(row["channel"], row["vod_id"]))


def test_the_roster_of_each_hour_has_the_live_channels(store: LocalStore, world: World, collected: Collected) -> None:
    for hour in range(24):
        expected = channel_roster(world, DAY, hour)
        if expected.is_empty():
            continue
        rows = store.download_parquet(lake.channel_roster(DAY, hour), CHANNEL_ROSTER)
        [moment] = rows["observed_at"].unique()
        assert (moment.date(), moment.hour) == (DAY, hour)
        # The sandbox answers some seconds after the request.
        begin, end = (set(live_streams(world, moment + dt.timedelta(minutes=late))["channel"]) for late in (0, 10))
        assert begin & end <= set(rows["channel"]) <= set(expected["channel"])


def test_time_runs_forward_to_the_end(collected: Collected, moments: list[dt.datetime]) -> None:
    assert moments == sorted(moments)
    assert moments[-1] >= dt.datetime.combine(DAY, dt.time(), dt.UTC) + dt.timedelta(1)


def test_files_of_an_interrupted_demo_are_deleted(store: LocalStore, collected: Collected) -> None:
    assert not store.exists(LEFT)


def test_a_lake_has_one_made_up_twitch(store: LocalStore, collected: Collected, tmp_path: Path) -> None:
    assert has_world(store, SPEC)
    with pytest.raises(OtherWorldError, match=r"made-up Twitch of days 1: name another --root"):
        has_world(store, WorldSpec(channels=72, viewers=2000, days=2))
    truth = json.loads(store.download_bytes(lake.planted_communities()))
    assert len(truth["communities"]) == 72
