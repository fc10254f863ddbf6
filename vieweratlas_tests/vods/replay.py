"""A sandbox's chat replay for the tests of who fetches it, and an account of what was written."""

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
    """VODs that a test makes up."""

    vods: dict[str, VodComments] = field(default_factory=dict)

    def comments(self, vod_id: str) -> VodComments | None:
        """As VodChats."""
        return self.vods.get(vod_id)

    def add(self, vod_id: str, comments: int, *, duration_s: int = 3600, people: int = 50, seed: int = 1) -> None:
        """Make up a VOD: so many comments by so many people; every 50th of an account that is gone."""
        generator = np.random.default_rng([seed, int(vod_id)])
        seconds = np.sort(generator.integers(0, duration_s, comments))
        logins = [f"viewer_{number}" for number in generator.integers(0, people, comments)]
        gone: list[str | None] = [None if number % 50 == 49 else login for number, login in enumerate(logins)]
        self.vods[vod_id] = VodComments(seconds, gone)

    def written(self, vod_id: str) -> dict[int, set[str]]:
        """Who wrote in which minute, by the second at which it begins; only minutes with somebody."""
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
        """A client of it that does not sleep, but notes how long it would have."""

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
        vods: comments by VOD.
    """
    chats = MadeUpChats()
    for vod_id, comments in (vods or {VOD: 1000}).items():
        # Not more than a page in a second, which nobody reaches by offset.
        chats.add(vod_id, comments, duration_s=max(3600, comments // 7))
    helix = SandboxHelix(small_world(), SandboxClock(START), client_id="sandbox", client_secret="sandbox-secret")
    vod_chat = SandboxVodChat(chats)
    with SandboxServer(helix, vod_chat=vod_chat).running() as server:
        yield Replay(server, vod_chat, chats)
