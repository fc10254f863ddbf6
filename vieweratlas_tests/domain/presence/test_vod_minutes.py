"""Comments of a VOD, reduced to who wrote in which minute."""

from collections import defaultdict

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vieweratlas_assets.domain.presence import vod_minutes
from vieweratlas_assets.domain.presence.vod_minutes import Chapter, VodMinutes

COMMENTS = st.lists(
    st.tuples(st.floats(0, 600), st.none() | st.sampled_from(["ann", "bob", "", "한글"])), max_size=40
)


def collected(comments: list[tuple[float, str | None]], chapters: tuple[Chapter, ...] = ()) -> VodMinutes:
    minutes = VodMinutes(chapters)
    for offset_s, name in comments:
        minutes.add(offset_s, name)
    return minutes


@given(COMMENTS)
def test_rows_are_the_distinct_writers_of_each_minute(comments: list[tuple[float, str | None]]) -> None:
    writers: dict[int, set[str]] = defaultdict(set)
    for offset_s, name in comments:
        if name is not None:
            writers[60 * int(offset_s // 60)].add(name)
    minutes = collected(comments)
    assert minutes.rows().select("offset_s", "chatters").rows() == [
        (offset_s, sorted(names)) for offset_s, names in sorted(writers.items())
    ]
    assert minutes.comments == len(comments)


def test_small_parts_give_the_same_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    comments: list[tuple[float, str | None]] = [(7.0 * number, f"v{number % 9}") for number in range(200)]
    expected = collected(comments).rows()
    monkeypatch.setattr(vod_minutes, "PAIRS_BEFORE_SORTING", 3)
    monkeypatch.setattr(vod_minutes, "PAIRS_PER_FRAME", 4)
    minutes = collected(comments)
    assert minutes.rows().equals(expected)
    assert len(list(minutes.frames())) > 1


def test_a_minute_has_the_game_that_is_played_at_its_start() -> None:
    chapters = (Chapter(0, "Chess"), Chapter(61, "Go"), Chapter(180, None))
    rows = collected([(0, "ann"), (70, "ann"), (125, "ann"), (190, "ann")], chapters).rows()
    assert rows["game_name"].to_list() == ["Chess", "Chess", "Go", None]
    assert collected([(0, "ann")]).rows()["game_name"].to_list() == [None]


@given(COMMENTS, COMMENTS, st.integers(0, 10))
def test_restored_minutes_continue_where_they_stopped(
    first: list[tuple[float, str | None]], later: list[tuple[float, str | None]], minute: int
) -> None:
    end_s = 60 * minute
    gathered = collected(first).before(end_s)
    assert (gathered["offset_s"] < end_s).all()
    restored = VodMinutes()
    restored.restore(gathered)
    rest = [(offset_s, name) for offset_s, name in first + later if offset_s >= end_s]
    for offset_s, name in rest:
        restored.add(offset_s, name)
    expected = collected([(offset_s, name) for offset_s, name in first if offset_s < end_s] + rest)
    assert restored.rows().equals(expected.rows())
    assert restored.comments == expected.comments


def test_no_comments_give_no_rows() -> None:
    assert (
        VodMinutes()
        .rows()
        .equals(pl.DataFrame(schema={"offset_s": pl.Int64, "chatters": pl.List(pl.String), "game_name": pl.String}))
    )
