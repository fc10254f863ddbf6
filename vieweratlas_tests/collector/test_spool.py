"""Files on their way to the lake: none is lost, and none replaces another."""

import datetime as dt
from pathlib import Path

import polars as pl

from vieweratlas_assets.collector.spool import Spool
from vieweratlas_assets.domain.presence.coverage import chat_coverage_of
from vieweratlas_assets.domain.schemas import RAW_SNAPSHOTS
from vieweratlas_assets.domain.tables import Table
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_assets.storage.raw_snapshots import find_raw_day, read_raw_hours

MINUTE = dt.datetime(2026, 10, 6, 18, 59, tzinfo=dt.UTC)


def rows(*minutes: dt.datetime, table: Table = RAW_SNAPSHOTS) -> pl.DataFrame:
    records = [
        {
            "channel": "ann",
            "bucket_start": minute,
            "chatters": ["bob"],
            "coverage_s": 20,
            "messages": 2,
            "origin": "x",
        }
        for minute in minutes
    ]
    frame = pl.DataFrame(records, schema_overrides={"bucket_start": table.schema["bucket_start"]})
    missing = [pl.lit(None, dtype).alias(name) for name, dtype in table.schema.items() if name not in frame.columns]
    return table.conform(frame.with_columns(missing))


def delivered(lake: LocalStore) -> pl.DataFrame:
    return pl.concat([hour.rows for hour in read_raw_hours(lake, find_raw_day(lake, MINUTE.date()))])


def test_two_equal_parts_of_a_minute_add_up(tmp_path: Path) -> None:
    lake = LocalStore(tmp_path / "lake")
    spool = Spool(tmp_path / "spool", lake)
    for _ in range(2):
        spool.put(rows(MINUTE), "x")
        spool.deliver()
    assert chat_coverage_of(delivered(lake)).select("coverage_s", "messages").rows() == [(40, 4)]


def test_rows_of_two_hours_go_to_two_folders(tmp_path: Path) -> None:
    lake = LocalStore(tmp_path / "lake")
    spool = Spool(tmp_path / "spool", lake)
    spool.put(rows(MINUTE, MINUTE + dt.timedelta(minutes=1)), "x")
    assert spool.oldest_minute() == MINUTE.timestamp()
    assert len(spool.pending()) == 2
    Spool(tmp_path / "spool", lake).deliver()
    assert not spool.pending()
    assert spool.oldest_minute() is None
    assert len(find_raw_day(lake, MINUTE.date()).hours) == 2
    assert delivered(lake).height == 2


def test_without_room_on_disk_or_in_the_lake_the_oldest_file_is_lost_and_counted(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("")
    spool = Spool(tmp_path / "spool", LocalStore(tmp_path / "lake"), max_unsaved_bytes=10_000)
    while not spool.lost:
        spool.put(rows(MINUTE), "x")
        spool.put(rows(MINUTE - dt.timedelta(minutes=5)), "x")
    kept = spool.pending()
    spool.deliver()
    assert spool.lost == 1
    assert delivered(LocalStore(tmp_path / "lake")).height == len(kept)
    assert sum("-54-" in key for key in kept) <= sum("-59-" in key for key in kept)
