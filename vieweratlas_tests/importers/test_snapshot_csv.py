"""Snapshots in CSV: rows of one snapshot are joined, bad rows are rejected one by one, and lists are read whole."""

import datetime as dt
import json
from pathlib import Path

import pytest

from vieweratlas_assets.importers import snapshot_csv
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_tests.importers.snapshot_files import import_snapshots, reasons, seen_in_lake, write_csv

NOON = dt.datetime(2020, 3, 1, 12, tzinfo=dt.UTC)


COLUMNS = ("timestamp", "channel", "viewer_count", "game_name", "title", "started_at", "username")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "theirs"


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "lake")


def test_rows_of_a_table_are_rejected_one_by_one(folder: Path, store: LocalStore) -> None:
    at = "2020-03-01T12:00:30Z"
    rows = [
        (at, "alpha", 5, "Chess", "a", "", "ann"),
        (at, "alpha", 5, "Chess", "a", "", "bob"),
        ("noon", "alpha", 5, "Chess", "a", "", "cid"),
        ("noon", "alpha", 5, "Chess", "a", "", "dan"),
        (at, "", 5, "Chess", "a", "", "eve"),
        ("", "alpha", 5, "Chess", "a", "", "fay"),
        (at, "alpha", 5, "Chess", "a", " title", "", "gus"),
        (at,),
        (at, "beta", "Unavailable", "", "", "", ""),
    ]
    write_csv(folder / "x_20200301_120000.csv", COLUMNS, rows)

    done = import_snapshots(folder, store)

    assert seen_in_lake(store) == {("alpha", NOON): {"ann", "bob"}, ("beta", NOON): set()}
    name = "x_20200301_120000.csv"
    assert reasons(done) == {
        f"{name}:4": "timestamp 'noon' is not an ISO 8601 time such as 2020-03-01T20:31:25Z",
        f"{name}:5": "timestamp 'noon' is not an ISO 8601 time such as 2020-03-01T20:31:25Z",
        f"{name}:6": "channel is empty",
        f"{name}:7": "timestamp is empty",
        f"{name}:8": "has more fields than the header; is a comma in a title not quoted?",
        f"{name}:9": "channel is empty",
    }
    assert done.report.counts["files accepted"] == 1


def test_an_unquoted_list_is_read_if_its_count_proves_it(folder: Path, store: LocalStore) -> None:
    folder.mkdir()
    at = "2020-03-01T12:00:30Z"
    (folder / "a.csv").write_text(
        "timestamp,channel,total_viewers,chatters_count,chatters\n"
        f"{at},alpha,10,3,ann,bob,cid\n"
        f"{at},beta,10,7,ann,bob,cid\n"
        f'{at},gamma,10,7,"ann,bob"\n'
        f"{at},delta,10,1,ann|ann\n"
        f"{at},eps,10,0,\n"
    )

    done = import_snapshots(folder, store)

    assert {channel: chatters for (channel, _), chatters in seen_in_lake(store).items()} == {
        "alpha": {"ann", "bob", "cid"},
        "gamma": {"ann", "bob"},
        "delta": {"ann"},
        "eps": set(),
    }
    assert reasons(done) == {
        "a.csv:3": "has more fields than the header, and its chatters_count is not the length of the list; "
        "quote the list"
    }
    assert done.report.counts["rows whose chatters_count is not the length of the list (the list is used)"] == 1


def test_a_cell_may_hold_the_chatters_of_the_largest_channel(folder: Path, store: LocalStore) -> None:
    chatters = [f"viewer_{number:06d}" for number in range(100_000)]
    header = ("timestamp", "channel", "total_viewers", "chatters_count", "chatters")
    write_csv(folder / "a.csv", header, [("2020-03-01T12:00Z", "alpha", 1, 100_000, json.dumps(chatters))])

    done = import_snapshots(folder, store)

    assert seen_in_lake(store) == {("alpha", NOON): set(chatters)}
    assert done.report.rejections == []


def test_consecutive_rows_of_one_snapshot_are_one_and_a_long_one_continues_in_its_minute(
    folder: Path, store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot_csv, "MAX_JOINED_ROWS", 3)
    at, later = "2020-03-01T12:00:30Z", "2020-03-01T12:01:30Z"
    names = [f"viewer_{number}" for number in range(7)]
    rows = [(at, "alpha", 5, "Chess", "a", "", name) for name in names]
    rows += [(at, "beta", 5, "Chess", "a", "", "ann"), (later, "beta", 5, "Chess", "a", "", "bob")]
    write_csv(folder / "a.csv", COLUMNS, rows)

    done = import_snapshots(folder, store)

    assert done.report.counts["snapshots accepted"] == 3 + 2
    assert seen_in_lake(store) == {
        ("alpha", NOON): set(names),
        ("beta", NOON): {"ann"},
        ("beta", NOON + dt.timedelta(minutes=1)): {"bob"},
    }
