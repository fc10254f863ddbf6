"""The queue between readers and the collector, and the states of channels that it carries."""

import asyncio
from collections.abc import Sequence

import pytest

from vieweratlas_assets.clients.chat import CONNECTING, JOINING, ChatEvent, Released, Unwatched, Watched
from vieweratlas_assets.clients.event_queue import ChannelStates, EventQueue


async def read_all(queue: EventQueue) -> list[ChatEvent]:
    return [event async for events in queue.events() for event in events]


def test_pending_events_are_read_after_the_queue_is_closed() -> None:
    async def run() -> list[ChatEvent]:
        queue = EventQueue()
        queue.put([Watched("ann", 1.0)])
        reading = asyncio.create_task(read_all(queue))
        await asyncio.sleep(0)
        queue.put([Watched("bob", 2.0)])
        queue.close()
        return await reading

    assert asyncio.run(run()) == [Watched("ann", 1.0), Watched("bob", 2.0)]


def test_a_failed_task_fails_the_consumer_and_a_canceled_one_does_not() -> None:
    async def fail() -> None:
        raise ZeroDivisionError("a bug")

    async def run() -> None:
        queue = EventQueue()
        canceled = asyncio.create_task(asyncio.sleep(60))
        queue.guard(canceled)
        canceled.cancel()
        await asyncio.gather(canceled, return_exceptions=True)
        reading = asyncio.create_task(read_all(queue))
        await asyncio.sleep(0)
        assert not reading.done()
        queue.guard(asyncio.create_task(fail()))
        with pytest.raises(ZeroDivisionError, match="a bug"):
            await reading

    asyncio.run(run())


def test_only_changes_of_a_state_are_published_and_never_backwards_in_time() -> None:
    published: list[ChatEvent] = []

    def publish(events: Sequence[ChatEvent]) -> None:
        published.extend(events)

    states = ChannelStates(publish)
    states.set("ann", CONNECTING, 10.0)
    states.set("ann", CONNECTING, 11.0)
    states.set("bob", JOINING, 12.0)
    states.set_all([CONNECTING, JOINING], None, 11.0)
    assert set(states.channels_in([None])) == {"ann", "bob"}
    states.release("bob", 5.0)
    assert set(states.channels_in([None])) == {"ann"}
    assert published == [
        Unwatched("ann", 10.0, CONNECTING),
        Unwatched("bob", 12.0, JOINING),
        Watched("ann", 11.0),
        Watched("bob", 12.0),
        Released("bob", 12.0),
    ]
