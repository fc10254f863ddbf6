"""The sandbox's clocks: they may run faster than real time.

Belongs here: what time it is there. Not here: what happens then (world, presence, chat).
"""

import datetime as dt
import multiprocessing
import time
from collections.abc import Callable
from typing import Protocol


class Clock(Protocol):
    """Tells what time it is in the sandbox."""

    def now(self) -> dt.datetime:
        """The moment that it is there, UTC."""
        ...


class SandboxClock:
    """A clock that begins at a moment and runs at a speed."""

    def __init__(
        self, start: dt.datetime, speed: float = 1.0, *, seconds: Callable[[], float] = time.monotonic
    ) -> None:
        """Start it.

        Args:
            start: its first moment, UTC.
            speed: sandbox seconds in a real one, above 0.
            seconds: real time, in seconds since whenever.

        Raises:
            ValueError: the speed is not above 0.
        """
        if not speed > 0:
            raise ValueError(f"speed is {speed}; it must be above 0")
        self._start, self._speed, self._seconds = start, speed, seconds
        self._began = seconds()

    def now(self) -> dt.datetime:
        """The moment that it is in the sandbox, UTC."""
        return self._start + dt.timedelta(seconds=(self._seconds() - self._began) * self._speed)


class TurnedClock:
    """A clock that stands until somebody turns it: for a sandbox and who collects from it, each in its own process.

    With one that runs by itself, what is collected would depend on how busy the machine is. It goes to the other
    process as an argument of it.
    """

    def __init__(self, start: dt.datetime) -> None:
        """Let it stand at a moment, UTC."""
        # Each is set in one process alone, and eight bytes are written at once: no lock is needed.
        context = multiprocessing.get_context("spawn")
        self._now_s = context.RawValue("d", start.timestamp())
        self._played_s = context.RawValue("d", start.timestamp())

    def now(self) -> dt.datetime:
        """The moment that it is in the sandbox, UTC."""
        return dt.datetime.fromtimestamp(self._now_s.value, dt.UTC)

    def turn(self, to: dt.datetime) -> None:
        """Go on to a moment; it never goes back."""
        self._now_s.value = max(self._now_s.value, to.timestamp())

    @property
    def played_until(self) -> dt.datetime:
        """The moment until which all that is written in chat was sent."""
        return dt.datetime.fromtimestamp(self._played_s.value, dt.UTC)

    def note_played(self, until: dt.datetime) -> None:
        """All that is written until then was sent."""
        self._played_s.value = until.timestamp()
