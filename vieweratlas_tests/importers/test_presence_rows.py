"""Presence rows of other programs: cleaned to our columns, merged, and sorted by VOD."""

import datetime as dt
import io
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vieweratlas_assets.domain.tables import TIMESTAMP, SchemaError
from vieweratlas_assets.importers.presence_rows import (
    VodSorter,
    clean_rows,
    creation_and_title,
    implied_creation,
    merged,
    with_prefix,
)
from vieweratlas_assets.importers.vod_import import KnownVod, Vod, VodKey

START = dt.datetime(2026, 7, 8, 12, 2, 51, tzinfo=dt.UTC)
KEY: VodKey = ("alpha", "77")


def rows(
    *offsets: int, chatters: tuple[str, ...] = ("ann",), channel: str = "alpha", vod_id: str = "77"
) -> pl.DataFrame:
    """Cleaned rows of a VOD that began at START."""
    return pl.DataFrame(
        {
            "channel": [channel] * len(offsets),
            "content_id": [f"vod:{vod_id}"] * len(offsets),
            "offset_s": pl.Series(offsets, dtype=pl.Int64),
            "bucket_start": pl.Series([START + dt.timedelta(seconds=offset) for offset in offsets], dtype=TIMESTAMP),
            "chatters": [list(chatters)] * len(offsets),
        }
    )


@pytest.mark.parametrize("vod_id", ["7", "vod:7"])
def test_a_content_id_has_its_prefix_once(vod_id: str) -> None:
    assert with_prefix(vod_id) == "vod:7"


@pytest.mark.parametrize(
    ("column", "values", "name", "cleaned"),
    [
        ("_offset_s", [60.0, 120.0], "offset_s", [60, 120]),
        ("offset_s", [60.5, 120.0], "offset_s", [60.5, 120.0]),
        ("vod_id", [7, 8], "content_id", ["vod:7", "vod:8"]),
        ("_content_id", ["vod:7", "8"], "content_id", ["vod:7", "vod:8"]),
        ("game_name", ["Chess", " UNKNOWN "], "game_name", ["Chess", None]),
        ("language", ["unavailable", ""], "language", [None, None]),
        ("channel_id", [7, None], "channel_id", ["7", None]),
        ("bucket_start", ["2026-07-08T12:02:51Z", "unknown"], "bucket_start", [START, None]),
        ("started_at", ["2026-07-08T14:02:51+02:00", "2026-07-08 12:02:51"], "started_at", [START, START]),
    ],
)
def test_a_column_of_an_older_form_is_cleaned(column: str, values: list[Any], name: str, cleaned: list[Any]) -> None:
    frame = clean_rows(pl.DataFrame({column: values, "something_else": [1, 2]}))
    assert frame.columns == [name]
    assert frame[name].to_list() == cleaned


def test_of_two_columns_with_one_meaning_the_plain_one_counts_where_it_is_known() -> None:
    both = pl.DataFrame({"game_name": ["Chess", "Unknown", None], "_game_name": ["Go", "Go", "Go"]})
    assert clean_rows(both)["game_name"].to_list() == ["Chess", "Go", "Go"]


def test_times_without_a_zone_are_in_utc_and_others_are_converted() -> None:
    local = pl.Series([START]).dt.convert_time_zone("Asia/Kathmandu")
    naive = pl.Series([START.replace(tzinfo=None)])
    frame = clean_rows(pl.DataFrame({"bucket_start": local, "started_at": naive}))
    assert frame.schema == {"bucket_start": TIMESTAMP, "started_at": TIMESTAMP}
    assert frame.row(0) == (START, START)


def test_a_time_that_cannot_be_read_is_refused_with_its_column() -> None:
    with pytest.raises(SchemaError, match=r"^started_at is 'today', not an ISO 8601 time"):
        clean_rows(pl.DataFrame({"started_at": ["2026-07-08T12:02:51Z", "today"]}))


def test_the_creation_time_is_the_start_of_every_minute_less_its_offset() -> None:
    assert implied_creation(rows(0, 60, 7200)) == START
    assert implied_creation(rows(60)) == START
    for column in ("offset_s", "bucket_start"):
        assert implied_creation(rows(60).drop(column)) is None
    assert implied_creation(rows()) is None
    with pytest.raises(SchemaError, match=r"put the VOD's creation at 2 times, .*; add the right one to vods\.csv"):
        implied_creation(pl.concat([rows(0), rows(60).with_columns(offset_s=pl.lit(0, pl.Int64))]))


def test_vods_csv_takes_precedence_over_the_rows_and_a_known_title_over_an_empty_one() -> None:
    titled = rows(0).with_columns(title=pl.lit("of the rows"))
    other = START + dt.timedelta(hours=1)
    assert creation_and_title(KEY, {}, titled) == (START, "of the rows")
    assert creation_and_title(KEY, {KEY: KnownVod(other, "listed")}, titled) == (other, "listed")
    assert creation_and_title(KEY, {KEY: KnownVod(other, None)}, titled) == (other, "of the rows")
    assert creation_and_title(KEY, {}, rows(0)) == (START, None)
    with pytest.raises(SchemaError, match="its creation time is not known"):
        creation_and_title(KEY, {}, rows(0).drop("bucket_start"))


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["ann", "bob", "cid"])), max_size=12))
def test_rows_of_one_minute_are_merged_however_they_are_split(written: list[tuple[int, str]]) -> None:
    result = merged([rows(), *(rows(60 * minute, chatters=(name,)) for minute, name in written)])
    minutes = {minute for minute, _ in written}
    assert result["offset_s"].to_list() == [60 * minute for minute in sorted(minutes)]
    for minute, chatters in zip(sorted(minutes), result["chatters"].to_list(), strict=True):
        assert sorted(chatters) == sorted(name for at, name in written if at == minute)


def test_a_merged_row_has_the_first_known_value() -> None:
    games = pl.Series([None, "Chess", "Go"])
    parts = [rows(0).with_columns(game_name=pl.lit(game, pl.String)) for game in games]
    assert merged([rows(0), *parts]).select("game_name").rows() == [("Chess",)]


def sorter(*given: tuple[str, pl.DataFrame]) -> VodSorter:
    """A sorter with the rows of these files."""
    result = VodSorter(io.BytesIO())
    for file, frame in given:
        result.add(frame, file)
    return result


def test_the_rows_of_a_vod_come_together_from_all_files_in_the_order_of_vods() -> None:
    mixed = pl.concat([rows(60, channel=" Beta ", vod_id="9"), rows(0), rows(0, channel="beta", vod_id="9")])
    vods = list(sorter(("b", mixed), ("a", rows(60))).vods({}))
    assert all(isinstance(vod, Vod) for vod in vods)
    read = [(vod.channel, vod.vod_id, vod.created_at, vod.read().rows) for vod in vods if isinstance(vod, Vod)]
    assert [each[:3] for each in read] == [("alpha", "77", START), ("beta", "9", START)]
    assert [each[3]["offset_s"].to_list() for each in read] == [[0, 60], [0, 60]]


def test_a_rejected_vod_has_its_first_reason_per_file_and_the_others_stay() -> None:
    sorted_rows = sorter(("a", rows(0)), ("b", rows(60)), ("b", rows(0, vod_id="78")), ("c", rows(0, vod_id="79")))
    sorted_rows.reject_vod(KEY, "a", "row 3 is bad")
    sorted_rows.reject_vod(KEY, "a", "row 4 is bad")
    sorted_rows.reject_vod(("alpha", "80"), "d", "has no chatters")
    sorted_rows.reject_file("b", "is cut off")
    assert sorted_rows.keys() == {("alpha", vod_id) for vod_id in ("77", "78", "79", "80")}
    results = list(sorted_rows.vods({}))
    assert [each for each in results if isinstance(each, tuple)] == [
        ("a, b: VOD 77 of alpha", "is cut off; row 3 is bad"),
        ("b: VOD 78 of alpha", "is cut off"),
        ("d: VOD 80 of alpha", "has no chatters"),
    ]
    assert [each.vod_id for each in results if isinstance(each, Vod)] == ["79"]


def test_a_vod_of_unknown_time_is_rejected_and_the_others_stay() -> None:
    unknown = rows(0, vod_id="7").drop("bucket_start")
    results = list(sorter(("a", unknown), ("b", rows(0))).vods({}))
    assert [each[0] for each in results if isinstance(each, tuple)] == ["a: VOD 7 of alpha"]
    assert [each.vod_id for each in results if isinstance(each, Vod)] == ["77"]
