"""Chat replay of VODs over the web's GraphQL endpoint, which Twitch does not document.

Belongs here: pages of comments, one after another and each comment once, past the endpoint's troubles. Not here: when
to ask again after all failed (vods.queue), presence of comments (domain.presence.vod_minutes).

What is known of it has been seen, not promised: errors come inside HTTP 200, cursors are refused at times, a page
asked for by offset begins before the offset. Of a comment nothing is kept but its id, its second and its writer.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from vieweratlas_assets.clients.http import NoAnswerError, RetryingSession, json_object
from vieweratlas_assets.errors import TwitchError

OPERATION = "VideoCommentsByOffsetOrCursor"
WAITS_S = (1.0, 2.0, 4.0, 8.0, 16.0)
PAGES_KNOWN = 12
"""Of so many pages ids are remembered: a page asked for by offset repeats comments of the one before."""
MOST_STALE = 60
NOT_FOUND = "persistedquerynotfound"
CURSOR_REFUSED = "integrity check"
LOG = logging.getLogger("vieweratlas.vods")


class Comment(NamedTuple):
    """Who wrote when: seconds into the VOD, and a login in lowercase, None where the account is gone."""

    id: str
    offset_s: int
    login: str | None


class VodGoneError(TwitchError):
    """Twitch does not have the VOD (any more)."""


class VodChatError(TwitchError):
    """A VOD's chat could not be read to its end; a later attempt may succeed."""

    retryable = True


class VodChatMisconfiguredError(TwitchError):
    """No VOD's chat can be read until a setting changes; the message names it."""


class _ServiceError(RuntimeError):
    """The endpoint answered with a temporary error."""


class _CursorRefusedError(RuntimeError):
    """The endpoint refuses a cursor that it returned."""


class GraphqlVodChat:
    """Asks for comments, one page at a time."""

    def __init__(
        self,
        *,
        url: str,
        client_id: str,
        query_hash: str,
        turn: Callable[[], None],
        http: RetryingSession | None = None,
    ) -> None:
        """Ask nothing yet.

        Args:
            client_id: of Twitch's own web page.
            query_hash: SHA-256 of the persisted query OPERATION.
            turn: waits until one more request may be made; what it raises is passed on.
        """
        self._url, self._client_id, self._query_hash = url, client_id, query_hash
        self._turn = turn
        # Each request takes a turn: those that are tried again too.
        self._http = http or RetryingSession(retries=0)

    def pages(self, vod_id: str, start_s: int = 0) -> Iterator[Sequence[Comment]]:
        """All comments from a second of the VOD on, in their order; the first may begin before it.

        By cursor, and where that is refused by offset to the end of the VOD.

        Raises:
            VodGoneError, VodChatError, VodChatMisconfiguredError: see there; after VodChatError, all that was handed out
                stands, and the rest can be asked for from the second of the last comment on.
        """
        known: deque[frozenset[str]] = deque(maxlen=PAGES_KNOWN)
        asked: dict[str, Any] = {"contentOffsetSeconds": start_s}
        by_cursor, last_s, stale = True, start_s, 0
        while True:
            try:
                edges, more = self._page(vod_id, asked, first=not known)
            except _CursorRefusedError:
                by_cursor, asked = False, {"contentOffsetSeconds": last_s}
                continue
            comments = [_comment(edge) for edge in edges]
            seen = frozenset().union(*known)
            if known and "contentOffsetSeconds" in asked and comments[0].id not in seen:
                raise VodChatError(f"by offset, comments before second {comments[0].offset_s} cannot be reached")
            fresh = [comment for comment in comments if comment.id not in seen]
            known.append(frozenset(comment.id for comment in comments))
            yield fresh
            if not more:
                return
            last_s = max(last_s, comments[-1].offset_s)
            stale = 0 if fresh else stale + 1
            if stale > MOST_STALE:
                raise VodChatError(f"{stale} pages one after another brought nothing new, and there are more")
            cursor = edges[-1].get("cursor")
            # One that is missing, or leads to what is known, leads nowhere.
            by_cursor = by_cursor and bool(cursor) and bool(fresh)
            if by_cursor:
                asked = {"cursor": cursor}
            elif fresh or "cursor" in asked:
                asked = {"contentOffsetSeconds": last_s}
            else:
                asked = {"contentOffsetSeconds": asked["contentOffsetSeconds"] + 1}

    def sampled_pages(self, vod_id: str, duration_s: int, start_s: int = 0) -> Iterator[Sequence[Comment]]:
        """One page for each minute of a VOD, and of it the comments of that minute; a page with more serves more.

        Raises:
            VodGoneError, VodChatError, VodChatMisconfiguredError: as `pages`.
        """
        begin_s, last_s, more = start_s - start_s % 60, -1, True
        while more and begin_s < duration_s:
            try:
                edges, more = self._page(vod_id, {"contentOffsetSeconds": begin_s}, first=True)
            except VodChatError:
                # So the endpoint answers too where nobody wrote any more.
                if last_s < 0 or self._has_comments(vod_id, last_s, begin_s):
                    raise
                return
            found = {comment.id: comment for comment in map(_comment, edges)}
            last_s = max((comment.offset_s for comment in found.values()), default=0)
            until_s = max(begin_s + 60, last_s - last_s % 60) if more else duration_s + 60
            yield [each for each in found.values() if begin_s <= each.offset_s < until_s]
            begin_s = until_s

    def _has_comments(self, vod_id: str, last_s: int, begin_s: int) -> bool:
        """Whether there are comments from a second on, looked for from the last that is known."""
        found = self.pages(vod_id, last_s)
        return any(comment.offset_s >= begin_s for page in found for comment in page)

    def _page(self, vod_id: str, asked: Mapping[str, Any], *, first: bool) -> tuple[list[dict[str, Any]], bool]:
        """The edges of a page, and whether there are more behind them; trouble is waited out.

        Args:
            first: nothing promised that the page has comments.
        """
        for wait_s in (*WAITS_S, None):
            try:
                edges, more = self._ask(vod_id, asked)
                if edges or (first and not more):
                    return edges, more
                raise _ServiceError("a page without comments, where more were promised")
            except _ServiceError as trouble:
                if wait_s is None:
                    raise VodChatError(f"{trouble}, {1 + len(WAITS_S)} times") from None
                LOG.info("VOD %s: %s; trying again", vod_id, trouble)
                self._http.sleep(wait_s + self._http.jitter())
        raise AssertionError("the last wait is None")

    def _ask(self, vod_id: str, asked: Mapping[str, Any]) -> tuple[list[dict[str, Any]], bool]:
        self._turn()
        body = {
            "operationName": OPERATION,
            "variables": {"videoID": vod_id, **asked},
            "extensions": {"persistedQuery": {"version": 1, "sha256Hash": self._query_hash}},
        }
        try:
            answer = self._http.request("POST", self._url, json=body, headers={"Client-ID": self._client_id})
        except NoAnswerError as error:
            raise _ServiceError(str(error)) from None
        found = json_object(answer)
        told = _told_errors(found)
        if answer.status_code in (400, 401, 403):
            raise VodChatMisconfiguredError(
                f"{self._url} answers HTTP {answer.status_code} {told}: see vod.graphql_client_id and vod.graphql_url"
            )
        if answer.status_code != 200 or found is None:
            raise _ServiceError(f"HTTP {answer.status_code} {told}".strip())
        if NOT_FOUND in told.lower().replace(" ", ""):
            raise VodChatMisconfiguredError(
                f"{self._url} does not know the query any more: see vod.graphql_query_hash, or set vod.chat_source "
                "to twitchdownloader"
            )
        if CURSOR_REFUSED in told.lower() and "cursor" in asked:
            raise _CursorRefusedError(told)
        data = found.get("data")
        if isinstance(data, dict) and "video" in data and data["video"] is None and not told:
            raise VodGoneError("Twitch has no such VOD: it was deleted, or is not public")
        return _edges(data, told)


def _edges(data: Any, told: str) -> tuple[list[dict[str, Any]], bool]:
    video = data.get("video") if isinstance(data, dict) else None
    comments = video.get("comments") if isinstance(video, dict) else None
    edges = comments.get("edges") if isinstance(comments, dict) else None
    page = comments.get("pageInfo") if isinstance(comments, dict) else None
    if not isinstance(edges, list) or not isinstance(page, dict):
        raise _ServiceError(told or "an answer without comments")
    return [edge for edge in edges if isinstance(edge, dict)], page.get("hasNextPage") is True


def _comment(edge: Mapping[str, Any]) -> Comment:
    node = edge.get("node")
    offset = node.get("contentOffsetSeconds") if isinstance(node, dict) else None
    if not isinstance(node, dict) or not isinstance(node.get("id"), str) or not isinstance(offset, int):
        raise VodChatError("a comment without an id or without its second")
    commenter = node.get("commenter")
    login = commenter.get("login") if isinstance(commenter, dict) else None
    return Comment(node["id"], offset, login.lower() if isinstance(login, str) and login else None)


def _told_errors(found: Mapping[str, Any] | None) -> str:
    """The messages of an answer's errors, cut short."""
    errors = found.get("errors") if found is not None else None
    texts = (
        [str(each.get("message")) for each in errors if isinstance(each, dict)] if isinstance(errors, list) else []
    )
    return "; ".join(texts)[:200]
