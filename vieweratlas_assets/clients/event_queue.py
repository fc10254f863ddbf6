"""From the tasks that read chat to the collector: a queue of events, and the current state of each channel.

Belongs here: what all sources need to deliver events. Not here: the events themselves (chat), reading chat (irc,
eventsub).
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from typing import Any

from vieweratlas_assets.clients.chat import ChatEvent, Released, Unwatched, Watched


class EventQueue:
    """An unbounded queue of events: several tasks put them in, one consumer takes them out in batches."""

    def __init__(self) -> None:
        self._pending: list[ChatEvent] = []
        self._changed = asyncio.Event()
        self._is_closed = False
        self._failure: BaseException | None = None

    def put(self, events: Sequence[ChatEvent]) -> None:
        """Add events."""
        self._pending.extend(events)
        self._changed.set()

    def guard(self, task: asyncio.Task[Any]) -> None:
        """Raise a failure of this task in the consumer."""
        task.add_done_callback(self._on_done)

    def fail(self, error: BaseException) -> None:
        """Raise this error in the consumer; the first one counts."""
        self._failure = self._failure or error
        self._changed.set()

    def close(self) -> None:
        """End `events` after the pending events."""
        self._is_closed = True
        self._changed.set()

    async def events(self) -> AsyncIterator[Sequence[ChatEvent]]:
        """Yield the events in batches until the queue is closed."""
        while True:
            if self._failure is not None:
                raise self._failure
            if self._pending:
                batch, self._pending = self._pending, []
                yield batch
            elif self._is_closed:
                return
            else:
                await self._changed.wait()
                self._changed.clear()

    def _on_done(self, task: asyncio.Task[Any]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.fail(error)


class ChannelStates:
    """For each channel: whether it is read (reason None) or why not, and since when. Publishes every change."""

    def __init__(self, publish: Callable[[Sequence[ChatEvent]], None]) -> None:
        self._publish = publish
        self._states: dict[str, tuple[str | None, float]] = {}

    def set(self, channel: str, reason: str | None, at: float) -> None:
        """Record that from a moment on a channel is read, or is not for a reason.

        A moment before the previous change counts as that of the previous change.
        """
        previous = self._states.get(channel)
        if previous is not None and previous[0] == reason:
            return
        at = max(at, previous[1]) if previous else at
        self._states[channel] = (reason, at)
        self._publish([Watched(channel, at) if reason is None else Unwatched(channel, at, reason)])

    def set_all(self, current: Collection[str | None], reason: str | None, at: float) -> None:
        """Set a new state for all channels whose state is one of `current`."""
        for channel in list(self.channels_in(current)):
            self.set(channel, reason, at)

    def release(self, channel: str, at: float) -> None:
        """Record that a channel is no longer wanted."""
        previous = self._states.pop(channel, None)
        self._publish([Released(channel, max(at, previous[1]) if previous else at)])

    def channels_in(self, states: Collection[str | None]) -> Iterator[str]:
        """The channels whose state is one of these; None is the state of a channel that is read."""
        return (channel for channel, (reason, _) in self._states.items() if reason in states)
