"""Snapshots in JSON: bad elements are rejected one by one, and those before a break are read."""

import datetime as dt
import json
import os
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.schemas import RAW_SNAPSHOTS
from vieweratlas_assets.importers import live
from vieweratlas_assets.importers.local_time import LocalTimes
from vieweratlas_assets.importers.report import ImportReport
from vieweratlas_assets.importers.snapshot_json import read_json
from vieweratlas_assets.importers.snapshots import SnapshotFile
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_tests.importers.snapshot_files import import_snapshots, reasons, seen_in_lake, write_json

NOON = dt.datetime(2020, 3, 1, 12, tzinfo=dt.UTC)


GOOD: dict[str, Any] = {"timestamp": "2020-03-01T12:00:30Z", "channel": "alpha", "chatters": ["ann"]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "theirs"


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "lake")


def raw(store: LocalStore) -> pl.DataFrame:
    """All raw snapshots in the lake."""
    keys = [key for key in store.list_files(f"{lake.RAW_SNAPSHOTS}/2") if lake.raw_hour_of(key)]
    return pl.concat([RAW_SNAPSHOTS.empty(), *(store.download_parquet(key, RAW_SNAPSHOTS) for key in keys)])


def test_fields_are_read_under_their_aliases(folder: Path, store: LocalStore) -> None:
    one = {"channel_login": "#Alpha", "viewers": "12", "game": "Go", "broadcaster_language": "pt", "uptime": "2h0m0s"}
    write_json(folder / "logs.json", [GOOD | {"channel": None} | one])

    import_snapshots(folder, store)

    row = raw(store).select("channel", "concurrent_viewers", "game_name", "language", "started_at").row(0)
    assert row == ("alpha", 12, "Go", "pt", NOON - dt.timedelta(hours=2) + dt.timedelta(seconds=30))


def test_every_bad_element_of_an_array_is_named_and_the_others_are_imported(folder: Path, store: LocalStore) -> None:
    listed = [GOOD, 17, GOOD | {"channel": "b"}, GOOD | {"timestamp": "x"}, [], None, GOOD | {"channel": "c"}]
    write_json(folder / "a.json", listed)

    done = import_snapshots(folder, store)

    assert {channel for channel, _ in seen_in_lake(store)} == {"alpha", "b", "c"}
    assert reasons(done) == {
        "a.json:2": "is a number, not a JSON object",
        "a.json:4": "timestamp 'x' is not an ISO 8601 time such as 2020-03-01T20:31:25Z",
        "a.json:5": "is an array, not a JSON object",
        "a.json:6": "is null, not a JSON object",
    }


@pytest.mark.parametrize("whole_bytes", [live.WHOLE_BYTES, 0], ids=["read whole", "streamed"])
def test_snapshots_before_the_end_of_a_cut_off_array_are_imported(
    folder: Path, store: LocalStore, monkeypatch: pytest.MonkeyPatch, whole_bytes: int
) -> None:
    monkeypatch.setattr(live, "WHOLE_BYTES", whole_bytes)
    text = json.dumps([GOOD | {"channel": channel} for channel in "abc"])
    (folder / "sub").mkdir(parents=True)
    (folder / "sub/a.json").write_text(f"\ufeff {text[:-20]}", encoding="utf-8")

    done = import_snapshots(folder, store)

    assert {channel for channel, _ in seen_in_lake(store)} == {"a", "b"}
    assert reasons(done)["sub/a.json:3"].startswith(
        "is not JSON from here on; the 2 element(s) before it were read: "
    )
    assert done.report.counts["snapshots accepted"] == 2


def test_chatters_may_be_text_and_numbers_but_nothing_else(folder: Path, store: LocalStore) -> None:
    write_json(
        folder / "a.json",
        [
            GOOD | {"chatters": "ann; Bob"},
            GOOD | {"channel": "b", "chatters": [1234, None, True, 1.5, {"name": "x"}, ["y"], "cid"]},
        ],
    )
    write_json(folder / "c_20200301_120030.json", {"title": "\udfff", "chatters": ["dan", "\ud800"]})

    done = import_snapshots(folder, store)

    assert seen_in_lake(store) == {
        ("alpha", NOON): {"ann", "bob"},
        ("b", NOON): {"1234", "cid"},
        ("c", NOON): {"dan"},
    }
    assert done.report.counts["chatters that are not names (left out)"] == 5


def test_an_array_is_read_as_a_stream_and_not_ahead(folder: Path) -> None:
    path = write_json(folder / "a.json", [GOOD | {"channel": channel} for channel in "abc"])
    file = SnapshotFile(
        path,
        "a.json",
        times=LocalTimes(ZoneInfo("UTC")),
        first_day=NOON.date(),
        last_day=NOON.date(),
        report=ImportReport(),
    )
    with path.open("rb+") as handle:
        handle.seek(-40, os.SEEK_END)
        handle.write(b"\x00" * 40)
    snapshots = read_json(file)
    assert (next(snapshots).channel, file.report.rejections) == ("a", [])
    assert [each.channel for each in snapshots] == ["b"]
    assert [rejection.row for rejection in file.report.rejections] == [3]
