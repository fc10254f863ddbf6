"""Chat replay of the sandbox's VODs, over the GraphQL endpoint of Twitch's web page, with faults on demand.

Belongs here: pages of comments by offset or cursor, and faults that Twitch has shown. Not here: what is written
(chat), sockets (server).
"""

import base64
import json
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from vieweratlas_assets.sandbox.chat import stream_chat
from vieweratlas_assets.sandbox.clock import Clock
from vieweratlas_assets.sandbox.feed import FIRST_USER_ID
from vieweratlas_assets.sandbox.world import World

CLIENT_ID = "kd1unb4b3q4t58fwlpcbzcbnm76a8fp"
OTHER_CLIENT_ID = "kimne78kx3ncx6brgo4mv6wki5h1ko"
"""The id of Twitch's page in another browser; tools use either one."""
OPERATION = "VideoCommentsByOffsetOrCursor"
QUERY_HASH = "b70a3591ff0f4e0313d126c6a1502d79a1c02baebb288227c582044aa76adf6a"
PAGE = 59
LEADING_COMMENTS = 12
"""Comments before the requested offset at the beginning of a page."""
CACHED_VODS = 8
SERVICE_ERROR = {"message": "service error", "path": ["video", "comments"]}


class VodComments(NamedTuple):
    """The comments of a VOD, in order: second of the VOD, and login, None if the account no longer exists."""

    seconds: np.ndarray
    logins: list[str | None]


class VodChats(Protocol):
    """A source of VOD comments."""

    def comments(self, vod_id: str) -> VodComments | None:
        """Return all comments written up to now; None if the VOD does not exist."""
        ...


class WorldVodChats:
    """The chats of a world's broadcasts, the last few cached."""

    def __init__(self, world: World, clock: Clock) -> None:
        self._world, self._clock = world, clock
        self._numbers = {vod_id: number for number, vod_id in enumerate(world.streams["vod_id"])}
        self._cache: OrderedDict[int, VodComments] = OrderedDict()

    def comments(self, vod_id: str) -> VodComments | None:
        """Return all comments written up to now; None if the VOD does not exist."""
        number = self._numbers.get(vod_id)
        if number is None:
            return None
        now_s = (self._clock.now() - self._world.streams["started_at"][number]).total_seconds()
        if now_s < 0:
            return None
        drawn = self._drawn(number)
        return VodComments(drawn.seconds[: int(np.searchsorted(drawn.seconds, now_s))], drawn.logins)

    def _drawn(self, number: int) -> VodComments:
        if number not in self._cache:
            chat = stream_chat(self._world, number)
            logins = self._world.viewers["login"].gather(chat["viewer_no"]).to_list()
            self._cache[number] = VodComments(chat["second"].to_numpy(), logins)
            if len(self._cache) > CACHED_VODS:
                self._cache.popitem(last=False)
        self._cache.move_to_end(number)
        return self._cache[number]


@dataclass
class VodChatFaults:
    """Faults to simulate.

    Attributes:
        refuses_cursors: whether every cursor is refused.
        service_error_every: every n-th request is answered with "service error"; 0 for none.
        statuses: HTTP statuses of the next requests, 200 for no fault.
        to_cut: number of next responses that break off in the middle.
        deleted: ids of deleted VODs.
    """

    refuses_cursors: bool = False
    service_error_every: int = 0
    statuses: deque[int] = field(default_factory=deque)
    to_cut: int = 0
    deleted: set[str] = field(default_factory=set)


class SandboxVodChat:
    """The endpoint: `routes` to mount.

    Attributes:
        faults: faults to simulate.
        requests: number of requests.
        asked_by_offset: number of requests by offset instead of cursor.
    """

    def __init__(self, chats: VodChats) -> None:
        self.faults = VodChatFaults()
        self.requests = self.asked_by_offset = 0
        self._chats = chats

    @property
    def routes(self) -> list[BaseRoute]:
        """The routes, relative to the root of the server."""
        return [Route("/gql", self._serve, methods=["POST"])]

    async def _serve(self, request: Request) -> Response:
        self.requests += 1
        faults = self.faults
        status = faults.statuses.popleft() if faults.statuses else 200
        if status != 200:
            return JSONResponse({"error": "asked for"}, status)
        try:
            _check_headers(request)
            body = json.loads(await request.body())
            # A list of operations gets a list of answers.
            answer = [self._operation(one) for one in body] if isinstance(body, list) else self._operation(body)
        except _RefusedError as refused:
            return refused.answer
        except (ValueError, KeyError, TypeError):
            return JSONResponse({"error": "Bad Request", "message": "no operation"}, 400)
        if faults.to_cut:
            faults.to_cut -= 1
            return _CutOff(json.dumps(answer), media_type="application/json")
        return JSONResponse(answer)

    def _operation(self, operation: dict[str, Any]) -> dict[str, Any]:
        """Answer one operation: comments, or the metadata that tools request first."""
        variables = dict(operation["variables"])
        match operation["operationName"]:
            case "VideoMetadata":
                comments = self._chats.comments(str(variables["videoID"]))
                length = int(comments.seconds[-1]) + 1 if comments is not None and comments.seconds.size else 0
                video = {"title": "a title", "lengthSeconds": length, "owner": {"id": "1", "login": "ann"}}
                return {"data": {"video": None if comments is None else video}}
            case name if name != OPERATION:
                return {"data": {}}
        if operation["extensions"]["persistedQuery"]["sha256Hash"] != QUERY_HASH:
            return {"errors": [{"message": "PersistedQueryNotFound"}]}
        return self._answer(variables)

    def _answer(self, variables: dict[str, Any]) -> dict[str, Any]:
        faults, vod_id = self.faults, str(variables.get("videoID"))
        comments = None if vod_id in faults.deleted else self._chats.comments(vod_id)
        if comments is None:
            return {"data": {"video": None}}
        if faults.service_error_every and self.requests % faults.service_error_every == 0:
            return {"errors": [SERVICE_ERROR], "data": {"video": _video(vod_id, None)}}
        seconds = comments.seconds
        if "cursor" in variables:
            begin = _cursor_position(variables["cursor"])
            if begin is None or faults.refuses_cursors:
                return {"errors": [{"message": "failed integrity check"}], "data": None}
        else:
            self.asked_by_offset += 1
            offset_s = int(variables.get("contentOffsetSeconds") or 0)
            if seconds.size and offset_s > seconds[-1]:
                return {"errors": [SERVICE_ERROR], "data": {"video": _video(vod_id, None)}}
            begin = max(0, int(np.searchsorted(seconds, offset_s)) - LEADING_COMMENTS)
        end = min(begin + PAGE, seconds.size)
        logins = comments.logins
        edges = [_edge(vod_id, number, int(seconds[number]), logins[number]) for number in range(begin, end)]
        page = {"hasNextPage": end < seconds.size, "hasPreviousPage": begin > 0, "__typename": "PageInfo"}
        return {"data": {"video": _video(vod_id, {"edges": edges, "pageInfo": page})}}


class _RefusedError(ValueError):
    """A request is refused; `answer` is the response."""

    def __init__(self, answer: Response) -> None:
        super().__init__()
        self.answer = answer


def _check_headers(request: Request) -> None:
    if request.headers.get("Client-ID") not in (CLIENT_ID, OTHER_CLIENT_ID):
        message = 'The "Client-ID" header is invalid.'
        raise _RefusedError(JSONResponse({"error": "Bad Request", "message": message}, 400))
    if "Authorization" in request.headers:
        raise _RefusedError(JSONResponse({"error": "Unauthorized", "message": "The token is invalid."}, 401))


def _video(vod_id: str, comments: dict[str, Any] | None) -> dict[str, Any]:
    return {"id": vod_id, "creator": {"id": "1", "channel": {"id": "1"}}, "comments": comments}


def _edge(vod_id: str, number: int, second: int, login: str | None) -> dict[str, Any]:
    commenter = None
    if login is not None:
        commenter = {"id": str(FIRST_USER_ID + sum(login.encode())), "login": login, "displayName": login.title()}
    return {
        "cursor": _cursor(number + 1),
        "node": {
            "id": f"{int(vod_id):08x}-0000-4000-a000-{number:012x}",
            "commenter": commenter,
            "contentOffsetSeconds": second,
            # Wrong since April 2025, as on Twitch.
            "createdAt": "2025-04-01T00:00:00Z",
            "message": {
                "fragments": [{"emote": None, "text": "words that nobody may store"}],
                "userBadges": [],
                "userColor": "#1E90FF",
            },
        },
    }


def _cursor(number: int) -> str:
    return base64.urlsafe_b64encode(json.dumps({"place": number}).encode()).decode()


def _cursor_position(cursor: Any) -> int | None:
    try:
        return int(json.loads(base64.urlsafe_b64decode(cursor))["place"])
    except (ValueError, KeyError, TypeError):
        return None


class _CutOff(Response):
    """A response that breaks off: it is shorter than its Content-Length."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send half of the body, and let the server close the connection."""
        del scope, receive
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        half = bytes(self.body)[: len(self.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})
