"""The sandbox's clocks: where they begin, how fast one runs, how the other is advanced."""

import datetime as dt
import multiprocessing

import pytest

from vieweratlas_assets.sandbox.clock import ManualClock, SandboxClock

START = dt.datetime(2026, 10, 5, 12, tzinfo=dt.UTC)


@pytest.mark.parametrize(("speed", "later"), [(1.0, 10), (60.0, 600), (0.5, 5)])
def test_a_clock_begins_at_its_start_and_runs_at_its_speed(speed: float, later: int) -> None:
    real = [1_000.0]
    clock = SandboxClock(START, speed, seconds=lambda: real[0])
    assert clock.now() == START
    real[0] += 10
    assert clock.now() == START + dt.timedelta(seconds=later)


@pytest.mark.parametrize("speed", [0.0, -1.0, float("nan")])
def test_a_clock_that_does_not_go_forward_is_refused(speed: float) -> None:
    with pytest.raises(ValueError, match="it must be above 0"):
        SandboxClock(START, speed)


def test_a_manual_clock_moves_only_when_advanced_and_never_back() -> None:
    clock = ManualClock(START)
    assert clock.now() == clock.played_until == START
    clock.advance_to(START + dt.timedelta(seconds=90))
    clock.advance_to(START + dt.timedelta(seconds=30))
    assert clock.now() == START + dt.timedelta(seconds=90)
    assert clock.played_until == START


def test_a_manual_clock_shows_the_same_time_in_another_process() -> None:
    clock, later = ManualClock(START), START + dt.timedelta(hours=5)
    clock.advance_to(later)
    other = multiprocessing.get_context("spawn").Process(target=note_all_as_played, args=(clock,))
    other.start()
    other.join(60)
    assert clock.played_until == clock.now() == later


def note_all_as_played(clock: ManualClock) -> None:
    clock.note_played(clock.now())
