"""The sandbox's Helix, read by independent clients: TwitchIO and pyTwitchAPI."""

import asyncio
from collections.abc import Iterator

import pytest
import twitchio
from twitchAPI.helper import first
from twitchAPI.twitch import Twitch as PyTwitchAPI
from twitchio.http import Route

from vieweratlas_assets.sandbox.world import World, build_world
from vieweratlas_assets.sandbox.world_spec import WorldSpec
from vieweratlas_tests.clients.twitch import EVENING, SECRET, Twitch, twitch


@pytest.fixture(scope="module")
def world() -> World:
    return build_world(WorldSpec(channels=1_600, viewers=16_000, days=2))


@pytest.fixture
def running(world: World) -> Iterator[Twitch]:
    with twitch(world) as sandbox:
        yield sandbox


def test_twitchio_pages_through_streams_users_and_videos(running: Twitch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Route, "BASE", f"{running.url}/helix/")
    monkeypatch.setattr(Route, "ID_BASE", f"{running.url}/")

    async def read() -> tuple[list[str], list[str], list[str]]:
        async with twitchio.Client(client_id="sandbox", client_secret=SECRET) as client:
            await client.login(load_tokens=False, save_tokens=False)
            streams = [str(stream.user.name) async for stream in client.fetch_streams(first=100, max_results=2_000)]
            users = [str(user.name) for user in await client.fetch_users(logins=streams[:3])]
            videos = [video.id async for video in client.fetch_videos(user_id=_channel_id(running, streams[0]))]
            return streams, users, videos

    streams, users, videos = asyncio.run(read())
    assert list(dict.fromkeys(streams)) == running.live()
    assert len(streams) > len(running.live()), "pages repeat streams"
    assert sorted(users) == sorted(running.live()[:3])
    assert videos == _vods(running, streams[0])


def test_pytwitchapi_pages_through_streams_users_and_videos(running: Twitch) -> None:
    async def read() -> tuple[list[str], str, list[str]]:
        client = PyTwitchAPI("sandbox", authenticate_app=False, base_url=f"{running.url}/helix/")
        # Its own way to get a token reads the answer after closing the connection, which sometimes fails.
        await client.set_app_authentication(running.helix.user_token(), [])
        streams = [stream.user_login async for stream in client.get_streams(first=100)]
        user = await first(client.get_users(logins=[streams[0]]))
        assert user is not None
        videos = [video.id async for video in client.get_videos(user_id=user.id)]
        await client.close()  # type: ignore[no-untyped-call]  # pyTwitchAPI does not annotate it
        return streams, user.login, videos

    streams, user, videos = asyncio.run(read())
    assert list(dict.fromkeys(streams)) == running.live()
    assert user == streams[0]
    assert videos == _vods(running, user)


def _channel_id(running: Twitch, login: str) -> str:
    channels = running.world.channels
    return str(channels["channel_id"][channels["channel"].to_list().index(login)])


def _vods(running: Twitch, login: str) -> list[str]:
    """The VODs of a channel whose broadcast has begun, newest first."""
    number = running.world.channels["channel"].to_list().index(login)
    streams = [row for row in running.world.streams.iter_rows(named=True) if row["channel_no"] == number]
    begun = sorted((row["started_at"], row["vod_id"]) for row in streams if row["started_at"] <= EVENING)
    return [vod for _, vod in reversed(begun)]
