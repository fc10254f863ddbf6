"""The command `vieweratlas code-server`: the code location of a deployment.

Belongs here: serving it, and failing the runs that an earlier server lost. Not here: what it serves (defs.build).
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
"""How long the daemon takes to reach a server that has begun to answer."""


@click.command("code-server")
@click.option("--port", default=4000, show_default=True, help="Port for the webserver and the daemon.")
def code_server(port: int) -> None:
    """Serve the code location to a webserver and a daemon on other hosts; runs are its processes.

    Reports runs as failed that an earlier server left behind when it was killed, so that Dagster retries them. It
    knows them by DAGSTER_CODE_LOCATION_HOST, the name by which the daemon reaches this server.
    """
    from vieweratlas_assets.runs import history

    host = os.environ.get(HOST_VARIABLE)
    if host is None:
        raise click.UsageError(f"set {HOST_VARIABLE} to the name by which the daemon reaches this server")
    with history.open_instance() as instance:
        lost = history.runs_under_way(instance, host)
        command = [sys.executable, "-m", "dagster", "code-server", "start", "-h", "0.0.0.0", "-p", str(port)]
        process = subprocess.Popen([*command, "-m", "vieweratlas_assets.definitions"])
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: process.terminate())
        # Not before the server answers: Dagster gives up a run that it cannot restart at once.
        while lost and process.poll() is None and not _answers(port):
            time.sleep(1)
        if lost and process.poll() is None:
            time.sleep(SETTLES_S)
            for run in lost:
                display.console.print(f"run {run.run_id} was lost and is reported as failed")
                instance.report_run_failed(run, "its code location ended, and the run with it")
        sys.exit(process.wait())


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
