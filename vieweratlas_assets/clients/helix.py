"""Helix, Twitch's REST API: who is live, and which archives of past broadcasts exist.

Belongs here: requests, within Twitch's rate limit and with retries. Not here: tokens (twitch_token), tables of the
answers (domain.presence.roster, domain.presence.vod_catalog).

https://dev.twitch.tv/docs/api/reference/#get-streams, https://dev.twitch.tv/docs/api/reference/#get-videos, https://dev.twitch.tv/docs/api/guide/#twitch-rate-limits
"""

import contextlib
import logging
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import requests

from vieweratlas_assets.clients.http import RetryingSession, json_object
from vieweratlas_assets.clients.twitch_token import Token, TokenRefusedError
from vieweratlas_assets.errors import TwitchError

PAGE = 100
"""The most records per page, and logins or ids per request."""
MARGIN = 1.1
"""This factor more streams are read than requested, because streams change places between two pages."""
MAX_WAITS = 5
LONGEST_WAIT_S = 120.0
LOG = logging.getLogger("vieweratlas.helix")

Record = Mapping[str, Any]


class HelixError(TwitchError):
    """Helix refused a request, or answered in a way that it does not document; the message holds no secret."""


class PointsSpentError(HelixError):
    """The rate limit of Helix is used up, for longer than the caller may wait."""

    retryable = True


class NotFoundError(HelixError):
    """Helix does not have what was requested."""


class HelixClient:
    """Sends requests to Helix, one at a time.

    After a 429, and after the last point of the rate limit, it waits until the time in `Ratelimit-Reset`; after a 401
    it gets a new token, once per request. Every call may raise HelixError, NoAnswerError and TokenRefusedError.
    """

    def __init__(
        self,
        token: Token,
        *,
        url: str,
        http: RetryingSession | None = None,
        now: Callable[[], float] = time.time,
        max_wait_s: float | None = None,
    ) -> None:
        """Prepare a client; nothing is sent yet.

        Args:
            max_wait_s: raise PointsSpentError rather than wait longer for the rate limit; None waits.
        """
        self._max_wait_s = max_wait_s
        self._token = token
        self._url = url.rstrip("/")
        self._http = http or RetryingSession()
        self._now = now
        self._empty_until = 0.0

    def top_streams(self, limit: int) -> list[Record]:
        """The `limit` streams with the most viewers, most viewers first, each channel once."""
        streams: dict[str, Record] = {}
        for stream in self._pages("streams", [("first", str(PAGE))]):
            streams.setdefault(stream["user_id"], stream)
            if len(streams) >= math.ceil(limit * MARGIN):
                break
        return _by_viewers(streams.values())[:limit]

    def streams_of(self, logins: Sequence[str]) -> list[Record]:
        """The streams of these channels, as far as they are live, most viewers first, each channel once."""
        streams: dict[str, Record] = {}
        for begin in range(0, len(logins), PAGE):
            query = [("first", str(PAGE)), *(("user_login", login) for login in logins[begin : begin + PAGE])]
            streams |= {stream["user_id"]: stream for stream in self._pages("streams", query)}
        return _by_viewers(streams.values())

    def archives_of(self, user_id: str) -> Iterator[Record]:
        """The archives of a channel, newest first, page by page; a channel that no longer exists has none."""
        query = [("user_id", user_id), ("type", "archive"), ("sort", "time"), ("first", str(PAGE))]
        with contextlib.suppress(NotFoundError):
            yield from self._pages("videos", query)

    def videos(self, ids: Sequence[str]) -> list[Record]:
        """These videos, as far as Twitch still has them."""
        videos: dict[str, Record] = {}
        for begin in range(0, len(ids), PAGE):
            query = [("id", video_id) for video_id in ids[begin : begin + PAGE]]
            # The answer is 404 if Twitch has none of them.
            with contextlib.suppress(NotFoundError):
                videos |= {
                    video["id"]: video for video in self._pages("videos", query, ("id", "user_id", "user_login"))
                }
        return list(videos.values())

    def user_ids(self, logins: Sequence[str]) -> dict[str, str]:
        """The ids of channels by login; a channel that does not exist is missing."""
        ids: dict[str, str] = {}
        for begin in range(0, len(logins), PAGE):
            query = [("login", login) for login in logins[begin : begin + PAGE]]
            users = self._pages("users", query, ("id", "login"))
            ids |= {user["login"].lower(): user["id"] for user in users}
        return ids

    def _pages(
        self, path: str, query: list[tuple[str, str]], required: Sequence[str] = ("user_id", "user_login")
    ) -> Iterator[Record]:
        """The records of all pages that have the required fields."""
        cursor: str | None = None
        seen: set[str] = set()
        while True:
            page = self._get(path, [*query, *([("after", cursor)] if cursor else [])])
            records = page.get("data")
            if not isinstance(records, list):
                raise HelixError(f"Helix {path}: the answer has no list 'data'")
            usable = [record for record in records if _is_usable(record, required)]
            if len(usable) < len(records):
                LOG.warning("Helix %s: %d record(s) without an id or a login", path, len(records) - len(usable))
            yield from usable
            pagination = page.get("pagination")
            cursor = pagination.get("cursor") if isinstance(pagination, dict) else None
            # A cursor that repeats would never end.
            if not cursor or not records or cursor in seen:
                return
            seen.add(cursor)

    def _get(self, path: str, query: list[tuple[str, str]]) -> dict[str, Any]:
        waits, is_renewed = 0, False
        while True:
            self._wait_until(self._empty_until)
            answer = self._http.request("GET", f"{self._url}/{path}", params=query, headers=self._token.headers())
            body = json_object(answer)
            if answer.status_code == 200 and body is not None:
                if answer.headers.get("Ratelimit-Remaining") == "0":
                    self._empty_until = self._reset(answer)
                return body
            reason = f"Helix {path}: HTTP {answer.status_code} {_message(body)}".strip()
            if answer.status_code == 401 and not is_renewed:
                self._token.renew()
                is_renewed = True
            elif answer.status_code == 401:
                raise TokenRefusedError(f"{reason}; Twitch refuses a new token too")
            elif answer.status_code == 429 and waits < MAX_WAITS:
                waits += 1
                self._empty_until = max(self._reset(answer), self._now() + 1)
            else:
                raise NotFoundError(reason) if answer.status_code == 404 else HelixError(reason)

    def _reset(self, answer: requests.Response) -> float:
        """When the rate limit is reset; in a second if the answer does not say."""
        try:
            return float(answer.headers["Ratelimit-Reset"])
        except (KeyError, ValueError):
            return self._now() + 1

    def _wait_until(self, moment: float) -> None:
        pause = min(moment - self._now(), LONGEST_WAIT_S)
        if self._max_wait_s is not None and pause > self._max_wait_s:
            raise PointsSpentError(f"the rate limit of Helix is used up for {pause:.0f} s")
        if pause > 0:
            LOG.info("the rate limit of Helix is used up: waiting %.1f s", pause)
            self._http.sleep(pause + self._http.jitter())


def _is_usable(record: Any, required: Sequence[str]) -> bool:
    """Whether a record has the required fields; one that does not must not cost the page."""
    return isinstance(record, dict) and all(isinstance(record.get(name), str) and record[name] for name in required)


def _by_viewers(streams: Iterable[Record]) -> list[Record]:
    return sorted(streams, key=lambda stream: (-(_integer(stream.get("viewer_count")) or 0), stream["user_login"]))


def _integer(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _message(body: dict[str, Any] | None) -> str:
    """The reason that Helix gives, at most 200 characters."""
    if body is None:
        return "without a JSON object"
    return str(body.get("message") or "")[:200]
