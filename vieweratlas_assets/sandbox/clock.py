"""The sandbox's clock: it may run faster than real time.

Belongs here: what time it is there. Not here: what happens then (world, presence, chat).
"""

import datetime as dt
import time
from collections.abc import Callable


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
        self.speed = speed
        self._start, self._seconds = start, seconds
        self._began = seconds()

    def now(self) -> dt.datetime:
        """The moment that it is in the sandbox, UTC."""
        return self._start + dt.timedelta(seconds=(self._seconds() - self._began) * self.speed)
