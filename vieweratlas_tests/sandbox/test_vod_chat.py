"""The sandbox's chat of VODs, read by independent clients as they read Twitch's, and what it refuses."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from vieweratlas_assets.sandbox.chat import stream_chat
from vieweratlas_assets.sandbox.clock import ManualClock
from vieweratlas_assets.sandbox.vod_chat import CLIENT_ID, OPERATION, QUERY_HASH, WorldVodChats
from vieweratlas_tests.clients.chatting import small_world
from vieweratlas_tests.clients.test_vod_chat import written
from vieweratlas_tests.vods.replay import VOD, Replay, replaying

COMMENTS = 500
Reader = Callable[[Replay, Path, pytest.MonkeyPatch], list[tuple[int, str]]]


def by_chat_downloader(replay: Replay, folder: Path, patch: pytest.MonkeyPatch) -> list[tuple[int, str]]:
    """The comments that chat-downloader reads, by cursor."""
    del folder
    # Neither package has type annotations.
    from chat_downloader import ChatDownloader  # type: ignore[import-untyped]
    from chat_downloader.sites.twitch import TwitchChatDownloader  # type: ignore[import-untyped]

    patch.setattr(TwitchChatDownloader, "_GQL_API_URL", f"{replay.server.url}/gql")
    comments = ChatDownloader().get_chat(f"https://www.twitch.tv/videos/{VOD}")
    return [(int(each["time_in_seconds"]), each.get("author", {}).get("name", "unknown")) for each in comments]


def by_twitch_vod_lib(replay: Replay, folder: Path, patch: pytest.MonkeyPatch) -> list[tuple[int, str]]:
    """The comments that twitch-vod-lib reads, by offset."""
    # Neither package has type annotations.
    from twitch_vod.api import gql_client  # type: ignore[import-untyped]
    from twitch_vod.config import TwitchConfig  # type: ignore[import-untyped]
    from twitch_vod.downloader.chat import ChatDownloader  # type: ignore[import-untyped]

    patch.setattr(gql_client, "GQL_URL", f"{replay.server.url}/gql")
    config = TwitchConfig(
        client_id="id", client_secret="secret", output_dir=folder, chat_rate_limit_min=0, chat_rate_limit_max=0
    )
    return [(int(each.timestamp), each.author.lower()) for each in ChatDownloader(config).download(VOD)]


@pytest.mark.parametrize("read", [by_chat_downloader, by_twitch_vod_lib])
def test_every_comment_is_read(read: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with replaying({VOD: COMMENTS}) as replay:
        expected = sorted((second, login or "unknown") for second, login in written(replay))
        assert sorted(read(replay, tmp_path, monkeypatch)) == expected


def post(replay: Replay, *operations: Any, **headers: str) -> requests.Response:
    """Send operations, as a list if there are several."""
    body = operations[0] if len(operations) == 1 else list(operations)
    return requests.post(
        f"{replay.server.url}/gql", json=body, headers={"Client-ID": CLIENT_ID} | headers, timeout=30
    )


def operation(name: str = OPERATION, query_hash: str = QUERY_HASH, **variables: object) -> dict[str, Any]:
    """A request for comments of the VOD."""
    persisted = {"persistedQuery": {"version": 1, "sha256Hash": query_hash}}
    return {"operationName": name, "variables": {"videoID": VOD} | variables, "extensions": persisted}


@pytest.mark.parametrize(
    ("headers", "status"), [({"Client-ID": "other"}, 400), ({"Authorization": "OAuth x"}, 401), ({}, 200)]
)
def test_only_the_ids_of_twitch_s_page_are_served_and_no_token_is(headers: dict[str, str], status: int) -> None:
    with replaying({VOD: 1}) as replay:
        assert post(replay, operation(contentOffsetSeconds=0), **headers).status_code == status


def test_a_list_of_operations_gets_a_list_of_answers() -> None:
    with replaying({VOD: 3}) as replay:
        metadata, comments, other = post(
            replay, operation("VideoMetadata"), operation(contentOffsetSeconds=0), operation("Other")
        ).json()
        last = replay.chats.vods[VOD].seconds[-1]
        assert metadata["data"]["video"]["lengthSeconds"] == last + 1
        assert len(comments["data"]["video"]["comments"]["edges"]) == 3
        assert other == {"data": {}}
        assert post(replay, operation(query_hash="0" * 64)).json() == {
            "errors": [{"message": "PersistedQueryNotFound"}]
        }
        assert post(replay, {"operationName": OPERATION}).status_code == 400


def test_a_world_s_vods_grow_until_their_broadcast_ends() -> None:
    world = small_world()
    number = int(world.streams["duration_s"].arg_max() or 0)
    vod_id, started_at, duration_s = world.streams.select("vod_id", "started_at", "duration_s").row(number)
    clock = ManualClock(started_at - dt.timedelta(seconds=1))
    chats = WorldVodChats(world, clock)
    assert chats.comments(vod_id) is None
    assert chats.comments("0") is None
    sizes = []
    for share in (0.25, 0.5, 1.0):
        clock.advance_to(started_at + dt.timedelta(seconds=share * duration_s))
        comments = chats.comments(vod_id)
        assert comments is not None
        assert (comments.seconds < share * duration_s).all()
        sizes.append(comments.seconds.size)
    assert sizes == sorted(sizes)
    drawn = stream_chat(world, number)
    assert comments is not None
    assert comments.seconds.tolist() == drawn["second"].to_list()
    assert comments.logins == world.viewers["login"].gather(drawn["viewer_no"]).to_list()
