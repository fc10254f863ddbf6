"""`vieweratlas vods` as people run it, on a made-up Twitch: nothing is lost or doubled, whoever is killed."""

import json
import random
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest

from vieweratlas_tests.integration.command import Command
from vieweratlas_tests.vods.made_up import MadeUpTwitch, made_up_twitch

ROUNDS = 20
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def twitch(tmp_path: Path) -> Iterator[MadeUpTwitch]:
    with made_up_twitch(tmp_path) as made:
        yield made


Run = Callable[..., str]


@pytest.fixture
def vods(twitch: MadeUpTwitch) -> Run:
    """Runs `vieweratlas vods …` in the environment of that Twitch."""
    command = Command(twitch.folder)

    def run(*arguments: str, fails: bool = False, **settings: str) -> str:
        return command.run("vods", *arguments, fails=fails, **(twitch.environment() | settings))

    return run


def states(vods: Run) -> dict[str, int]:
    found: dict[str, int] = json.loads(vods("stats", "--json"))["states"]
    return {state: count for state, count in found.items() if count}


def everything(twitch: MadeUpTwitch) -> int:
    """How many VODs there are."""
    return int(twitch.world.streams.height)


def test_vods_are_found_fetched_and_told_of(twitch: MadeUpTwitch, vods: Run) -> None:
    number = everything(twitch)
    assert f"72 channels, {number} VODs, {number} of them new" in vods("discover")
    assert f"{number} VODs, 0 of them new" in vods("discover")
    assert states(vods) == {"pending": number}
    assert "VODs: 3 completed" in vods("process", "--max-vods", "3")
    printed = vods("process")
    assert f"VODs: {number - 3} completed" in printed
    assert "Traceback" not in printed
    assert "nothing was due" in vods("process")
    assert states(vods) == {"completed": number}
    shown = vods("stats")
    assert "nothing waits" in shown
    assert f"{number} completed in the last hour" in shown
    days = sorted(set(twitch.world.streams["started_at"].dt.date()))
    twitch.exact(twitch.vods(days[0], days[-1]))
    with dg.DagsterInstance.from_config(str(twitch.folder / "home")) as instance:
        for asset in ("vod_catalog", "vod_presence"):
            assert instance.get_materialized_partitions(dg.AssetKey(asset)) == {str(day) for day in days}


def test_one_vod_is_added_skipped_and_tried_again(twitch: MadeUpTwitch, vods: Run) -> None:
    one, two = twitch.world.streams["vod_id"][:2]
    assert "1 of 1 VOD(s) are new" in vods("add", "--vod-id", one)
    assert "give --channel and --created-at" in vods("add", "--vod-id", "999", "--channel", "ann", fails=True)
    assert f"VOD {two} is of " in vods("add", "--vod-id", two, "--channel", "ann", fails=True)
    channel = twitch.vods(*sorted(set(twitch.world.streams["started_at"].dt.date()))[::2])
    [login] = channel.filter(channel["vod_id"] == two)["channel"]
    began = channel.filter(channel["vod_id"] == two)["started_at"][0].isoformat()
    assert "1 of 1 VOD(s) are new" in vods("add", "--vod-id", two, "--channel", login, "--created-at", began)
    assert "1 VOD(s) are skipped" in vods("skip", one)
    assert "VODs: 1 completed" in vods("process")
    assert states(vods) == {"completed": 1, "skipped": 1}
    assert "1 VOD(s) are pending again" in vods("retry", one)
    assert "VODs: 1 completed" in vods("process")
    twitch.exact(channel.filter(channel["vod_id"].is_in([one, two])))


def test_a_wrong_setting_is_one_line_and_costs_no_attempt(twitch: MadeUpTwitch, vods: Run) -> None:
    vods("discover")
    for wrong, told in (
        ({"VIEWERATLAS_VOD__GRAPHQL_QUERY_HASH": "0" * 64}, "vod.graphql_query_hash"),
        ({"VIEWERATLAS_VOD__CHAT_SOURCE": "twitchdownloader"}, "vod.cli_path is TwitchDownloaderCLI"),
        ({"VIEWERATLAS_VOD__CHAT_SOURCE": "file"}, "vod.files_dir is vod_chat"),
        ({"VIEWERATLAS_VOD__QUEUE_URL": "mysql://me:secret-4711@host/x"}, "vod.queue_url"),
    ):
        printed = vods("process", fails=True, **wrong)
        assert told in printed.replace("\n", " ")
        assert "Traceback" not in printed
        assert "4711" not in printed
    assert states(vods) == {"pending": everything(twitch)}


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.long)])
def test_a_signal_gives_back_what_is_in_work(twitch: MadeUpTwitch, vods: Run, number: signal.Signals) -> None:
    vods("discover")
    slow = {"VIEWERATLAS_VOD__REQUESTS_PER_S": "20"}
    with Command(twitch.folder).start("vods", "process", **(twitch.environment() | slow)) as process:
        _when(lambda: twitch.vod_chat.requests > 20)
        process.send_signal(number)
        printed = process.communicate(timeout=60)[0]
    assert process.returncode == 0
    assert "Traceback" not in printed
    assert set(states(vods)) == {"completed", "pending"}


def test_a_worker_that_stays_fetches_what_comes_later_and_ends_politely(twitch: MadeUpTwitch, vods: Run) -> None:
    with Command(twitch.folder).start("vods", "process", "--every", "1", **twitch.environment()) as process:
        vods("discover")
        _when(lambda: states(vods) == {"completed": everything(twitch)})
        process.send_signal(signal.SIGTERM)
        printed = process.communicate(timeout=60)[0]
    assert process.returncode == 0
    assert "Traceback" not in printed


def test_a_worker_that_stays_waits_for_the_lake(twitch: MadeUpTwitch, vods: Run) -> None:
    vods("discover")
    lake = twitch.folder / "lake"
    lake.write_text("no folder")
    with Command(twitch.folder).start("vods", "process", "--every", "1", **twitch.environment()) as process:
        told = _lines_of(process, "lake", 2)
        assert not any("Traceback" in line for line in told)
        assert process.poll() is None
        lake.unlink()
        _when(lambda: states(vods) == {"completed": everything(twitch)})
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 0
    days = sorted(set(twitch.world.streams["started_at"].dt.date()))
    twitch.exact(twitch.vods(days[0], days[-1]))


def test_a_worker_that_stays_waits_for_the_next_day_where_its_requests_are_spent(
    twitch: MadeUpTwitch, vods: Run
) -> None:
    vods("discover")
    few = {"VIEWERATLAS_VOD__REQUESTS_A_DAY": "5"}
    with Command(twitch.folder).start("vods", "process", "--every", "1", **(twitch.environment() | few)) as process:
        told = _lines_of(process, "requests_a_day", 2)
        process.send_signal(signal.SIGTERM)
        told.append(process.communicate(timeout=60)[0])
    assert process.returncode == 0
    assert not any("ERROR" in line or "Traceback" in line for line in told)
    assert states(vods).keys() <= {"completed", "pending"}
    assert twitch.vod_chat.requests == 5
    assert "requests_a_day" in vods("process", fails=True, **few), "without --every it ends"


@pytest.mark.long
def test_workers_that_are_killed_lose_nothing_and_double_nothing(twitch: MadeUpTwitch, vods: Run) -> None:
    """20 times two workers are killed at a random moment; then another ends what they left.

    A VOD in whose work so many died has failed, and is tried again by hand.
    """
    vods("discover")
    drawn = random.Random(7)
    # So slow that there is something left to the end.
    pace = {"VIEWERATLAS_VOD__REQUESTS_PER_S": "12"}
    command = Command(twitch.folder)
    for _ in range(ROUNDS):
        asked = twitch.vod_chat.requests
        with (
            command.start("vods", "process", **(twitch.environment() | pace)) as one,
            command.start("vods", "process", **(twitch.environment() | pace)) as two,
        ):
            _when(lambda asked=asked: twitch.vod_chat.requests > asked)
            time.sleep(drawn.uniform(0.0, 0.7))
            one.kill()
            two.kill()
        _expire_leases(twitch)
    left = states(vods)
    assert left["processing"] + left.get("pending", 0) > 0
    for _ in range(3):
        vods("process")
        _expire_leases(twitch)
    assert set(states(vods)) <= {"completed", "failed"}
    vods("retry", "--all-failed")
    vods("process")
    assert states(vods) == {"completed": everything(twitch)}
    days = sorted(set(twitch.world.streams["started_at"].dt.date()))
    twitch.exact(twitch.vods(days[0], days[-1]))
    assert len(twitch.store.list_files("curated/presence_snapshots/")) == everything(twitch)
    assert not twitch.store.list_files("raw/")


def _when(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _lines_of(process: subprocess.Popen[str], word: str, times: int) -> list[str]:
    """What a process prints until a word was in so many lines."""
    assert process.stdout is not None
    lines: list[str] = []
    while sum(word in line for line in lines) < times:
        line = process.stdout.readline()
        assert line, "".join(lines)
        lines.append(line)
    return lines


def _expire_leases(twitch: MadeUpTwitch) -> None:
    """As after a quarter of an hour."""
    with sqlite3.connect(twitch.folder / "queue.db", timeout=30) as queue:
        queue.execute("UPDATE vod_queue SET lease_expires_at = '2026-01-01 00:00:00'")
