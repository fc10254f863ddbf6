"""A collector as the settings name it: its spool, the channels that it watches, and how a signal ends it."""

import os
import signal
import threading
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from vieweratlas_assets.collector.collector import Listeners, Pace
from vieweratlas_assets.collector.health import Metrics
from vieweratlas_assets.collector.wanted import NoChannelsError, RosterUnavailableError
from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.presence.names import PLAIN, ViewerNames
from vieweratlas_assets.domain.schemas import CHANNEL_ROSTER
from vieweratlas_assets.settings import CollectionSettings, Settings, resolve_settings
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_assets.wiring.collector import (
    Roster,
    collect_until_stopped,
    collector_from_settings,
    spool_folder,
)
from vieweratlas_tests.clients.chatting import HASTE, chatting
from vieweratlas_tests.clients.twitch import EVENING, Twitch


def roster_for(settings: Settings, store: LocalStore, names: ViewerNames = PLAIN) -> Roster:
    return Roster(settings, store, names, EVENING.timestamp)


def put_roster(store: LocalStore, **viewers: int | None) -> None:
    """Write the roster of the evening: viewers by login."""
    rows: list[dict[str, Any]] = [
        {"channel": login, "channel_id": "1", "observed_at": EVENING, "viewer_count": count, "tags": []}
        for login, count in viewers.items()
    ]
    frame = pl.DataFrame(rows, schema=CHANNEL_ROSTER.schema)
    store.upload_parquet(lake.channel_roster(EVENING.date(), EVENING.hour), frame, CHANNEL_ROSTER)


def test_the_spool_is_where_the_settings_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    assert spool_folder(Settings()) == tmp_path / "home" / "collector"
    chosen = Settings(collection=CollectionSettings(spool_dir=Path("spool")))
    assert spool_folder(chosen) == tmp_path / "spool"


def test_the_first_roster_is_that_of_the_lake_and_later_ones_are_of_twitch(helix: Twitch, store: LocalStore) -> None:
    put_roster(store, ann=5, bob=None, cid=9, dan=5, eve=None)
    roster = roster_for(helix.settings(TWITCH_CHANNELS="zoe,bob"), store)
    first = roster()
    # The watched ones first, then by viewers; those of unknown size come last.
    assert first.channels == ("bob", "zoe", "cid", "ann", "dan", "eve")
    assert set(first.roster["channel"]) == {"ann", "bob", "cid", "dan", "eve"}
    assert helix.helix.requests == 0
    assert roster().channels == ("bob", "zoe", *helix.live())


def test_as_many_live_channels_are_watched_as_the_settings_say(helix: Twitch, store: LocalStore) -> None:
    settings = helix.settings(VIEWERATLAS_COLLECTION__TOP_CHANNELS_LIMIT="3")
    assert roster_for(settings, store)().channels == tuple(helix.live()[:3])


def test_channels_that_opted_out_are_not_watched(store: LocalStore) -> None:
    put_roster(store, ann=5, cid=9)
    names = ViewerNames(opted_out_channels=["cid", "zoe"])
    settings = Settings(collection=CollectionSettings(channels=("zoe", "bob")))
    wanted = roster_for(settings, store, names)()
    assert wanted.channels == ("bob", "ann")
    assert wanted.roster["channel"].to_list() == ["ann"]


def test_without_credentials_the_watch_list_alone_counts(store: LocalStore) -> None:
    wanted = roster_for(Settings(collection=CollectionSettings(channels=("bob", "ann"))), store)()
    assert wanted.channels == ("ann", "bob")
    assert wanted.roster.is_empty()
    with pytest.raises(NoChannelsError, match="no channel to watch: set TWITCH_CLIENT_ID"):
        roster_for(Settings(), store)()


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"TWITCH_CLIENT_SECRET": "wrong"}, "check both"),
        ({"CHANNELS_FILE": "none.txt"}, r"none\.txt cannot be read"),
        ({"TWITCH_CHANNELS": "no login"}, r"setting collection\.channels"),
    ],
)
def test_what_only_a_person_can_mend_ends_the_collector(
    helix: Twitch, store: LocalStore, environment: dict[str, str], message: str
) -> None:
    with pytest.raises(NoChannelsError, match=message) as raised:
        roster_for(helix.settings(**environment), store)()
    assert not raised.value.retryable


def test_what_may_pass_is_tried_again(helix: Twitch, store: LocalStore) -> None:
    roster = roster_for(helix.settings(), store)
    helix.helix.faults.append(400)
    with pytest.raises(RosterUnavailableError, match="HTTP 400") as raised:
        roster()
    assert raised.value.retryable
    assert roster().channels == tuple(helix.live())
    damaged = LocalStore(store.root)
    damaged.upload_bytes(lake.channel_roster(EVENING.date(), EVENING.hour), b"cut off")
    with pytest.raises(RosterUnavailableError, match="part-0000"):
        roster_for(helix.settings(), damaged)()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_collector_and_its_handlers_are_restored(
    tmp_path: Path, store: LocalStore, number: signal.Signals
) -> None:
    def own(*_: object) -> None:
        """A handler that is not Python's."""

    sent, default = threading.Event(), signal.signal(number, own)

    def end(_: Metrics) -> None:
        if not sent.is_set():
            sent.set()
            os.kill(os.getpid(), number)

    with chatting(1) as twitch:
        variables = {
            "VIEWERATLAS_COLLECTION__SPOOL_DIR": str(tmp_path / "spool"),
            "TWITCH_CHANNELS": "channel_0000",
        }
        settings = resolve_settings(environment=variables).settings
        collector = collector_from_settings(
            settings,
            store,
            PLAIN,
            source=twitch.reader(clock=twitch.now, profile=HASTE),
            clock=twitch.now,
            pace=Pace(metrics_s=0.01, tick_s=0.01),
            listeners=Listeners(on_metrics=end),
        )
        _, by_signal = collect_until_stopped(collector)
    restored = signal.signal(number, default)
    assert by_signal
    assert restored is own


def test_a_collector_ends_at_its_moment_in_any_thread(tmp_path: Path, store: LocalStore) -> None:
    results = []
    with chatting(1) as twitch:
        settings = Settings(collection=CollectionSettings(channels=("channel_0000",), spool_dir=tmp_path / "spool"))
        pace = Pace(settle_s=0.0, tick_s=0.01)
        source = twitch.reader(clock=twitch.now, profile=HASTE)
        collector = collector_from_settings(settings, store, PLAIN, source=source, clock=twitch.now, pace=pace)
        thread = threading.Thread(target=lambda: results.append(collect_until_stopped(collector, twitch.now())))
        thread.start()
        thread.join()
    [(_, by_signal)] = results
    assert not by_signal
