"""The sandbox's chat, read by independent npm clients: they join, read tags and survive RECONNECT."""

import json
import queue
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from vieweratlas_assets.sandbox.clock import SandboxClock
from vieweratlas_assets.sandbox.feed import WorldFeed, messages_of_hour
from vieweratlas_assets.sandbox.helix import SandboxHelix
from vieweratlas_assets.sandbox.irc import SandboxChat
from vieweratlas_assets.sandbox.server import SandboxServer
from vieweratlas_assets.sandbox.vocabulary import RARE_BOTS
from vieweratlas_assets.sandbox.world import World, build_world
from vieweratlas_assets.sandbox.world_spec import WorldSpec
from vieweratlas_tests.clients.chatting import START

# They share one installation of npm packages.
pytestmark = [pytest.mark.xdist_group("npm"), pytest.mark.slow, pytest.mark.timeout(120)]
FOLDER = Path(__file__).parent / "npm"
# Twurple always connects to this port.
TWURPLE_PORT = 6667
SPEED = 60


class Client:
    """A running client, and the events that it has printed so far."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.printed: list[dict[str, Any]] = []
        self._lines: queue.Queue[str] = queue.Queue()
        self._process = process
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)

    def wait_for(self, reached: Callable[[list[dict[str, Any]]], bool], what: str) -> None:
        """Wait until the printed events are enough."""
        deadline = time.monotonic() + 45
        while not reached(self.printed):
            try:
                self.printed.append(json.loads(self._lines.get(timeout=max(0.0, deadline - time.monotonic()))))
            except queue.Empty:
                pytest.fail(f"{what} did not come; printed last: {self.printed[-3:]}")

    def messages(self) -> list[dict[str, Any]]:
        """The messages that it printed."""
        return [event for event in self.printed if event["event"] == "message"]


@pytest.fixture(scope="module")
def installed() -> Path:
    subprocess.run(["npm", "ci", "--silent"], cwd=FOLDER, check=True, timeout=110)
    return FOLDER


@pytest.fixture(scope="module")
def world() -> World:
    return build_world(WorldSpec(channels=180, viewers=24_000, days=3))


@contextmanager
def listening(name: str, server: SandboxServer, channels: list[str]) -> Iterator[Client]:
    ports = [server.url.rpartition(":")[2], server.chat_url.rpartition(":")[2]]
    command = ["node", "listen.mjs", name, *ports, *channels]
    process = subprocess.Popen(command, cwd=FOLDER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield Client(process)
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("name", ["tmi", "twurple", "dank"])
def test_a_client_joins_reads_tags_and_survives_a_reconnect(name: str, installed: Path, world: World) -> None:
    messages = messages_of_hour(world, START)
    busiest = messages["channel"].value_counts(sort=True)["channel"].head(5).to_list()
    clock = SandboxClock(START, SPEED)
    helix = SandboxHelix(world, clock, client_id="sandbox", client_secret="sandbox-secret")
    chat = SandboxChat(WorldFeed(world), clock, knows=helix.knows)
    serving = SandboxServer(helix, chat, chat_port=TWURPLE_PORT if name == "twurple" else 0).running()
    with serving as server, listening(name, server, busiest) as client:
        client.wait_for(lambda events: joined(events) == set(busiest), "joining")
        client.wait_for(lambda _: len(client.messages()) >= 20, "20 messages")
        before = len(client.printed)
        server.call(chat.reconnect, 0.5)
        client.wait_for(lambda events: joined(events[before:]) == set(busiest), "joining again")
        again = len(client.messages())
        client.wait_for(lambda _: len(client.messages()) >= again + 20, "20 messages after RECONNECT")
    known = {
        (row["channel"], row["login"], row["sent_ms"], row["room_id"])
        for hour in (START, START.replace(hour=START.hour + 1))
        for row in messages_of_hour(world, hour).iter_rows(named=True)
    }
    heard = client.messages()
    assert {(each["channel"], each["login"], each["sent_ms"], each["room_id"]) for each in heard} <= known
    assert all(len(each["id"]) == 36 for each in heard)
    for each in heard:
        expected = (
            "broadcaster" if each["login"] == each["channel"] else "bot-badge" if each["login"] in RARE_BOTS else None
        )
        assert each["badges"] == ([expected] if expected else [])


def joined(events: list[dict[str, Any]]) -> set[str]:
    return {event["channel"] for event in events if event["event"] == "joined"}
