"""Collecting as people start it, on a sandbox in another process."""

import contextlib
import datetime as dt
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator

import dagster as dg
import polars as pl
import psutil
import pytest
import requests
from dagster._core.scheduler.instigation import InstigatorStatus

from vieweratlas_assets.domain.days import hour_key
from vieweratlas_assets.settings import LEGACY_VARIABLES
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_assets.storage.raw_snapshots import find_raw_day, read_raw_hours
from vieweratlas_tests.integration.command import Command
from vieweratlas_tests.integration.dg_dev import DagsterDev, dg_dev
from vieweratlas_tests.lake_factories import away_from_the_hour_s_end

WORLD = ("--channels", "2000", "--viewers", "40000", "--days", "3")
DEADLINE_S = 120.0
MESSAGES = ("messages", "dropped_mirrors", "dropped_bots")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def twitch(command: Command) -> Iterator[dict[str, str]]:
    """The environment of a sandbox that runs at the present time."""
    with command.sandbox(*WORLD) as environment:
        yield environment


def chat(twitch: dict[str, str]) -> dict[str, int]:
    """Sessions of the sandbox's chat, and lines that it sent to them."""
    url = twitch["VIEWERATLAS_TWITCH__HELIX_URL"].removesuffix("/helix")
    counts: dict[str, int] = requests.post(f"{url}/sandbox/chat", json={}, timeout=10).json()
    return counts


def wait(reached: Callable[[], bool], what: str) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + DEADLINE_S
    while not reached():
        assert time.monotonic() < deadline, f"not reached in {DEADLINE_S:.0f} s: {what}"
        time.sleep(0.2)


def collected(command: Command) -> pl.DataFrame:
    """All raw rows of today and yesterday: the day may just have ended."""
    today = dt.datetime.now(dt.UTC).date()
    store = LocalStore(command.root)
    days = [find_raw_day(store, day) for day in (today - dt.timedelta(days=1), today)]
    return pl.concat([hour.rows for day in days for hour in read_raw_hours(store, day)])


def history(command: Command) -> contextlib.AbstractContextManager[dg.DagsterInstance]:
    return dg.DagsterInstance.from_config(str(command.folder / "home"))


def schedules_running(command: Command) -> set[str]:
    """Schedules that the daemon runs because the code declares them running."""
    if not (command.folder / "home/dagster.yaml").exists():
        return set()
    with history(command) as instance:
        states = instance.all_instigator_state()
    return {state.instigator_name for state in states if state.status == InstigatorStatus.DECLARED_IN_CODE}


def daemons(command: Command) -> set[str]:
    """Ids of the daemons that sent a heartbeat."""
    with history(command) as instance:
        return {str(beat.daemon_id) for beat in instance.get_daemon_heartbeats().values()}


@contextlib.contextmanager
def ended_by(process: subprocess.Popen[str], number: signal.Signals) -> Iterator[None]:
    """After the block, end a command with a signal, and check that it succeeds."""
    try:
        yield
        process.send_signal(number)
        printed = process.communicate(timeout=DEADLINE_S)[0]
        assert process.returncode == 0, printed
    finally:
        process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.long)])
def test_a_signal_seals_every_message_that_was_sent(
    command: Command, twitch: dict[str, str], number: signal.Signals
) -> None:
    with command.start("collect", **twitch) as process, ended_by(process, number):
        wait(lambda: chat(twitch)["copies"] >= 20, "20 messages")
    raw = collected(command)
    assert sum(raw[name].sum() for name in MESSAGES) == chat(twitch)["copies"]
    assert chat(twitch)["sessions"] == 0
    hours = {hour_key(hour.date(), hour.hour) for hour in raw["bucket_start"].unique()}
    assert command.materialized("raw_snapshots") == hours
    assert "Collector healthy" in command.run("health", **twitch)


def test_continuous_keeps_the_daemon_and_its_schedules_running(command: Command, twitch: dict[str, str]) -> None:
    # This schedule would collect the same chat a second time.
    running = {"VIEWERATLAS_SCHEDULES__RUNNING": "live_collection_schedule"}
    with command.start("continuous", **twitch, **running) as process, ended_by(process, signal.SIGTERM):
        expected = {"daily_atlas_schedule", "channel_roster_schedule"}
        wait(lambda: schedules_running(command) == expected, "the schedules run")
        before = daemons(command)
        [daemon] = psutil.Process(process.pid).children()
        daemon.kill()
        wait(lambda: bool(daemons(command) - before), "another daemon")
        wait(lambda: chat(twitch)["copies"] >= 5, "5 messages")
        family = psutil.Process(process.pid).children(recursive=True)
        assert family
    assert not [child for child in family if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
    raw = collected(command)
    assert sum(raw[name].sum() for name in MESSAGES) == chat(twitch)["copies"]


@pytest.mark.long
def test_continuous_stops_by_itself(command: Command, twitch: dict[str, str]) -> None:
    printed = command.run("continuous", "--max-runtime-hours", "0.008", **twitch)
    assert "Collected " in printed
    assert "Traceback" not in printed
    metrics = json.loads([line for line in printed.splitlines() if line.startswith("{")][-1])
    assert metrics["messages"] == collected(command)["messages"].sum()


def test_continuous_leaves_no_daemon_behind_if_it_cannot_collect(command: Command, twitch: dict[str, str]) -> None:
    wrong = twitch | {"TWITCH_CLIENT_SECRET": "wrong-4711"}
    assert "4711" not in command.fail("continuous", **wrong)
    home = str(command.folder / "home")

    def is_left() -> bool:
        started = (each.info for each in psutil.process_iter(["cmdline", "environ"]))
        return any(home in str(each["environ"]) and "dagster" in str(each["cmdline"]) for each in started)

    wait(lambda: not is_left(), "no daemon is left")


LAUNCH = """
mutation ($params: ExecutionParams!) {
  launchRun(executionParams: $params) { __typename ... on LaunchRunSuccess { run { runId } } }
}
"""
TERMINATE = "mutation ($id: String!) { terminateRun(runId: $id) { __typename } }"
STATUS = "query ($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"


def launch(dev: DagsterDev, job: str, partition: str) -> str:
    """Launch a run of a partition, and return its id."""
    selector = {"jobName": job, "repositoryName": "__repository__", "repositoryLocationName": "vieweratlas"}
    tags = [{"key": "dagster/partition", "value": partition}]
    params = {"selector": selector, "executionMetadata": {"tags": tags}, "runConfigData": {}}
    run: str = dev.graphql(LAUNCH, params=params)["launchRun"]["run"]["runId"]
    return run


@pytest.mark.long
def test_a_run_that_is_terminated_in_the_ui_seals_every_message_that_was_sent(
    command: Command, twitch: dict[str, str]
) -> None:
    environment = {name: "" for name in os.environ if name in LEGACY_VARIABLES} | twitch
    now = away_from_the_hour_s_end()
    with dg_dev(command.root, command.folder / "home", **environment) as dev:
        run = launch(dev, "collection", hour_key(now.date(), now.hour))
        wait(lambda: chat(twitch)["copies"] >= 20, "20 messages")
        assert dev.graphql(TERMINATE, id=run)["terminateRun"]["__typename"] == "TerminateRunSuccess"
        ended = ("CANCELED", "SUCCESS")
        wait(lambda: dev.graphql(STATUS, id=run)["runOrError"]["status"] in ended, "the run ends well")
    raw = collected(command)
    assert sum(raw[name].sum() for name in MESSAGES) == chat(twitch)["copies"]
    assert chat(twitch)["sessions"] == 0
