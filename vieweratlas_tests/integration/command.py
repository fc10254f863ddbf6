"""The command `vieweratlas`, run as a person runs it: in another process, with its own lake and history.

Loading Dagster takes seconds of the processor, and a test runs several commands. So a server that has loaded it once
forks into each command that runs to its end; `Command.start` starts a Python of its own.
"""

import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

import dagster as dg

from vieweratlas_assets.settings import LEGACY_VARIABLES

COMMAND = [sys.executable, "-c", "from vieweratlas_assets.cli import main; main()"]
# Not Polars and what imports it: its threads do not survive a fork.
LOADED = [
    "dagster",
    "dagster._core.storage.sqlite_storage",
    "matplotlib.backends.backend_agg",
    "networkx",
    "numba",
    "pyvis.network",
    "requests",
    "rich.progress",
    "sknetwork.clustering",
]

_server = multiprocessing.get_context("forkserver")
_server.set_forkserver_preload(LOADED)


def _become_command(arguments: list[str], environment: dict[str, str], folder: Path, output: Path) -> None:
    """Become the command, in a process that the server forked."""
    with output.open("wb") as file, Path(os.devnull).open("rb") as nothing:
        for source, descriptor in ((nothing, 0), (file, 1), (file, 2)):
            os.dup2(source.fileno(), descriptor)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.path[:0] = filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))
    sys.argv = ["vieweratlas", *arguments]

    from vieweratlas_assets.cli import main

    main()


@dataclass(frozen=True)
class Command:
    """The command in a folder of its own."""

    folder: Path

    @property
    def root(self) -> Path:
        """The folder of the lake."""
        return self.folder / "lake"

    def environment(self, **settings: str) -> dict[str, str]:
        """The environment of a run; settings of the surrounding shell are left out."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("VIEWERATLAS_", "DAGSTER_")) and name not in LEGACY_VARIABLES
        }
        return kept | {"VIEWERATLAS_ROOT": str(self.root), "DAGSTER_HOME": str(self.folder / "home")} | settings

    def start(self, *arguments: str, **settings: str) -> subprocess.Popen[str]:
        """Start a run and return at once."""
        return subprocess.Popen(
            [*COMMAND, *arguments],
            env=self.environment(**settings),
            cwd=self.folder,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def run(self, *arguments: str, **settings: str) -> str:
        """Run to the end and return what it printed.

        Raises:
            AssertionError: the command failed.
        """
        code, printed = self._finish(*arguments, **settings)
        assert code == 0, printed
        return printed

    def fail(self, *arguments: str, **settings: str) -> str:
        """Run a command that must fail, and return what it printed.

        Raises:
            AssertionError: the command succeeded, or ended in a traceback.
        """
        code, printed = self._finish(*arguments, **settings)
        assert code != 0, printed
        assert "Traceback" not in printed, printed
        return printed

    def materialized(self, asset: str) -> set[str]:
        """Partitions of an asset that Dagster's history reports as materialized."""
        with dg.DagsterInstance.from_config(str(self.folder / "home")) as instance:
            return set(instance.get_materialized_partitions(dg.AssetKey(asset)))

    def _finish(self, *arguments: str, **settings: str) -> tuple[int, str]:
        with tempfile.TemporaryDirectory() as folder:
            output = Path(folder) / "output"
            started = (list(arguments), self.environment(**settings), self.folder, output)
            process = _server.Process(target=_become_command, args=started)
            process.start()
            try:
                process.join()
            finally:
                process.kill()
                process.join()
            assert process.exitcode is not None
            return process.exitcode, output.read_text(encoding="utf-8")

    @contextmanager
    def sandbox(self, *options: str) -> Iterator[dict[str, str]]:
        """Run `sandbox up` on free ports.

        Yields:
            The environment that it prints, without TWITCH_OAUTH_TOKEN, which it prints as a comment.
        """
        with self.start("sandbox", "up", "--port", "0", "--chat-port", "0", *options) as process:
            assert process.stdout is not None
            lines = takewhile(lambda line: line.startswith("export "), process.stdout)
            try:
                yield dict(line.strip().removeprefix("export ").split("=", 1) for line in lines)
            finally:
                process.send_signal(signal.SIGINT)
                assert process.wait(20) in (0, 130)
