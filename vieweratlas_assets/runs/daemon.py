"""Dagster's daemon as a process next to ours: it starts schedules and queued runs.

Belongs here: starting it, restarting it if it dies, and ending it. Not here: what it runs (defs).
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
"""A daemon that ran this long is restarted at once."""
END_S = 60.0
LOG = logging.getLogger("vieweratlas.daemon")


@contextmanager
def kept_running(variables: Mapping[str, str], port: int | None = None) -> Iterator[None]:
    """Keep the daemon running while the block runs, and end it with the block, also on SIGTERM; main thread only.

    Args:
        variables: its environment, in addition to ours.
        port: port of the Dagster UI on 127.0.0.1; None serves no UI.
    """
    ending = threading.Event()
    keeper = threading.Thread(target=_keep, args=(_command(port), os.environ | variables, ending), daemon=True)
    # By default SIGTERM would end this process without the code below, and leave the daemon behind.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    keeper.start()
    try:
        yield
    finally:
        ending.set()
        keeper.join()
        signal.signal(signal.SIGTERM, before)


def _command(port: int | None) -> list[str]:
    program = ["dagster._daemon", "run"] if port is None else ["dagster_dg_cli.cli", "dev", "--port", str(port)]
    return [sys.executable, "-m", *program, "-m", "vieweratlas_assets.definitions"]


def _keep(command: list[str], environment: Mapping[str, str], ending: threading.Event) -> None:
    pause_s = FIRST_PAUSE_S
    while not ending.is_set():
        began = time.monotonic()
        # In its own process group, so that Ctrl-C reaches only us, and the daemon's runs end with it.
        with subprocess.Popen(command, env=dict(environment), start_new_session=True) as process:
            while process.poll() is None and not ending.wait(0.5):
                pass
            if process.poll() is None:
                _end(process)
                return
        pause_s = FIRST_PAUSE_S if time.monotonic() - began > LASTED_S else min(2 * pause_s, LONGEST_PAUSE_S)
        LOG.error("Dagster's daemon exited with %d; restarting it in %.0f s", process.returncode, pause_s)
        ending.wait(pause_s)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Terminate its process group; kill it after END_S."""
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(END_S)
    except subprocess.TimeoutExpired:
        LOG.warning("Dagster's daemon did not end within %.0f s and is killed", END_S)
        os.killpg(process.pid, signal.SIGKILL)
