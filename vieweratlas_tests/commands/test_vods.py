"""`vieweratlas vods` as people run it, on a made-up Twitch: killed workers lose and double nothing."""

import json
import random
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from vieweratlas_tests.integration.command import Command
from vieweratlas_tests.vods.made_up import MadeUpTwitch, made_up_twitch

ROUNDS = 20
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def twitch(tmp_path: Path) -> Iterator[MadeUpTwitch]:
    with made_up_twitch(tmp_path) as running:
        yield running


@dataclass(frozen=True)
class VodsCommand:
    """`vieweratlas vods …` in the environment of a made-up Twitch."""

    twitch: MadeUpTwitch

    @property
    def command(self) -> Command:
        """The command in the folder of that Twitch."""
        return Command(self.twitch.folder)

    def start(self, *arguments: str, **settings: str) -> subprocess.Popen[str]:
        """Start a subcommand and return at once."""
        return self.command.start("vods", *arguments, **(self.twitch.environment() | settings))

    def run(self, *arguments: str, **settings: str) -> str:
        """Run a subcommand that must succeed, and return what it printed."""
        return self.command.run("vods", *arguments, **(self.twitch.environment() | settings))

    def fail(self, *arguments: str, **settings: str) -> str:
        """Run a subcommand that must fail, and return what it printed."""
        return self.command.fail("vods", *arguments, **(self.twitch.environment() | settings))

    def states(self) -> dict[str, int]:
        """VODs of the queue by state, without states that no VOD is in."""
        counts: dict[str, int] = json.loads(self.run("stats", "--json"))["states"]
        return {state: count for state, count in counts.items() if count}


@pytest.fixture
def vods(twitch: MadeUpTwitch) -> VodsCommand:
    return VodsCommand(twitch)


def vod_count(twitch: MadeUpTwitch) -> int:
    return int(twitch.world.streams.height)


def test_vods_are_discovered_fetched_and_reported(twitch: MadeUpTwitch, vods: VodsCommand) -> None:
    number = vod_count(twitch)
    assert f"72 channels, {number} VODs, {number} of them new" in vods.run("discover")
    assert f"{number} VODs, 0 of them new" in vods.run("discover")
    assert vods.states() == {"pending": number}
    assert "VODs: 3 completed" in vods.run("process", "--max-vods", "3")
    printed = vods.run("process")
    assert f"VODs: {number - 3} completed" in printed
    assert "Traceback" not in printed
    assert "nothing was due" in vods.run("process")
    assert vods.states() == {"completed": number}
    summary = vods.run("stats")
    assert "queue empty" in summary
    assert f"{number} completed in the last hour" in summary
    days = sorted(set(twitch.world.streams["started_at"].dt.date()))
    twitch.exact(twitch.vods(days[0], days[-1]))
    for asset in ("vod_catalog", "vod_presence"):
        assert vods.command.materialized(asset) == {str(day) for day in days}


def test_one_vod_is_added_skipped_and_retried(twitch: MadeUpTwitch, vods: VodsCommand) -> None:
    one, two = twitch.world.streams["vod_id"][:2]
    assert "1 of 1 VOD(s) are new" in vods.run("add", "--vod-id", one)
    assert "give --channel and --created-at" in vods.fail("add", "--vod-id", "999", "--channel", "ann")
    assert f"VOD {two} belongs to " in vods.fail("add", "--vod-id", two, "--channel", "ann")
    channel = twitch.vods(*sorted(set(twitch.world.streams["started_at"].dt.date()))[::2])
    [login] = channel.filter(channel["vod_id"] == two)["channel"]
    began = channel.filter(channel["vod_id"] == two)["started_at"][0].isoformat()
    assert "1 of 1 VOD(s) are new" in vods.run("add", "--vod-id", two, "--channel", login, "--created-at", began)
    assert "1 VOD(s) are skipped" in vods.run("skip", one)
    assert "VODs: 1 completed" in vods.run("process")
    assert vods.states() == {"completed": 1, "skipped": 1}
    assert "1 VOD(s) are pending again" in vods.run("retry", one)
    assert "VODs: 1 completed" in vods.run("process")
    twitch.exact(channel.filter(channel["vod_id"].is_in([one, two])))


def test_a_wrong_setting_is_one_line_and_costs_no_attempt(twitch: MadeUpTwitch, vods: VodsCommand) -> None:
    vods.run("discover")
    for wrong, message in (
        ({"VIEWERATLAS_VOD__GRAPHQL_QUERY_HASH": "0" * 64}, "vod.graphql_query_hash"),
        ({"VIEWERATLAS_VOD__CHAT_SOURCE": "twitchdownloader"}, "vod.cli_path is TwitchDownloaderCLI"),
        ({"VIEWERATLAS_VOD__CHAT_SOURCE": "file"}, "vod.files_dir is vod_chat"),
        ({"VIEWERATLAS_VOD__QUEUE_URL": "mysql://me:secret-4711@host/x"}, "vod.queue_url"),
    ):
        printed = vods.fail("process", **wrong)
        assert message in printed.replace("\n", " ")
        assert "4711" not in printed
    assert vods.states() == {"pending": vod_count(twitch)}


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.long)])
def test_a_signal_returns_vods_in_work_to_the_queue(
    twitch: MadeUpTwitch, vods: VodsCommand, number: signal.Signals
) -> None:
    vods.run("discover")
    slow = {"VIEWERATLAS_VOD__REQUESTS_PER_S": "20"}
    with vods.start("process", **slow) as process:
        _wait_until(lambda: twitch.vod_chat.requests > 20)
        process.send_signal(number)
        printed = process.communicate(timeout=60)[0]
    assert process.returncode == 0
    assert "Traceback" not in printed
    assert set(vods.states()) == {"completed", "pending"}


def test_a_worker_that_stays_fetches_later_vods_and_ends_cleanly(twitch: MadeUpTwitch, vods: VodsCommand) -> None:
    with vods.start("process", "--every", "1") as process:
        vods.run("discover")
        _wait_until(lambda: _completed(twitch) == vod_count(twitch))
        process.send_signal(signal.SIGTERM)
        printed = process.communicate(timeout=60)[0]
    assert process.returncode == 0
    assert "Traceback" not in printed


def test_a_worker_that_stays_waits_for_the_lake(twitch: MadeUpTwitch, vods: VodsCommand) -> None:
    vods.run("discover")
    lake = twitch.folder / "lake"
    lake.write_text("no folder")
    with vods.start("process", "--every", "1") as process:
        lines = _read_until(process, "lake", 2)
        assert not any("Traceback" in line for line in lines)
        assert process.poll() is None
        lake.unlink()
        _wait_until(lambda: _completed(twitch) == vod_count(twitch))
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 0
    days = sorted(set(twitch.world.streams["started_at"].dt.date()))
    twitch.exact(twitch.vods(days[0], days[-1]))


def test_a_worker_that_stays_waits_for_the_next_day_when_its_requests_are_spent(
    twitch: MadeUpTwitch, vods: VodsCommand
) -> None:
    vods.run("discover")
    few = {"VIEWERATLAS_VOD__REQUESTS_A_DAY": "5"}
    with vods.start("process", "--every", "1", **few) as process:
        lines = _read_until(process, "requests_a_day", 2)
        process.send_signal(signal.SIGTERM)
        lines.append(process.communicate(timeout=60)[0])
    assert process.returncode == 0
    assert not any("ERROR" in line or "Traceback" in line for line in lines)
    assert vods.states().keys() <= {"completed", "pending"}
    assert twitch.vod_chat.requests == 5
    assert "requests_a_day" in vods.fail("process", **few), "without --every the worker ends"


@pytest.mark.long
def test_workers_that_are_killed_lose_nothing_and_double_nothing(twitch: MadeUpTwitch, vods: VodsCommand) -> None:
    """Two workers are killed at a random moment, 20 times; then another worker finishes the queue.

    A VOD that was in work during too many of these kills has failed, and is retried by command.
    """
    vods.run("discover")
    draw = random.Random(7)
    # Slow enough that VODs are left after the last round.
    pace = {"VIEWERATLAS_VOD__REQUESTS_PER_S": "12"}
    for _ in range(ROUNDS):
        with (
            vods.start("process", **pace) as one,
            vods.start("process", **pace) as two,
        ):
            _wait_for_request(twitch)
            time.sleep(draw.uniform(0.0, 0.7))
            one.kill()
            two.kill()
        _expire_leases(twitch)
    left = vods.states()
    assert left["processing"] + left.get("pending", 0) > 0
    for _ in range(3):
        vods.run("process")
        _expire_leases(twitch)
    assert set(vods.states()) <= {"completed", "failed"}
    vods.run("retry", "--all-failed")
    vods.run("process")
    assert vods.states() == {"completed": vod_count(twitch)}
    days = sorted(set(twitch.world.streams["started_at"].dt.date()))
    twitch.exact(twitch.vods(days[0], days[-1]))
    assert len(twitch.store.list_files("curated/presence_snapshots/")) == vod_count(twitch)
    assert not twitch.store.list_files("raw/")


def _completed(twitch: MadeUpTwitch) -> int:
    """How many VODs of the queue are completed."""
    with closing(sqlite3.connect(twitch.folder / "queue.db", timeout=30)) as queue:
        (count,) = queue.execute("SELECT count(*) FROM vod_queue WHERE state = 'completed'").fetchone()
    return int(count)


def _wait_for_request(twitch: MadeUpTwitch) -> None:
    """Wait until the chat replay gets another request."""
    before = twitch.vod_chat.requests
    _wait_until(lambda: twitch.vod_chat.requests > before)


def _wait_until(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _read_until(process: subprocess.Popen[str], word: str, times: int) -> list[str]:
    """The lines that a process prints until `times` of them hold a word."""
    assert process.stdout is not None
    lines: list[str] = []
    while sum(word in line for line in lines) < times:
        line = process.stdout.readline()
        assert line, "".join(lines)
        lines.append(line)
    return lines


def _expire_leases(twitch: MadeUpTwitch) -> None:
    """Let the leases of all VODs end, as they do after a quarter of an hour."""
    with sqlite3.connect(twitch.folder / "queue.db", timeout=30) as queue:
        queue.execute("UPDATE vod_queue SET lease_expires_at = '2026-01-01 00:00:00'")
