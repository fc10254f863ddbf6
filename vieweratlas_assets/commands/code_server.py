"""The command `vieweratlas code-server`: the code location of a deployment.

Belongs here: serving it, and giving back the runs that an earlier one lost. Not here: what it serves (build).
"""

import os
import signal
import socket
import subprocess
import sys
import time

import click

from vieweratlas_assets.commands import display

HOST_VARIABLE = "DAGSTER_CODE_LOCATION_HOST"
SETTLES_S = 5.0
"""After so long the daemon reaches a server that began to answer."""


@click.command("code-server")
@click.option("--port", default=4000, show_default=True, help="Where a webserver and a daemon reach it.")
def code_server(port: int) -> None:
    """Serve the code location to a webserver and a daemon elsewhere; runs are its processes.

    Runs that an earlier one left when it was killed are told as failed, so that Dagster tries them again. They are
    known by DAGSTER_CODE_LOCATION_HOST, the name under which the daemon reaches this one.
    """
    from vieweratlas_assets.runs import history

    host = os.environ.get(HOST_VARIABLE)
    if host is None:
        raise click.UsageError(f"set {HOST_VARIABLE} to the name under which the daemon reaches this one")
    with history.open_instance() as instance:
        lost = history.runs_under_way(instance, host)
        command = [sys.executable, "-m", "dagster", "code-server", "start", "-h", "0.0.0.0", "-p", str(port)]
        process = subprocess.Popen([*command, "-m", "vieweratlas_assets.definitions"])
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: process.terminate())
        # Not before it can be reached: a run that cannot be begun again at once is given up.
        while lost and process.poll() is None and not _answers(port):
            time.sleep(1)
        if lost and process.poll() is None:
            time.sleep(SETTLES_S)
            for run in lost:
                display.console.print(f"run {run.run_id} was lost, and is told as failed")
                instance.report_run_failed(run, "the code location that it was a process of has ended")
        sys.exit(process.wait())


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
