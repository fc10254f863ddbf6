"""Pauses that double, and waiting with a deadline."""

import asyncio

import pytest

from vieweratlas_assets.clients.retry import backoff_s, first_done, wait_until


@pytest.mark.parametrize(("doublings", "pause_s"), [(0, 1.5), (1, 3.0), (3, 12.0), (6, 60.0), (10_000, 60.0)])
def test_a_pause_doubles_up_to_its_limit(doublings: int, pause_s: float) -> None:
    assert backoff_s(1.5, doublings, 60.0) == pause_s


@pytest.mark.timeout(30)
def test_waiting_ends_with_the_event_or_at_the_deadline() -> None:
    async def run() -> None:
        loop, event = asyncio.get_running_loop(), asyncio.Event()
        deadline = loop.time() + 0.05
        await wait_until(event, deadline)
        assert loop.time() >= deadline
        event.clear()
        loop.call_soon(event.set)
        await wait_until(event, float("inf"))
        # The timer of an earlier wait does not fire later.
        event.set()
        await wait_until(event, loop.time() + 0.01)
        event.clear()
        await asyncio.sleep(0.05)
        assert not event.is_set()

    asyncio.run(run())


@pytest.mark.timeout(30)
def test_the_first_future_ends_the_wait() -> None:
    async def run() -> None:
        done, pending = asyncio.Event(), asyncio.Event()
        done.set()
        tasks = [asyncio.create_task(event.wait()) for event in (done, pending)]
        await first_done(*tasks)
        assert [task.done() for task in tasks] == [True, False]
        tasks[1].cancel()

    asyncio.run(run())
