"""The sandbox's Helix API and its tokens, over HTTP.

Belongs here: the responses that Twitch documents, its rate limit, and faults on demand. Not here: who is live
(planted_presence), the process (server).

https://dev.twitch.tv/docs/api/reference/, https://dev.twitch.tv/docs/api/guide/#twitch-rate-limits
"""

import base64
import binascii
import datetime as dt
import json
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import polars as pl
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from vieweratlas_assets.sandbox.clock import Clock
from vieweratlas_assets.sandbox.planted_presence import live_streams
from vieweratlas_assets.sandbox.world import World

Handler = Callable[[Request], dict[str, Any] | Awaitable[dict[str, Any] | None]]
LOGIN, USER_ID = "sandbox", "1"
"""The account of every token."""
SCOPES = ["chat:read", "user:read:chat"]
POINTS_PER_MINUTE = 800
TOKEN_LIFE_S = 60 * 86_400
MAX_PER_PAGE = 100
REPEATED = 3
"""Streams at the end of a page that the next page repeats: on Twitch, viewer counts change between two requests."""


@dataclass
class _Points:
    """A rate limit whose points are restored every minute."""

    now: Callable[[], float]
    limit: int = POINTS_PER_MINUTE
    left: int = POINTS_PER_MINUTE
    reset: int = 0

    def take(self) -> bool:
        if self.now() >= self.reset:
            self.left, self.reset = self.limit, int(self.now()) + 60
        if not self.left:
            return False
        self.left -= 1
        return True

    def headers(self) -> dict[str, str]:
        values = {"Limit": self.limit, "Remaining": self.left, "Reset": self.reset}
        return {f"Ratelimit-{name}": str(value) for name, value in values.items()}


class SandboxHelix:
    """The Helix API of one world: `routes` to mount, and the state that they share.

    Attributes:
        faults: HTTP statuses of the next requests to Helix, 200 for no fault; afterwards requests succeed.
        requests: number of requests to Helix.
        secrets_in_urls: number of requests with the client secret in the URL.
        deleted: ids of deleted VODs.
    """

    def __init__(
        self,
        world: World,
        clock: Clock,
        *,
        client_id: str,
        client_secret: str,
        points_per_minute: int = POINTS_PER_MINUTE,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Serve a world.

        Args:
            world: the world.
            clock: the time in the sandbox.
            client_id, client_secret: the only credentials that get a token.
            points_per_minute: the rate limit.
            now: returns real time, for the rate limit.
        """
        self.faults: deque[int] = deque()
        self.requests = 0
        self.secrets_in_urls = 0
        self.deleted: set[str] = set()
        self._world, self._clock = world, clock
        self._client_id, self._client_secret = client_id, client_secret
        self._points = _Points(now, points_per_minute)
        self._tokens: set[str] = set()
        self._issued = 0

    def refill(self) -> None:
        """Restore all points, as after a minute."""
        self._points.reset = 0

    def expire_tokens(self) -> None:
        """Make all issued tokens invalid."""
        self._tokens.clear()

    def knows(self, token: str) -> bool:
        """Whether a token was issued here and is still valid."""
        return token in self._tokens

    def user_token(self) -> str:
        """Issue a user's token."""
        return self._new_token()

    @property
    def routes(self) -> list[BaseRoute]:
        """The routes, relative to the root of the server."""
        return [
            Route("/oauth2/token", self._token, methods=["POST"]),
            Route("/oauth2/validate", self._validate),
            Route("/helix/streams", self.guarded(self._streams)),
            Route("/helix/users", self.guarded(self._users)),
            Route("/helix/videos", self.guarded(self._videos)),
            Route("/sandbox/faults", self._set_faults, methods=["POST"]),
        ]

    def _new_token(self) -> str:
        self._issued += 1
        token = f"sandbox{self._issued:023}"
        self._tokens.add(token)
        return token

    async def _token(self, request: Request) -> Response:
        # Twitch accepts both, and some clients put the secret into the URL.
        self.secrets_in_urls += "client_secret" in request.query_params
        form = {**request.query_params, **dict(parse_qsl((await request.body()).decode(errors="replace")))}
        if form.get("grant_type") != "client_credentials":
            return _refusal(400, "unsupported grant type")
        if form.get("client_id") != self._client_id:
            return _refusal(400, "invalid client")
        if form.get("client_secret") != self._client_secret:
            return _refusal(403, "invalid client secret")
        return JSONResponse({"access_token": self._new_token(), "expires_in": TOKEN_LIFE_S, "token_type": "bearer"})

    async def _validate(self, request: Request) -> Response:
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        if kind not in ("OAuth", "Bearer") or token not in self._tokens:
            return _refusal(401, "invalid access token")
        return JSONResponse(
            {
                "client_id": self._client_id,
                "login": LOGIN,
                "scopes": SCOPES,
                "user_id": USER_ID,
                "expires_in": TOKEN_LIFE_S,
            }
        )

    async def _set_faults(self, request: Request) -> Response:
        try:
            body = await request.json()
            statuses = [int(status) for status in body.get("statuses", [])]
        except (ValueError, TypeError, AttributeError):
            return _refusal(400, 'the body must be JSON such as {"statuses": [503, 429], "expire_tokens": true}')
        if any(status != 200 and not 400 <= status <= 599 for status in statuses):
            return _refusal(400, "each of the statuses must be 200 or from 400 to 599")
        self.faults = deque(statuses)
        if body.get("expire_tokens"):
            self.expire_tokens()
        return JSONResponse({"statuses": list(self.faults)})

    def guarded(self, handler: Handler, status: int = 200) -> Callable[[Request], Any]:
        """Return an endpoint that needs a token, costs a point and fails on demand.

        Args:
            handler: returns the JSON of the response, None for a response without a body.
            status: HTTP status of the response.
        """

        async def endpoint(request: Request) -> Response:
            self.requests += 1
            fault = self.faults.popleft() if self.faults else 200
            if fault == 429 or not self._points.take():
                return _refusal(429, "Too Many Requests", self._points.headers())
            if fault != 200:
                return _refusal(fault, "asked for", self._points.headers())
            if reason := self._refusal_reason(request):
                return _refusal(401, reason, self._points.headers())
            try:
                pending = handler(request)
                content = await pending if isinstance(pending, Awaitable) else pending
            except RefusedError as error:
                return _refusal(error.status, str(error), self._points.headers())
            if content is None:
                return Response(status_code=status, headers=self._points.headers())
            return JSONResponse(content, status, self._points.headers())

        return endpoint

    def _refusal_reason(self, request: Request) -> str | None:
        """Return why a request is not authorized; None if it is."""
        if request.headers.get("Authorization", "").removeprefix("Bearer ") not in self._tokens:
            return "Invalid OAuth token"
        if request.headers.get("Client-Id") != self._client_id:
            return "Client ID and OAuth token do not match"
        return None

    def _streams(self, request: Request) -> dict[str, Any]:
        live = live_streams(self._world, self._clock.now())
        for parameter, column in (("user_id", "channel_id"), ("user_login", "channel"), ("language", "language")):
            if values := _values(request, parameter):
                live = live.filter(pl.col(column).is_in([value.lower() for value in values]))
        rows = [_stream(row) for row in live.iter_rows(named=True)]
        return _page(request, rows, repeated=REPEATED)

    def _users(self, request: Request) -> dict[str, Any]:
        ids, logins = _values(request, "id"), _values(request, "login")
        if not 1 <= len(ids) + len(logins) <= MAX_PER_PAGE:
            raise BadRequestError('The parameter "id" or "login" must have 1 to 100 values.')
        users = self._world.channels.filter(
            pl.col("channel_id").is_in(ids) | pl.col("channel").is_in([login.lower() for login in logins])
        )
        return {"data": [_user(row) for row in users.iter_rows(named=True)]}

    def _videos(self, request: Request) -> dict[str, Any]:
        users, ids = _values(request, "user_id"), _values(request, "id")
        if len(users) + bool(ids) != 1:
            raise BadRequestError("Give one user_id, or ids.")
        now = self._clock.now()
        channels = self._world.channels.drop("game_name").with_row_index("channel_no")
        exists = (pl.col("started_at") <= now) & ~pl.col("vod_id").is_in(sorted(self.deleted))
        existing = self._world.streams.join(channels, on="channel_no").filter(exists)
        chosen = existing.filter(pl.col("channel_id").is_in(users) | pl.col("vod_id").is_in(ids))
        if ids and chosen.is_empty():
            raise RefusedError(404, "Not Found")
        newest_first = chosen.sort("started_at", "vod_id", descending=True)
        return _page(request, [_video(row, now) for row in newest_first.iter_rows(named=True)])


class RefusedError(ValueError):
    """A request that Helix refuses, with an HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class BadRequestError(RefusedError):
    """A request that Helix answers with 400."""

    def __init__(self, message: str) -> None:
        super().__init__(400, message)


def _values(request: Request, parameter: str) -> list[str]:
    values = request.query_params.getlist(parameter)
    if len(values) > MAX_PER_PAGE:
        raise BadRequestError(f'The parameter "{parameter}" has more than {MAX_PER_PAGE} values.')
    return values


def _page(request: Request, rows: list[dict[str, Any]], *, repeated: int = 0) -> dict[str, Any]:
    """Return a page of rows; a following page begins with the last `repeated` rows of the page before."""
    first = request.query_params.get("first", "20")
    if not first.isdecimal() or not 1 <= int(first) <= MAX_PER_PAGE:
        raise BadRequestError('The parameter "first" must be 1 to 100.')
    begin = _offset(request.query_params.get("after", ""))
    begin = max(begin - min(repeated, int(first) - 1), 0)
    stop = begin + int(first)
    return {"data": rows[begin:stop], "pagination": {"cursor": _cursor(stop)} if stop < len(rows) else {}}


def _cursor(offset: int) -> str:
    return base64.urlsafe_b64encode(json.dumps({"b": None, "a": {"Offset": offset}}).encode()).decode()


def _offset(cursor: str) -> int:
    if not cursor:
        return 0
    try:
        return int(json.loads(base64.urlsafe_b64decode(cursor))["a"]["Offset"])
    except (binascii.Error, ValueError, KeyError, TypeError, OverflowError):
        raise BadRequestError('The cursor specified in the query parameter "after" is not valid.') from None


def _stream(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": row["stream_id"],
        **_user_fields(row),
        "game_id": str(int.from_bytes(row["game_name"].encode()[:4])),
        "game_name": row["game_name"],
        "type": "live",
        "title": row["title"],
        "viewer_count": row["viewer_count"],
        "started_at": _time(row["started_at"]),
        "language": row["language"],
        "thumbnail_url": "",
        "tag_ids": [],
        "tags": row["tags"],
        "is_mature": False,
    }


def _video(row: dict[str, Any], now: dt.datetime) -> dict[str, Any]:
    started_at = _time(row["started_at"])
    return {
        "id": row["vod_id"],
        "stream_id": row["stream_id"],
        **_user_fields(row),
        "title": row["title"],
        "description": "",
        "created_at": started_at,
        "published_at": started_at,
        "url": f"https://www.twitch.tv/videos/{row['vod_id']}",
        "thumbnail_url": "",
        "viewable": "public",
        "view_count": row["duration_s"] // 60,
        "language": row["language"],
        "type": "archive",
        "duration": _duration(min(row["duration_s"], int((now - row["started_at"]).total_seconds()))),
        "muted_segments": None,
    }


def _user(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": row["channel_id"],
        "login": row["channel"],
        "display_name": row["display_name"],
        "type": "",
        "broadcaster_type": "",
        "description": "",
        "profile_image_url": "",
        "offline_image_url": "",
        "view_count": 0,
        "created_at": "2016-12-14T20:32:28Z",
    }


def _user_fields(row: dict[str, Any]) -> dict[str, str]:
    return {"user_id": row["channel_id"], "user_login": row["channel"], "user_name": row["display_name"]}


def _time(moment: dt.datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _duration(seconds: int) -> str:
    hours, rest = divmod(seconds, 3600)
    minutes, left = divmod(rest, 60)
    return f"{f'{hours}h' if hours else ''}{f'{minutes}m' if hours or minutes else ''}{left}s"


def _refusal(status: int, message: str, headers: dict[str, str] | None = None) -> JSONResponse:
    names = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 429: "Too Many Requests"}
    content = {"error": names.get(status, "Service Unavailable"), "status": status, "message": message}
    return JSONResponse(content, status_code=status, headers=headers)
