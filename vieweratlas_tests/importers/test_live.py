"""Importing live snapshots: fields and their aliases, rejections and their reasons, and the rows in the lake."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.schemas import RAW_SNAPSHOTS
from vieweratlas_assets.importers.snapshots import MAX_LISTED_ROWS
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_tests.importers.snapshot_files import import_snapshots, reasons, seen_in_lake, write_csv, write_json

NOON = dt.datetime(2020, 3, 1, 12, tzinfo=dt.UTC)
GOOD: dict[str, Any] = {"timestamp": "2020-03-01T12:00:30Z", "channel": "alpha", "chatters": ["ann"]}
COLUMNS = ("timestamp", "channel", "viewer_count", "game_name", "title", "started_at", "username")


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


def test_a_snapshot_is_stored_completely_in_its_hour(folder: Path, store: LocalStore) -> None:
    write_json(
        folder / "2020/03/01/under_score_20200301_120030.json",
        {
            "timestamp": "2020-03-01T12:00:30Z",
            "viewer_count": 1234,
            "game_name": "Chess",
            "language": "de",
            "title": "Blitz, with friends",
            "started_at": "2020-03-01T10:00:00+00:00",
            "chatters": ["Bob", "ann", None, " ANN ", "", "bob"],
            "stream_id": 99,
            "channel_id": "7",
        },
    )

    done = import_snapshots(folder, store)

    (key,) = store.list_files("raw/snapshots/2020/")
    assert key.startswith("raw/snapshots/2020/03/01/12/import-live-")
    assert key.endswith(".parquet")
    assert raw(store).to_dicts() == [
        {
            "channel": "under_score",
            "channel_id": "7",
            "stream_id": "99",
            "bucket_start": NOON,
            "chatters": ["ann", "bob"],
            "concurrent_viewers": 1234,
            "game_name": "Chess",
            "language": "de",
            "title": "Blitz, with friends",
            "started_at": NOON - dt.timedelta(hours=2),
            "coverage_s": None,
            "messages": None,
            "dropped_mirrors": None,
            "dropped_bots": None,
            "unreadable_lines": None,
            "gap_reasons": None,
            "origin": "2020/03/01/under_score_20200301_120030.json",
        }
    ]
    assert done.report.counts == {"files accepted": 1, "snapshots accepted": 1, "hours written": 1}
    assert done.written == {NOON: 1}
    assert done.known == {NOON}


@pytest.mark.parametrize(
    ("written", "known", "counted"),
    [
        ("Unavailable", None, 0),
        ("unavailable ", None, 0),
        (None, None, 0),
        ("", None, 0),
        (0, 0, 0),
        ("17", 17, 0),
        (17.0, 17, 0),
        (17.5, None, 1),
        (-1, None, 1),
        (10**30, None, 1),
        (True, None, 1),
        ("many", None, 1),
        ("nan", None, 1),
        ([], None, 1),
    ],
)
def test_viewers_are_a_count_or_unknown(
    folder: Path, store: LocalStore, written: Any, known: int | None, counted: int
) -> None:
    write_json(folder / "a.json", GOOD | {"viewer_count": written})

    done = import_snapshots(folder, store)

    assert raw(store)["concurrent_viewers"].to_list() == [known]
    assert done.report.counts["viewer counts that cannot be read (left empty)"] == counted
    assert done.report.rejections == []


def test_an_unreadable_start_does_not_reject_the_snapshot(folder: Path, store: LocalStore) -> None:
    write_json(folder / "a.json", [GOOD | {"started_at": "soon"}, GOOD | {"channel": "b", "started_at": 60}])

    done = import_snapshots(folder, store)

    assert raw(store).select("channel", "started_at").rows() == [
        ("alpha", None),
        ("b", NOON - dt.timedelta(seconds=30)),
    ]
    assert done.report.counts["starts of broadcasts that cannot be read (left empty)"] == 1


@pytest.mark.parametrize(
    ("name", "channel"),
    [
        ("alpha_20200301_120030", "alpha"),
        ("Under_Score__20200301_120030", "under_score_"),
        ("_20200301_120030_20200301_120030", "_20200301_120030"),
        ("a_1_2_20200301_120030", "a_1_2"),
    ],
)
def test_channel_and_time_may_come_from_the_file_name_alone(
    folder: Path, store: LocalStore, name: str, channel: str
) -> None:
    write_json(folder / f"logs/{name}.json", {"chatters": ["ann"]})

    import_snapshots(folder, store, zone="Europe/Berlin")

    assert seen_in_lake(store) == {(channel, NOON - dt.timedelta(hours=1)): {"ann"}}


def test_a_snapshots_channel_wins_over_the_file_name_and_the_difference_is_counted(
    folder: Path, store: LocalStore
) -> None:
    write_json(folder / "beta_20200301_150000.json", [GOOD, GOOD | {"channel": "BETA"}])

    done = import_snapshots(folder, store)

    assert seen_in_lake(store) == {("alpha", NOON): {"ann"}, ("beta", NOON): {"ann"}}
    counted = done.report.counts["snapshots whose channel differs from the file's name (the snapshot's is used)"]
    assert counted == 1


MALFORMED: dict[str, tuple[Any, str]] = {
    "empty.json": (b"", "is empty"),
    "blank.json": (b" \n\t", "is empty"),
    "text.json": (b"hello", "is neither a JSON object nor an array of objects"),
    "number.json": (b"17", "is neither a JSON object nor an array of objects"),
    "cut.json": (json.dumps(GOOD).encode()[:-9], "is not JSON: "),
    "latin.json": ('{"chatters": ["ä"]}'.encode("latin-1"), "is not JSON: 'utf-8' codec"),
    "deep.json": (b'{"a":' * 100_000, "is not JSON: "),
    "lines.json": (b"{}\n{}", "is not JSON: Extra data"),
    "no_chatters.json": (
        {"timestamp": "2020-03-01T12:00:30Z", "users": []},
        "has no chatters; it has timestamp, users",
    ),
    "null_chatters.json": (GOOD | {"chatters": None}, "chatters is null, not a list of names"),
    "dict_chatters.json": (GOOD | {"chatters": {"ann": 1}}, "chatters is {'ann': 1}, not a list of names"),
    "half_list.json": (GOOD | {"chatters": "['ann', 'bob"}, "a list without its closing bracket"),
    "no_channel.json": (
        {"timestamp": GOOD["timestamp"], "chatters": []},
        "has no channel, and the file is not named <channel>_<YYYYMMDD_HHMMSS>",
    ),
    "odd_channel.json": (GOOD | {"channel": ["a"]}, "channel is ['a'], not a login"),
    "blank_channel.json": (GOOD | {"channel": " # "}, "channel is ' # ', not a login"),
    "no_time.json": ({"channel": "alpha", "chatters": []}, "has no timestamp, and the file is not named"),
    "bad_time.json": (
        GOOD | {"timestamp": "noon"},
        "timestamp 'noon' is not an ISO 8601 time such as 2020-03-01T20:31:25Z",
    ),
    "epoch.json": (GOOD | {"timestamp": 1583064000}, "timestamp 1583064000 is not text; expected an ISO 8601 time"),
    "early.json": (
        GOOD | {"timestamp": "2017-12-31T23:59:59Z"},
        "its day 2017-12-31 is before partitions.daily_start, 2018-01-01",
    ),
    "late.json": (GOOD | {"timestamp": "2026-11-23T00:00:00Z"}, "its day 2026-11-23 is in the future"),
    "x_20209999_999999.json": ({"chatters": []}, "timestamp '20209999_999999' is not an ISO 8601 time"),
    "header.csv": (b"channel,username\na,b\n", "missing column(s) timestamp; the header has channel, username"),
    "neither.csv": (
        b"channel,timestamp\na,2020-03-01T12:00Z\n",
        "the header has neither username or chatter (one row per chatter) nor chatters (one row per snapshot)",
    ),
    "both.csv": (
        b"channel,timestamp,chatter,chatters\na,b,c,d\n",
        "the header has both username or chatter (one row per chatter) and chatters (one row per snapshot)",
    ),
    "empty.csv": (b"", "is empty"),
    "latin.csv": ("timestamp,channel,username\n,ä,".encode("latin-1"), "is not UTF-8"),
}


def test_every_malformed_file_is_named_with_its_reason_and_the_good_ones_are_imported(
    folder: Path, store: LocalStore
) -> None:
    folder.mkdir()
    for name, (content, _) in MALFORMED.items():
        path = write_json(folder / name, content) if isinstance(content, dict) else folder / name
        if isinstance(content, bytes):
            path.write_bytes(content)
    write_json(folder / "good.json", GOOD)
    (folder / "._good.json").write_bytes(b"what macOS puts next to a file")
    (folder / "notes.txt").write_text("not a snapshot")

    done = import_snapshots(folder, store)

    given = reasons(done)
    assert given.keys() == MALFORMED.keys()
    assert {name: given[name] for name, (_, reason) in MALFORMED.items() if reason not in given[name]} == {}
    assert seen_in_lake(store) == {("alpha", NOON): {"ann"}}
    assert done.report.counts["files without a usable snapshot"] == len(MALFORMED)
    assert done.report.counts["files accepted"] == 1


def test_two_snapshots_of_one_minute_become_one_with_the_latest_known_values(folder: Path, store: LocalStore) -> None:
    later = GOOD | {"timestamp": "2020-03-01T12:00:59Z", "chatters": ["bob"], "viewer_count": 9}
    earlier = GOOD | {"timestamp": "2020-03-01T12:00:00Z", "viewer_count": 5, "game_name": "Chess", "title": "a"}
    write_json(folder / "a.json", [later, earlier])

    import_snapshots(folder, store)

    rows = raw(store).select("chatters", "concurrent_viewers", "game_name", "title").rows()
    assert rows == [(["ann", "bob"], 9, "Chess", "a")]


def test_rejected_rows_of_a_wrong_file_are_listed_up_to_a_limit_and_then_counted(
    folder: Path, store: LocalStore
) -> None:
    write_csv(folder / "a.csv", COLUMNS, [("noon", "alpha", "", "", "", "", "ann")] * (MAX_LISTED_ROWS + 5))

    done = import_snapshots(folder, store)

    assert len(done.report.rejections) == MAX_LISTED_ROWS
    assert done.report.counts[f"rejected rows not listed, beyond {MAX_LISTED_ROWS:,} per file"] == 5


def test_ambiguous_and_skipped_times_at_a_change_of_clocks_are_reported(folder: Path, store: LocalStore) -> None:
    snapshots = [GOOD | {"timestamp": f"2024-{day} 02:30:00"} for day in ("03-31", "10-27")]
    write_json(folder / "a.json", [*snapshots, GOOD | {"timestamp": "2024-10-27 03:30:00"}])

    done = import_snapshots(folder, store, zone="Europe/Berlin")

    assert {minute for _, minute in seen_in_lake(store)} == {
        dt.datetime(2024, 10, 27, hour, 30, tzinfo=dt.UTC) for hour in (0, 2)
    }
    assert done.report.counts["local times that occurred twice (the first is used)"] == 1
    assert reasons(done) == {
        "a.json:1": "timestamp 2024-03-31 02:30:00 does not exist in Europe/Berlin, where clocks skipped it; "
        "give the time zone of the machine that wrote it"
    }


def test_a_single_file_is_imported_like_a_folder_and_an_empty_folder_is_reported(
    folder: Path, store: LocalStore
) -> None:
    path = write_json(folder / "alpha_20200301_120030.json", {"chatters": ["ann"]})

    assert import_snapshots(path, store).report.counts["snapshots accepted"] == 1
    assert raw(store)["origin"].to_list() == ["alpha_20200301_120030.json"]
    path.unlink()
    empty = import_snapshots(folder, store)
    assert reasons(empty) == {str(folder): "holds no file that ends in .json or .csv"}
    assert not empty.has_accepted
