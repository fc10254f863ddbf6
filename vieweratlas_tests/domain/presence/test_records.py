import datetime as dt
from collections.abc import Sequence

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vieweratlas_assets.domain.presence.names import PLAIN
from vieweratlas_assets.domain.presence.records import complete_vod_presence
from vieweratlas_assets.domain.schemas import PRESENCE
from vieweratlas_assets.domain.tables import SchemaError
from vieweratlas_tests.domain.presence.samples import WEIRD

CREATED = dt.datetime(2020, 4, 30, 23, 59, 30, tzinfo=dt.UTC)


def _nine_columns(**columns: object) -> pl.DataFrame:
    """Two buckets in the form of the public VOD lake."""
    filled = {
        "platform": "twitch",
        "source": "vod",
        "channel": "alpha",
        "content_id": "vod:7",
        "bucket_len_s": pl.Series([60, 60], dtype=pl.Int32),
        "offset_s": pl.Series([120, 0], dtype=pl.Int32),
        "chatters": [["cid", "ann"], ["bob"]],
        "viewer_count": pl.Series([2, 1], dtype=pl.Int32),
        "timestamp": ["vod:7_offset_120", "vod:7_offset_0"],
    }
    return pl.DataFrame(filled | columns)


def _chatters_of(names: Sequence[str | None]) -> list[str]:
    rows = _nine_columns(chatters=pl.Series([names, []], dtype=pl.List(pl.String)))
    completed = complete_vod_presence(rows, created_at=CREATED, names=PLAIN).filter(pl.col("offset_s") == 120)
    assert completed["viewer_count"][0] == len(completed["chatters"][0])
    chatters: list[str] = completed["chatters"][0].to_list()
    return chatters


def test_nine_columns_become_canonical_records() -> None:
    rows = complete_vod_presence(_nine_columns(), created_at=CREATED, names=PLAIN).to_dicts()
    blank = dict.fromkeys(("channel_id", "game_name", "language", "title", "started_at"))
    shared = {"platform": "twitch", "source": "vod", "channel": "alpha", "content_id": "vod:7", "bucket_len_s": 60}
    assert rows == [
        {**shared, "offset_s": offset, "bucket_start": start, "chatters": chatters, **more, **blank}
        for offset, start, chatters, more in (
            (0, CREATED, ["bob"], {"viewer_count": 1, "timestamp": "vod:7_offset_0"}),
            (
                120,
                dt.datetime(2020, 5, 1, 0, 1, 30, tzinfo=dt.UTC),
                ["ann", "cid"],
                {"viewer_count": 2, "timestamp": "vod:7_offset_120"},
            ),
        )
    ]


def test_four_columns_are_enough_and_give_the_same() -> None:
    least = _nine_columns().select("channel", "content_id", "offset_s", "chatters")
    nine = complete_vod_presence(_nine_columns(), created_at=CREATED, names=PLAIN)
    assert complete_vod_presence(least, created_at=CREATED, names=PLAIN).equals(nine)


def test_names_fold_and_chatters_are_distinct() -> None:
    rows = _nine_columns(channel=" AlPha\n", chatters=[["Bob", "bob ", "", "  ", None, "ANN", "bob"], []])
    completed = complete_vod_presence(rows, created_at=CREATED, names=PLAIN)
    assert completed["channel"].to_list() == ["alpha", "alpha"]
    assert completed["chatters"].to_list() == [[], ["ann", "bob"]]
    assert completed["viewer_count"].to_list() == [0, 2]


@given(st.lists(st.none() | st.sampled_from(WEIRD) | st.text(max_size=4), max_size=8))
def test_any_chatters_fold_as_python_folds_them(names: list[str | None]) -> None:
    ascii_names = [name for name in names if name is None or name.isascii()]
    # Python also strips the separators \x1c to \x1f, which Polars keeps and no login contains.
    plain = [name for name in ascii_names if name is None or not set(name) & set("\x1c\x1d\x1e\x1f")]
    assert _chatters_of(plain) == sorted({name.strip().lower() for name in plain if name and name.strip()})
    folded = _chatters_of(names)
    assert folded == sorted(set(folded)) == _chatters_of(folded)


def test_without_a_creation_time_the_minute_is_unknown() -> None:
    completed = complete_vod_presence(_nine_columns(), created_at=None, names=PLAIN)
    assert completed["bucket_start"].to_list() == [None, None]
    assert completed["timestamp"].to_list() == ["vod:7_offset_0", "vod:7_offset_120"]


def test_known_columns_are_kept_and_others_ignored() -> None:
    rows = _nine_columns(
        game_name="Chess", language="de", title="a, b", channel_id="12", message="text", bucket_start="wrong"
    )
    completed = complete_vod_presence(rows, created_at=CREATED, names=PLAIN)
    assert completed.schema == PRESENCE.schema
    assert set(completed.select("game_name", "language", "title", "channel_id").iter_rows()) == {
        ("Chess", "de", "a, b", "12")
    }


def test_wrong_derived_columns_are_recomputed() -> None:
    rows = _nine_columns(viewer_count=99, timestamp="x", platform="youtube", source="live")
    assert complete_vod_presence(rows, created_at=CREATED, names=PLAIN).equals(
        complete_vod_presence(_nine_columns(), created_at=CREATED, names=PLAIN)
    )


def test_no_rows_stay_no_rows() -> None:
    completed = complete_vod_presence(_nine_columns().clear(), created_at=CREATED, names=PLAIN)
    assert completed.schema == PRESENCE.schema
    assert completed.is_empty()


@pytest.mark.parametrize("column", ["channel", "content_id", "offset_s", "chatters"])
def test_a_missing_column_is_reported_with_the_existing_ones(column: str) -> None:
    with pytest.raises(SchemaError, match=f"missing column.*{column}; found platform, source"):
        complete_vod_presence(_nine_columns().drop(column), created_at=CREATED, names=PLAIN)


def test_a_file_without_columns_is_refused() -> None:
    with pytest.raises(SchemaError, match="channel, content_id, offset_s, chatters; found none"):
        complete_vod_presence(pl.DataFrame(), created_at=CREATED, names=PLAIN)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"bucket_len_s": [60, 30]}, r"bucket_len_s is 30 in 1 row\(s\); only 60"),
        ({"bucket_len_s": pl.Series([None, 60], dtype=pl.Int32)}, "bucket_len_s is null"),
        ({"bucket_len_s": "60"}, "column bucket_len_s is String"),
        ({"offset_s": [0, -60]}, "offset_s is -60"),
        ({"offset_s": [0, 61]}, "offset_s is 61"),
        ({"offset_s": [0, 60 * 2**40]}, "no VOD is that long"),
        ({"offset_s": [0.0, 60.0]}, "column offset_s is Float64"),
        ({"offset_s": pl.Series([0, None], dtype=pl.Int64)}, "nulls in timestamp"),
        ({"offset_s": [60, 60]}, "more than one row"),
        ({"chatters": "ann"}, "column chatters is String"),
        ({"chatters": [[1], [2]]}, r"column chatters is List\(Int64\)"),
        ({"chatters": pl.Series([None, ["ann"]], dtype=pl.List(pl.String))}, "nulls in chatters"),
        ({"channel": 5}, "column channel is Int32"),
        ({"channel": pl.Series([None, "a"], dtype=pl.String)}, "nulls in channel"),
        ({"channel": ["a", " "]}, "column channel is empty"),
        ({"content_id": [7, 8]}, "column content_id is Int64"),
        ({"title": [["a"], ["b"]], "game_name": [[1], [2]]}, "wrong type"),
    ],
)
def test_wrong_values_are_refused_with_the_column(columns: dict[str, object], message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        complete_vod_presence(_nine_columns(**columns), created_at=CREATED, names=PLAIN)
