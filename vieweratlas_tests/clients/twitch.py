"""A sandbox Twitch for the tests of its clients: served over real HTTP; waits are recorded and skipped."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from vieweratlas_assets.clients.helix import HelixClient
from vieweratlas_assets.clients.http import RetryingSession
from vieweratlas_assets.clients.twitch_token import ApplicationToken, Token
from vieweratlas_assets.sandbox.clock import SandboxClock
from vieweratlas_assets.sandbox.helix import SandboxHelix
from vieweratlas_assets.sandbox.planted_presence import live_streams
from vieweratlas_assets.sandbox.server import SandboxServer
from vieweratlas_assets.sandbox.world import World
from vieweratlas_assets.settings import Settings, resolve_settings

SECRET = "sandbox-secret"
EVENING = dt.datetime(2026, 10, 6, 18, tzinfo=dt.UTC)


@dataclass
class Twitch:
    """A running sandbox.

    Attributes:
        time: the time of rate limits and clients, s; a wait advances it.
        waits: the waits of clients, in s.
    """

    helix: SandboxHelix
    url: str
    world: World
    clock: SandboxClock
    time: list[float] = field(default_factory=lambda: [1_000_000.0])
    waits: list[float] = field(default_factory=list)

    def http(self) -> RetryingSession:
        """A session that waits in this time, without jitter."""
        return RetryingSession(sleep=self._wait, jitter=lambda: 0.0)

    def client(self, token: Token | None = None) -> HelixClient:
        """A client with its own token."""
        token = token or ApplicationToken("sandbox", SECRET, url=f"{self.url}/oauth2", http=self.http())
        return HelixClient(token, url=f"{self.url}/helix", http=self.http(), now=lambda: self.time[0])

    def settings(self, **environment: str) -> Settings:
        """Settings that lead to this sandbox."""
        sandbox = {
            "VIEWERATLAS_TWITCH__HELIX_URL": f"{self.url}/helix",
            "VIEWERATLAS_TWITCH__ID_URL": f"{self.url}/oauth2",
            "TWITCH_CLIENT_ID": "sandbox",
            "TWITCH_CLIENT_SECRET": SECRET,
        }
        return resolve_settings(environment=sandbox | environment).settings

    def live(self) -> list[str]:
        """The channels that are live, most viewers first."""
        return live_streams(self.world, self.clock.now())["channel"].to_list()

    def _wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.time[0] += seconds


@contextmanager
def twitch(world: World, *, points_per_minute: int = 800) -> Iterator[Twitch]:
    """Serve a world on one evening; its clock stands still."""
    clock = SandboxClock(EVENING, seconds=lambda: 0.0)
    time = [1_000_000.0]
    helix = SandboxHelix(
        world,
        clock,
        client_id="sandbox",
        client_secret=SECRET,
        points_per_minute=points_per_minute,
        now=lambda: time[0],
    )
    with SandboxServer(helix).running() as server:
        yield Twitch(helix, server.url, world, clock, time)
