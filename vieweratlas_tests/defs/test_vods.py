"""VODs through Dagster, against the sandbox: one day, a range of days, and the sensor."""

import datetime as dt
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from vieweratlas_assets.defs.build import build_defs
from vieweratlas_assets.defs.sensors import Sweep, due_days, next_channels, rests, run_key, vod_discovery_sensor
from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.presence.vod_catalog import catalog_of
from vieweratlas_assets.domain.schemas import VOD_CATALOG
from vieweratlas_assets.vods.queue import QueuedVod
from vieweratlas_assets.vods.tables import State
from vieweratlas_assets.wiring import vod_discovery
from vieweratlas_assets.wiring.vod_workers import open_queue
from vieweratlas_tests.dagster_results import latest_metadata, metadata_values, step_failure
from vieweratlas_tests.lake_factories import run
from vieweratlas_tests.vods.made_up import MadeUpTwitch, made_up_twitch

Result = dg.ExecuteInProcessResult
FIRST, LAST = dt.date(2026, 10, 5), dt.date(2026, 10, 6)


@pytest.fixture
def twitch(tmp_path: Path) -> Iterator[MadeUpTwitch]:
    with made_up_twitch(tmp_path) as running:
        yield running


def fetch(twitch: MadeUpTwitch, first: dt.date, last: dt.date | None = None, **environment: str) -> Result:
    with dg.DagsterInstance.ephemeral() as instance:
        return run(twitch.settings(**environment), "vods", first, last, instance=instance)


def states(twitch: MadeUpTwitch) -> Counter[str]:
    with open_queue(twitch.settings()) as queue:
        return Counter(row["state"] for row in queue.rows())


def test_one_run_fetches_a_range_of_days_and_pages_each_channel_once(twitch: MadeUpTwitch) -> None:
    result = fetch(twitch, FIRST, LAST)
    assert result.success
    vods = twitch.vods(FIRST, LAST)
    twitch.exact(vods)
    assert states(twitch) == {State.COMPLETED: vods.height}
    # A token, the ids of the logins, and one page per channel.
    assert twitch.helix.requests == 1 + 72
    by_day = vods.group_by(vods["started_at"].dt.date()).len().rows()
    events = {event.partition: event.metadata for event in result.asset_materializations_for_node("vod_presence")}
    completed = {day: metadata["vods_completed"].value for day, metadata in events.items()}
    assert completed == {str(day): count for day, count in by_day}
    for metadata in events.values():
        table = metadata["vods"]
        assert isinstance(table, dg.TableMetadataValue)
        comments = [record.data["comments"] for record in table.records]
        assert sum(int(str(count)) for count in comments) == metadata["comments"].value
    [check] = result.get_asset_check_evaluations()
    assert check.passed
    listed = twitch.store.download_parquet(lake.vod_catalog(FIRST), VOD_CATALOG)
    assert listed["stream_id"].null_count() == listed["duration_s"].null_count() == 0


def test_existing_vods_are_not_fetched_again_and_a_deleted_vod_stays_in_the_catalog(twitch: MadeUpTwitch) -> None:
    assert fetch(twitch, FIRST).success
    requests = twitch.vod_chat.requests
    listed = twitch.store.download_parquet(lake.vod_catalog(FIRST), VOD_CATALOG)
    one = listed.row(0, named=True)
    twitch.helix.deleted.add(one["vod_id"])
    assert fetch(twitch, FIRST).success
    assert twitch.vod_chat.requests == requests
    assert twitch.store.download_parquet(lake.vod_catalog(FIRST), VOD_CATALOG).equals(listed)


@pytest.mark.slow
@pytest.mark.long
def test_a_vod_that_fails_is_reported_and_the_others_are_completed(twitch: MadeUpTwitch) -> None:
    vods = twitch.vods(FIRST)
    twitch.vod_chat.faults.deleted.add(vods["vod_id"][5])
    twitch.vod_chat.faults.statuses.extend([503] * 6)
    result = fetch(twitch, FIRST, VIEWERATLAS_VOD__DOWNLOADS_AT_ONCE="1")
    assert result.success
    assert states(twitch) == {State.COMPLETED: vods.height - 2, State.SKIPPED: 1, State.PENDING: 1}
    [event] = result.asset_materializations_for_node("vod_presence")
    metadata = metadata_values(event.metadata)
    assert metadata["vods_pending"] == 1
    assert metadata["vods_completed"] == vods.height - 2
    [check] = result.get_asset_check_evaluations()
    assert not check.passed
    assert check.severity == dg.AssetCheckSeverity.WARN


def test_a_wrong_setting_fails_the_run_and_costs_no_attempt(twitch: MadeUpTwitch) -> None:
    result = fetch(twitch, FIRST, VIEWERATLAS_VOD__GRAPHQL_QUERY_HASH="0" * 64)
    assert not result.success
    assert "vod.graphql_query_hash" in step_failure(result, "vod_presence")
    assert states(twitch) == {State.PENDING: twitch.vods(FIRST).height}
    limited = {"VIEWERATLAS_VOD__REQUESTS_A_DAY": "60", "VIEWERATLAS_VOD__DOWNLOADS_AT_ONCE": "1"}
    with dg.DagsterInstance.ephemeral() as instance:
        result = run(twitch.settings(**limited), "vods", FIRST, instance=instance)
        metadata = latest_metadata(instance, "vod_presence")
    assert "vod.requests_a_day" in step_failure(result, "vod_presence")
    done = states(twitch)[State.COMPLETED]
    assert 0 < done < twitch.vods(FIRST).height
    assert metadata["vods_completed"] == done
    assert fetch(twitch, FIRST, VIEWERATLAS_VOD__REQUESTS_A_DAY="100000").success
    twitch.exact(twitch.vods(FIRST))


def test_imported_vods_are_completed_in_the_queue(twitch: MadeUpTwitch) -> None:
    assert fetch(twitch, FIRST).success
    requests = twitch.vod_chat.requests
    elsewhere = f"sqlite:///{twitch.folder}/other.db"
    assert fetch(twitch, FIRST, VIEWERATLAS_VOD__QUEUE_URL=elsewhere).success
    with open_queue(twitch.settings(VIEWERATLAS_VOD__QUEUE_URL=elsewhere)) as queue:
        assert queue.counts() == {FIRST: {State.COMPLETED: twitch.vods(FIRST).height}}
    assert twitch.vod_chat.requests == requests


def tick(twitch: MadeUpTwitch, instance: dg.DagsterInstance, cursor: str | None = None, **environment: str) -> Any:
    settings = twitch.settings(**{"VIEWERATLAS_VOD__AUTO_DISCOVER": "1"} | environment)
    definitions = build_defs(settings)
    defined = definitions.resources or {}
    sensor = definitions.resolve_sensor_def("vod_discovery_sensor")
    resources = {key: defined[key] for key in sensor.required_resource_keys}
    with dg.build_sensor_context(
        instance=instance, cursor=cursor, resources=resources, definitions=definitions
    ) as context:
        return sensor.evaluate_tick(context)


def test_the_sensor_discovers_vods_and_requests_their_days_once(twitch: MadeUpTwitch) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        first = tick(twitch, instance)
        newest = twitch.vods(FIRST - dt.timedelta(days=1), LAST)
        assert {request.partition_key for request in first.run_requests} == {
            str(day) for day in newest["started_at"].dt.date().unique()
        }
        assert states(twitch) == {State.PENDING: newest.height}
        again = tick(twitch, instance, first.cursor)
        assert [request.run_key for request in again.run_requests] == [
            request.run_key for request in first.run_requests
        ]
        requests = twitch.helix.requests
        for request in first.run_requests:
            result = fetch(twitch, dt.date.fromisoformat(request.partition_key))
            assert result.success
        twitch.exact(newest)
        quiet = tick(twitch, instance, again.cursor)
        assert not quiet.run_requests
        assert "no VOD is due" in quiet.skip_message
        assert requests < twitch.helix.requests


def test_a_sweep_stops_when_helix_has_no_points_left_and_resumes_there(tmp_path: Path) -> None:
    with made_up_twitch(tmp_path, points_per_minute=30) as twitch, dg.DagsterInstance.ephemeral() as instance:
        began = time.monotonic()
        first = tick(twitch, instance)
        seen = states(twitch)[State.PENDING]
        assert 0 < seen < twitch.world.streams.height
        sweep = Sweep.from_cursor(first.cursor)
        # One of the points paid for the logins.
        assert sweep.last == sorted(twitch.world.channels["channel"])[28]
        assert not sweep.failed
        second = tick(twitch, instance, first.cursor)
        assert Sweep.from_cursor(second.cursor).last == sweep.last
        assert states(twitch)[State.PENDING] == seen
        assert time.monotonic() - began < 60, "a tick does not wait for points"
        twitch.helix.refill()
        third = tick(twitch, instance, second.cursor)
        twitch.helix.refill()
        last = tick(twitch, instance, third.cursor)
        assert Sweep.from_cursor(last.cursor).last is None
        assert states(twitch)[State.PENDING] == twitch.world.streams.height


def test_the_settings_limit_discovery(twitch: MadeUpTwitch) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        tick(twitch, instance, VIEWERATLAS_VOD__VOD_LIMIT_PER_CHANNEL="1")
        newest = twitch.vods(FIRST - dt.timedelta(days=1), LAST).sort("started_at").group_by("channel").last()
        with open_queue(twitch.settings()) as queue:
            assert {row["vod_id"] for row in queue.rows()} == set(newest["vod_id"])


def test_the_sensor_requests_due_days_also_without_discovery(twitch: MadeUpTwitch) -> None:
    with open_queue(twitch.settings()) as queue:
        queue.add([QueuedVod("1", "ann", dt.datetime(2026, 10, 5, tzinfo=dt.UTC))])
        queue.add([QueuedVod("2", "ann", dt.datetime.now(dt.UTC))])
    with dg.DagsterInstance.ephemeral() as instance:
        evaluated = tick(twitch, instance, VIEWERATLAS_VOD__AUTO_DISCOVER="0")
        assert [request.partition_key for request in evaluated.run_requests] == ["2026-10-05"]
        assert not twitch.helix.requests
        config = evaluated.run_requests[0].run_config
        assert config == {"ops": {"vod_catalog": {"config": {"ask_for_channels": False}}}}


def test_without_an_answer_of_twitch_the_tick_fails(twitch: MadeUpTwitch) -> None:
    with (
        dg.DagsterInstance.ephemeral() as instance,
        pytest.raises(RuntimeError, match="check both") as raised,
    ):
        tick(twitch, instance, TWITCH_CLIENT_SECRET="wrong-4711")
    assert "4711" not in str(raised.value)


def test_without_an_answer_of_twitch_due_days_are_still_requested(twitch: MadeUpTwitch) -> None:
    with open_queue(twitch.settings()) as queue:
        queue.add([QueuedVod("1", "ann", dt.datetime(2026, 10, 5, tzinfo=dt.UTC))])
    with dg.DagsterInstance.ephemeral() as instance:
        evaluated = tick(twitch, instance, TWITCH_CLIENT_SECRET="wrong-4711")
        assert [request.partition_key for request in evaluated.run_requests] == ["2026-10-05"]


def test_a_channel_that_fails_does_not_stop_the_sweep(twitch: MadeUpTwitch) -> None:
    login = twitch.world.channels["channel"][0]
    with dg.DagsterInstance.ephemeral() as instance:
        twitch.helix.faults.extend([200, 400])
        sweep = Sweep.from_cursor(tick(twitch, instance, TWITCH_CHANNELS=login).cursor)
        assert sweep.last is None
        assert sweep.failed == (login,)


def test_a_renamed_channel_keeps_the_login_and_the_day_of_its_stored_presence(twitch: MadeUpTwitch) -> None:
    vod = twitch.vods(FIRST).row(0, named=True)
    with open_queue(twitch.settings()) as queue:
        queue.add([QueuedVod(vod["vod_id"], "older_name", vod["started_at"] - dt.timedelta(days=1))])
    assert fetch(twitch, FIRST - dt.timedelta(days=1), TWITCH_CHANNELS=vod["channel"]).success
    listed = twitch.store.download_parquet(lake.vod_catalog(FIRST - dt.timedelta(days=1)), VOD_CATALOG)
    row = listed.row(by_predicate=pl.col("vod_id") == vod["vod_id"], named=True)
    assert row["channel"] == "older_name"
    assert row["duration_s"] == vod["duration_s"]
    assert twitch.store.exists(lake.vod_presence("older_name", vod["vod_id"]))


def test_several_writers_of_a_catalog_lose_no_row(twitch: MadeUpTwitch) -> None:
    catalog = catalog_of(
        [
            {"id": str(n), "user_id": "1", "user_login": "ann", "type": "archive", "created_at": f"{FIRST}T00:00:00Z"}
            for n in range(40)
        ],
        dt.datetime.now(dt.UTC),
    )

    def add(number: int) -> None:
        with open_queue(twitch.settings()) as queue:
            vod_discovery.add_to_catalogs(queue, twitch.store, [catalog[number : number + 1]], [FIRST])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(40)))
    assert twitch.store.download_parquet(lake.vod_catalog(FIRST), VOD_CATALOG).height == 40


def test_the_sensor_runs_if_the_settings_enable_it(twitch: MadeUpTwitch) -> None:
    for enabled, status in (("1", dg.DefaultSensorStatus.RUNNING), ("0", dg.DefaultSensorStatus.STOPPED)):
        assert vod_discovery_sensor(twitch.settings(VIEWERATLAS_VOD__ENABLED=enabled)).default_status == status


def test_a_sweep_goes_through_all_channels_in_slices() -> None:
    channels = ["ann", "bob", "cid", "dan"]
    sweep, waiting = next_channels(Sweep(), channels, 1000.0)
    assert waiting == channels
    assert sweep.began == 1000.0
    sweep, waiting = next_channels(Sweep(1000.0, "bob", ("ann",)), channels, 1060.0)
    assert waiting == ["ann", "cid", "dan"]
    assert rests(Sweep(1000.0, None), 1599.0, 600.0)
    assert not rests(Sweep(1000.0, None), 1600.0, 600.0)
    assert not rests(Sweep(1000.0, "bob"), 1001.0, 600.0)
    assert not rests(Sweep(1000.0, None), 999.0, 600.0)
    sweep, waiting = next_channels(Sweep(1000.0, None, ("dan",)), channels, 1600.0)
    assert waiting == ["dan", "ann", "bob", "cid"]
    assert sweep.began == 1600.0
    assert Sweep.from_cursor(sweep.text()) == sweep
    assert Sweep.from_cursor("nonsense") == Sweep.from_cursor(None) == Sweep.from_cursor('{"began": "x"}') == Sweep()


def test_days_and_keys_of_due_work() -> None:
    vods = {
        QueuedVod(str(number), "ann", dt.datetime(2026, 10, 5 + number % 3, tzinfo=dt.UTC)): 0 for number in range(6)
    }
    days = due_days(vods, first=dt.date(2026, 10, 1), today=dt.date(2026, 10, 7), busy={"2026-10-06"})
    assert {day: [vod.vod_id for vod in due] for day, due in days.items()} == {"2026-10-05": ["0", "3"]}
    due = days["2026-10-05"]
    one, two = due
    key = run_key("2026-10-05", due, 7200.0)
    assert key == run_key("2026-10-05", {two: 0, one: 0}, 10_799.0)
    assert key != run_key("2026-10-05", {one: 0}, 7200.0)
    assert key != run_key("2026-10-05", {one: 0, two: 1}, 7200.0)
    assert key != run_key("2026-10-05", due, 10_800.0)
