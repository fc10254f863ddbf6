"""The command `vieweratlas`, run as a person runs it: in another process, with its own lake and history."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

import dagster as dg

from vieweratlas_assets.settings import LEGACY_VARIABLES

COMMAND = [sys.executable, "-c", "from vieweratlas_assets.cli import main; main()"]


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
        with self.start(*arguments, **settings) as process:
            printed = process.communicate()[0]
        return process.returncode, printed

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
