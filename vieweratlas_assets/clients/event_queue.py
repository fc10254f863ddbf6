"""How a source of chat tells what happens: a queue of events, and what was told of each channel last.

Belongs here: what all sources share of it. Not here: the events themselves (chat), hearing them (irc, eventsub).
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from typing import Any

from vieweratlas_assets.clients.chat import ChatEvent, Released, Unwatched, Watched


class EventQueue:
    """Events on their way from the tasks that hear them to who asks for them."""

    def __init__(self) -> None:
        self._waiting: list[ChatEvent] = []
        self._something = asyncio.Event()
        self._is_closed = False
        self._failure: BaseException | None = None

    def put(self, events: Sequence[ChatEvent]) -> None:
        """Add events."""
        self._waiting.extend(events)
        self._something.set()

    def guard(self, task: asyncio.Task[Any]) -> None:
        """Let the failure of a task reach who asks for events."""
        task.add_done_callback(self._ended)

    def fail(self, error: BaseException) -> None:
        """Let a failure reach who asks for events."""
        self._failure = self._failure or error
        self._something.set()

    def close(self) -> None:
        """End `events` once all that waits was given."""
        self._is_closed = True
        self._something.set()

    async def events(self) -> AsyncIterator[Sequence[ChatEvent]]:
        """What was put, some at a time, until the queue is closed."""
        while True:
            if self._failure is not None:
                raise self._failure
            if self._waiting:
                happened, self._waiting = self._waiting, []
                yield happened
            elif self._is_closed:
                return
            else:
                await self._something.wait()
                self._something.clear()

    def _ended(self, task: asyncio.Task[Any]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.fail(error)


class Watching:
    """Since when each channel is read, or since when and why it is not; tells what is new."""

    def __init__(self, tell: Callable[[Sequence[ChatEvent]], None]) -> None:
        self._tell = tell
        self._states: dict[str, tuple[str | None, float]] = {}

    def note(self, channel: str, reason: str | None, at: float) -> None:
        """Note that a channel is read (no reason) or not, from a moment on, which is never before the last one's."""
        before = self._states.get(channel)
        if before is not None and before[0] == reason:
            return
        at = max(at, before[1]) if before else at
        self._states[channel] = (reason, at)
        self._tell([Watched(channel, at) if reason is None else Unwatched(channel, at, reason)])

    def note_all(self, before: Collection[str | None], reason: str | None, at: float) -> None:
        """Note the same of all channels in one of these states."""
        for channel in list(self.those(before)):
            self.note(channel, reason, at)

    def release(self, channel: str, at: float) -> None:
        """Note that a channel is not wanted any more."""
        before = self._states.pop(channel, None)
        self._tell([Released(channel, max(at, before[1]) if before else at)])

    def those(self, states: Collection[str | None]) -> Iterator[str]:
        """The channels in one of these states; None is that of those that are read."""
        return (channel for channel, (reason, _) in self._states.items() if reason in states)
