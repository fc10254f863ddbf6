"""The sandbox as a server: its ports, its end, and faults by request."""

import gc
import socket
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from vieweratlas_assets.sandbox.clock import SandboxClock
from vieweratlas_assets.sandbox.helix import SandboxHelix
from vieweratlas_assets.sandbox.irc import SandboxChat
from vieweratlas_assets.sandbox.server import SandboxServer
from vieweratlas_tests.clients.chatting import START, Chatting, SteadyFeed, chatting, small_world

CLOCK = SandboxClock(START, seconds=lambda: 0.0)


def helix() -> SandboxHelix:
    return SandboxHelix(small_world(), CLOCK, client_id="sandbox", client_secret="sandbox-secret")


@pytest.fixture
def talking() -> Iterator[Chatting]:
    with chatting(1) as twitch:
        yield twitch


def ask(twitch: Chatting, **faults: Any) -> requests.Response:
    return requests.post(f"{twitch.server.url}/sandbox/chat", json=faults, timeout=30)


def test_a_port_in_use_is_named_and_no_other_port_stays_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        used = taken.getsockname()[1]
        for ports in ({"port": used}, {"chat_port": used}):
            with pytest.raises(OSError, match="in use") as raised:
                SandboxServer(helix(), SandboxChat(SteadyFeed({}), CLOCK), **ports)
            assert raised.value.filename == str(used)
    # A socket that is left open would be a ResourceWarning here, which fails a test.
    gc.collect()


def test_it_answers_while_the_block_runs_and_its_ports_are_free_afterwards() -> None:
    with SandboxServer(helix()).running() as server:
        assert requests.get(f"{server.url}/helix/streams", timeout=30).status_code == 401
        assert requests.get(f"{server.url}/sandbox/chat", timeout=30).status_code == 404
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{server.url}/helix/streams", timeout=30)


def test_a_call_runs_on_the_server_before_it_returns(talking: Chatting) -> None:
    numbers: list[int] = []
    for number in range(50):
        talking.server.call(numbers.append, number)
        assert numbers[-1] == number


def test_faults_of_the_chat_are_caused_by_request(talking: Chatting) -> None:
    answer = ask(talking, joins_to_drop=5, refused={"channel_0000": "msg_banned"})
    assert (answer.status_code, answer.json()) == (200, {"sessions": 0, "copies": 0})
    faults = talking.chat.faults
    assert (faults.joins_to_drop, faults.refused) == (5, {"channel_0000": "msg_banned"})
    assert ask(talking, reset=True, freeze=True, reconnect=0.5).status_code == 200


@pytest.mark.parametrize(
    "faults", [{"no_such_fault": 1}, {"joins_to_drop": "many"}, {"refused": {"a": "msg_no_such"}}, {"refused": 7}]
)
def test_a_fault_that_does_not_exist_is_refused_with_an_example(talking: Chatting, faults: dict[str, Any]) -> None:
    answer = ask(talking, **faults)
    assert answer.status_code == 400
    assert "joins_to_drop" in answer.json()["error"]
    assert "msg_banned" in answer.json()["notices"]


def test_a_body_that_is_not_an_object_is_refused(talking: Chatting) -> None:
    for body in (b"", b"[1]", b"not JSON"):
        answer = requests.post(f"{talking.server.url}/sandbox/chat", data=body, timeout=30)
        assert answer.status_code == 400
