"""Pacing in simulated time: never faster than a profile allows, and never much slower."""

import asyncio
import heapq
from collections.abc import Coroutine
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.joining import seconds_to_join
from vieweratlas_assets.clients.irc.pacing import CALM_S, PROFILES, SLOWEST, Pacing, Profile


class SimulatedTime:
    """A clock that jumps to the next moment for which something waits."""

    def __init__(self) -> None:
        self.now = 100.0
        self._waiting: list[tuple[float, int, asyncio.Future[None]]] = []

    async def sleep(self, seconds: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (self.now + seconds, len(self._waiting) + id(future), future))
        await future

    async def run(self, *work: Coroutine[Any, Any, None]) -> None:
        tasks = [asyncio.ensure_future(coroutine) for coroutine in work]
        while not all(task.done() for task in tasks):
            for _ in range(3 * len(tasks)):
                await asyncio.sleep(0)
            if self._waiting:
                self.now, _, future = heapq.heappop(self._waiting)
                future.set_result(None)
        for task in tasks:
            task.result()


def join_all(profile: Profile, connections: list[int], trouble_at: float | None = None) -> list[tuple[float, int]]:
    """The moment and the connection of each JOIN, for a number of channels per connection."""
    time = SimulatedTime()
    pacing = Pacing(profile, now=lambda: time.now, sleep=time.sleep)
    sent: list[tuple[float, int]] = []

    async def connection(number: int, channels: int) -> None:
        await pacing.turn_to_connect()
        for _ in range(channels):
            await pacing.turn_to_join(number)
            sent.append((time.now - 100, number))
            if trouble_at is not None and time.now - 100 >= trouble_at:
                pacing.trouble()

    asyncio.run(time.run(*(connection(number, channels) for number, channels in enumerate(connections))))
    return sent


def most_in_window(moments: list[float]) -> int:
    return max(sum(begin <= moment < begin + 10 for moment in moments) for begin in moments)


@settings(max_examples=30, deadline=None)
@given(
    st.builds(Profile, st.integers(1, 50), st.integers(1, 120), st.sampled_from([0.0, 0.55, 2.0])),
    st.lists(st.integers(1, 40), min_size=1, max_size=6),
)
def test_no_ten_seconds_hold_more_than_the_profile_allows(profile: Profile, connections: list[int]) -> None:
    sent = join_all(profile, connections)
    assert len(sent) == sum(connections)
    assert most_in_window([moment for moment, _ in sent]) <= profile.joins_total
    for number in range(len(connections)):
        assert (
            most_in_window([moment for moment, connection in sent if connection == number])
            <= profile.joins_per_connection
        )


@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.parametrize("channels", [90, 1_000])
def test_joining_takes_as_long_as_computed(name: str, channels: int) -> None:
    profile = PROFILES[name]
    connections = [90] * (channels // 90) + [channels % 90] * bool(channels % 90)
    sent = join_all(profile, connections)
    assert sent[-1][0] == pytest.approx(seconds_to_join(profile, channels, 90), rel=0.12)


def test_the_documented_profiles_take_this_long_for_1000_channels() -> None:
    took = {name: round(seconds_to_join(profile, 1_000, 90)) for name, profile in PROFILES.items()}
    assert took == {"conservative": 520, "default": 104, "fast": 29}


def test_trouble_halves_the_rate_once_in_ten_seconds_and_calm_restores_it() -> None:
    now = 0.0
    pacing = Pacing(PROFILES["default"], now=lambda: now)
    for _ in range(5):
        pacing.trouble()
    assert pacing.share == 0.5
    now = 10.0
    pacing.trouble()
    assert pacing.share == 0.25
    now += CALM_S
    assert pacing.share == 0.5
    now += CALM_S
    assert pacing.share == 1.0
    for number in range(20):
        now = 200.0 + 10 * number
        pacing.trouble()
    assert pacing.share == SLOWEST


def test_in_trouble_joins_are_further_apart() -> None:
    profile = Profile(10, 10, 0)
    calm, troubled = join_all(profile, [20]), join_all(profile, [20], trouble_at=5.0)
    assert troubled[-1][0] > 1.4 * calm[-1][0]
