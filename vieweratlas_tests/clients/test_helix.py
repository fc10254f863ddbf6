"""The Helix client against the sandbox's Helix, over real HTTP."""

import logging
import socket
import traceback
from pathlib import Path

import pytest
import requests

from vieweratlas_assets.clients.helix import HelixClient, HelixError
from vieweratlas_assets.clients.http import NoAnswerError, RetryingSession
from vieweratlas_assets.clients.twitch_token import (
    ApplicationToken,
    TokenRefusedError,
    UserToken,
    token_from_credentials,
)
from vieweratlas_assets.sandbox.world import World
from vieweratlas_tests.clients.twitch import SECRET, Twitch, twitch

NOWHERE = "http://127.0.0.1:9"


def logins(streams: list) -> list[str]:
    return [stream["user_login"] for stream in streams]


def test_the_largest_are_read_over_pages_that_repeat_streams(running: Twitch) -> None:
    live = running.live()
    assert len(live) > 210
    found = running.client().top_streams(150)
    assert logins(found) == live[:150]
    assert running.helix.requests == 2, "165 streams with the margin, 3 of them twice"
    assert logins(running.client().top_streams(10_000)) == live
    assert running.helix.secrets_in_urls == 0


@pytest.mark.parametrize("asked", [0, 1, 100, 101, 900])
def test_channels_asked_for_are_found_a_hundred_a_call(running: Twitch, asked: int) -> None:
    channels = running.world.channels["channel"].to_list()[:asked]
    found = running.client().streams_of(channels)
    assert logins(found) == [login for login in running.live() if login in set(channels)]
    assert running.helix.requests == -(-asked // 100)


@pytest.mark.parametrize("status", [500, 502, 503])
def test_trouble_is_tried_again_after_1_2_and_4_seconds(running: Twitch, status: int) -> None:
    running.helix.faults.extend([status] * 3)
    assert logins(running.client().top_streams(5)) == running.live()[:5]
    assert running.waits == [1, 2, 4]
    running.helix.faults.extend([status] * 4)
    with pytest.raises(NoAnswerError, match=rf"/helix/streams: HTTP {status}, 4 times"):
        running.client().top_streams(5)
    assert running.waits == [1, 2, 4] * 2


def test_a_429_waits_until_the_bucket_is_full_again(world: World) -> None:
    with twitch(world, points_per_minute=2) as running:
        assert logins(running.client().top_streams(10_000)) == running.live()
        pages = running.helix.requests
        # The last point of a bucket is known from the answer, so that no request is wasted on a 429.
        assert running.waits == [60.0] * ((pages - 1) // 2)


def test_a_429_that_nobody_explains_waits_and_gives_up_after_five(running: Twitch) -> None:
    running.helix.faults.extend([429] * 5)
    assert logins(running.client().top_streams(3)) == running.live()[:3]
    assert len(running.waits) == 5
    assert all(wait <= 120 for wait in running.waits)
    running.helix.faults.extend([429] * 6)
    with pytest.raises(HelixError, match="HTTP 429 Too Many Requests"):
        running.client().top_streams(3)


def test_a_token_that_ran_out_between_two_pages_is_renewed(running: Twitch) -> None:
    # The second page is refused, and so is the first try with whatever is left.
    running.helix.faults.extend([200, 401])
    assert logins(running.client().top_streams(150)) == running.live()[:150]
    client = running.client()
    client.top_streams(1)
    running.helix.expire_tokens()
    assert logins(client.top_streams(150)) == running.live()[:150]


def test_a_new_token_that_is_refused_too_is_no_endless_loop(running: Twitch) -> None:
    running.helix.faults.extend([401, 401])
    with pytest.raises(TokenRefusedError, match="HTTP 401 asked for; a new token is refused too"):
        running.client().top_streams(1)


@pytest.mark.parametrize("prefix", ["", "oauth:"])
@pytest.mark.parametrize("client_id", ["sandbox", None])
def test_a_user_s_token_serves_with_and_without_the_client_id(
    running: Twitch, prefix: str, client_id: str | None
) -> None:
    token = UserToken(
        prefix + running.helix.user_token(), client_id, url=f"{running.url}/oauth2", http=running.http()
    )
    assert logins(running.client(token).top_streams(3)) == running.live()[:3]


@pytest.mark.parametrize("client_id", ["sandbox", "another", None])
def test_a_user_s_token_that_ran_out_is_for_the_user_to_renew(running: Twitch, client_id: str | None) -> None:
    mine = running.helix.user_token()
    token = UserToken(mine, client_id, url=f"{running.url}/oauth2", http=running.http())
    if client_id != "another":
        running.helix.expire_tokens()
    with pytest.raises(TokenRefusedError, match=r"twitch\.oauth_token.*make a new one") as raised:
        running.client(token).top_streams(3)
    assert mine not in "".join(traceback.format_exception(raised.value))


def test_wrong_credentials_are_told_without_being_shown(running: Twitch, caplog) -> None:
    for identity, secret in (("sandbox", "not-the-secret-49f"), ("not-the-id-49f", SECRET)):
        token = ApplicationToken(identity, secret, url=f"{running.url}/oauth2", http=running.http())
        with pytest.raises(TokenRefusedError, match=r"check both") as raised:
            running.client(token).top_streams(1)
        told = "".join(traceback.format_exception(raised.value)) + repr(token) + caplog.text
        assert "49f" not in told
        assert SECRET not in told


@pytest.mark.parametrize("token", ["", "oauth:", "abc…", "two words", "two\nlines", "ä"])
def test_a_token_that_no_header_can_hold_is_refused_at_once_and_not_shown(token: str) -> None:
    with pytest.raises(TokenRefusedError, match="copy it again") as raised:
        UserToken(token, None, url=NOWHERE)
    assert len(token) < 3 or token not in str(raised.value)


def test_a_netrc_does_not_take_the_place_of_the_token(
    running: Twitch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".netrc").write_text("default login someone password else\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    assert logins(running.client().top_streams(3)) == running.live()[:3]


def test_no_secret_leaves_with_an_error_a_log_or_a_repr(running: Twitch, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
    hidden = "s3cr3t-never-shown"
    for token in (
        ApplicationToken("an-id", hidden, url=url, http=running.http()),
        UserToken(f"oauth:{hidden}", None, url=url, http=running.http()),
        UserToken(hidden, "an-id", url=url, http=running.http()),
    ):
        client = HelixClient(token, url=url, http=running.http())
        with pytest.raises(NoAnswerError, match="ConnectionError, 4 times") as raised:
            client.top_streams(1)
        told = "".join(traceback.format_exception(raised.value))
        assert hidden not in told + repr(client) + repr(token) + caplog.text


class _Answers(requests.Session):
    """A session that gives bodies in turn, as Helix never should."""

    def __init__(self, *bodies: bytes) -> None:
        super().__init__()
        self.bodies = list(bodies)

    def request(self, *_: object, **__: object) -> requests.Response:
        answer = requests.Response()
        answer.status_code, answer._content = 200, self.bodies.pop(0)
        return answer


class _Granted:
    def headers(self) -> dict[str, str]:
        return {}

    def renew(self) -> None:
        raise AssertionError


def asked(*bodies: bytes) -> list[str]:
    return logins(HelixClient(_Granted(), url=NOWHERE, http=RetryingSession(_Answers(*bodies))).top_streams(10))


def test_a_record_without_what_it_needs_costs_only_itself(caplog) -> None:
    caplog.set_level(logging.WARNING)
    page = b'{"data": [{"user_id": "1", "user_login": "a"}, {"user_id": "2"}, 7, {"user_id": 3, "user_login": "c"}]}'
    assert asked(page) == ["a"]
    assert "3 record(s) without an id or a login" in caplog.text


@pytest.mark.parametrize("pagination", [b"{}", b"null", b"[]", b'{"cursor": ""}', b'{"cursor": null}'])
def test_the_last_page_may_say_so_in_any_way(pagination: bytes) -> None:
    assert asked(b'{"data": [{"user_id": "1", "user_login": "a"}], "pagination": ' + pagination + b"}") == ["a"]


def test_a_cursor_that_comes_again_ends_the_reading() -> None:
    page = b'{"data": [{"user_id": "1", "user_login": "a"}], "pagination": {"cursor": "x"}}'
    assert asked(page, page) == ["a"]


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"data": null}', b'{"data": {}}'])
def test_an_answer_of_another_shape_is_an_error(body: bytes) -> None:
    with pytest.raises(HelixError):
        asked(body)


def test_the_settings_choose_the_token() -> None:
    assert isinstance(
        token_from_credentials(client_id="a", client_secret="b", oauth_token=None, url=NOWHERE), ApplicationToken
    )
    assert isinstance(
        token_from_credentials(client_id="a", client_secret="b", oauth_token="c", url=NOWHERE), UserToken
    )
    for client_id, client_secret, missing in (
        (None, None, r"twitch\.client_id and twitch\.client_secret"),
        ("a", None, r"set twitch\.client_secret \("),
        (None, "b", r"set twitch\.client_id \("),
    ):
        with pytest.raises(TokenRefusedError, match=missing):
            token_from_credentials(client_id=client_id, client_secret=client_secret, oauth_token=None, url=NOWHERE)
