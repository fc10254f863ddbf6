"""The sandbox's clock: where it begins, and how fast it runs."""

import datetime as dt

import pytest

from vieweratlas_assets.sandbox.clock import SandboxClock

START = dt.datetime(2026, 10, 5, 12, tzinfo=dt.UTC)


@pytest.mark.parametrize(("speed", "later"), [(1.0, 10), (60.0, 600), (0.5, 5)])
def test_it_begins_at_its_start_and_runs_at_its_speed(speed: float, later: int) -> None:
    real = [1_000.0]
    clock = SandboxClock(START, speed, seconds=lambda: real[0])
    assert clock.now() == START
    real[0] += 10
    assert clock.now() == START + dt.timedelta(seconds=later)


@pytest.mark.parametrize("speed", [0.0, -1.0, float("nan")])
def test_a_clock_that_does_not_go_forward_is_refused(speed: float) -> None:
    with pytest.raises(ValueError, match="it must be above 0"):
        SandboxClock(START, speed)
