"""Helix, Twitch's REST API: who is live, and which archives of past broadcasts there are.

Belongs here: asking, within Twitch's limits and past its troubles. Not here: tokens (twitch_token), what becomes of
the answers (domain.presence.roster, domain.presence.vod_catalog).

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
"""Records a page, and logins a call, at most."""
MARGIN = 1.1
"""Between two pages streams change places: so much more is read than is asked for."""
MOST_WAITS = 5
LONGEST_WAIT_S = 120.0
LOG = logging.getLogger("vieweratlas.helix")

Record = Mapping[str, Any]


class HelixError(TwitchError):
    """Helix answered something else than its documentation says; the message holds no secret."""


class PointsSpentError(HelixError):
    """The rate limit of Helix is used up for longer than the caller waits."""

    retryable = True


class NotFoundError(HelixError):
    """Helix does not know what it was asked for."""


class HelixClient:
    """Asks Helix, one request at a time.

    429 waits until the time in `Ratelimit-Reset`, as does the last point of the bucket; 401 asks for a new token,
    once a request. Beside HelixError, every call may raise NoAnswerError and TokenRefusedError.
    """

    def __init__(
        self,
        token: Token,
        *,
        url: str,
        http: RetryingSession | None = None,
        now: Callable[[], float] = time.time,
        may_wait_s: float | None = None,
    ) -> None:
        """Ask nothing yet.

        Args:
            may_wait_s: where Helix has no points for longer, PointsSpentError is raised; None waits for them.
        """
        self._may_wait_s = may_wait_s
        self._token = token
        self._url = url.rstrip("/")
        self._http = http or RetryingSession()
        self._now = now
        self._empty_until = 0.0

    def top_streams(self, limit: int) -> list[Record]:
        """The streams with the most viewers, most first, each channel once; fewer where fewer are live."""
        found: dict[str, Record] = {}
        for stream in self._pages("streams", [("first", str(PAGE))]):
            found.setdefault(stream["user_id"], stream)
            if len(found) >= math.ceil(limit * MARGIN):
                break
        return _by_viewers(found.values())[:limit]

    def streams_of(self, logins: Sequence[str]) -> list[Record]:
        """The streams of those of these channels that are live, most viewers first, each channel once."""
        found: dict[str, Record] = {}
        for begin in range(0, len(logins), PAGE):
            asked = [("first", str(PAGE)), *(("user_login", login) for login in logins[begin : begin + PAGE])]
            found |= {stream["user_id"]: stream for stream in self._pages("streams", asked)}
        return _by_viewers(found.values())

    def archives_of(self, user_id: str) -> Iterator[Record]:
        """The archives of a channel, newest first, as far as they are taken; a channel that is gone has none."""
        asked = [("user_id", user_id), ("type", "archive"), ("sort", "time"), ("first", str(PAGE))]
        with contextlib.suppress(NotFoundError):
            yield from self._pages("videos", asked)

    def videos(self, ids: Sequence[str]) -> list[Record]:
        """Those of these videos that Twitch still has."""
        found: dict[str, Record] = {}
        for begin in range(0, len(ids), PAGE):
            asked = [("id", each) for each in ids[begin : begin + PAGE]]
            # 404 where it has none of them.
            with contextlib.suppress(NotFoundError):
                found |= {
                    video["id"]: video for video in self._pages("videos", asked, ("id", "user_id", "user_login"))
                }
        return list(found.values())

    def user_ids(self, logins: Sequence[str]) -> dict[str, str]:
        """The ids of channels by login, without those that do not exist."""
        found: dict[str, str] = {}
        for begin in range(0, len(logins), PAGE):
            asked = [("login", login) for login in logins[begin : begin + PAGE]]
            users = self._pages("users", asked, ("id", "login"))
            found |= {user["login"].lower(): user["id"] for user in users}
        return found

    def _pages(
        self, path: str, asked: list[tuple[str, str]], needed: Sequence[str] = ("user_id", "user_login")
    ) -> Iterator[Record]:
        """The usable records of all pages."""
        cursor: str | None = None
        seen: set[str] = set()
        while True:
            page = self._get(path, [*asked, *([("after", cursor)] if cursor else [])])
            records = page.get("data")
            if not isinstance(records, list):
                raise HelixError(f"Helix {path}: the answer has no list of data")
            usable = [record for record in records if _usable(record, needed)]
            if len(usable) < len(records):
                LOG.warning("Helix %s: %d record(s) without an id or a login", path, len(records) - len(usable))
            yield from usable
            pagination = page.get("pagination")
            cursor = pagination.get("cursor") if isinstance(pagination, dict) else None
            # A cursor that comes again would never end.
            if not cursor or not records or cursor in seen:
                return
            seen.add(cursor)

    def _get(self, path: str, asked: list[tuple[str, str]]) -> dict[str, Any]:
        waits, renewed = 0, False
        while True:
            self._wait_until(self._empty_until)
            answer = self._http.request("GET", f"{self._url}/{path}", params=asked, headers=self._token.headers())
            found = json_object(answer)
            if answer.status_code == 200 and found is not None:
                if answer.headers.get("Ratelimit-Remaining") == "0":
                    self._empty_until = self._reset(answer)
                return found
            reason = f"Helix {path}: HTTP {answer.status_code} {_told(found)}".strip()
            if answer.status_code == 401 and not renewed:
                self._token.renew()
                renewed = True
            elif answer.status_code == 401:
                raise TokenRefusedError(f"{reason}; a new token is refused too")
            elif answer.status_code == 429 and waits < MOST_WAITS:
                waits += 1
                self._empty_until = max(self._reset(answer), self._now() + 1)
            else:
                raise NotFoundError(reason) if answer.status_code == 404 else HelixError(reason)

    def _reset(self, answer: requests.Response) -> float:
        """When the bucket is full again; where that is not told, in a second."""
        try:
            return float(answer.headers["Ratelimit-Reset"])
        except (KeyError, ValueError):
            return self._now() + 1

    def _wait_until(self, moment: float) -> None:
        pause = min(moment - self._now(), LONGEST_WAIT_S)
        if self._may_wait_s is not None and pause > self._may_wait_s:
            raise PointsSpentError(f"Helix has no points left for {pause:.0f} s")
        if pause > 0:
            LOG.info("Helix has no points left: waiting %.1f s", pause)
            self._http.sleep(pause + self._http.jitter())


def _usable(record: Any, needed: Sequence[str]) -> bool:
    """Whether a record tells what it is of; one that does not must not cost the page."""
    return isinstance(record, dict) and all(isinstance(record.get(name), str) and record[name] for name in needed)


def _by_viewers(streams: Iterable[Record]) -> list[Record]:
    return sorted(streams, key=lambda stream: (-(_whole(stream.get("viewer_count")) or 0), stream["user_login"]))


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _told(found: dict[str, Any] | None) -> str:
    """The reason that Helix gives, cut short."""
    if found is None:
        return "and no JSON object"
    return str(found.get("message") or "")[:200]
