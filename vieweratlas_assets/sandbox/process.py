"""A sandbox in a process of its own: at high speed it needs a core to itself, and who collects from it another.

Belongs here: starting and ending it. Not here: serving (server).
"""

import datetime as dt
import multiprocessing
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection

import requests

from vieweratlas_assets.sandbox.clock import TurnedClock
from vieweratlas_assets.sandbox.feed import FedMessage, WorldFeed
from vieweratlas_assets.sandbox.helix import SandboxHelix
from vieweratlas_assets.sandbox.irc import ChatLimits, SandboxChat
from vieweratlas_assets.sandbox.server import SandboxServer
from vieweratlas_assets.sandbox.world import World, WorldSpec, build_world

START_S = 120.0
CLIENT_ID, CLIENT_SECRET = "sandbox", "sandbox-secret"


@dataclass(frozen=True)
class Rules:
    """What the sandbox lets clients do.

    Attributes:
        chat: limits of chat.
        points_a_minute: of Helix.
    """

    chat: ChatLimits
    points_a_minute: int


@dataclass(frozen=True)
class SandboxAddress:
    """Where a sandbox is.

    Attributes:
        url: of Helix (/helix) and tokens (/oauth2).
        chat_url: of chat over TCP.
    """

    url: str
    chat_url: str

    def copies(self) -> int:
        """How many lines of chat were sent, to all clients together."""
        answer = requests.post(f"{self.url}/sandbox/chat", json={}, timeout=10)
        answer.raise_for_status()
        return int(answer.json()["copies"])


@contextmanager
def sandbox_process(spec: WorldSpec, clock: TurnedClock, rules: Rules) -> Iterator[SandboxAddress]:
    """Serve a world while the block runs; in there it is as late as the clock is turned.

    Raises:
        RuntimeError: it did not come up.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(spec, clock, rules, theirs), name="sandbox", daemon=True)
    process.start()
    theirs.close()
    try:
        yield SandboxAddress(*_answer(ours))
    finally:
        # The other side ends when nobody is here any more, also where this process is killed.
        ours.close()
        process.join(START_S)


def _answer(side: Connection) -> tuple[str, str]:
    try:
        if side.poll(START_S):
            url, chat_url = side.recv()
            return url, chat_url
    except EOFError:
        pass
    raise RuntimeError("the sandbox's process did not come up")


def _serve(spec: WorldSpec, clock: TurnedClock, rules: Rules, side: Connection) -> None:
    """The process: make the world, serve until the other side is gone."""
    world = build_world(spec)
    helix = SandboxHelix(
        world, clock, client_id=CLIENT_ID, client_secret=CLIENT_SECRET, points_a_minute=rules.points_a_minute
    )
    server = SandboxServer(helix, SandboxChat(_NotingFeed(world, clock), clock, knows=helix.knows, limits=rules.chat))

    def end_with_the_other_side() -> None:
        side.poll(None)
        server.stop()

    threading.Thread(target=end_with_the_other_side, daemon=True).start()
    side.send((server.url, server.chat_url))
    server.run()


class _NotingFeed(WorldFeed):
    """A feed that notes how far it was played."""

    def __init__(self, world: World, clock: TurnedClock) -> None:
        super().__init__(world)
        self._clock = clock

    def between(self, start: dt.datetime, end: dt.datetime) -> Iterator[FedMessage]:
        """What is written in a time."""
        yield from super().between(start, end)
        self._clock.note_played(end)
