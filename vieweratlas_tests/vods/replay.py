"""A sandbox's chat replay for the tests that fetch it, and a record of what was written in it."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from vieweratlas_assets.clients.http import RetryingSession
from vieweratlas_assets.clients.vod_chat import GraphqlVodChat
from vieweratlas_assets.sandbox.clock import SandboxClock
from vieweratlas_assets.sandbox.helix import SandboxHelix
from vieweratlas_assets.sandbox.server import SandboxServer
from vieweratlas_assets.sandbox.vod_chat import CLIENT_ID, QUERY_HASH, SandboxVodChat, VodComments
from vieweratlas_tests.clients.chatting import START, small_world

VOD = "2580000001"


@dataclass
class MadeUpChats:
    """The VODs that a test makes up."""

    vods: dict[str, VodComments] = field(default_factory=dict)

    def comments(self, vod_id: str) -> VodComments | None:
        """See VodChats."""
        return self.vods.get(vod_id)

    def add(self, vod_id: str, comments: int, *, duration_s: int = 3600, people: int = 50, seed: int = 1) -> None:
        """Make up a VOD with a number of comments and people; the account of every 50th comment is gone."""
        generator = np.random.default_rng([seed, int(vod_id)])
        seconds = np.sort(generator.integers(0, duration_s, comments))
        logins = [f"viewer_{number}" for number in generator.integers(0, people, comments)]
        writers: list[str | None] = [None if number % 50 == 49 else login for number, login in enumerate(logins)]
        self.vods[vod_id] = VodComments(seconds, writers)

    def written(self, vod_id: str) -> dict[int, set[str]]:
        """Who wrote in which minute, without empty minutes; keys are the seconds at which minutes begin."""
        minutes: dict[int, set[str]] = defaultdict(set)
        for second, login in zip(*self.vods[vod_id], strict=True):
            if login is not None:
                minutes[int(second) // 60 * 60].add(login)
        return dict(minutes)


@dataclass
class Replay:
    """A running sandbox with chat replay."""

    server: SandboxServer
    vod_chat: SandboxVodChat
    chats: MadeUpChats
    waits: list[float] = field(default_factory=list)
    turns: int = 0

    def client(self) -> GraphqlVodChat:
        """A client of it that does not sleep but records how long it would have slept."""

        def turn() -> None:
            self.turns += 1

        return GraphqlVodChat(
            url=f"{self.server.url}/gql",
            client_id=CLIENT_ID,
            query_hash=QUERY_HASH,
            turn=turn,
            http=RetryingSession(retries=0, sleep=self.waits.append, jitter=lambda: 0.0),
        )


@contextmanager
def replaying(vods: Mapping[str, int] | None = None) -> Iterator[Replay]:
    """Serve made-up VODs, by default one of 1,000 comments.

    Args:
        vods: number of comments by VOD.
    """
    chats = MadeUpChats()
    for vod_id, comments in (vods or {VOD: 1000}).items():
        # At most a page of comments in a second: the rest of a longer second cannot be requested by offset.
        chats.add(vod_id, comments, duration_s=max(3600, comments // 7))
    helix = SandboxHelix(small_world(), SandboxClock(START), client_id="sandbox", client_secret="sandbox-secret")
    vod_chat = SandboxVodChat(chats)
    with SandboxServer(helix, vod_chat=vod_chat).running() as server:
        yield Replay(server, vod_chat, chats)
