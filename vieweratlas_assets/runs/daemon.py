"""Dagster's daemon as a process beside ours: it starts schedules and the runs that wait.

Belongs here: starting it, again where it dies, and ending it. Not here: what it runs (defs).
"""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 300.0
LASTED_S = 600.0
"""A daemon that ran so long is started again at once."""
END_S = 60.0
LOG = logging.getLogger("vieweratlas.daemon")


@contextmanager
def kept_running(variables: Mapping[str, str], port: int | None = None) -> Iterator[None]:
    """Keep the daemon running while the block runs, also where SIGTERM ends it; in the main thread.

    Args:
        variables: of its environment, beside ours.
        port: of the Dagster UI, on this machine alone; None serves none.
    """
    ending = threading.Event()
    keeper = threading.Thread(target=_keep, args=(_command(port), os.environ | variables, ending), daemon=True)
    # Otherwise nothing below would be done, and the daemon left behind.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    keeper.start()
    try:
        yield
    finally:
        ending.set()
        keeper.join()
        signal.signal(signal.SIGTERM, before)


def _command(port: int | None) -> list[str]:
    program = ["dagster._daemon", "run"] if port is None else ["dagster", "dev", "--port", str(port)]
    return [sys.executable, "-m", *program, "-m", "vieweratlas_assets.definitions"]


def _keep(command: list[str], environment: Mapping[str, str], ending: threading.Event) -> None:
    pause_s = FIRST_PAUSE_S
    while not ending.is_set():
        began = time.monotonic()
        # In a group of its own, so that Ctrl-C comes to us alone, and the daemon's runs end with it.
        with subprocess.Popen(command, env=dict(environment), start_new_session=True) as process:
            while process.poll() is None and not ending.wait(0.5):
                pass
            if process.poll() is None:
                _end(process)
                return
        pause_s = FIRST_PAUSE_S if time.monotonic() - began > LASTED_S else min(2 * pause_s, LONGEST_PAUSE_S)
        LOG.error("Dagster's daemon ended with %d; it is started again in %.0f s", process.returncode, pause_s)
        ending.wait(pause_s)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask its group to end, then make it."""
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(END_S)
    except subprocess.TimeoutExpired:
        LOG.warning("Dagster's daemon did not end in %.0f s, and is killed", END_S)
        os.killpg(process.pid, signal.SIGKILL)
