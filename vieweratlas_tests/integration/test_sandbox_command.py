"""The sandbox as people start it, and the commands that ask it."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from vieweratlas_tests.integration.command import Command

SMALL = ("--channels", "300", "--viewers", "3000", "--days", "3")
# An evening, so that more than 30 of the 300 are live.
EVENING = ("--start", "2026-11-20T20:00:00")


@pytest.fixture
def command(tmp_path: Path) -> Command:
    return Command(tmp_path)


@pytest.fixture
def exports(command: Command) -> Iterator[dict[str, str]]:
    """The environment that `sandbox up` prints, while it runs."""
    with command.sandbox(*SMALL, *EVENING) as environment:
        yield environment
    assert not command.root.exists(), "it needs no lake"


def test_the_largest_channels_of_the_sandbox_are_written_to_a_list(command: Command, exports: dict[str, str]) -> None:
    told = command.run("channels", "update", "--limit", "20", **exports)
    assert "20 channels in channels.txt" in told
    lines = (command.folder / "channels.txt").read_text().splitlines()
    assert lines[0].startswith("# The channels with the most viewers")
    assert len(lines) == 21
    command.run("channels", "update", "--limit", "30", **exports)
    assert len((command.folder / "channels.txt").read_text().splitlines()) == 31
    (command.folder / "own.txt").write_text("ann\n")
    told = command.run("channels", "update", "--output", "own.txt", fails=True, **exports)
    assert "own.txt was not written by this command" in told
    assert (command.folder / "own.txt").read_text() == "ann\n"


def test_faults_on_demand_are_told_and_leave_the_list_alone(command: Command, exports: dict[str, str]) -> None:
    url = exports["VIEWERATLAS_TWITCH__HELIX_URL"].removesuffix("/helix")
    requests.post(f"{url}/sandbox/faults", json={"statuses": [400]}, timeout=5).raise_for_status()
    assert "HTTP 400 asked for" in command.run("channels", "update", fails=True, **exports)
    assert not (command.folder / "channels.txt").exists()
    told = command.run("channels", "update", fails=True, **exports | {"TWITCH_CLIENT_SECRET": "wrong-4711"})
    assert "check both" in told
    assert "4711" not in told


def test_without_credentials_it_is_told_what_to_set(command: Command) -> None:
    told = command.run("channels", "update", fails=True)
    assert "set TWITCH_CLIENT_ID and TWITCH_CLIENT_SECRET" in told
    assert "Traceback" not in told


def test_a_port_that_is_taken_and_a_world_that_cannot_be_are_one_line(command: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told = command.run("sandbox", "up", *SMALL, "--port", str(port), fails=True)
    assert f"port {port}" in told
    assert "Address already in use" in told
    assert "Traceback" not in told
    assert "channels is 3; allowed" in command.run("sandbox", "up", "--channels", "3", fails=True)
