"""Independent clients read the sandbox's chat of VODs as they read Twitch's."""

from collections.abc import Callable
from pathlib import Path

import pytest

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
