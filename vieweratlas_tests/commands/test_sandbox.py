"""The sandbox as people start it, and `channels update` against it."""

import socket
from collections.abc import Iterator

import pytest
import requests

from vieweratlas_tests.integration.command import Command

SMALL = ("--channels", "300", "--viewers", "3000", "--days", "3")
# In the evening, more than 30 of the 300 channels are live.
EVENING = ("--start", "2026-11-20T20:00:00")


@pytest.fixture
def exports(command: Command) -> Iterator[dict[str, str]]:
    """The environment that `sandbox up` prints, while it runs."""
    with command.sandbox(*SMALL, *EVENING) as environment:
        yield environment
    assert not command.root.exists(), "the sandbox needs no lake"


def test_the_largest_channels_of_the_sandbox_are_written_to_a_list(command: Command, exports: dict[str, str]) -> None:
    assert "20 channels in channels.txt" in command.run("channels", "update", "--limit", "20", **exports)
    lines = (command.folder / "channels.txt").read_text().splitlines()
    assert lines[0].startswith("# The channels with the most viewers")
    assert len(lines) == 21
    command.run("channels", "update", "--limit", "30", **exports)
    assert len((command.folder / "channels.txt").read_text().splitlines()) == 31
    (command.folder / "own.txt").write_text("ann\n")
    printed = command.fail("channels", "update", "--output", "own.txt", **exports)
    assert "own.txt was not written by this command" in printed
    assert (command.folder / "own.txt").read_text() == "ann\n"


def test_a_fault_on_demand_is_reported_and_leaves_the_list_unchanged(
    command: Command, exports: dict[str, str]
) -> None:
    url = exports["VIEWERATLAS_TWITCH__HELIX_URL"].removesuffix("/helix")
    requests.post(f"{url}/sandbox/faults", json={"statuses": [400]}, timeout=5).raise_for_status()
    assert "HTTP 400 asked for" in command.fail("channels", "update", **exports)
    assert not (command.folder / "channels.txt").exists()
    printed = command.fail("channels", "update", **exports | {"TWITCH_CLIENT_SECRET": "wrong-4711"})
    assert "check both" in printed
    assert "4711" not in printed


def test_without_credentials_the_message_names_what_to_set(command: Command) -> None:
    assert "set TWITCH_CLIENT_ID and TWITCH_CLIENT_SECRET" in command.fail("channels", "update")


def test_a_port_that_is_taken_and_an_impossible_world_are_one_line(command: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        printed = command.fail("sandbox", "up", *SMALL, "--port", str(port))
    assert f"port {port}" in printed
    assert "Address already in use" in printed
    assert "channels is 3; allowed" in command.fail("sandbox", "up", "--channels", "3")
