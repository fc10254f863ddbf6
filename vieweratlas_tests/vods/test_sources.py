"""Where the chat of VODs comes from: the endpoint whole or sampled, and files by their name."""

import datetime as dt
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from vieweratlas_assets.clients.vod_chat import Comment, VodChatError, VodChatMisconfiguredError
from vieweratlas_assets.vods.queue import QueuedVod
from vieweratlas_assets.vods.sources import (
    COMMENTS_PER_PAGE,
    ChatRequest,
    FileSource,
    GraphqlSource,
    SampledSource,
    read_chat_file,
)
from vieweratlas_tests.vods.replay import VOD as REPLAYED
from vieweratlas_tests.vods.replay import replaying

CREATED = dt.datetime(2026, 10, 5, 18, tzinfo=dt.UTC)


VOD = QueuedVod("77", "ann", CREATED)


CHAT: dict[str, Any] = {
    "streamer": {"name": "Ann", "id": 1},
    "video": {
        "id": "77",
        "game": "Chess",
        "chapters": [{"startMilliseconds": 60_000, "gameDisplayName": "Go"}],
    },
    "comments": [
        {"content_offset_seconds": second, "commenter": {"name": name}, "message": {"body": "words"}}
        for second, name in ((1, "bob"), (59, "cid"), (61, "bob"), (7200, "dan"))
    ],
}


def test_a_missing_file_and_a_file_of_another_vod_are_reported(tmp_path: Path) -> None:
    (tmp_path / "chat").mkdir()
    files = FileSource(tmp_path / "chat")
    with pytest.raises(VodChatError, match="no file in"), files.chat(ChatRequest(VOD)):
        pass
    (tmp_path / "chat/ann_77.json").write_text(json.dumps(CHAT | {"video": {"id": "78"}}))
    (tmp_path / "chat/ann_177.json").write_text(json.dumps(CHAT))
    with pytest.raises(VodChatError, match=r"ann_77\.json holds VOD 78"), files.chat(ChatRequest(VOD)):
        pass


def write(path: Path, vod_id: str, comments: int = 1) -> None:
    """Write a file of TwitchDownloader, in which `login N` writes in second N."""
    path.parent.mkdir(parents=True, exist_ok=True)
    listed = [
        {"content_offset_seconds": second, "commenter": {"name": f"login {second}"}} for second in range(comments)
    ]
    document = json.dumps(CHAT | {"video": CHAT["video"] | {"id": vod_id}, "comments": listed}).encode()
    path.write_bytes(gzip.compress(document) if path.suffix == ".gz" else document)


@pytest.mark.parametrize("name", ["77.json", "ann_77.json", "deep/er/2026-10-05 [77] ann.JSON", "v77.json.gz"])
def test_a_file_is_found_by_the_vod_s_id_wherever_it_is_in_the_name(tmp_path: Path, name: str) -> None:
    for other in ("177.json", "770.json", "77.txt", "ann_77.json.part"):
        write(tmp_path / other, "another")
    write(tmp_path / name, "77")
    with FileSource(tmp_path).chat(ChatRequest(VOD)) as chat:
        assert [list(page) for page in chat.pages] == [[Comment("", 0, "login 0")]]
        assert [(chapter.start_s, chapter.game_name) for chapter in chat.chapters] == [(0, "Chess"), (60, "Go")]


@pytest.mark.parametrize("comments", [0, 1, COMMENTS_PER_PAGE, 2 * COMMENTS_PER_PAGE + 1])
def test_a_file_comes_in_pages_with_each_comment_once(tmp_path: Path, comments: int) -> None:
    write(tmp_path / "77.json", "77", comments)
    with read_chat_file(tmp_path / "77.json", VOD) as chat:
        pages = [list(page) for page in chat.pages]
    assert max(map(len, pages)) <= COMMENTS_PER_PAGE
    assert [comment for page in pages for comment in page] == [
        Comment("", second, f"login {second}") for second in range(comments)
    ]


def test_a_file_that_breaks_off_fails_when_its_end_is_read(tmp_path: Path) -> None:
    write(tmp_path / "77.json", "77", COMMENTS_PER_PAGE + 5)
    data = (tmp_path / "77.json").read_bytes()
    (tmp_path / "77.json").write_bytes(data[:-30])
    with read_chat_file(tmp_path / "77.json", VOD) as chat:
        assert len(next(chat.pages)) == COMMENTS_PER_PAGE
        with pytest.raises(VodChatError, match=r"^77\.json .*cut off"):
            next(chat.pages)


def test_a_file_that_holds_no_chat_is_named_before_anything_is_read(tmp_path: Path) -> None:
    (tmp_path / "77.json").write_bytes(b"<html>")
    with pytest.raises(VodChatError, match=r"^77\.json "), read_chat_file(tmp_path / "77.json", VOD):
        pass


def test_a_folder_that_does_not_exist_is_a_wrong_setting(tmp_path: Path) -> None:
    source = FileSource(tmp_path / "nowhere")
    with (
        pytest.raises(VodChatMisconfiguredError, match=r"vod\.files_dir is .*nowhere"),
        source.chat(ChatRequest(VOD)),
    ):
        pass


def test_the_endpoint_is_read_from_the_requested_second_whole_or_as_a_sample() -> None:
    with replaying({REPLAYED: 3000}) as replay:
        vod = QueuedVod(REPLAYED, "ann", CREATED)
        seconds, _ = replay.chats.vods[REPLAYED]
        for source, is_sample in ((GraphqlSource(replay.client()), False), (SampledSource(replay.client()), True)):
            with source.chat(ChatRequest(vod, start_s=1800, duration_s=3600)) as chat:
                offsets = [comment.offset_s for page in chat.pages for comment in page]
            assert source.is_sample is is_sample
            assert not chat.chapters
            later = [offset for offset in offsets if offset >= 1800]
            if is_sample:
                assert {offset // 60 for offset in later} == set(range(30, 60))
                assert set(later) <= set(seconds.tolist())
            else:
                assert later == seconds[seconds >= 1800].tolist()


def test_a_sample_needs_the_length_of_the_vod() -> None:
    with replaying({REPLAYED: 1}) as replay:
        source = SampledSource(replay.client())
        with pytest.raises(VodChatError, match="materialize vod_catalog first"), source.chat(ChatRequest(VOD)):
            pass
        assert replay.vod_chat.requests == 0
