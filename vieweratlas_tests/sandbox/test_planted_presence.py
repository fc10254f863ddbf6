"""The sandbox's presence: valid for its schemas, true to its schedule, its seed and its planted communities."""

import datetime as dt
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.sparse import csr_matrix
from sklearn.metrics import adjusted_rand_score
from sknetwork.clustering import Leiden

from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.schemas import CHANNEL_ROSTER, PRESENCE, VOD_CATALOG
from vieweratlas_assets.sandbox.planted_presence import (
    channel_roster,
    live_presence,
    vods_created,
)
from vieweratlas_assets.sandbox.vocabulary import COMMON_BOTS, RARE_BOTS
from vieweratlas_assets.sandbox.world import World, build_world
from vieweratlas_assets.sandbox.world_spec import WorldSpec
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_tests.sandbox.worlds import write_day, write_world

SPEC = WorldSpec(channels=72, viewers=8_000, languages=3, games=3)
DAY = dt.date(2026, 10, 7)
BOTS = [*COMMON_BOTS, *RARE_BOTS]


@pytest.fixture(scope="module")
def world() -> World:
    return build_world(SPEC)


@pytest.fixture(scope="module")
def live(world: World) -> pl.DataFrame:
    return live_presence(world, DAY)


@pytest.fixture(scope="module")
def audience(world: World) -> pl.DataFrame:
    """Distinct (channel, viewer) pairs of the week, without bots: channel, viewer, buckets."""
    week = [live_presence(world, day) for day in SPEC.dates]
    week += [presence for day in SPEC.dates for _, presence in vods_created(world, day)]
    written = pl.concat(week).filter(pl.col("viewer_count") > 0).select("channel", viewer="chatters")
    pairs = written.explode("viewer").group_by("channel", "viewer").agg(pl.len().alias("buckets"))
    return pairs.filter(~pl.col("viewer").is_in(BOTS)).sort("channel", "viewer")


def _with_channels(world: World, presence: pl.DataFrame) -> pl.DataFrame:
    return presence.join(world.channels, on="channel", suffix="_of_channel", maintain_order="left")


def test_live_presence_is_valid_for_its_schema(world: World, live: pl.DataFrame) -> None:
    PRESENCE.validate(live)
    assert live.equals(live.sort(PRESENCE.key))
    assert live["source"].unique().to_list() == ["live"]
    assert live["bucket_start"].dt.date().unique().to_list() == [DAY]
    assert (live["bucket_start"].dt.second() == 0).all()
    assert live["timestamp"].str.contains(r"^2026-10-07T\d\d:\d\d:00Z$").all()
    assert live.null_count().select("game_name", "language", "title", "started_at", "channel_id").row(0) == (0,) * 5
    assert (_with_channels(world, live)["source_of_channel"] == "live").all()


def test_chatters_are_distinct_sorted_and_lowercase(live: pl.DataFrame) -> None:
    assert (live["chatters"].list.n_unique() == live["viewer_count"]).all()
    assert (live["chatters"].list.sort() == live["chatters"]).all()
    assert (live["viewer_count"] == 0).any()
    logins = live["chatters"].explode().drop_nulls()
    assert (logins.str.to_lowercase() == logins).all()


def test_live_presence_covers_each_minute_of_the_schedule_and_no_other(world: World, live: pl.DataFrame) -> None:
    expected = set()
    for channel_no, start, seconds in world.streams.select("channel_no", "started_at", "duration_s").iter_rows():
        channel, source = world.channels.select("channel", "source").row(channel_no)
        minute = start.replace(second=0)
        while source == "live" and minute < start + dt.timedelta(seconds=seconds):
            if minute.date() == DAY:
                expected.add((channel, minute))
            minute += dt.timedelta(minutes=1)
    assert set(live.select("channel", "bucket_start").iter_rows()) == expected


def test_a_broadcast_past_midnight_is_split_between_days(world: World, live: pl.DataFrame) -> None:
    following = live_presence(world, DAY + dt.timedelta(days=1))
    on_both_days = set(live["content_id"]) & set(following["content_id"])
    assert on_both_days
    minutes = pl.concat([live, following]).filter(pl.col("content_id") == min(on_both_days))["bucket_start"].sort()
    assert (minutes.diff().drop_nulls() == dt.timedelta(minutes=1)).all()


def test_vods_are_complete_even_past_midnight(world: World) -> None:
    vods = [vod for day in SPEC.dates for vod in vods_created(world, day)]
    for row, presence in vods:
        PRESENCE.validate(presence)
        offsets = presence["offset_s"].sort().to_list()
        assert offsets == list(range(0, row["duration_s"], 60))
        since_start = (presence["bucket_start"] - row["created_at"]).dt.total_seconds()
        assert (since_start == presence["offset_s"]).all()
        assert presence["content_id"].unique().to_list() == [f"vod:{row['vod_id']}"]
        assert set(presence["timestamp"]) == {f"vod:{row['vod_id']}_offset_{offset}" for offset in offsets}
        assert presence["game_name"].null_count() == presence["language"].null_count() == presence.height
    VOD_CATALOG.validate(pl.DataFrame([row for row, _ in vods], schema=VOD_CATALOG.schema))
    assert any(presence["bucket_start"].dt.date().n_unique() == 2 for _, presence in vods)
    channels = {row["channel"] for row, _ in vods}
    assert channels == set(world.channels.filter(pl.col("source") == "vod")["channel"])


def test_the_roster_lists_the_live_channels_with_more_viewers_than_chatters(world: World, live: pl.DataFrame) -> None:
    for hour in range(24):
        roster = channel_roster(world, DAY, hour)
        CHANNEL_ROSTER.validate(roster)
        assert set(roster["observed_at"]) <= {dt.datetime(2026, 10, 7, hour, tzinfo=dt.UTC)}
        in_hour = live.filter(pl.col("bucket_start").dt.hour() == hour)
        watched = roster.join(world.channels.filter(pl.col("source") == "live"), on="channel", how="semi")
        assert set(in_hour["channel"]) == set(watched["channel"])
        chats = in_hour.group_by("channel").agg(
            pl.col("chatters").explode().drop_nulls().n_unique(), pl.col("game_name", "title", "started_at").first()
        )
        joined = roster.join(chats, on="channel", suffix="_in_chat")
        assert (joined["viewer_count"] > joined["chatters"]).all()
        for column in ("game_name", "title", "started_at"):
            assert (joined[column] == joined[f"{column}_in_chat"]).all()


def test_bots_and_broadcasters_write_in_their_broadcasts(live: pl.DataFrame) -> None:
    written = live.group_by("channel").agg(pl.col("chatters").explode().drop_nulls())
    chatters_by_channel = {channel: set(chatters) for channel, chatters in written.iter_rows()}
    with_broadcaster = np.mean([channel in chatters for channel, chatters in chatters_by_channel.items()])
    assert with_broadcaster > 0.8
    for bot in COMMON_BOTS:
        assert np.mean([bot in chatters for chatters in chatters_by_channel.values()]) > 0.5
    nightbot = live.filter(pl.col("chatters").list.contains("nightbot")).group_by("content_id").len()["len"]
    assert np.median(nightbot.to_numpy()) >= 4


def test_the_audience_has_a_heavy_tail(audience: pl.DataFrame) -> None:
    chatters = audience.group_by("channel").len()["len"].to_numpy()
    assert chatters.min() >= 10
    assert chatters.max() > 5 * np.median(chatters)
    assert 2 <= np.median(audience["buckets"].to_numpy()) <= 6
    channels = audience.group_by("viewer").len()["len"].to_numpy()
    assert (channels <= 3).mean() > 0.6
    assert channels.max() >= 10


def test_the_planted_communities_can_be_detected_but_are_not_islands(world: World, audience: pl.DataFrame) -> None:
    channel_no = audience["channel"].rank("dense").to_numpy() - 1
    viewer_no = audience["viewer"].rank("dense").to_numpy() - 1
    wrote = csr_matrix((np.ones(audience.height), (viewer_no, channel_no)))
    shared = (wrote.T @ wrote).tocsr()
    shared.setdiag(0)
    shared.eliminate_zeros()
    planted = world.channels.join(audience, on="channel", how="semi").sort("channel")
    detected = Leiden(random_state=0).fit_predict(shared)
    assert adjusted_rand_score(planted["community"], detected) >= 0.9
    language, community = planted["language"].to_numpy(), planted["community"].to_numpy()
    neighbors = (language[:, None] == language) & (community[:, None] != community)
    assert (shared.toarray()[neighbors] > 0).mean() > 0.5


@pytest.mark.parametrize("day", [dt.date(2026, 10, 4), dt.date(2026, 10, 12)])
def test_a_day_outside_the_world_is_refused(world: World, day: dt.date) -> None:
    with pytest.raises(ValueError, match=rf"day is {day}; allowed: .* 2026-10-05 to 2026-10-11"):
        live_presence(world, day)
    with pytest.raises(ValueError, match="hour is 24; allowed: 0 to 23"):
        channel_roster(world, day, 24)


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path, world: World) -> None:
    worlds = {
        "first": world,
        "same": build_world(SPEC),
        "other": build_world(replace(SPEC, seed=8)),
    }
    for name, built in worlds.items():
        write_day(LocalStore(str(tmp_path / name)), built, DAY)
    files = {name: _files(tmp_path / name) for name in worlds}
    assert files["first"] == files["same"]
    assert files["first"][lake.live_presence(DAY)] != files["other"][lake.live_presence(DAY)]


def test_a_world_is_written_under_the_keys_of_the_lake(tmp_path: Path) -> None:
    world = build_world(WorldSpec(channels=24, viewers=400, languages=2, games=2, days=2))
    write_world(LocalStore(str(tmp_path)), world)
    files = _files(tmp_path)
    assert len(world.spec.dates) == 2
    for day in world.spec.dates:
        assert {lake.live_presence(day), lake.vod_catalog(day)} <= files.keys()
        for row in pl.read_parquet(tmp_path / lake.vod_catalog(day), hive_partitioning=False).iter_rows(named=True):
            assert lake.vod_presence(row["channel"], row["vod_id"]) in files
        for hour in range(24):
            live = not channel_roster(world, day, hour).is_empty()
            assert (lake.channel_roster(day, hour) in files) is live
    truth = json.loads(files[lake.planted_communities()])
    assert truth["communities"] == dict(world.channels.select("channel", "community").iter_rows())
    assert truth["spec"]["start"] == "2026-10-05"
    assert WorldSpec(**truth["spec"] | {"start": dt.date.fromisoformat(truth["spec"]["start"])}) == world.spec


def _files(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}
