"""Dagster's daemon next to ours, played by a program that can be killed, that fails, and that does not end."""

import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from vieweratlas_assets.runs import daemon
from vieweratlas_assets.runs.daemon import kept_running

DEADLINE_S = 30.0


class Program:
    """A program in the place of Python: it notes each start, and then does what a test says."""

    def __init__(self, folder: Path, then: str) -> None:
        self._starts = folder / "starts"
        self.path = folder / "python"
        self.path.write_text(f'#!/bin/sh\necho "$$|$SAID|$*" >> {self._starts}\n{then}\n')
        self.path.chmod(0o755)

    def starts(self) -> list[tuple[int, str, str]]:
        """Process, value of SAID and arguments of each start."""
        if not self._starts.exists():
            return []
        lines = [line.split("|") for line in self._starts.read_text().splitlines()]
        return [(int(process), said, arguments) for process, said, arguments in lines]

    def wait_for(self, starts: int) -> None:
        """Wait for the n-th start."""
        wait_until(lambda: len(self.starts()) >= starts)

    def running(self) -> list[int]:
        """The processes that still run, with those that they started."""
        groups = {process for process, _, _ in self.starts()}
        return [each.pid for each in psutil.process_iter() if is_in(each, groups)]


def is_in(process: psutil.Process, groups: set[int]) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE and os.getpgid(process.pid) in groups
    except (psutil.NoSuchProcess, ProcessLookupError):
        return False


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.005)


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Program]:
    """Let a program play the daemon; restarts follow at once."""
    monkeypatch.setattr(daemon, "FIRST_PAUSE_S", 0.001)

    def begin(then: str) -> Program:
        program = Program(tmp_path, then)
        monkeypatch.setattr(sys, "executable", str(program.path))
        return program

    return begin


@pytest.mark.parametrize(
    ("port", "arguments"),
    [
        (None, "-m dagster._daemon run -m vieweratlas_assets.definitions"),
        (3141, "-m dagster_dg_cli.cli dev --port 3141 -m vieweratlas_assets.definitions"),
    ],
)
def test_it_runs_with_our_environment_and_ends_with_the_block_and_all_its_processes(
    play: Callable[[str], Program], port: int | None, arguments: str
) -> None:
    program = play("sleep 60 & wait")
    with kept_running({"SAID": "hello"}, port):
        wait_until(lambda: len(program.running()) == 2)
    assert [start[1:] for start in program.starts()] == [("hello", arguments)]
    wait_until(lambda: not program.running())


def test_it_is_started_again_after_a_pause_that_doubles_up_to_its_limit(
    play: Callable[[str], Program], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon, "LONGEST_PAUSE_S", 0.003)
    program = play("exit 7")
    with caplog.at_level(logging.ERROR), kept_running({}):
        program.wait_for(3)
    assert caplog.messages[0] == "Dagster's daemon exited with 7; restarting it in 0 s"
    assert [record.args for record in caplog.records[:2]] == [(7, 0.002), (7, 0.003)]


def test_a_daemon_that_is_killed_is_replaced(play: Callable[[str], Program]) -> None:
    program = play("exec sleep 60")
    with kept_running({}):
        program.wait_for(1)
        os.kill(program.starts()[0][0], signal.SIGKILL)
        program.wait_for(2)
    wait_until(lambda: not program.running())


@pytest.fixture
def handler() -> Iterator[object]:
    """A handler of SIGTERM that another part of the program has set."""

    def handle(*_: object) -> None:
        pytest.fail("the signal did not end the block")

    before = signal.signal(signal.SIGTERM, handle)
    yield handle
    signal.signal(signal.SIGTERM, before)


def fail(program: Program) -> None:
    with kept_running({}):
        program.wait_for(1)
        raise ZeroDivisionError


def be_terminated(program: Program) -> None:
    with kept_running({}):
        program.wait_for(1)
        os.kill(os.getpid(), signal.SIGTERM)
        wait_until(lambda: False)


@pytest.mark.parametrize(("end", "error"), [(fail, ZeroDivisionError), (be_terminated, KeyboardInterrupt)])
def test_it_ends_with_a_block_that_fails_or_is_terminated(
    play: Callable[[str], Program], handler: object, end: Callable[[Program], None], error: type[BaseException]
) -> None:
    program = play("exec sleep 60")
    with pytest.raises(error):
        end(program)
    wait_until(lambda: not program.running())
    assert signal.getsignal(signal.SIGTERM) is handler


def test_a_daemon_that_does_not_end_is_killed(
    play: Callable[[str], Program], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(daemon, "END_S", 0.05)
    program = play("trap '' TERM; while true; do sleep 0.01; done")
    with kept_running({}):
        program.wait_for(1)
    wait_until(lambda: not program.running())
    assert "is killed" in caplog.text
