"""Tokens for Twitch: a user's, or one for the application by client credentials.

Belongs here: getting, checking and renewing a token without letting a secret out. Not here: what it is used for
(helix).

https://dev.twitch.tv/docs/authentication/getting-tokens-oauth/#client-credentials-grant-flow,
https://dev.twitch.tv/docs/authentication/validate-tokens/
"""

from dataclasses import dataclass, field
from typing import Any, Protocol

from vieweratlas_assets.clients.http import RetryingSession, json_object
from vieweratlas_assets.errors import TwitchError

READ_CHAT_SCOPE = "user:read:chat"
"""What a user's token needs for chat over EventSub."""
_NEW_APPLICATION = "register an application at https://dev.twitch.tv/console/apps"


class TokenRefusedError(TwitchError):
    """Twitch refuses the credentials, or none are set; the message says which to set and holds none."""


class Token(Protocol):
    """What a client of Twitch needs of a token."""

    def headers(self) -> dict[str, str]:
        """The headers Client-Id and Authorization; the first call may ask Twitch."""
        ...

    def renew(self) -> None:
        """Get another token, as this one was refused.

        Raises:
            TokenRefusedError: there is no other.
        """
        ...


class ApplicationToken:
    """A token for the application itself; Twitch gives another at any time."""

    def __init__(self, client_id: str, client_secret: str, *, url: str, http: RetryingSession | None = None) -> None:
        self._client_id, self._client_secret = _sendable(client_id, "twitch.client_id"), client_secret
        self._url = url.rstrip("/")
        self._http = http or RetryingSession()
        self._token = ""

    def __repr__(self) -> str:
        return "ApplicationToken(client id and secret not shown)"

    def headers(self) -> dict[str, str]:
        if not self._token:
            self.renew()
        return {"Client-Id": self._client_id, "Authorization": f"Bearer {self._token}"}

    def renew(self) -> None:
        # In the body: what stands in a URL ends up in logs and exceptions.
        asked = {
            "client_id": self._client_id,
            "client_secret": self._client_secret,
            "grant_type": "client_credentials",
        }
        answer = _answer(self._http, "POST", f"{self._url}/token", data=asked)
        token = answer.get("access_token")
        if not isinstance(token, str) or not token:
            raise TokenRefusedError("Twitch gives no token for twitch.client_id and twitch.client_secret: check both")
        self._token = token


@dataclass(frozen=True)
class TwitchUser:
    """Whose token it is, and with which application it was made.

    Attributes:
        login: lowercase.
        token: without `oauth:`; not shown.
    """

    login: str
    user_id: str
    client_id: str
    token: str = field(repr=False)


class UserToken:
    """A token that a user made, with or without `oauth:` before it; once it has run out, only the user can help."""

    def __init__(self, token: str, client_id: str | None, *, url: str, http: RetryingSession | None = None) -> None:
        """Take a token.

        Args:
            client_id: of the application that it was made with; None asks Twitch.

        Raises:
            TokenRefusedError: no header can hold it.
        """
        self._token = _sendable(token.strip().removeprefix("oauth:"), "twitch.oauth_token")
        self._client_id = None if client_id is None else _sendable(client_id, "twitch.client_id")
        self._url = url.rstrip("/")
        self._http = http or RetryingSession()

    def __repr__(self) -> str:
        return "UserToken(not shown)"

    def headers(self) -> dict[str, str]:
        if self._client_id is None:
            self._client_id = _text(self._validated(), "client_id")
        return {"Client-Id": self._client_id, "Authorization": f"Bearer {self._token}"}

    def user(self, scope: str | None = None) -> "TwitchUser":
        """Ask Twitch whose token it is.

        Args:
            scope: that the token must have.

        Raises:
            TokenRefusedError: Twitch does not know the token, or it lacks the scope.
            NoAnswerError: Twitch does not tell.
        """
        told = self._validated()
        scopes = told.get("scopes")
        if scope is not None and (not isinstance(scopes, list) or scope not in scopes):
            raise TokenRefusedError(f"twitch.oauth_token lacks the scope {scope}: make one that has it")
        login, user_id, client_id = (_text(told, name) for name in ("login", "user_id", "client_id"))
        return TwitchUser(login.lower(), user_id, client_id, self._token)

    def _validated(self) -> dict[str, Any]:
        headers = {"Authorization": f"OAuth {self._token}"}
        told = _answer(self._http, "GET", f"{self._url}/validate", headers=headers)
        if not told:
            self.renew()
        return told

    def renew(self) -> None:
        raise TokenRefusedError(
            "Twitch refuses twitch.oauth_token: it has run out, was withdrawn, or belongs to another client id than "
            "twitch.client_id; make a new one, or leave it out and set twitch.client_id and twitch.client_secret"
        )


def token_from_credentials(
    *,
    client_id: str | None,
    client_secret: str | None,
    oauth_token: str | None,
    url: str,
    http: RetryingSession | None = None,
) -> ApplicationToken | UserToken:
    """The token that the settings allow: the user's own where there is one.

    Raises:
        TokenRefusedError: they allow none.
    """
    if oauth_token:
        return UserToken(oauth_token, client_id, url=url, http=http)
    if client_id and client_secret:
        return ApplicationToken(client_id, client_secret, url=url, http=http)
    missing = [name for name, value in (("client_id", client_id), ("client_secret", client_secret)) if not value]
    raise TokenRefusedError(
        f"Helix needs credentials: set {' and '.join(f'twitch.{name}' for name in missing)} "
        f"({_NEW_APPLICATION}), or twitch.oauth_token"
    )


def _sendable(text: str, setting: str) -> str:
    """The text, if a header can hold it."""
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        # None of it is shown: it may be a secret in part.
        raise TokenRefusedError(f"{setting} holds characters that no credential of Twitch has: copy it again")
    return text


def _answer(http: RetryingSession, method: str, url: str, **asked: Any) -> dict[str, Any]:
    """The JSON object of an answer; {} where Twitch refuses."""
    answer = http.request(method, url, **asked)
    return (json_object(answer) or {}) if answer.status_code == 200 else {}


def _text(told: dict[str, Any], name: str) -> str:
    """What Twitch tells of a user's token; an application's has no user."""
    found = told.get(name)
    if not isinstance(found, str) or not found:
        raise TokenRefusedError(f"twitch.oauth_token is no user's token: Twitch tells no {name} of it")
    return found
