"""Doing something at a certain point of a test that runs, without a fixed sleep."""

import threading
import time
from collections.abc import Callable

POLL_S = 0.001


def wait_for(condition: Callable[[], object]) -> None:
    """Wait until a condition holds; the test's own timeout ends the wait."""
    while not condition():
        time.sleep(POLL_S)


def when(condition: Callable[[], object], do: Callable[[], object]) -> threading.Thread:
    """Start a thread that calls `do` once a condition holds."""

    def wait_and_do() -> None:
        wait_for(condition)
        do()

    thread = threading.Thread(target=wait_and_do, daemon=True)
    thread.start()
    return thread
