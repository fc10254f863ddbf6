"""Where the chat of VODs comes from, behind one protocol.

Belongs here: the protocol, and the sources that need no other program. Not here: talking to Twitch
(clients.vod_chat), running TwitchDownloader (twitchdownloader), turning comments into presence (worker).
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from vieweratlas_assets.clients.vod_chat import Comment, GraphqlVodChat, VodChatError, VodChatMisconfiguredError
from vieweratlas_assets.domain.presence.vod_minutes import Chapter
from vieweratlas_assets.importers.documents import DocumentError
from vieweratlas_assets.importers.twitchdownloader import read_comments, read_head
from vieweratlas_assets.vods.queue import QueuedVod

COMMENTS_PER_PAGE = 1000


@dataclass(frozen=True)
class ChatRequest:
    """The chat that a worker wants from a source.

    Attributes:
        start_s: comments before this second of the VOD are not needed; a source may yield them too.
        duration_s: length of the VOD; None if unknown.
        is_given_up: whether the worker wants the chat no longer; for sources that work for long between two pages.
    """

    vod: QueuedVod
    start_s: int = 0
    duration_s: int | None = None
    is_given_up: Callable[[], bool] = lambda: False


@dataclass(frozen=True)
class VodChat:
    """A VOD's chat while it is read.

    Attributes:
        pages: comments in order, each once; reading them may raise the errors of VodChatSource.
        chapters: the games; empty if unknown.
    """

    pages: Iterator[Sequence[Comment]]
    chapters: Sequence[Chapter] = ()


class VodChatSource(Protocol):
    """Reads the chat of VODs.

    Raises, in `chat` and while pages are read:
        VodGoneError: Twitch no longer has the VOD.
        VodChatError: the attempt failed; a later one may succeed.
        VodChatMisconfiguredError: every attempt fails until a setting changes.
        BudgetSpentError: the day's requests are used up.

    Attributes:
        is_sample: the source reads only some of the comments.
    """

    is_sample: bool

    def chat(self, request: ChatRequest) -> AbstractContextManager[VodChat]:
        """Read a VOD's chat."""
        ...


class GraphqlSource:
    """The endpoint of Twitch's web page, all comments."""

    is_sample = False

    def __init__(self, client: GraphqlVodChat) -> None:
        self._client = client

    @contextmanager
    def chat(self, request: ChatRequest) -> Iterator[VodChat]:
        """See VodChatSource."""
        yield VodChat(self._client.pages(request.vod.vod_id, request.start_s))


class SampledSource:
    """The endpoint of Twitch's web page, one page of comments per minute of the VOD."""

    is_sample = True

    def __init__(self, client: GraphqlVodChat) -> None:
        self._client = client

    @contextmanager
    def chat(self, request: ChatRequest) -> Iterator[VodChat]:
        """See VodChatSource."""
        if request.duration_s is None:
            raise VodChatError(
                "sampling needs the VOD's length, which vod_catalog does not have: materialize vod_catalog first"
            )
        yield VodChat(self._client.sampled_pages(request.vod.vod_id, request.duration_s, request.start_s))


class FileSource:
    """Files that TwitchDownloader wrote, with the VOD's id in their names."""

    is_sample = False

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def chat(self, request: ChatRequest) -> Iterator[VodChat]:
        """See VodChatSource."""
        vod = request.vod
        if not self._folder.is_dir():
            raise VodChatMisconfiguredError(f"vod.files_dir is {self._folder}, which is not a folder")
        named = re.compile(rf"(?:.*\D)?{re.escape(vod.vod_id)}(?:\D.*)?\.json(?:\.gz)?", re.IGNORECASE)
        files = sorted(path for path in self._folder.rglob("*") if named.fullmatch(path.name))
        if not files:
            raise VodChatError(f"no file in {self._folder} has {vod.vod_id} in its name")
        with read_chat_file(files[0], vod) as chat:
            yield chat


@contextmanager
def read_chat_file(path: Path, vod: QueuedVod) -> Iterator[VodChat]:
    """Read a file of TwitchDownloader as the chat of a VOD.

    Raises:
        VodChatError: the file cannot be read, or holds another VOD; also raised while pages are read.
    """
    try:
        head = read_head(path)
    except DocumentError as error:
        raise VodChatError(f"{path.name} {error}") from error
    if head.vod_id != vod.vod_id:
        raise VodChatError(f"{path.name} holds VOD {head.vod_id}, not {vod.vod_id}")
    yield VodChat(_pages(path), head.chapters)


def _pages(path: Path) -> Iterator[Sequence[Comment]]:
    page: list[Comment] = []
    try:
        for offset_s, login in read_comments(path):
            page.append(Comment("", offset_s, login))
            if len(page) == COMMENTS_PER_PAGE:
                yield page
                page = []
    except DocumentError as error:
        raise VodChatError(f"{path.name} {error}") from error
    yield page
