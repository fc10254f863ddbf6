"""What only the running hour has: its roster and its chat; an hour that is over keeps what it has."""

import datetime as dt
from pathlib import Path

import polars as pl
import pytest

from vieweratlas_assets.clients.helix import HelixClient
from vieweratlas_assets.collector.collector import Collector
from vieweratlas_assets.collector.wanted import NoChannelsError
from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.presence.live_merge import SNAPSHOTS, complete_raw_snapshots
from vieweratlas_assets.domain.presence.names import PLAIN
from vieweratlas_assets.domain.schemas import CHANNEL_ROSTER, RAW_SNAPSHOTS
from vieweratlas_assets.errors import LakeStateError
from vieweratlas_assets.settings import CollectionSettings, Settings
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_assets.wiring.collector import collector_from_settings
from vieweratlas_assets.wiring.running_hour import HOUR, HourOverError, collect_hour, roster_of_hour
from vieweratlas_tests.clients.twitch import Twitch

NOON = dt.datetime(2026, 3, 10, 12, tzinfo=dt.UTC)


def running() -> dt.datetime:
    """The start of an hour that is half over, so that it does not end during a test."""
    return dt.datetime.now(dt.UTC) - HOUR / 2


def to_come() -> dt.datetime:
    return dt.datetime.now(dt.UTC) + HOUR


def nobody() -> HelixClient:
    raise AssertionError("Twitch is asked about an hour that is not running")


def no_collector() -> Collector:
    raise AssertionError("an hour is collected that is not running")


def nothing() -> list[str]:
    return []


def put_chat(store: LocalStore, hour: dt.datetime) -> None:
    row = {"channel": "ann", "observed_at": hour, "chatters": ["bob", "cid"], "origin": "one"}
    rows = complete_raw_snapshots(pl.DataFrame([row], schema=SNAPSHOTS), PLAIN)
    store.upload_parquet(f"{lake.raw_hour(hour)}one.parquet", rows, RAW_SNAPSHOTS)


def test_the_roster_of_the_running_hour_is_taken_with_its_figures(helix: Twitch, store: LocalStore) -> None:
    live = helix.live()
    quiet = min(set(helix.world.channels["channel"]) - set(live))
    roster, figures = roster_of_hour(store, running(), 2, helix.client, lambda: [live[-1], quiet])
    assert roster is not None
    assert set(roster["channel"]) == {*live[:2], live[-1]}
    assert (figures["top_channels"], figures["watched"], figures["watched_live"]) == (2, 2, 1)
    assert figures["concurrent_viewers"] == roster["viewer_count"].sum()
    assert figures["languages"] == roster["language"].n_unique()
    assert sum(figures["largest_games"].values()) == 3
    assert store.list_files() == []


def test_an_hour_that_is_over_keeps_its_roster(store: LocalStore) -> None:
    with pytest.raises(HourOverError, match="Twitch reports only who is live now, and this hour has no roster"):
        roster_of_hour(store, NOON, 2, nobody, nothing)
    store.upload_parquet(lake.channel_roster(NOON.date(), 12), CHANNEL_ROSTER.empty(), CHANNEL_ROSTER)
    roster, figures = roster_of_hour(store, NOON, 2, nobody, nothing)
    assert roster is None
    assert figures == {"kept": "the hour is over, its roster stays"}


def test_an_hour_that_has_not_begun_has_no_roster_and_no_chat(store: LocalStore) -> None:
    with pytest.raises(LakeStateError, match="materialize the running hour"):
        roster_of_hour(store, to_come(), 2, nobody, nothing)
    with pytest.raises(LakeStateError, match=r"the hour has not begun; the running one is \d{4}-\d\d-\d\d-\d\d:00"):
        collect_hour(store, to_come(), None, no_collector)


def test_an_hour_that_is_over_shows_what_was_collected(store: LocalStore) -> None:
    with pytest.raises(HourOverError, match=r"nobody collected chat in this hour.*materialize vod_catalog"):
        collect_hour(store, NOON, None, no_collector)
    put_chat(store, NOON)
    figures = collect_hour(store, NOON, None, no_collector)
    assert (figures["chatters"], figures["channels"], figures["origins"]) == (2, 1, ["one"])
    assert "ended_by" not in figures


def test_the_running_hour_is_collected_by_the_collector(tmp_path: Path, store: LocalStore) -> None:
    # Without a channel to watch, a collector ends at once.
    settings = Settings(collection=CollectionSettings(spool_dir=tmp_path / "spool"))
    put_chat(store, running())
    with pytest.raises(NoChannelsError, match="no channel to watch"):
        collect_hour(store, running(), 1, lambda: collector_from_settings(settings, store, PLAIN))
