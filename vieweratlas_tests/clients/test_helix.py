"""The Helix client against the sandbox's Helix, over real HTTP."""

import logging
import socket
import traceback
from collections.abc import Sequence
from pathlib import Path

import pytest
import requests

from vieweratlas_assets.clients.helix import HelixClient, HelixError, Record
from vieweratlas_assets.clients.http import NoAnswerError, RetryingSession
from vieweratlas_assets.clients.twitch_token import (
    ApplicationToken,
    TokenRefusedError,
    UserToken,
)
from vieweratlas_assets.sandbox.world import World
from vieweratlas_tests.clients.twitch import Twitch, twitch

NOWHERE = "http://127.0.0.1:9"


def logins(streams: Sequence[Record]) -> list[str]:
    return [stream["user_login"] for stream in streams]


def test_the_largest_streams_are_read_although_pages_repeat_streams(running: Twitch) -> None:
    live = running.live()
    assert len(live) > 210
    assert logins(running.client().top_streams(150)) == live[:150]
    assert running.helix.requests == 2, "165 streams with the margin, 3 of them twice"
    assert logins(running.client().top_streams(10_000)) == live
    assert running.helix.secrets_in_urls == 0


@pytest.mark.parametrize("count", [0, 1, 100, 101, 900])
def test_channels_are_requested_in_hundreds(running: Twitch, count: int) -> None:
    channels = running.world.channels["channel"].to_list()[:count]
    streams = running.client().streams_of(channels)
    assert logins(streams) == [login for login in running.live() if login in set(channels)]
    assert running.helix.requests == -(-count // 100)


@pytest.mark.parametrize("status", [500, 502, 503])
def test_server_errors_are_retried_after_1_2_and_4_seconds(running: Twitch, status: int) -> None:
    running.helix.faults.extend([status] * 3)
    assert logins(running.client().top_streams(5)) == running.live()[:5]
    assert running.waits == [1, 2, 4]
    running.helix.faults.extend([status] * 4)
    with pytest.raises(NoAnswerError, match=rf"/helix/streams: HTTP {status}, 4 times"):
        running.client().top_streams(5)
    assert running.waits == [1, 2, 4] * 2


def test_a_429_waits_until_the_rate_limit_is_reset(world: World) -> None:
    with twitch(world, points_per_minute=2) as running:
        assert logins(running.client().top_streams(10_000)) == running.live()
        pages = running.helix.requests
        # The answer reports the last point, so no request is wasted on a 429.
        assert running.waits == [60.0] * ((pages - 1) // 2)


def test_a_429_without_a_reset_time_is_retried_five_times(running: Twitch) -> None:
    running.helix.faults.extend([429] * 5)
    assert logins(running.client().top_streams(3)) == running.live()[:3]
    assert len(running.waits) == 5
    assert all(wait <= 120 for wait in running.waits)
    running.helix.faults.extend([429] * 6)
    with pytest.raises(HelixError, match="HTTP 429 Too Many Requests"):
        running.client().top_streams(3)


def test_a_token_that_expires_between_two_pages_is_renewed(running: Twitch) -> None:
    # The second page is refused.
    running.helix.faults.extend([200, 401])
    assert logins(running.client().top_streams(150)) == running.live()[:150]
    client = running.client()
    client.top_streams(1)
    running.helix.expire_tokens()
    assert logins(client.top_streams(150)) == running.live()[:150]


def test_a_new_token_that_is_refused_too_ends_with_an_error(running: Twitch) -> None:
    running.helix.faults.extend([401, 401])
    with pytest.raises(TokenRefusedError, match="HTTP 401 asked for; Twitch refuses a new token too"):
        running.client().top_streams(1)


def test_an_entry_of_netrc_does_not_replace_the_token(
    running: Twitch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".netrc").write_text("default login someone password else\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    assert logins(running.client().top_streams(3)) == running.live()[:3]


def test_no_error_log_or_repr_shows_a_secret(running: Twitch, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    hidden = "s3cr3t-never-shown"
    for token in (
        ApplicationToken("an-id", hidden, url=url, http=running.http()),
        UserToken(f"oauth:{hidden}", None, url=url, http=running.http()),
        UserToken(hidden, "an-id", url=url, http=running.http()),
    ):
        client = HelixClient(token, url=url, http=running.http())
        with pytest.raises(NoAnswerError, match="ConnectionError, 4 times") as raised:
            client.top_streams(1)
        shown = "".join(traceback.format_exception(raised.value))
        assert hidden not in shown + repr(client) + repr(token) + caplog.text


class _Answers(requests.Session):
    """A session that answers with these bodies, one after another."""

    def __init__(self, *bodies: bytes) -> None:
        super().__init__()
        self.bodies = list(bodies)

    def request(self, *_: object, **__: object) -> requests.Response:
        answer = requests.Response()
        answer.status_code, answer._content = 200, self.bodies.pop(0)
        return answer


class _NoToken:
    """A token that sends nothing and is never refused."""

    def headers(self) -> dict[str, str]:
        return {}

    def renew(self) -> None:
        raise AssertionError


def read_streams(*bodies: bytes) -> list[str]:
    client = HelixClient(_NoToken(), url=NOWHERE, http=RetryingSession(_Answers(*bodies)))
    return logins(client.top_streams(10))


def test_a_record_without_a_required_field_costs_only_itself(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    page = b'{"data": [{"user_id": "1", "user_login": "a"}, {"user_id": "2"}, 7, {"user_id": 3, "user_login": "c"}]}'
    assert read_streams(page) == ["a"]
    assert "3 record(s) without an id or a login" in caplog.text


@pytest.mark.parametrize("pagination", [b"{}", b"null", b"[]", b'{"cursor": ""}', b'{"cursor": null}'])
def test_the_last_page_may_lack_a_cursor_in_any_way(pagination: bytes) -> None:
    assert read_streams(b'{"data": [{"user_id": "1", "user_login": "a"}], "pagination": ' + pagination + b"}") == [
        "a"
    ]


def test_a_cursor_that_repeats_ends_the_reading() -> None:
    page = b'{"data": [{"user_id": "1", "user_login": "a"}], "pagination": {"cursor": "x"}}'
    assert read_streams(page, page) == ["a"]


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"data": null}', b'{"data": {}}'])
def test_an_answer_of_another_shape_is_an_error(body: bytes) -> None:
    with pytest.raises(HelixError):
        read_streams(body)
