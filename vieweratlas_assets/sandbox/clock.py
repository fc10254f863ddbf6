"""The sandbox's clocks, which may run faster than real time.

Belongs here: the time in the sandbox. Not here: what happens at that time (world, planted_presence, chat).
"""

import datetime as dt
import multiprocessing
import time
from collections.abc import Callable
from typing import Protocol


class Clock(Protocol):
    """Gives the time in the sandbox."""

    def now(self) -> dt.datetime:
        """Return the current time in the sandbox, UTC."""
        ...


class SandboxClock:
    """A clock that runs at a constant speed."""

    def __init__(
        self, start: dt.datetime, speed: float = 1.0, *, seconds: Callable[[], float] = time.monotonic
    ) -> None:
        """Start the clock.

        Args:
            start: its first moment, UTC.
            speed: sandbox seconds per real second, above 0.
            seconds: returns real time in seconds, from any origin.

        Raises:
            ValueError: the speed is not above 0.
        """
        if not speed > 0:
            raise ValueError(f"speed is {speed}; it must be above 0")
        self._start, self._speed, self._seconds = start, speed, seconds
        self._started_at_s = seconds()

    def now(self) -> dt.datetime:
        """Return the current time in the sandbox, UTC."""
        return self._start + dt.timedelta(seconds=(self._seconds() - self._started_at_s) * self._speed)


class ManualClock:
    """A clock that moves only when it is advanced: shared by a sandbox and its collector, each in its own process.

    With a clock that runs by itself, the collected data would depend on the load of the machine. Pass the clock to
    the other process as an argument of that process.
    """

    def __init__(self, start: dt.datetime) -> None:
        """Create the clock, stopped at a moment, UTC."""
        # One process writes each value, and a write of eight bytes is atomic: no lock is needed.
        context = multiprocessing.get_context("spawn")
        self._now_s = context.RawValue("d", start.timestamp())
        self._played_s = context.RawValue("d", start.timestamp())

    def now(self) -> dt.datetime:
        """Return the current time in the sandbox, UTC."""
        return dt.datetime.fromtimestamp(self._now_s.value, dt.UTC)

    def advance_to(self, moment: dt.datetime) -> None:
        """Move to a later moment; an earlier one changes nothing."""
        self._now_s.value = max(self._now_s.value, moment.timestamp())

    @property
    def played_until(self) -> dt.datetime:
        """The moment up to which the sandbox has sent all chat messages."""
        return dt.datetime.fromtimestamp(self._played_s.value, dt.UTC)

    def note_played(self, until: dt.datetime) -> None:
        """Note that all chat messages up to this moment were sent."""
        self._played_s.value = until.timestamp()
