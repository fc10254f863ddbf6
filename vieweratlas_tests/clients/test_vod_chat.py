"""Chat replay over GraphQL: every comment once, whatever the endpoint does."""

import base64
from collections import deque
from typing import Any

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


def exactly(replay: Replay, found: list[Comment], vod_id: str = VOD) -> None:
    """See that every comment was read once, in its order."""
    assert [(comment.offset_s, comment.login) for comment in found] == written(replay, vod_id)
    assert len({comment.id for comment in found}) == len(found)


def test_all_comments_are_read_once_by_cursor() -> None:
    with replaying() as replay:
        exactly(replay, read(replay))
        assert replay.vod_chat.asked_by_offset == 1
        assert replay.vod_chat.requests == -(-1000 // PAGE) == replay.turns
        assert not replay.waits


def test_a_refused_cursor_is_gone_round_by_offset() -> None:
    with replaying() as replay:
        replay.vod_chat.faults.refuses_cursors = True
        exactly(replay, read(replay))
        assert replay.vod_chat.asked_by_offset > 1000 // PAGE


def test_comments_that_are_denser_than_a_page_are_read_or_the_reading_fails() -> None:
    """By offset, of a second with more comments than a page nobody can reach the rest."""
    with replaying() as replay:
        seconds, logins = replay.chats.vods[VOD]
        seconds[100:400] = seconds[100]
        replay.chats.vods[VOD] = VodComments(seconds, logins)
        exactly(replay, read(replay))
        replay.vod_chat.faults.refuses_cursors = True
        with pytest.raises(VodChatError, match="cannot be reached"):
            read(replay)


@pytest.mark.parametrize("refuses_cursors", [False, True])
def test_a_service_error_at_every_third_page_is_waited_out(refuses_cursors: bool) -> None:
    with replaying() as replay:
        replay.vod_chat.faults.service_error_every = 3
        replay.vod_chat.faults.refuses_cursors = refuses_cursors
        exactly(replay, read(replay))
        assert set(replay.waits) == {1.0}


def test_storms_of_5xx_and_answers_that_are_cut_off_are_waited_out() -> None:
    with replaying() as replay:
        replay.vod_chat.faults.statuses = deque([500, 502, 200, 200, 504, 500, 200, 429])
        replay.vod_chat.faults.to_cut = 1
        exactly(replay, read(replay))
        assert replay.waits == [1.0, 2.0, 4.0, 1.0, 2.0, 1.0]
        assert replay.turns == replay.vod_chat.requests, "each request takes a turn, also one that is tried again"


def test_trouble_that_does_not_end_is_told_and_what_was_read_stands() -> None:
    with replaying() as replay:
        found: list[Comment] = []
        with pytest.raises(VodChatError, match="service error, 6 times"):
            for page in replay.client().pages(VOD):
                found += page
                if len(found) > 300:
                    replay.vod_chat.faults.service_error_every = 1
        assert replay.waits == [1.0, 2.0, 4.0, 8.0, 16.0]
        replay.vod_chat.faults.service_error_every = 0
        start_s = found[-1].offset_s
        rest = read(replay, start_s=start_s)
        before = [each for each in found if each.offset_s < start_s]
        exactly(replay, [*before, *(each for each in rest if each.offset_s >= start_s)])


def test_a_server_that_is_down_is_told() -> None:
    with replaying() as replay:
        replay.vod_chat.faults.statuses = deque([503] * 6)
        with pytest.raises(VodChatError, match="HTTP 503, 6 times"):
            read(replay)


def test_a_vod_that_is_gone_is_told_apart_from_trouble() -> None:
    with replaying() as replay:
        with pytest.raises(VodGoneError):
            read(replay, "2599999999")
        replay.vod_chat.faults.deleted.add(VOD)
        with pytest.raises(VodGoneError):
            read(replay)
        assert not replay.waits


def test_a_chat_in_which_nobody_wrote_is_read() -> None:
    with replaying({VOD: 0}) as replay:
        assert read(replay) == []
        assert replay.vod_chat.requests == 1


@pytest.mark.parametrize(
    ("wrong", "setting"),
    [({"query_hash": "0" * 64}, "vod.graphql_query_hash"), ({"client_id": "other"}, "vod.graphql_client_id")],
)
def test_what_only_a_setting_can_mend_names_it(wrong: dict[str, str], setting: str) -> None:
    with replaying() as replay:
        told = {"client_id": CLIENT_ID, "query_hash": QUERY_HASH} | wrong
        client = GraphqlVodChat(url=f"{replay.server.url}/gql", turn=lambda: None, http=RetryingSession(), **told)
        with pytest.raises(VodChatMisconfiguredError, match=setting):
            next(client.pages(VOD))


@pytest.mark.parametrize("cursor", [None, "", "the same"])
def test_a_cursor_that_leads_nowhere_is_gone_round_by_offset(cursor: str | None, monkeypatch: Any) -> None:
    monkeypatch.setattr("vieweratlas_assets.sandbox.vod_chat._cursor", lambda _: cursor)
    with replaying() as replay:
        if cursor:
            # It always leads to the first page.
            monkeypatch.setattr("vieweratlas_assets.sandbox.vod_chat._cursor_position", lambda _: 0)
        exactly(replay, read(replay))


def test_pages_that_bring_nothing_new_come_to_an_end(monkeypatch: Any) -> None:
    with replaying() as replay:
        answer = replay.vod_chat._answer
        monkeypatch.setattr(
            replay.vod_chat, "_answer", lambda asked: answer(asked | {"contentOffsetSeconds": 0, "cursor": _first()})
        )
        with pytest.raises(VodChatError, match="nothing new"):
            read(replay)


def _first() -> str:
    return base64.urlsafe_b64encode(b'{"place": 0}').decode()


def test_a_sample_ends_where_nobody_wrote_any_more() -> None:
    with replaying() as replay:
        seconds = np.sort(np.random.default_rng(1).integers(600, 660, 150))
        replay.chats.vods[VOD] = VodComments(seconds, [f"viewer_{number}" for number in range(150)])
        found = [each for page in replay.client().sampled_pages(VOD, 1200) for each in page]
        assert {each.offset_s // 60 for each in found} == {10}
        replay.vod_chat.faults.service_error_every = 1
        with pytest.raises(VodChatError):
            list(replay.client().sampled_pages(VOD, 1200))


def test_sampling_takes_one_page_a_minute_and_all_of_a_slow_chat() -> None:
    with replaying({VOD: 30_000, "7": 100}) as replay:
        found = [each for page in replay.client().sampled_pages(VOD, 3600) for each in page]
        assert replay.vod_chat.requests == 60
        assert len({each.id for each in found}) == len(found)
        assert {each.offset_s // 60 for each in found} == set(range(60))
        assert {(each.offset_s, each.login) for each in found} <= set(written(replay))
        slow = [each for page in replay.client().sampled_pages("7", 3600) for each in page]
        exactly(replay, slow, "7")
        assert replay.vod_chat.requests < 60 + 10
