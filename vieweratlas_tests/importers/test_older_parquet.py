"""Parquet of earlier versions: seventeen columns, in hive folders or flat, with or without vods.csv."""

import datetime as dt
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.schemas import PRESENCE
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_tests.importers.chats import (
    START,
    import_json,
    import_parquet,
    lake_bytes,
    reasons,
    record,
    write_json,
)
from vieweratlas_tests.importers.samples import vod_path

KEY = lake.vod_presence("alpha", "77")
STARTS = [START + dt.timedelta(seconds=offset) for offset in (0, 60)]


def seventeen(**changed: Any) -> pa.Table:
    """Two buckets of VOD 77 of alpha: the canonical fifteen columns, `_source` and `_content_id`."""
    columns: dict[str, Any] = {
        "platform": ["twitch", "twitch"],
        "source": ["vod", "vod"],
        "channel": ["Alpha", "alpha"],
        "channel_id": ["Unknown", "Unknown"],
        "content_id": ["vod:77", "vod:77"],
        "bucket_len_s": [60, 60],
        "offset_s": [0, 60],
        "bucket_start": STARTS,
        "chatters": [["Ann", "bob"], ["ann"]],
        "viewer_count": [2, 1],
        "timestamp": ["vod:77_offset_0", "vod:77_offset_60"],
        "game_name": ["Chess", "Unknown"],
        "language": ["Unknown", "unknown"],
        "title": ["Unknown", ""],
        "started_at": ["Unknown", "Unknown"],
        "_source": ["vod", "vod"],
        "_content_id": ["vod:77", "vod:77"],
        **changed,
    }
    return pa.table({name: values for name, values in columns.items() if values is not None})


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "lake")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "theirs").mkdir()
    return tmp_path / "theirs"


def _put(path: Path, table: pa.Table) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)
    return path


@pytest.fixture
def expected(tmp_path: Path) -> bytes:
    """The lake of the same presence as JSON."""
    other = LocalStore(tmp_path / "other")
    records = [record(0, ["ann", "bob"], game_name="Chess"), record(60, ["ann"])]
    import_json(write_json(tmp_path / "same.json", records), other)
    return lake_bytes(other)


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"source": None, "content_id": None},
        {"content_id": pa.array([None, "vod:77"])},
        {"content_id": None, "_content_id": None, "vod_id": ["77", "77"]},
        {"content_id": ["77", "77"], "_content_id": None},
        {"offset_s": pa.array([0.0, 60.0]), "bucket_len_s": pa.array([60.0, 60.0])},
        {"offset_s": None, "_offset_s": [0, 60], "chatters": None, "_chatters": [["Ann", "bob"], ["ann"]]},
        {"bucket_start": [time.isoformat() for time in STARTS]},
        {"bucket_start": pa.array([time.replace(tzinfo=None) for time in STARTS], pa.timestamp("ns"))},
        {"bucket_start": pa.array(STARTS, pa.timestamp("ms", "Europe/Rome"))},
        {"bucket_start": [STARTS[0], None]},
        {"game_name": ["Unknown", "Unknown"], "_game_name": ["Chess", "Unknown"]},
        {"channel_id": pa.nulls(2), "title": pa.nulls(2), "started_at": pa.nulls(2, pa.timestamp("us"))},
    ],
)
@pytest.mark.parametrize("place", ["hive", "flat"])
def test_seventeen_columns_and_their_variants_give_the_canonical_record(
    store: LocalStore, folder: Path, expected: bytes, changed: dict[str, Any], place: str
) -> None:
    path = vod_path(folder, "alpha", "77") if place == "hive" else folder / "old/77.parquet"
    _put(path, seventeen(**changed))

    report, _ = import_parquet(folder, store)

    assert report.rejections == []
    assert lake_bytes(store) == expected
    rows = store.download_parquet(KEY, PRESENCE)
    PRESENCE.validate(rows)
    assert all(rows[name].null_count() == 2 for name in ("channel_id", "language", "title", "started_at"))


def test_the_path_in_a_hive_folder_may_give_channel_and_vod(store: LocalStore, folder: Path, expected: bytes) -> None:
    _put(vod_path(folder, "Alpha", "77"), seventeen(channel=None, content_id=None, _content_id=None))

    assert import_parquet(folder, store)[0].rejections == []
    assert lake_bytes(store) == expected


def test_a_flat_file_may_hold_many_vods_and_a_vod_may_lie_in_many_files(
    store: LocalStore, folder: Path, expected: bytes
) -> None:
    one, two = seventeen(), seventeen(content_id=["vod:77", "vod:78"], chatters=[["bob"], ["cid"]], game_name=None)
    _put(folder / "a.parquet", one.slice(1, 1))
    _put(folder / "b.parquet", pa.concat_tables([one.slice(0, 1), two], promote_options="default"))

    report, days = import_parquet(folder, store)

    assert report.rejections == []
    assert [(day.vods, day.snapshots, day.catalog_rows) for day in days] == [(2, 3, 2)]
    assert store.download_parquet(lake.vod_presence("alpha", "78"), PRESENCE)["chatters"].to_list() == [["cid"]]
    store.delete(lake.vod_presence("alpha", "78"))
    assert store.download_parquet(KEY, PRESENCE).select("offset_s", "chatters", "game_name").rows() == [
        (0, ["ann", "bob"], "Chess"),
        (60, ["ann"], None),
    ]


@pytest.mark.parametrize("place", ["hive", "flat"])
def test_the_reason_of_a_missing_creation_time_says_what_to_add(store: LocalStore, folder: Path, place: str) -> None:
    path = vod_path(folder, "alpha", "77") if place == "hive" else folder / "77.parquet"
    _put(path, seventeen(bucket_start=None))

    report, _ = import_parquet(folder, store)

    (reason,) = reasons(report).values()
    assert "creation time is not known" in reason
    assert "add a row with channel, vod_id, created_at to vods.csv" in reason
    (folder / "vods.csv").write_text("channel,vod_id,created_at\nalpha,77,2026-07-08T12:02:51Z\n")
    assert import_parquet(folder, store)[0].rejections == []
    assert store.download_parquet(KEY, PRESENCE)["bucket_start"].to_list() == STARTS


def test_vods_csv_takes_precedence_over_the_records(store: LocalStore, folder: Path) -> None:
    _put(vod_path(folder, "alpha", "77"), seventeen())
    (folder / "vods.csv").write_text("channel,vod_id,created_at\nalpha,77,2026-07-09T00:00:00Z\n")

    import_parquet(folder, store)

    assert store.list_files(lake.VOD_CATALOG) == [lake.vod_catalog(dt.date(2026, 7, 9))]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"content_id": ["live:5", "vod:77"]}, "content_id is 'live:5' in 1 row(s), not the id of a VOD such as"),
        ({"chatters": ["ann", "bob"]}, "column chatters is String, not a list of strings"),
        ({"chatters": pa.array([None, ["ann"]])}, "nulls in chatters in 1 row(s)"),
        ({"channel": None}, "missing column(s) channel, and the path does not end in"),
        ({"channel": pa.array([None, "alpha"])}, "nulls in channel in 1 row(s)"),
        ({"offset_s": [0, 61], "bucket_start": [STARTS[0], None]}, "offset_s is 61 in 1 row(s)"),
        ({"bucket_start": ["soon", "2026-07-08"]}, "bucket_start is 'soon', not an ISO 8601 time"),
        ({"bucket_start": [STARTS[0], STARTS[0]]}, "put the VOD's creation at 2 times"),
    ],
)
def test_an_unusable_flat_file_is_named_and_the_others_are_imported(
    store: LocalStore, folder: Path, changed: dict[str, Any], reason: str
) -> None:
    _put(folder / "a.parquet", seventeen(**changed))
    _put(folder / "b.parquet", seventeen(content_id=["vod:78", "vod:78"]))

    report, _ = import_parquet(folder, store)

    ((file, given),) = reasons(report).items()
    assert file.startswith("a.parquet")
    assert reason in given
    assert store.list_files(lake.VOD_PRESENCE) == [lake.vod_presence("alpha", "78")]


def test_a_flat_file_of_a_vod_in_a_hive_folder_is_rejected(store: LocalStore, folder: Path) -> None:
    _put(vod_path(folder, "alpha", "77"), seventeen())
    _put(folder / "again.parquet", seventeen(chatters=[["eve"], ["eve"]]))

    report, _ = import_parquet(folder, store)

    assert "a second file of the VOD in channel=alpha/vod=77" in reasons(report)["again.parquet: VOD 77 of alpha"]
    assert b"eve" not in lake_bytes(store)
