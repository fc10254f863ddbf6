"""A real `dg dev` for tests and screenshots, queried through GraphQL."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]
START_SECONDS = 180


@dataclass(frozen=True)
class DagsterDev:
    """A running `dg dev`."""

    url: str

    def graphql(self, query: str, **variables: Any) -> Any:
        """Send a query and return its data.

        Raises:
            AssertionError: the answer holds errors.
        """
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(f"{self.url}/graphql", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as response:
            answer = json.load(response)
        assert "errors" not in answer, answer["errors"]
        return answer["data"]


@contextmanager
def dg_dev(root: Path | None, home: Path, *, more_of_instance: str = "", **settings: str) -> Iterator[DagsterDev]:
    """Run `dg dev` on a lake, with the project's own workspace.yaml and dagster.yaml.

    Args:
        root: folder of the lake; None leaves it to the settings.
        more_of_instance: YAML that is appended to dagster.yaml.
        settings: more environment variables.

    Raises:
        RuntimeError: it did not start; the message holds the end of its log.
    """
    home.mkdir(parents=True, exist_ok=True)
    (home / "dagster.yaml").write_text((REPOSITORY / "dagster.yaml").read_text() + more_of_instance)
    port = free_port()
    lake = {} if root is None else {"VIEWERATLAS_ROOT": str(root)}
    environment = os.environ | {"DAGSTER_HOME": str(home)} | lake | settings
    command = [sys.executable, "-m", "dagster_dg_cli.cli", "dev", "-w", "workspace.yaml", "--port", str(port)]
    with (home / "dev.log").open("w") as log:
        process = subprocess.Popen(
            command, cwd=REPOSITORY, env=environment, stdout=log, stderr=log, start_new_session=True
        )
        try:
            _wait_until_ready(process, f"http://127.0.0.1:{port}/server_info", home / "dev.log")
            yield DagsterDev(f"http://127.0.0.1:{port}")
        finally:
            _stop(process)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    for _ in range(START_SECONDS):
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(1)
    raise RuntimeError(f"dg dev did not start:\n{log.read_text()[-3000:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Interrupt the whole process group; kill it after a minute."""
    os.killpg(process.pid, signal.SIGINT)
    try:
        process.wait(timeout=60)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
