"""A sandbox in its own process: at high speed, the sandbox and its collector need a core each.

Belongs here: starting and ending the process. Not here: serving (server).
"""

import datetime as dt
import multiprocessing
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection

import requests

from vieweratlas_assets.sandbox.clock import ManualClock
from vieweratlas_assets.sandbox.feed import FedMessage, WorldFeed
from vieweratlas_assets.sandbox.helix import SandboxHelix
from vieweratlas_assets.sandbox.irc import ChatLimits, SandboxChat
from vieweratlas_assets.sandbox.server import SandboxServer
from vieweratlas_assets.sandbox.world import World, build_world
from vieweratlas_assets.sandbox.world_spec import WorldSpec

START_S = 120.0
CLIENT_ID, CLIENT_SECRET = "sandbox", "sandbox-secret"


@dataclass(frozen=True)
class Rules:
    """What the sandbox allows its clients.

    Attributes:
        chat: limits of chat.
        points_per_minute: rate limit of Helix.
    """

    chat: ChatLimits
    points_per_minute: int


@dataclass(frozen=True)
class SandboxAddress:
    """The URLs of a sandbox.

    Attributes:
        url: base URL of Helix (/helix) and tokens (/oauth2).
        chat_url: URL of chat over TCP.
    """

    url: str
    chat_url: str

    def copies(self) -> int:
        """Return how many lines of chat were sent, to all clients together."""
        answer = requests.post(f"{self.url}/sandbox/chat", json={}, timeout=10)
        answer.raise_for_status()
        return int(answer.json()["copies"])


@contextmanager
def sandbox_process(spec: WorldSpec, clock: ManualClock, rules: Rules) -> Iterator[SandboxAddress]:
    """Serve a world while the block runs; the clock gives its time.

    Raises:
        RuntimeError: the process did not start.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(spec, clock, rules, theirs), name="sandbox", daemon=True)
    process.start()
    theirs.close()
    try:
        yield SandboxAddress(*_answer(ours))
    finally:
        # The sandbox ends when this side of the pipe closes, even if this process is killed.
        ours.close()
        process.join(START_S)


def _answer(side: Connection) -> tuple[str, str]:
    try:
        if side.poll(START_S):
            url, chat_url = side.recv()
            return url, chat_url
    except EOFError:
        pass
    raise RuntimeError(f"the sandbox's process did not start within {START_S:.0f} s, or ended")


def _serve(spec: WorldSpec, clock: ManualClock, rules: Rules, side: Connection) -> None:
    """Run in the process: build the world, and serve it until the other side closes the pipe."""
    world = build_world(spec)
    helix = SandboxHelix(
        world, clock, client_id=CLIENT_ID, client_secret=CLIENT_SECRET, points_per_minute=rules.points_per_minute
    )
    feed = _RecordingFeed(world, clock)
    server = SandboxServer(helix, SandboxChat(feed, clock, knows=helix.knows, limits=rules.chat))

    def stop_with_the_other_side() -> None:
        side.poll(None)
        server.stop()

    threading.Thread(target=stop_with_the_other_side, daemon=True).start()
    side.send((server.url, server.chat_url))
    server.run()


class _RecordingFeed(WorldFeed):
    """A feed that notes on the clock how far it was played."""

    def __init__(self, world: World, clock: ManualClock) -> None:
        super().__init__(world)
        self._clock = clock

    def between(self, start: dt.datetime, end: dt.datetime) -> Iterator[FedMessage]:
        """Yield the messages from start on and before end (UTC), then note the end."""
        yield from super().between(start, end)
        self._clock.note_played(end)
