"""The roster's table, and the watch list of channels."""

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vieweratlas_assets.domain.presence.roster import (
    WatchListError,
    read_watch_list,
    roster_of,
    watch_list_text,
)
from vieweratlas_assets.domain.schemas import CHANNEL_ROSTER

NOW = dt.datetime(2026, 11, 26, 12, 5, tzinfo=dt.UTC)
FULL = {
    "id": "40",
    "user_id": "7",
    "user_login": "Ann",
    "user_name": "Ann",
    "game_id": "1",
    "game_name": "Chess",
    "viewer_count": 12,
    "started_at": "2026-11-26T10:00:00Z",
    "language": "de",
    "title": "hi",
    "tags": ["Deutsch", "Chess"],
}


def test_a_record_of_helix_is_a_row() -> None:
    assert roster_of([FULL], NOW).to_dicts() == [
        {
            "channel": "ann",
            "channel_id": "7",
            "stream_id": "40",
            "observed_at": NOW,
            "viewer_count": 12,
            "game_name": "Chess",
            "language": "de",
            "title": "hi",
            "tags": ["Deutsch", "Chess"],
            "started_at": dt.datetime(2026, 11, 26, 10, tzinfo=dt.UTC),
            "display_name": "Ann",
        }
    ]


anything = st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5) | st.lists(st.integers(), max_size=2)


@given(st.dictionaries(st.sampled_from(sorted(FULL.keys() - {"user_id", "user_login"})), anything))
def test_fields_that_are_missing_or_of_another_type_are_unknown(fields: dict[str, Any]) -> None:
    roster = roster_of([{"user_id": "7", "user_login": "ann", **fields}, FULL], NOW)
    assert roster.schema == CHANNEL_ROSTER.schema
    assert roster["channel"].to_list() == ["ann"]
    title, count = fields.get("title"), fields.get("viewer_count")
    assert roster["title"][0] == (title if isinstance(title, str) and title else None)
    known = isinstance(count, int) and not isinstance(count, bool) and count >= 0
    assert roster["viewer_count"][0] == (count if known else None)


@pytest.mark.parametrize(
    "fields",
    [
        {"title": "cut \ud83d", "tags": ["\udc00", "Chess"], "game_name": "\ud83d"},
        {"started_at": "0001-01-01T00:00:00+14:00"},
        {"viewer_count": 2**70},
    ],
)
def test_a_value_that_a_table_cannot_store_costs_one_field_only(fields: dict[str, Any]) -> None:
    roster = roster_of([{"user_id": "7", "user_login": "ann", **fields}], NOW)
    assert roster["channel"].to_list() == ["ann"]
    assert roster["viewer_count"][0] is None
    assert roster["started_at"][0] is None
    assert roster["title"][0] == ("cut ?" if "title" in fields else None)


def test_without_live_channels_the_roster_is_empty() -> None:
    assert roster_of([], NOW).equals(CHANNEL_ROSTER.empty())


def test_a_watch_list_may_have_comments_blanks_and_repeats() -> None:
    text = "# mine\n\nann\n  Bob  # a friend\n@cid\nANN\n#dora\n"
    assert read_watch_list(text) == ["ann", "bob", "cid"]
    assert read_watch_list("") == []


def test_a_line_without_a_login_is_reported_by_number_and_not_shown() -> None:
    with pytest.raises(WatchListError, match=r"^no login in line\(s\) 2, 3; each line must be"):
        read_watch_list("ann\nhttps://twitch.tv/ann\nann bob\nx\n")
    with pytest.raises(WatchListError) as raised:
        read_watch_list("viewer ann, hello\n" * 1_000)
    assert "1, 2, 3, 4, 5 and 995 more" in str(raised.value)
    assert "ann" not in str(raised.value)


@given(st.lists(st.from_regex(r"[a-z0-9_]{1,25}", fullmatch=True), unique=True))
def test_a_written_watch_list_is_read_back(logins: list[str]) -> None:
    assert read_watch_list(watch_list_text("The largest", logins)) == logins
