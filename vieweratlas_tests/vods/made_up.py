"""A made-up Twitch some days after its last VODs, for the tests of assets and commands."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.schemas import PRESENCE, VOD_CATALOG
from vieweratlas_assets.sandbox.chat import stream_chat
from vieweratlas_assets.sandbox.clock import SandboxClock
from vieweratlas_assets.sandbox.helix import SandboxHelix
from vieweratlas_assets.sandbox.server import SandboxServer
from vieweratlas_assets.sandbox.vod_chat import SandboxVodChat, WorldVodChats
from vieweratlas_assets.sandbox.world import World, build_world
from vieweratlas_assets.sandbox.world_spec import WorldSpec
from vieweratlas_assets.settings import Settings, resolve_settings
from vieweratlas_assets.storage.local import LocalStore

SECRET = "sandbox-secret"


@dataclass
class MadeUpTwitch:
    """A running sandbox, an empty lake, and a record of what was written in chat."""

    world: World
    helix: SandboxHelix
    vod_chat: SandboxVodChat
    server: SandboxServer
    folder: Path

    @property
    def store(self) -> LocalStore:
        """The lake."""
        return LocalStore(self.folder / "lake")

    def environment(self) -> dict[str, str]:
        """The environment variables that lead to the sandbox and the lake; all channels are watched."""
        return {
            "VIEWERATLAS_ROOT": str(self.folder / "lake"),
            "DAGSTER_HOME": str(self.folder / "home"),
            "VIEWERATLAS_TWITCH__HELIX_URL": f"{self.server.url}/helix",
            "VIEWERATLAS_TWITCH__ID_URL": f"{self.server.url}/oauth2",
            "VIEWERATLAS_VOD__GRAPHQL_URL": f"{self.server.url}/gql",
            "VIEWERATLAS_VOD__REQUESTS_PER_S": "1000",
            "VIEWERATLAS_VOD__QUEUE_URL": f"sqlite:///{self.folder}/queue.db",
            "VIEWERATLAS_VOD__MAX_AGE_DAYS": "36500",
            "TWITCH_CLIENT_ID": "sandbox",
            "TWITCH_CLIENT_SECRET": SECRET,
            "TWITCH_CHANNELS": ",".join(self.world.channels["channel"]),
        }

    def settings(self, **environment: str) -> Settings:
        """The settings of that environment."""
        return resolve_settings(environment=self.environment() | environment).settings

    def vods(self, first: dt.date, last: dt.date | None = None) -> pl.DataFrame:
        """The broadcasts that began on some days: stream_no, channel and the columns of World.streams."""
        channels = self.world.channels.select("channel").with_row_index("channel_no")
        streams = self.world.streams.with_row_index("stream_no").join(channels, on="channel_no")
        return streams.filter(pl.col("started_at").dt.date().is_between(first, last or first))

    def written(self, stream_no: int) -> dict[int, set[str]]:
        """Who wrote in which minute of a broadcast; keys are the seconds at which minutes begin."""
        chat = stream_chat(self.world, stream_no)
        minutes: dict[int, set[str]] = defaultdict(set)
        logins = self.world.viewers["login"].gather(chat["viewer_no"])
        for second, login in zip(chat["second"], logins, strict=True):
            minutes[second // 60 * 60].add(login)
        return dict(minutes)

    def exact(self, vods: pl.DataFrame) -> None:
        """Assert that the lake has the catalog of these VODs, and their presence row for row as it was written."""
        for vod in vods.iter_rows(named=True):
            rows = self.store.download_parquet(lake.vod_presence(vod["channel"], vod["vod_id"]), PRESENCE)
            stored = dict(zip(rows["offset_s"], map(set, rows["chatters"]), strict=True))
            assert stored == self.written(vod["stream_no"])
            begins = [vod["started_at"] + dt.timedelta(seconds=offset) for offset in rows["offset_s"]]
            assert rows["bucket_start"].to_list() == begins
        for day in vods["started_at"].dt.date().unique():
            listed = self.store.download_parquet(lake.vod_catalog(day), VOD_CATALOG)
            vods_of_day = vods.filter(pl.col("started_at").dt.date() == day)
            assert set(vods_of_day["vod_id"]) <= set(listed["vod_id"])


@contextmanager
def made_up_twitch(
    folder: Path,
    *,
    days_after: int = 5,
    channels: int = 72,
    days: int = 2,
    languages: int = 4,
    points_per_minute: int = 100_000,
) -> Iterator[MadeUpTwitch]:
    """Serve a made-up Twitch whose last broadcasts were some days ago."""
    world = build_world(WorldSpec(channels=channels, viewers=10 * channels, days=days, languages=languages))
    after = dt.datetime.combine(world.spec.dates[-1], dt.time(), dt.UTC) + dt.timedelta(days=days_after)
    clock = SandboxClock(after)
    helix = SandboxHelix(world, clock, client_id="sandbox", client_secret=SECRET, points_per_minute=points_per_minute)
    vod_chat = SandboxVodChat(WorldVodChats(world, clock))
    with SandboxServer(helix, vod_chat=vod_chat).running() as server:
        yield MadeUpTwitch(world, helix, vod_chat, server, folder)
