"""Where the chat of VODs comes from, behind one protocol.

Belongs here: the protocol, and sources that read comments as they come. Not here: talking to Twitch (clients),
TwitchDownloader's command (twitchdownloader), what becomes of comments (worker).
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

COMMENTS_A_PAGE = 1000


@dataclass(frozen=True)
class ChatRequest:
    """What is asked of a source.

    Attributes:
        start_s: comments before this second of the VOD are not needed, but may come too.
        duration_s: of the VOD, where it is known.
        is_given_up: whether nobody wants it any more; for a source that is busy for long without giving a page.
    """

    vod: QueuedVod
    start_s: int = 0
    duration_s: int | None = None
    is_given_up: Callable[[], bool] = lambda: False


@dataclass(frozen=True)
class VodChat:
    """A VOD's chat while it is read.

    Attributes:
        pages: comments in their order, each once; reading them may raise what VodChatSource says.
        chapters: the games, where they are known.
    """

    pages: Iterator[Sequence[Comment]]
    chapters: Sequence[Chapter] = ()


class VodChatSource(Protocol):
    """Reads the chat of VODs.

    Raises, in `chat` and while pages are read:
        VodGoneError: there is no such VOD any more.
        VodChatError: not now; later perhaps.
        VodChatMisconfiguredError: not before a setting is changed.
        BudgetSpentError: not today.

    Attributes:
        is_sample: only some of the comments are read.
    """

    is_sample: bool

    def chat(self, request: ChatRequest) -> AbstractContextManager[VodChat]:
        """Read a VOD's chat."""
        ...


class GraphqlSource:
    """The web's endpoint, whole VODs."""

    is_sample = False

    def __init__(self, client: GraphqlVodChat) -> None:
        self._client = client

    @contextmanager
    def chat(self, request: ChatRequest) -> Iterator[VodChat]:
        """As VodChatSource."""
        yield VodChat(self._client.pages(request.vod.vod_id, request.start_s))


class SampledSource:
    """The web's endpoint, one page for each minute."""

    is_sample = True

    def __init__(self, client: GraphqlVodChat) -> None:
        self._client = client

    @contextmanager
    def chat(self, request: ChatRequest) -> Iterator[VodChat]:
        """As VodChatSource."""
        if request.duration_s is None:
            raise VodChatError("the VOD's length is not known, which sampling needs: materialize vod_catalog first")
        yield VodChat(self._client.sampled_pages(request.vod.vod_id, request.duration_s, request.start_s))


class FileSource:
    """Files that TwitchDownloader wrote, found by the VOD's id in their names."""

    is_sample = False

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def chat(self, request: ChatRequest) -> Iterator[VodChat]:
        """As VodChatSource."""
        vod = request.vod
        if not self._folder.is_dir():
            raise VodChatMisconfiguredError(f"vod.files_dir is {self._folder}, which is no folder")
        named = re.compile(rf"(?:.*\D)?{re.escape(vod.vod_id)}(?:\D.*)?\.json(?:\.gz)?", re.IGNORECASE)
        found = sorted(path for path in self._folder.rglob("*") if named.fullmatch(path.name))
        if not found:
            raise VodChatError(f"no file in {self._folder} has {vod.vod_id} in its name")
        with chat_of_file(found[0], vod) as chat:
            yield chat


@contextmanager
def chat_of_file(path: Path, vod: QueuedVod) -> Iterator[VodChat]:
    """Read a file of TwitchDownloader as the chat of a VOD.

    Raises:
        VodChatError: it cannot be read, or is of another VOD; also while pages are read.
    """
    try:
        head = read_head(path)
    except DocumentError as error:
        raise VodChatError(f"{path.name} {error}") from error
    if head.vod_id != vod.vod_id:
        raise VodChatError(f"{path.name} holds VOD {head.vod_id}")
    yield VodChat(_pages(path), head.chapters)


def _pages(path: Path) -> Iterator[Sequence[Comment]]:
    page: list[Comment] = []
    try:
        for offset_s, login in read_comments(path):
            page.append(Comment("", offset_s, login))
            if len(page) == COMMENTS_A_PAGE:
                yield page
                page = []
    except DocumentError as error:
        raise VodChatError(f"{path.name} {error}") from error
    yield page
