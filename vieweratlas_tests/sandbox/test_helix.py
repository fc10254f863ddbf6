"""The sandbox's Helix, read by independent clients (TwitchIO and pyTwitchAPI), and what it refuses."""

import asyncio
from collections.abc import Iterator
from typing import Any

import polars as pl
import pytest
import requests
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


def ask(running: Twitch, path: str, **parameters: object) -> requests.Response:
    """Ask Helix with a valid token."""
    headers = {"Client-Id": "sandbox", "Authorization": f"Bearer {running.helix.user_token()}"}
    parameters = {name: str(value) if isinstance(value, int) else value for name, value in parameters.items()}
    return requests.get(f"{running.url}/helix/{path}", headers=headers, params=parameters, timeout=30)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("path", "parameters", "message"),
    [
        ("streams", {"first": 0}, "1 to 100"),
        ("streams", {"first": 101}, "1 to 100"),
        ("streams", {"after": "nonsense"}, "is not valid"),
        ("streams", {"after": "bm8gY3Vyc29y"}, "is not valid"),
        ("streams", {"user_login": ["a"] * 101}, "more than 100 values"),
        ("users", {}, "1 to 100 values"),
        ("users", {"login": ["a"] * 60, "id": ["1"] * 41}, "1 to 100 values"),
        ("videos", {}, "one user_id, or ids"),
        ("videos", {"user_id": "1", "id": "2"}, "one user_id, or ids"),
    ],
)
def test_a_request_that_twitch_refuses_is_refused(
    running: Twitch, path: str, parameters: dict[str, object], message: str
) -> None:
    answer = ask(running, path, **parameters)
    assert (answer.status_code, answer.json()["error"]) == (400, "Bad Request")
    assert message in answer.json()["message"]


@pytest.mark.parametrize("wrong", [{"Authorization": "Bearer other"}, {"Client-Id": "other"}, {"Client-Id": ""}])
def test_a_token_counts_only_for_its_application(running: Twitch, wrong: dict[str, str]) -> None:
    headers = {"Client-Id": "sandbox", "Authorization": f"Bearer {running.helix.user_token()}"} | wrong
    assert requests.get(f"{running.url}/helix/streams", headers=headers, timeout=30).status_code == 401


def test_points_are_spent_by_requests_and_restored_after_a_minute(world: World) -> None:
    with twitch(world, points_per_minute=2) as running:
        statuses = [ask(running, "users", login="nobody").status_code for _ in range(3)]
        refused = ask(running, "users", login="nobody")
        assert [*statuses, refused.status_code] == [200, 200, 429, 429]
        assert refused.headers["Ratelimit-Remaining"] == "0"
        running.time[0] = float(refused.headers["Ratelimit-Reset"])
        assert ask(running, "users", login="nobody").headers["Ratelimit-Remaining"] == "1"


def test_deleted_vods_and_those_of_the_future_are_not_listed(running: Twitch) -> None:
    login = running.live()[0]
    vods = _vods(running, login)
    running.helix.deleted.add(vods[0])
    listed = ask(running, "videos", user_id=_channel_id(running, login), first=100).json()["data"]
    assert [vod["id"] for vod in listed] == vods[1:]
    assert ask(running, "videos", id=vods[0]).status_code == 404
    future = running.world.streams.filter(pl.col("started_at") > EVENING)["vod_id"][0]
    assert ask(running, "videos", id=[future, vods[1]]).json()["data"] == [
        vod for vod in listed if vod["id"] == vods[1]
    ]


def test_faults_and_expired_tokens_are_caused_by_request(running: Twitch) -> None:
    headers = {"Client-Id": "sandbox", "Authorization": f"Bearer {running.helix.user_token()}"}
    body: dict[str, Any] = {"statuses": [503, 200], "expire_tokens": True}
    assert requests.post(f"{running.url}/sandbox/faults", json=body, timeout=30).json() == {"statuses": [503, 200]}
    statuses = [requests.get(f"{running.url}/helix/users", headers=headers, timeout=30).status_code for _ in range(2)]
    assert statuses == [503, 401]
    for wrong in ({"statuses": [302]}, {"statuses": "many"}, [1]):
        assert requests.post(f"{running.url}/sandbox/faults", json=wrong, timeout=30).status_code == 400
