"""The sensor that discovers VODs: whom it asks, what it requests, and when it rests."""

import datetime as dt
import time
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from vieweratlas_assets.defs.build import build_defs
from vieweratlas_assets.defs.sensors import Sweep, due_days, next_channels, rests, run_key, vod_discovery_sensor
from vieweratlas_assets.vods.queue import QueuedVod
from vieweratlas_assets.vods.tables import State
from vieweratlas_assets.wiring.vod_workers import open_queue
from vieweratlas_tests.defs.vod_runs import FIRST, LAST, fetch, states
from vieweratlas_tests.vods.made_up import MadeUpTwitch, made_up_twitch


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
