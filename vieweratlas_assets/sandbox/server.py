"""The sandbox as a process: a made-up Twitch on loopback.

Belongs here: serving, starting and stopping. Not here: what is answered (helix).
"""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.applications import Starlette

from vieweratlas_assets.sandbox.helix import SandboxHelix

HOST = "127.0.0.1"
START_S = 10.0


class SandboxServer:
    """Serves a sandbox until it is told to stop."""

    def __init__(self, helix: SandboxHelix, *, port: int = 0) -> None:
        """Take a port.

        Args:
            port: on loopback; 0 takes a free one.

        Raises:
            OSError: the port is taken.
        """
        self._socket = socket.create_server((HOST, port))
        self.url = f"http://{HOST}:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(
            Starlette(routes=helix.routes), log_level="warning", access_log=False, timeout_graceful_shutdown=1
        )
        self._server = uvicorn.Server(config)

    def run(self) -> None:
        """Serve until interrupted."""
        self._server.run(sockets=[self._socket])

    @contextmanager
    def running(self) -> Iterator["SandboxServer"]:
        """Serve in a thread while the block runs."""
        thread = threading.Thread(target=self.run, daemon=True)
        thread.start()
        deadline = time.monotonic() + START_S
        while not self._server.started:
            if time.monotonic() > deadline or not thread.is_alive():
                raise RuntimeError(f"the sandbox did not come up at {self.url}")
            time.sleep(0.01)
        try:
            yield self
        finally:
            self._server.should_exit = True
            thread.join(START_S)
