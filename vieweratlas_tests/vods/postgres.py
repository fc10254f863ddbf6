"""A real Postgres server, Debian's, for the tests of the queue."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PASSWORD = "queue-4711"


def _binary(name: str) -> str:
    installed = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(installed[-1]) if installed else shutil.which(name) or name


@dataclass
class Postgres:
    """A server in a folder of its own."""

    folder: Path
    port: int

    @property
    def url(self) -> str:
        """The URL of its database."""
        return f"postgresql://postgres:{PASSWORD}@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.folder}"
        self._as_its_user(
            _binary("pg_ctl"), "-D", self._data, "-l", f"{self.folder}/log", "-w", "-o", options, "start"
        )

    def stop(self) -> None:
        """Stop it at once: connections break."""
        self._as_its_user(_binary("pg_ctl"), "-D", self._data, "-w", "-m", "immediate", "stop")

    def create(self) -> None:
        """Create an empty database."""
        secret = self.folder / "password"
        secret.write_text(PASSWORD)
        self._own()
        options = ("-U", "postgres", "-A", "scram-sha-256", "--pwfile", str(secret), "--no-sync")
        self._as_its_user(_binary("initdb"), "-D", self._data, *options)

    @property
    def _data(self) -> str:
        return str(self.folder / "data")

    def _own(self) -> None:
        if os.geteuid() == 0:
            # Postgres does not run as root.
            subprocess.run(["chown", "-R", "postgres", str(self.folder)], check=True)

    def _as_its_user(self, *command: str) -> None:
        before = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        # pg_ctl leaves a server behind, which would keep a pipe open.
        subprocess.run([*before, *command], check=True, cwd=self.folder, stdout=subprocess.DEVNULL)


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A server while the block runs."""
    # The server's user must be able to enter the folder, which pytest's folders do not allow.
    folder = Path(tempfile.mkdtemp(prefix="postgres-", dir="/tmp"))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = Postgres(folder, port)
    try:
        server.create()
        server.start()
        yield server
    finally:
        pid = folder / "data/postmaster.pid"
        if pid.exists():
            os.kill(int(pid.read_text().split()[0]), signal.SIGQUIT)
            while pid.exists():
                time.sleep(0.01)
        shutil.rmtree(folder, ignore_errors=True)
