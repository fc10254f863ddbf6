"""Chat replay of VODs over the GraphQL endpoint of Twitch's web page, which Twitch does not document.

Belongs here: reading the comments of a VOD page by page, each comment once, despite temporary errors. Not here: later
attempts at a VOD that failed (vods.queue), presence of comments (domain.presence.vod_minutes).

What we know of it was observed, not promised: errors come inside HTTP 200, cursors are refused at times, a page that
is requested by offset begins before the offset. Of a comment, only its id, its second and its writer are kept.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from vieweratlas_assets.clients.http import NoAnswerError, RetryingSession, json_object
from vieweratlas_assets.errors import TwitchError

OPERATION = "VideoCommentsByOffsetOrCursor"
WAITS_S = (1.0, 2.0, 4.0, 8.0, 16.0)
PAGES_REMEMBERED = 12
"""Comment ids of this many pages are remembered: a page requested by offset repeats comments of the previous one."""
MAX_STALE_PAGES = 60
NOT_FOUND = "persistedquerynotfound"
CURSOR_REFUSED = "integrity check"
LOG = logging.getLogger("vieweratlas.vods")


class Comment(NamedTuple):
    """A comment: its second in the VOD, and the writer's login in lowercase, None if the account no longer exists."""

    id: str
    offset_s: int
    login: str | None


class VodGoneError(TwitchError):
    """Twitch does not have the VOD, or no longer has it."""


class VodChatError(TwitchError):
    """The chat of a VOD could not be read to its end; a later attempt may succeed."""

    retryable = True


class VodChatMisconfiguredError(TwitchError):
    """The chat of no VOD can be read until a setting changes; the message names the setting."""


class _ServiceError(RuntimeError):
    """The endpoint answered with a temporary error."""


class _CursorRefusedError(RuntimeError):
    """The endpoint refuses a cursor that it returned."""


class GraphqlVodChat:
    """Reads the comments of VODs, one page per request."""

    def __init__(
        self,
        *,
        url: str,
        client_id: str,
        query_hash: str,
        turn: Callable[[], None],
        http: RetryingSession | None = None,
    ) -> None:
        """Prepare a client; nothing is sent yet.

        Args:
            client_id: of Twitch's own web page.
            query_hash: SHA-256 of the persisted query OPERATION.
            turn: called before each request; returns when the request may be sent.
        """
        self._url, self._client_id, self._query_hash = url, client_id, query_hash
        self._turn = turn
        # Without retries of its own: each retry takes a turn too.
        self._http = http or RetryingSession(retries=0)

    def pages(self, vod_id: str, start_s: int = 0) -> Iterator[Sequence[Comment]]:
        """All comments from a second of the VOD on, in order; the first page may begin earlier.

        Follows cursors; once a cursor is refused, reads by offset to the end of the VOD.

        Raises:
            VodGoneError: Twitch does not have the VOD.
            VodChatError: reading failed; the pages so far are valid, and a later call may continue with the second of
                the last comment.
            VodChatMisconfiguredError: a setting must change.
        """
        seen_pages: deque[frozenset[str]] = deque(maxlen=PAGES_REMEMBERED)
        position: dict[str, Any] = {"contentOffsetSeconds": start_s}
        by_cursor, last_s, stale = True, start_s, 0
        while True:
            try:
                edges, more = self._page(vod_id, position, first=not seen_pages)
            except _CursorRefusedError:
                by_cursor, position = False, {"contentOffsetSeconds": last_s}
                continue
            comments = [_comment(edge) for edge in edges]
            seen = frozenset().union(*seen_pages)
            if seen_pages and "contentOffsetSeconds" in position and comments[0].id not in seen:
                raise VodChatError(f"comments before second {comments[0].offset_s} cannot be reached by offset")
            fresh = [comment for comment in comments if comment.id not in seen]
            seen_pages.append(frozenset(comment.id for comment in comments))
            yield fresh
            if not more:
                return
            last_s = max(last_s, comments[-1].offset_s)
            stale = 0 if fresh else stale + 1
            if stale > MAX_STALE_PAGES:
                raise VodChatError(f"{stale} pages in a row had nothing new, and Twitch reports more")
            cursor = edges[-1].get("cursor")
            # A cursor that is missing, or leads to comments that we have, is useless.
            by_cursor = by_cursor and bool(cursor) and bool(fresh)
            if by_cursor:
                position = {"cursor": cursor}
            elif fresh or "cursor" in position:
                position = {"contentOffsetSeconds": last_s}
            else:
                position = {"contentOffsetSeconds": position["contentOffsetSeconds"] + 1}

    def sampled_pages(self, vod_id: str, duration_s: int, start_s: int = 0) -> Iterator[Sequence[Comment]]:
        """A sample: one request per minute of the VOD, and the comments of that minute on its page.

        A page that reaches beyond its minute also serves the next minutes.

        Raises:
            VodGoneError, VodChatError, VodChatMisconfiguredError: as `pages`.
        """
        begin_s, last_s, more = start_s - start_s % 60, -1, True
        while more and begin_s < duration_s:
            try:
                edges, more = self._page(vod_id, {"contentOffsetSeconds": begin_s}, first=True)
            except VodChatError:
                # The endpoint answers with the same error after the last comment of the VOD.
                if last_s < 0 or self._has_comments(vod_id, last_s, begin_s):
                    raise
                return
            comments = {comment.id: comment for comment in map(_comment, edges)}
            last_s = max((comment.offset_s for comment in comments.values()), default=0)
            until_s = max(begin_s + 60, last_s - last_s % 60) if more else duration_s + 60
            yield [comment for comment in comments.values() if begin_s <= comment.offset_s < until_s]
            begin_s = until_s

    def _has_comments(self, vod_id: str, last_s: int, begin_s: int) -> bool:
        """Whether there are comments from `begin_s` on; reads from `last_s`, the second of a known comment."""
        return any(comment.offset_s >= begin_s for page in self.pages(vod_id, last_s) for comment in page)

    def _page(self, vod_id: str, position: Mapping[str, Any], *, first: bool) -> tuple[list[dict[str, Any]], bool]:
        """The edges of a page, and whether there are more pages; retries temporary errors.

        Args:
            first: the page may be empty, as no earlier page announced more comments.
        """
        for wait_s in (*WAITS_S, None):
            try:
                edges, more = self._request(vod_id, position)
                if edges or (first and not more):
                    return edges, more
                raise _ServiceError("a page without comments, although Twitch reported more")
            except _ServiceError as error:
                if wait_s is None:
                    raise VodChatError(f"{error}, {1 + len(WAITS_S)} times") from None
                LOG.info("VOD %s: %s; trying again", vod_id, error)
                self._http.sleep(wait_s + self._http.jitter())
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _request(self, vod_id: str, position: Mapping[str, Any]) -> tuple[list[dict[str, Any]], bool]:
        self._turn()
        query = {
            "operationName": OPERATION,
            "variables": {"videoID": vod_id, **position},
            "extensions": {"persistedQuery": {"version": 1, "sha256Hash": self._query_hash}},
        }
        try:
            answer = self._http.request("POST", self._url, json=query, headers={"Client-ID": self._client_id})
        except NoAnswerError as error:
            raise _ServiceError(str(error)) from None
        body = json_object(answer)
        errors = _error_messages(body)
        if answer.status_code in (400, 401, 403):
            raise VodChatMisconfiguredError(
                f"{self._url} answers HTTP {answer.status_code} {errors}: check the settings vod.graphql_client_id "
                "and vod.graphql_url"
            )
        if answer.status_code != 200 or body is None:
            raise _ServiceError(f"HTTP {answer.status_code} {errors}".strip())
        if NOT_FOUND in errors.lower().replace(" ", ""):
            raise VodChatMisconfiguredError(
                f"{self._url} no longer knows the query: update the setting vod.graphql_query_hash, or set "
                "vod.chat_source to twitchdownloader"
            )
        if CURSOR_REFUSED in errors.lower() and "cursor" in position:
            raise _CursorRefusedError(errors)
        data = body.get("data")
        if isinstance(data, dict) and "video" in data and data["video"] is None and not errors:
            raise VodGoneError("Twitch does not have the VOD: it was deleted, or is not public")
        return _edges(data, errors)


def _edges(data: Any, errors: str) -> tuple[list[dict[str, Any]], bool]:
    """The edges of a page, and whether there are more pages.

    Raises:
        _ServiceError: there is no list of comments; the message is that of the endpoint's errors.
    """
    video = data.get("video") if isinstance(data, dict) else None
    comments = video.get("comments") if isinstance(video, dict) else None
    edges = comments.get("edges") if isinstance(comments, dict) else None
    page = comments.get("pageInfo") if isinstance(comments, dict) else None
    if not isinstance(edges, list) or not isinstance(page, dict):
        raise _ServiceError(errors or "an answer without comments")
    return [edge for edge in edges if isinstance(edge, dict)], page.get("hasNextPage") is True


def _comment(edge: Mapping[str, Any]) -> Comment:
    node = edge.get("node")
    offset = node.get("contentOffsetSeconds") if isinstance(node, dict) else None
    if not isinstance(node, dict) or not isinstance(node.get("id"), str) or not isinstance(offset, int):
        raise VodChatError("a comment has no id or no second")
    commenter = node.get("commenter")
    login = commenter.get("login") if isinstance(commenter, dict) else None
    return Comment(node["id"], offset, login.lower() if isinstance(login, str) and login else None)


def _error_messages(body: Mapping[str, Any] | None) -> str:
    """The messages of an answer's errors, at most 200 characters."""
    errors = body.get("errors") if body is not None else None
    if not isinstance(errors, list):
        return ""
    return "; ".join(str(error.get("message")) for error in errors if isinstance(error, dict))[:200]
