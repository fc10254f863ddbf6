"""Software that none of us wrote reads the sandbox's chat of VODs as it reads Twitch's."""

from pathlib import Path

import pytest

from vieweratlas_tests.clients.test_vod_chat import written
from vieweratlas_tests.vods.replay import VOD, Replay, replaying

COMMENTS = 500


def by_chat_downloader(replay: Replay, folder: Path, patch: pytest.MonkeyPatch) -> list[tuple[int, str]]:
    """What chat-downloader reads, by cursor."""
    del folder
    from chat_downloader import ChatDownloader
    from chat_downloader.sites.twitch import TwitchChatDownloader

    patch.setattr(TwitchChatDownloader, "_GQL_API_URL", f"{replay.server.url}/gql")
    chat = ChatDownloader().get_chat(f"https://www.twitch.tv/videos/{VOD}")
    return [(int(each["time_in_seconds"]), each.get("author", {}).get("name", "unknown")) for each in chat]


def by_twitch_vod_lib(replay: Replay, folder: Path, patch: pytest.MonkeyPatch) -> list[tuple[int, str]]:
    """What twitch-vod-lib reads, by offset."""
    from twitch_vod.api import gql_client
    from twitch_vod.config import TwitchConfig
    from twitch_vod.downloader.chat import ChatDownloader

    patch.setattr(gql_client, "GQL_URL", f"{replay.server.url}/gql")
    config = TwitchConfig(
        client_id="id", client_secret="secret", output_dir=folder, chat_rate_limit_min=0, chat_rate_limit_max=0
    )
    return [(int(each.timestamp), each.author.lower()) for each in ChatDownloader(config).download(VOD)]


@pytest.mark.parametrize("read", [by_chat_downloader, by_twitch_vod_lib])
def test_every_comment_is_read(read, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    with replaying({VOD: COMMENTS}) as replay:
        expected = sorted((second, login or "unknown") for second, login in written(replay))
        assert sorted(read(replay, tmp_path, monkeypatch)) == expected
