"""Importing VOD presence: every file is accounted for, and every row is stored on the day of its VOD."""

import datetime as dt
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.schemas import PRESENCE, VOD_CATALOG
from vieweratlas_assets.importers.tabular import TableError
from vieweratlas_assets.importers.vod_import import DayImported
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_tests.importers.samples import (
    import_folder,
    plan_for,
    read_with_pyarrow,
    three_days,
    vod_path,
    write_csv,
    write_vod,
)

DAY = dt.date(2020, 3, 1)
HOSTILE = ["o'brien", 'say "hi"', "a,b", "two\nlines", "<script>alert(1)</script>", "🎮日本", "sla/sh", "100%", ".."]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "theirs"


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "lake")


def _columns(folder: Path, vod_id: str, **changed: pa.Array | None) -> None:
    """Write a VOD of alpha with changed columns; None omits a column."""
    columns: dict[str, pa.Array | None] = {
        "channel": pa.array(["alpha"]),
        "content_id": pa.array([f"vod:{vod_id}"]),
        "offset_s": pa.array([0]),
        "chatters": pa.array([["ann"]]),
        **changed,
    }
    path = vod_path(folder, "alpha", vod_id)
    path.parent.mkdir(parents=True)
    pq.write_table(pa.table({name: column for name, column in columns.items() if column is not None}), path)


def _one(folder: Path, created_at: str, buckets: dict[int, list[str]], channel: str = "alpha") -> None:
    write_vod(folder, channel, "1", buckets)
    write_csv(folder, [(channel, "1", created_at, "a title")])


def test_good_vods_are_stored_completely_and_sorted(folder: Path, store: LocalStore) -> None:
    write_vod(folder, "Alpha", "77", {120: ["Bob", "ann", "BOB", " ann "], 0: ["cid"], 60: []}, inside="ALPHA")
    write_csv(folder, [("aLpHa", "77", "2020-03-01T20:31:25Z", "Night, with friends")])

    report, days, _ = import_folder(folder, store)

    start = dt.datetime(2020, 3, 1, 20, 31, 25, tzinfo=dt.UTC)
    rows = store.download_parquet(lake.vod_presence("alpha", "77"), PRESENCE)
    assert rows.select("offset_s", "chatters", "viewer_count", "bucket_start", "timestamp").rows() == [
        (0, ["cid"], 1, start, "vod:77_offset_0"),
        (60, [], 0, start + dt.timedelta(seconds=60), "vod:77_offset_60"),
        (120, ["ann", "bob"], 2, start + dt.timedelta(seconds=120), "vod:77_offset_120"),
    ]
    constants = rows.select("platform", "source", "channel", "content_id", "bucket_len_s").unique()
    assert constants.rows() == [("twitch", "vod", "alpha", "vod:77", 60)]
    for unknown in ("channel_id", "game_name", "language", "title", "started_at"):
        assert rows[unknown].null_count() == 3
    PRESENCE.validate(rows)
    catalog = store.download_parquet(lake.vod_catalog(DAY), VOD_CATALOG)
    assert catalog.rows() == [("alpha", None, "77", start, "Night, with friends", None, None, None, None)]
    assert days == [DayImported(DAY, 1, 3, 1)]
    assert report.counts == {"VODs accepted": 1, "presence rows accepted": 3, "days": 1}
    assert report.rejections == []


def test_optional_columns_are_kept(folder: Path, store: LocalStore) -> None:
    _columns(folder, "1", game_name=pa.array(["Chess"]), language=pa.array(["de"]), channel_id=pa.array(["42"]))
    write_csv(folder, [("alpha", "1", "2020-03-01T00:00:00Z")])

    import_folder(folder, store)

    rows = read_with_pyarrow(store, lake.vod_presence("alpha", "1"))
    assert rows.select("game_name", "language", "channel_id").rows() == [("Chess", "de", "42")]


def test_every_file_and_every_row_of_a_mixed_folder_is_accounted_for(folder: Path, store: LocalStore) -> None:
    for vod_id in ("1", "2", "3", "4", "5", "6"):
        write_vod(folder, "alpha", vod_id, {0: ["ann"], 60: ["bob"]})
    vod_path(folder, "alpha", "2").write_bytes(vod_path(folder, "alpha", "1").read_bytes()[:-200])
    vod_path(folder, "alpha", "3").write_bytes(b"")
    vod_path(folder, "alpha", "4").write_bytes(b"no parquet at all")
    _columns(folder, "7", chatters=None)
    _columns(folder, "8", content_id=pa.array(["vod:1"]))
    _columns(folder, "9", channel=pa.array(["beta"]))
    pq.write_table(pa.table({"channel": ["alpha"]}), folder / "loose.parquet")
    write_vod(folder, "alpha", "old", {0: ["ann"]})
    write_vod(folder, "alpha", "twice", {0: ["ann"]})
    (folder / "notes.txt").write_text("not a VOD")
    at = "2020-03-01T12:00:00Z"
    write_csv(
        folder,
        [
            *(("alpha", vod_id, at) for vod_id in ("1", "2", "3", "4", "7", "8", "9")),
            ("alpha", "5", "yesterday"),
            ("alpha", "old", "2017-12-31T23:59:59Z"),
            ("alpha", "twice", at, "first"),
            ("ALPHA", "twice", "2020-03-05T12:00:00Z", "second"),
            ("", "10", at),
            ("alpha", "no_file", at),
        ],
    )

    report, days, vods = import_folder(folder, store)

    reasons = {str(rejection).partition(": ")[0]: rejection.reason for rejection in report.rejections}
    assert len(report.rejections) == len(reasons) == 13
    assert (
        reasons["vods.csv, row 9"] == "created_at is 'yesterday', not an ISO 8601 time such as 2020-03-01T20:31:25Z"
    )
    assert reasons["vods.csv, row 12"] == "a second row of VOD twice of ALPHA"
    assert reasons["vods.csv, row 13"] == "channel or vod_id is empty"
    assert (
        "missing column(s) content_id, offset_s, chatters, and the path does not end in" in reasons["loose.parquet"]
    )
    by_vod = {key.split("vod=")[1].split("/")[0]: reason for key, reason in reasons.items() if "vod=" in key}
    assert set(by_vod) == {"2", "3", "4", "5", "6", "7", "8", "9", "old"}
    assert "cut off" in by_vod["2"]
    assert "is empty" in by_vod["3"]
    assert "not a Parquet file" in by_vod["4"]
    assert "no usable row in vods.csv" in by_vod["5"]
    assert "no usable row in vods.csv" in by_vod["6"]
    assert "missing column(s) chatters; found channel, content_id, offset_s" in by_vod["7"]
    assert by_vod["8"] == "1 row(s) have content_id 'vod:1', but the path says 'vod:8'"
    assert by_vod["9"] == "1 row(s) have channel 'beta', but the path says 'alpha'"
    assert by_vod["old"] == "created on 2017-12-31, before partitions.daily_start, 2018-01-01"
    # The lake has the valid VODs, and nothing else.
    assert store.list_files(lake.VOD_PRESENCE) == [
        lake.vod_presence("alpha", "1"),
        lake.vod_presence("alpha", "twice"),
    ]
    assert read_with_pyarrow(store, lake.vod_catalog(DAY))["title"].to_list() == [None, "first"]
    assert days == [DayImported(DAY, 2, 3, 2)]
    assert len(vods) == 8  # every VOD that was placed on a day, imported or not
    assert report.counts == {
        "VODs in vods.csv without a file": 1,
        "VODs accepted": 2,
        "presence rows accepted": 3,
        "days": 1,
    }


@pytest.mark.parametrize(
    ("column", "values", "reason"),
    [
        ("offset_s", pa.array([30]), "offset_s is 30 in 1 row(s); it must be a multiple of 60"),
        ("offset_s", pa.array([-60]), "offset_s is -60"),
        ("offset_s", pa.array([60 * 2**40]), "no VOD is that long"),
        ("offset_s", pa.array([0.5]), "column offset_s is Float64, not a whole number"),
        ("offset_s", pa.array([None], pa.int64()), "nulls in"),
        ("bucket_len_s", pa.array([30]), "bucket_len_s is 30 in 1 row(s); only 60 is supported"),
        ("bucket_len_s", pa.array(["60"]), "column bucket_len_s is String"),
        ("chatters", pa.array(["ann"]), "column chatters is String, not a list of strings"),
        ("chatters", pa.array([None], pa.list_(pa.string())), "nulls in chatters"),
        ("channel", pa.array([5]), "column channel is Int64, not text"),
        ("channel", pa.array([None], pa.string()), "nulls in channel"),
        ("content_id", pa.array([1]), "column content_id is Int64, not text"),
        ("started_at", pa.array(["today"]), "started_at is 'today', not an ISO 8601 time"),
    ],
)
def test_a_column_that_cannot_be_used_rejects_its_file_and_no_other(
    folder: Path, store: LocalStore, column: str, values: pa.Array, reason: str
) -> None:
    _columns(folder, "1", **{column: values})
    _columns(folder, "2")
    write_csv(folder, [("alpha", vod_id, "2020-03-01T00:00:00Z") for vod_id in ("1", "2")])

    report, _, _ = import_folder(folder, store)

    assert [rejection.file for rejection in report.rejections] == ["channel=alpha/vod=1/part-0000.parquet"]
    assert reason in report.rejections[0].reason
    assert store.list_files(lake.VOD_PRESENCE) == [lake.vod_presence("alpha", "2")]


def test_a_second_file_of_the_same_vod_is_rejected_and_the_first_stays(folder: Path, store: LocalStore) -> None:
    first = write_vod(folder, "alpha", "1", {0: ["ann"]})
    (first.parent / "part-0001.parquet").write_bytes(first.read_bytes())
    write_vod(folder / "more", "ALPHA", "1", {0: ["bob"]})
    write_csv(folder, [("alpha", "1", "2020-03-01T00:00:00Z")])

    report, days, _ = import_folder(folder, store)

    assert [rejection.file for rejection in report.rejections] == [
        "channel=alpha/vod=1/part-0001.parquet",
        "more/channel=ALPHA/vod=1/part-0000.parquet",
    ]
    assert "channel=alpha/vod=1/part-0000.parquet; join them" in report.rejections[0].reason
    assert read_with_pyarrow(store, lake.vod_presence("alpha", "1"))["chatters"].to_list() == [["ann"]]
    assert days == [DayImported(DAY, 1, 1, 1)]


@pytest.mark.parametrize("name", HOSTILE)
def test_any_name_is_kept_as_channel_and_as_viewer(folder: Path, store: LocalStore, name: str) -> None:
    others = ["ann", *HOSTILE]
    _one(folder, "2020-03-01T00:00:00Z", {0: others}, channel=name)

    report, _, _ = import_folder(folder, store)

    assert report.rejections == []
    rows = read_with_pyarrow(store, lake.vod_presence(name, "1"))
    assert rows["channel"].to_list() == [name]
    assert rows["chatters"][0].to_list() == sorted(others)
    assert read_with_pyarrow(store, lake.vod_catalog(DAY))["channel"].to_list() == [name]
    folders = {path.parent for path in Path(store.root).rglob("*") if path.is_file()}
    assert {path.relative_to(store.root).parts[:1] for path in folders} == {("curated",)}


@pytest.mark.parametrize(
    ("created_at", "start"),
    [
        ("2020-03-01T20:31:25Z", dt.datetime(2020, 3, 1, 20, 31, 25, tzinfo=dt.UTC)),
        ("2020-03-01 20:31:25", dt.datetime(2020, 3, 1, 20, 31, 25, tzinfo=dt.UTC)),
        ("2020-03-01T20:31:25.250+00:00", dt.datetime(2020, 3, 1, 20, 31, 25, 250_000, tzinfo=dt.UTC)),
        ("2020-03-01T01:00:00+02:00", dt.datetime(2020, 2, 29, 23, tzinfo=dt.UTC)),
        ("2020-02-29T23:00:00-05:30", dt.datetime(2020, 3, 1, 4, 30, tzinfo=dt.UTC)),
        ("2020-03-01", dt.datetime(2020, 3, 1, tzinfo=dt.UTC)),
    ],
)
def test_the_zone_of_created_at_decides_the_day_and_no_zone_means_utc(
    folder: Path, store: LocalStore, created_at: str, start: dt.datetime
) -> None:
    _one(folder, created_at, {0: ["ann"], 60: ["bob"]})

    _, days, _ = import_folder(folder, store)

    assert [day.day for day in days] == [start.date()]
    assert store.list_files(lake.VOD_CATALOG) == [lake.vod_catalog(start.date())]
    assert read_with_pyarrow(store, lake.vod_catalog(start.date()))["created_at"].to_list() == [start]
    rows = read_with_pyarrow(store, lake.vod_presence("alpha", "1"))
    assert rows["bucket_start"].to_list() == [start, start + dt.timedelta(seconds=60)]


@pytest.mark.parametrize(
    "created_at", ["", "1583094685", "2020-02-30T00:00:00Z", "0001-01-01T00:00:00+02:00", "soon"]
)
def test_an_invalid_creation_time_is_rejected_with_its_row(folder: Path, created_at: str) -> None:
    _one(folder, created_at, {0: ["ann"]})

    with plan_for(folder) as plan:
        assert plan.vods == 0
    assert [(each.file, each.row) for each in plan.report.rejections] == [
        ("vods.csv", 2),
        ("channel=alpha/vod=1/part-0000.parquet", None),
    ]
    assert repr(created_at) in plan.report.rejections[0].reason


def test_a_vod_past_midnight_belongs_entirely_to_the_day_of_its_creation(folder: Path, store: LocalStore) -> None:
    _one(folder, "2020-03-01T23:30:00Z", {offset: ["ann"] for offset in range(0, 7200, 60)})

    _, days, _ = import_folder(folder, store)

    assert days == [DayImported(DAY, 1, 120, 1)]
    assert store.list_files(lake.VOD_CATALOG) == [lake.vod_catalog(DAY)]
    last = read_with_pyarrow(store, lake.vod_presence("alpha", "1"))["bucket_start"].max()
    assert last == dt.datetime(2020, 3, 2, 1, 29, tzinfo=dt.UTC)


def test_the_first_day_is_a_day_of_the_import(folder: Path, store: LocalStore) -> None:
    _one(folder, "2020-03-01T00:00:00Z", {0: ["ann"]})

    assert import_folder(folder, store, first_day=DAY)[0].rejections == []
    refused = import_folder(folder, store, first_day=DAY + dt.timedelta(days=1))[0].rejections
    assert refused[0].reason == "created on 2020-03-01, before partitions.daily_start, 2020-03-02"


def test_an_unusable_vods_csv_is_refused(folder: Path, store: LocalStore) -> None:
    folder.mkdir()
    (folder / "vods.csv").write_text("channel,vod\na,1\n")
    with pytest.raises(TableError, match=r"missing column\(s\) vod_id, created_at; the header has channel, vod"):
        import_folder(folder, store)


def test_a_vod_without_chat_is_imported_without_rows(folder: Path, store: LocalStore) -> None:
    _one(folder, "2020-03-01T00:00:00Z", {})

    report, days, _ = import_folder(folder, store)

    assert report.rejections == []
    assert days == [DayImported(DAY, 1, 0, 1)]
    assert read_with_pyarrow(store, lake.vod_presence("alpha", "1")).height == 0


def test_the_days_are_reported_in_order_with_their_counts(folder: Path, store: LocalStore) -> None:
    report, days, vods = import_folder(three_days(folder), store)

    assert days == [
        DayImported(dt.date(2020, 3, 1), 3, 6, 3),
        DayImported(dt.date(2020, 3, 2), 1, 2, 1),
        DayImported(dt.date(2020, 3, 3), 2, 4, 2),
    ]
    assert [vod.created_at.day for vod in vods] == [1, 1, 1, 2, 3, 3]
    assert report.counts == {"VODs accepted": 6, "presence rows accepted": 12, "days": 3}
    assert pl.concat(read_with_pyarrow(store, key) for key in store.list_files(lake.VOD_CATALOG)).height == 6


def test_a_vod_in_which_nobody_wrote_is_imported_whatever_type_its_empty_lists_have(
    folder: Path, store: LocalStore
) -> None:
    path = write_vod(folder, "alpha", "1", {0: [], 60: []})
    table = pq.read_table(path)
    pq.write_table(table.set_column(3, "chatters", pa.array([[], []], pa.list_(pa.null()))), path)
    write_csv(folder, [("alpha", "1", "2020-03-01T00:00:00Z")])

    report, _, _ = import_folder(folder, store)

    assert report.rejections == []
    assert read_with_pyarrow(store, lake.vod_presence("alpha", "1"))["viewer_count"].to_list() == [0, 0]


def test_a_vod_from_the_future_is_rejected(folder: Path, store: LocalStore) -> None:
    write_vod(folder, "alpha", "1", {0: ["ann"]})
    write_csv(folder, [("alpha", "1", "2099-01-01T00:00:00Z")])

    report, days, _ = import_folder(folder, store)

    assert days == []
    assert [rejection.reason for rejection in report.rejections] == ["created on 2099-01-01, in the future"]


def test_a_damaged_catalog_is_named_and_rebuilt(folder: Path, store: LocalStore) -> None:
    write_vod(folder, "alpha", "1", {0: ["ann"]})
    write_csv(folder, [("alpha", "1", "2020-03-01T00:00:00Z")])
    import_folder(folder, store)
    store.upload_bytes(lake.vod_catalog(DAY), b"PAR1 cut off")

    report, days, _ = import_folder(folder, store)

    assert [rejection.file for rejection in report.rejections] == [lake.vod_catalog(DAY)]
    assert days == [DayImported(DAY, 1, 1, 1)]
    assert store.download_parquet(lake.vod_catalog(DAY), VOD_CATALOG)["vod_id"].to_list() == ["1"]
