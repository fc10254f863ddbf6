"""Chat replay over GraphQL: every comment once, despite errors of the endpoint."""

import base64
from collections import deque

import numpy as np
import pytest

from vieweratlas_assets.clients.http import RetryingSession
from vieweratlas_assets.clients.vod_chat import (
    Comment,
    GraphqlVodChat,
    VodChatError,
    VodChatMisconfiguredError,
    VodGoneError,
)
from vieweratlas_assets.sandbox.vod_chat import CLIENT_ID, PAGE, QUERY_HASH, VodComments
from vieweratlas_tests.vods.replay import VOD, Replay, replaying


def read(replay: Replay, vod_id: str = VOD, start_s: int = 0) -> list[Comment]:
    return [comment for page in replay.client().pages(vod_id, start_s) for comment in page]


def written(replay: Replay, vod_id: str = VOD) -> list[tuple[int, str | None]]:
    seconds, logins = replay.chats.vods[vod_id]
    return list(zip(seconds.tolist(), logins, strict=True))


def assert_complete(replay: Replay, comments: list[Comment], vod_id: str = VOD) -> None:
    """Check that every comment was read once, in order."""
    assert [(comment.offset_s, comment.login) for comment in comments] == written(replay, vod_id)
    assert len({comment.id for comment in comments}) == len(comments)


def test_all_comments_are_read_once_by_cursor() -> None:
    with replaying() as replay:
        assert_complete(replay, read(replay))
        assert replay.vod_chat.asked_by_offset == 1
        assert replay.vod_chat.requests == -(-1000 // PAGE) == replay.turns
        assert not replay.waits


def test_after_a_refused_cursor_pages_are_read_by_offset() -> None:
    with replaying() as replay:
        replay.vod_chat.faults.refuses_cursors = True
        assert_complete(replay, read(replay))
        assert replay.vod_chat.asked_by_offset > 1000 // PAGE


def test_a_second_with_more_comments_than_a_page_is_read_by_cursor_and_fails_by_offset() -> None:
    with replaying() as replay:
        seconds, logins = replay.chats.vods[VOD]
        seconds[100:400] = seconds[100]
        replay.chats.vods[VOD] = VodComments(seconds, logins)
        assert_complete(replay, read(replay))
        replay.vod_chat.faults.refuses_cursors = True
        with pytest.raises(VodChatError, match="cannot be reached"):
            read(replay)


@pytest.mark.parametrize("refuses_cursors", [False, True])
def test_a_service_error_at_every_third_page_is_retried(refuses_cursors: bool) -> None:
    with replaying() as replay:
        replay.vod_chat.faults.service_error_every = 3
        replay.vod_chat.faults.refuses_cursors = refuses_cursors
        assert_complete(replay, read(replay))
        assert set(replay.waits) == {1.0}


def test_many_5xx_and_answers_that_break_off_are_retried() -> None:
    with replaying() as replay:
        replay.vod_chat.faults.statuses = deque([500, 502, 200, 200, 504, 500, 200, 429])
        replay.vod_chat.faults.to_cut = 1
        assert_complete(replay, read(replay))
        assert replay.waits == [1.0, 2.0, 4.0, 1.0, 2.0, 1.0]
        assert replay.turns == replay.vod_chat.requests, "each request takes a turn, also a retry"


def test_errors_without_end_are_reported_and_the_pages_so_far_are_valid() -> None:
    with replaying() as replay:
        comments: list[Comment] = []

        def read_until_errors() -> None:
            for page in replay.client().pages(VOD):
                comments.extend(page)
                if len(comments) > 300:
                    replay.vod_chat.faults.service_error_every = 1

        with pytest.raises(VodChatError, match="service error, 6 times"):
            read_until_errors()
        assert replay.waits == [1.0, 2.0, 4.0, 8.0, 16.0]
        replay.vod_chat.faults.service_error_every = 0
        start_s = comments[-1].offset_s
        rest = read(replay, start_s=start_s)
        before = [comment for comment in comments if comment.offset_s < start_s]
        assert_complete(replay, [*before, *(comment for comment in rest if comment.offset_s >= start_s)])


def test_a_server_that_is_down_is_reported() -> None:
    with replaying() as replay:
        replay.vod_chat.faults.statuses = deque([503] * 6)
        with pytest.raises(VodChatError, match="HTTP 503, 6 times"):
            read(replay)


def test_a_deleted_vod_is_not_mistaken_for_an_error() -> None:
    with replaying() as replay:
        with pytest.raises(VodGoneError):
            read(replay, "2599999999")
        replay.vod_chat.faults.deleted.add(VOD)
        with pytest.raises(VodGoneError):
            read(replay)
        assert not replay.waits


def test_an_empty_chat_is_read() -> None:
    with replaying({VOD: 0}) as replay:
        assert read(replay) == []
        assert replay.vod_chat.requests == 1


@pytest.mark.parametrize(
    ("wrong", "setting"),
    [({"query_hash": "0" * 64}, "vod.graphql_query_hash"), ({"client_id": "other"}, "vod.graphql_client_id")],
)
def test_an_error_that_needs_another_setting_names_the_setting(wrong: dict[str, str], setting: str) -> None:
    with replaying() as replay:
        options = {"client_id": CLIENT_ID, "query_hash": QUERY_HASH} | wrong
        client = GraphqlVodChat(url=f"{replay.server.url}/gql", turn=lambda: None, http=RetryingSession(), **options)
        with pytest.raises(VodChatMisconfiguredError, match=setting):
            next(client.pages(VOD))


@pytest.mark.parametrize("cursor", [None, "", "the same"])
def test_after_a_useless_cursor_pages_are_read_by_offset(cursor: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vieweratlas_assets.sandbox.vod_chat._cursor", lambda _: cursor)
    with replaying() as replay:
        if cursor:
            # Every cursor leads to the first page.
            monkeypatch.setattr("vieweratlas_assets.sandbox.vod_chat._cursor_position", lambda _: 0)
        assert_complete(replay, read(replay))


def test_pages_without_anything_new_end_with_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with replaying() as replay:
        answer = replay.vod_chat._answer
        monkeypatch.setattr(
            replay.vod_chat, "_answer", lambda asked: answer(asked | {"contentOffsetSeconds": 0, "cursor": _first()})
        )
        with pytest.raises(VodChatError, match="nothing new"):
            read(replay)


def _first() -> str:
    return base64.urlsafe_b64encode(b'{"place": 0}').decode()


def test_a_sample_ends_after_the_last_comment() -> None:
    with replaying() as replay:
        seconds = np.sort(np.random.default_rng(1).integers(600, 660, 150))
        replay.chats.vods[VOD] = VodComments(seconds, [f"viewer_{number}" for number in range(150)])
        comments = [comment for page in replay.client().sampled_pages(VOD, 1200) for comment in page]
        assert {comment.offset_s // 60 for comment in comments} == {10}
        replay.vod_chat.faults.service_error_every = 1
        with pytest.raises(VodChatError):
            list(replay.client().sampled_pages(VOD, 1200))


def test_sampling_reads_one_page_per_minute_and_all_of_a_slow_chat() -> None:
    with replaying({VOD: 30_000, "7": 100}) as replay:
        comments = [comment for page in replay.client().sampled_pages(VOD, 3600) for comment in page]
        assert replay.vod_chat.requests == 60
        assert len({comment.id for comment in comments}) == len(comments)
        assert {comment.offset_s // 60 for comment in comments} == set(range(60))
        assert {(comment.offset_s, comment.login) for comment in comments} <= set(written(replay))
        slow = [comment for page in replay.client().sampled_pages("7", 3600) for comment in page]
        assert_complete(replay, slow, "7")
        assert replay.vod_chat.requests < 60 + 10
