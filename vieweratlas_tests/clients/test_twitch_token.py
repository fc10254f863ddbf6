"""Tokens: accepted, renewed or refused by the sandbox, and never shown."""

import traceback
from typing import Any

import pytest
import requests

from vieweratlas_assets.clients.http import RetryingSession
from vieweratlas_assets.clients.twitch_token import (
    READ_CHAT_SCOPE,
    ApplicationToken,
    TokenRefusedError,
    TwitchUser,
    UserToken,
    token_from_credentials,
)
from vieweratlas_tests.clients.twitch import SECRET, Twitch

NOWHERE = "http://127.0.0.1:9"


@pytest.mark.parametrize("prefix", ["", "oauth:"])
@pytest.mark.parametrize("client_id", ["sandbox", None])
def test_a_user_s_token_works_with_and_without_the_client_id(
    running: Twitch, prefix: str, client_id: str | None
) -> None:
    token = UserToken(
        prefix + running.helix.user_token(), client_id, url=f"{running.url}/oauth2", http=running.http()
    )
    assert [each["user_login"] for each in running.client(token).top_streams(3)] == running.live()[:3]


@pytest.mark.parametrize("client_id", ["sandbox", "another", None])
def test_only_the_user_can_renew_a_user_s_token_that_expired(running: Twitch, client_id: str | None) -> None:
    mine = running.helix.user_token()
    token = UserToken(mine, client_id, url=f"{running.url}/oauth2", http=running.http())
    if client_id != "another":
        running.helix.expire_tokens()
    with pytest.raises(TokenRefusedError, match=r"twitch\.oauth_token.*create a new one") as raised:
        running.client(token).top_streams(3)
    assert mine not in "".join(traceback.format_exception(raised.value))


def test_wrong_credentials_are_reported_and_not_shown(running: Twitch, caplog: pytest.LogCaptureFixture) -> None:
    for identity, secret in (("sandbox", "not-the-secret-49f"), ("not-the-id-49f", SECRET)):
        token = ApplicationToken(identity, secret, url=f"{running.url}/oauth2", http=running.http())
        with pytest.raises(TokenRefusedError, match=r"TWITCH_CLIENT_SECRET .* check both") as raised:
            running.client(token).top_streams(1)
        shown = "".join(traceback.format_exception(raised.value)) + repr(token) + caplog.text
        assert "49f" not in shown
        assert SECRET not in shown


@pytest.mark.parametrize("token", ["", "oauth:", "abc…", "two words", "two\nlines", "ä"])
def test_a_token_that_cannot_be_sent_in_a_header_is_refused_and_not_shown(token: str) -> None:
    with pytest.raises(TokenRefusedError, match=r"TWITCH_OAUTH_TOKEN .* copy it again") as raised:
        UserToken(token, None, url=NOWHERE)
    assert len(token) < 3 or token not in str(raised.value)


def test_the_settings_choose_the_token() -> None:
    assert isinstance(
        token_from_credentials(client_id="a", client_secret="b", oauth_token=None, url=NOWHERE), ApplicationToken
    )
    assert isinstance(
        token_from_credentials(client_id="a", client_secret="b", oauth_token="c", url=NOWHERE), UserToken
    )
    for client_id, client_secret, missing in (
        (None, None, r"set TWITCH_CLIENT_ID and TWITCH_CLIENT_SECRET \(twitch\.client_id, twitch\.client_secret\)"),
        ("a", None, r"set TWITCH_CLIENT_SECRET \(twitch\.client_secret\)"),
        (None, "b", r"set TWITCH_CLIENT_ID \(twitch\.client_id\)"),
    ):
        with pytest.raises(TokenRefusedError, match=missing):
            token_from_credentials(client_id=client_id, client_secret=client_secret, oauth_token=None, url=NOWHERE)


class _Answering(requests.Session):
    """A session that gives one answer to every request, and keeps the requests."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__()
        self.answer = requests.Response()
        self.answer.status_code, self.answer._content = status, body
        self.sent: list[tuple[str, str, dict[str, Any]]] = []

    def request(self, method: str | bytes, url: str | bytes, *_: object, **options: Any) -> requests.Response:
        self.sent.append((str(method), str(url), options))
        return self.answer


def answered(status: int, body: bytes) -> tuple[UserToken, _Answering]:
    """A user's token of which a server reports this."""
    session = _Answering(status, body)
    return UserToken("oauth:a-token", None, url=f"{NOWHERE}/oauth2/", http=RetryingSession(session)), session


FACTS = b'{"client_id": "app", "login": "Ann", "user_id": "7", "scopes": ["chat:read", "user:read:chat"]}'


def test_the_owner_of_a_token_is_asked_for_once_and_named_in_lowercase() -> None:
    token, session = answered(200, FACTS)
    assert token.user(READ_CHAT_SCOPE) == TwitchUser("ann", "7", "app", "a-token")
    ((method, url, options),) = session.sent
    assert (method, url) == ("GET", f"{NOWHERE}/oauth2/validate")
    assert options["headers"] == {"Authorization": "OAuth a-token"}
    assert token.headers() == token.headers() == {"Client-Id": "app", "Authorization": "Bearer a-token"}
    assert len(session.sent) == 2


@pytest.mark.parametrize("body", [FACTS, b'{"login": "ann", "user_id": "7", "client_id": "app", "scopes": null}'])
def test_a_token_without_the_scope_is_refused_with_the_scope(body: bytes) -> None:
    token, _ = answered(200, body)
    with pytest.raises(TokenRefusedError, match=r"TWITCH_OAUTH_TOKEN .* lacks the scope channel:bot"):
        token.user("channel:bot")


@pytest.mark.parametrize("login", [b"", b'"login": null,', b'"login": "",', b'"login": 7,'])
def test_the_application_s_token_is_not_a_user_s(login: bytes) -> None:
    token, _ = answered(200, b"{" + login + b'"client_id": "app", "user_id": "7", "scopes": []}')
    with pytest.raises(TokenRefusedError, match="is not a user's token: Twitch reports no login for it"):
        token.user()


@pytest.mark.parametrize(("status", "body"), [(401, b"{}"), (200, b"[]"), (200, b"{}"), (400, b"<html>")])
def test_a_token_that_twitch_does_not_confirm_must_be_replaced(status: int, body: bytes) -> None:
    token, _ = answered(status, body)
    with pytest.raises(TokenRefusedError, match="create a new one"):
        token.headers()


@pytest.mark.parametrize("body", [b"{}", b'{"access_token": ""}', b'{"access_token": 7}', b"not JSON"])
def test_an_application_without_a_token_is_refused_and_its_secret_is_sent_in_the_body_only(body: bytes) -> None:
    session = _Answering(200, body)
    token = ApplicationToken("app", "a-secret", url=NOWHERE, http=RetryingSession(session))
    with pytest.raises(TokenRefusedError, match="issues no token"):
        token.headers()
    ((method, url, options),) = session.sent
    assert (method, url, options["data"]["client_secret"]) == ("POST", f"{NOWHERE}/token", "a-secret")
    assert "a-secret" not in f"{token!r}{options.get('headers')}{options.get('params')}"


def test_no_repr_of_a_user_shows_the_token() -> None:
    token, _ = answered(200, FACTS)
    assert "a-token" not in f"{token!r}{token.user()!r}"
