"""Tokens for Twitch: a user's token, or the application's from the client credentials flow.

Belongs here: getting, checking and renewing a token without disclosing a secret. Not here: requests that use it
(helix, irc, eventsub).

https://dev.twitch.tv/docs/authentication/getting-tokens-oauth/#client-credentials-grant-flow,
https://dev.twitch.tv/docs/authentication/validate-tokens/
"""

from dataclasses import dataclass, field
from typing import Any, Protocol

from vieweratlas_assets.clients.http import RetryingSession, json_object
from vieweratlas_assets.errors import TwitchError

READ_CHAT_SCOPE = "user:read:chat"
"""The scope that a user's token needs to read chat over EventSub."""


def _variables(*names: str) -> str:
    """The environment variables to set, with their settings in parentheses."""
    variables = " and ".join(f"TWITCH_{name.upper()}" for name in names)
    return f"{variables} ({', '.join(f'twitch.{name}' for name in names)})"


_OAUTH_TOKEN = _variables("oauth_token")


class TokenRefusedError(TwitchError):
    """Twitch refuses the credentials, or none are set; the message names what to set and discloses none of it."""


class Token(Protocol):
    """What a client of Twitch needs from a token."""

    def headers(self) -> dict[str, str]:
        """The headers Client-Id and Authorization; the first call may ask Twitch."""
        ...

    def renew(self) -> None:
        """Get another token after this one was refused.

        Raises:
            TokenRefusedError: there is no other.
        """
        ...


class ApplicationToken:
    """A token of the application itself; Twitch issues another at any time."""

    def __init__(self, client_id: str, client_secret: str, *, url: str, http: RetryingSession | None = None) -> None:
        self._client_id, self._client_secret = _sendable(client_id, "client_id"), client_secret
        self._url = url.rstrip("/")
        self._http = http or RetryingSession()
        self._token = ""

    def __repr__(self) -> str:
        return "ApplicationToken(client id and secret not shown)"

    def headers(self) -> dict[str, str]:
        """The headers Client-Id and Authorization; the first call asks Twitch for a token."""
        if not self._token:
            self.renew()
        return {"Client-Id": self._client_id, "Authorization": f"Bearer {self._token}"}

    def renew(self) -> None:
        """Ask Twitch for another token.

        Raises:
            TokenRefusedError: Twitch issues none for these credentials.
            NoAnswerError: Twitch does not answer.
        """
        # In the body: a URL ends up in logs and exceptions.
        fields = {
            "client_id": self._client_id,
            "client_secret": self._client_secret,
            "grant_type": "client_credentials",
        }
        token = _answer(self._http, "POST", f"{self._url}/token", data=fields).get("access_token")
        if not isinstance(token, str) or not token:
            raise TokenRefusedError(
                f"Twitch issues no token for {_variables('client_id', 'client_secret')}: check both"
            )
        self._token = token


@dataclass(frozen=True)
class TwitchUser:
    """The user who owns a token, and the application that it was created with.

    Attributes:
        login: lowercase.
        token: without `oauth:`; not shown.
    """

    login: str
    user_id: str
    client_id: str
    token: str = field(repr=False)


class UserToken:
    """A token that a user created, with or without `oauth:` in front; only the user can replace it."""

    def __init__(self, token: str, client_id: str | None, *, url: str, http: RetryingSession | None = None) -> None:
        """Use a token.

        Args:
            client_id: of the application that it was created with; None asks Twitch.

        Raises:
            TokenRefusedError: the token or the client id cannot be sent in a header.
        """
        self._token = _sendable(token.strip().removeprefix("oauth:"), "oauth_token")
        self._client_id = None if client_id is None else _sendable(client_id, "client_id")
        self._url = url.rstrip("/")
        self._http = http or RetryingSession()

    def __repr__(self) -> str:
        return "UserToken(not shown)"

    def headers(self) -> dict[str, str]:
        """The headers Client-Id and Authorization; the first call may ask Twitch for the client id."""
        if self._client_id is None:
            self._client_id = _token_fact(self._validation(), "client_id")
        return {"Client-Id": self._client_id, "Authorization": f"Bearer {self._token}"}

    def user(self, scope: str | None = None) -> "TwitchUser":
        """Ask Twitch who owns the token.

        Args:
            scope: that the token must have.

        Raises:
            TokenRefusedError: Twitch does not know the token, or it lacks the scope.
            NoAnswerError: Twitch does not answer.
        """
        facts = self._validation()
        scopes = facts.get("scopes")
        if scope is not None and (not isinstance(scopes, list) or scope not in scopes):
            raise TokenRefusedError(f"{_OAUTH_TOKEN} lacks the scope {scope}: create a token that has it")
        login, user_id, client_id = (_token_fact(facts, name) for name in ("login", "user_id", "client_id"))
        return TwitchUser(login.lower(), user_id, client_id, self._token)

    def _validation(self) -> dict[str, Any]:
        headers = {"Authorization": f"OAuth {self._token}"}
        facts = _answer(self._http, "GET", f"{self._url}/validate", headers=headers)
        if not facts:
            self.renew()
        return facts

    def renew(self) -> None:
        """Ask the user for another token, as nobody else can create one.

        Raises:
            TokenRefusedError: always.
        """
        raise TokenRefusedError(
            f"Twitch refuses {_OAUTH_TOKEN}: it expired, was revoked, or was created with another application than "
            "that of TWITCH_CLIENT_ID; create a new one, or unset it and set "
            f"{_variables('client_id', 'client_secret')}"
        )


def token_from_credentials(
    *,
    client_id: str | None,
    client_secret: str | None,
    oauth_token: str | None,
    url: str,
    http: RetryingSession | None = None,
) -> ApplicationToken | UserToken:
    """The user's token if there is one, otherwise the application's.

    Raises:
        TokenRefusedError: credentials are missing, or cannot be sent in a header.
    """
    if oauth_token:
        return UserToken(oauth_token, client_id, url=url, http=http)
    if client_id and client_secret:
        return ApplicationToken(client_id, client_secret, url=url, http=http)
    missing = [name for name, value in (("client_id", client_id), ("client_secret", client_secret)) if not value]
    raise TokenRefusedError(
        f"Helix needs credentials: set {_variables(*missing)} of an application that you register at "
        f"https://dev.twitch.tv/console/apps, or set {_OAUTH_TOKEN}"
    )


def _sendable(text: str, name: str) -> str:
    """The text, if it can be sent in a header."""
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        # The message shows nothing of it: it may contain part of a secret.
        raise TokenRefusedError(
            f"{_variables(name)} is empty or has characters that no Twitch credential has: copy it again"
        )
    return text


def _answer(http: RetryingSession, method: str, url: str, **options: Any) -> dict[str, Any]:
    """The JSON object of an answer; {} if Twitch refuses."""
    answer = http.request(method, url, **options)
    return (json_object(answer) or {}) if answer.status_code == 200 else {}


def _token_fact(facts: dict[str, Any], name: str) -> str:
    """One fact of a user's token; an application's token has no user."""
    value = facts.get(name)
    if not isinstance(value, str) or not value:
        raise TokenRefusedError(f"{_OAUTH_TOKEN} is not a user's token: Twitch reports no {name} for it")
    return value
