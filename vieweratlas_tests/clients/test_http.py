"""HTTP with retries, against a server that breaks its answers."""

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import requests

from vieweratlas_assets.clients.http import NoAnswerError, RetryingSession, json_object

CUT_OFF = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"
COMPLETE = b'HTTP/1.1 200 OK\r\nContent-Length: 8\r\nConnection: close\r\n\r\n{"a": 1}'
UNAVAILABLE = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@contextmanager
def answering(*answers: bytes) -> Iterator[str]:
    """Serve one answer per connection; yields the URL."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            for answer in answers:
                connection, _ = server.accept()
                with connection:
                    connection.recv(65_536)
                    connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/path"
        thread.join(30)
        assert not thread.is_alive(), "an answer was not requested"


@pytest.mark.parametrize("broken", [b"", CUT_OFF, UNAVAILABLE], ids=["closed", "cut off", "503"])
def test_a_broken_answer_is_requested_again_after_a_pause(broken: bytes) -> None:
    waits: list[float] = []
    with answering(broken, broken, COMPLETE) as url:
        answer = RetryingSession(sleep=waits.append, jitter=lambda: 0.25).request("POST", url, data={"a": "b"})
    assert json_object(answer) == {"a": 1}
    assert waits == [1.25, 2.25]


def test_messages_name_only_host_and_path(caplog: pytest.LogCaptureFixture) -> None:
    session = RetryingSession(sleep=lambda _: None, retries=1)
    with (
        caplog.at_level(logging.WARNING),
        answering(UNAVAILABLE, b"") as url,
        pytest.raises(NoAnswerError, match=r"^127\.0\.0\.1/path: ConnectionError, 2 times$"),
    ):
        session.request("GET", url, params={"q": "hidden"}, headers={"Authorization": "Bearer hidden"})
    assert "127.0.0.1/path: HTTP 503; trying again" in caplog.text
    assert "hidden" not in caplog.text


@pytest.mark.parametrize(
    ("body", "expected"), [(b'{"a": 1}', {"a": 1}), (b"[1]", None), (b"null", None), (b"<html>", None), (b"", None)]
)
def test_only_a_json_object_counts_as_one(body: bytes, expected: dict[str, int] | None) -> None:
    answer = requests.Response()
    answer._content = body
    assert json_object(answer) == expected
