"""An import of live snapshots that is cut off, repeated or changed ends as one that went through."""

import datetime as dt
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.presence.names import PLAIN
from vieweratlas_assets.importers.live import BatchLimits, ImportRules, find_snapshot_files, run_live_import
from vieweratlas_assets.importers.local_time import LocalTimes
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_tests.importers.samples import contents
from vieweratlas_tests.importers.snapshot_files import (
    FIRST_DAY,
    LAST_DAY,
    Told,
    csv_by_username,
    json_array,
    json_flat,
    minutes,
    reasons,
    seen_by_hand,
    seen_in_lake,
    take_in,
    write_csv,
    write_json,
)

START = dt.datetime(2020, 3, 1, 21, tzinfo=dt.UTC)
SMALL = BatchLimits(names=9, snapshots=6, files=4)
RULES = ImportRules(LocalTimes(ZoneInfo("UTC")), PLAIN, FIRST_DAY, LAST_DAY)
TOLD = [
    Told(channel, at, (f"viewer{number % 5}", "ann", channel))
    for number, at in enumerate(minutes(START, 10, every=23))
    for channel in ("alpha", "be_ta")
]


class CutOffError(Exception):
    """The import is stopped here."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files of three shapes; half of the snapshots stand in two of them."""
    folder = tmp_path / "theirs"
    json_flat(folder / "flat", TOLD[:12])
    json_array(folder / "array", TOLD[8:])
    csv_by_username(folder / "table", TOLD[4:16])
    return folder


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "lake")


@pytest.fixture
def whole(tmp_path: Path, folder: Path) -> dict[str, bytes]:
    """The raw hours of an import that went through."""
    store = LocalStore(tmp_path / "whole")
    take_in(folder, store, limits=SMALL)
    return hours_of(store)


def hours_of(store: LocalStore) -> dict[str, bytes]:
    return {key: data for key, data in contents(store).items() if lake.raw_hour_of(key)}


def state(store: LocalStore) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in Path(store.root).rglob("*.parquet")}


def test_again_changes_not_one_byte(folder: Path, store: LocalStore) -> None:
    first = take_in(folder, store, limits=SMALL)
    before = state(store)

    second = take_in(folder, store, limits=SMALL)

    assert state(store) == before
    assert second.report.counts == {"files already there": 14, "hours written": 0}
    assert second.written == {}
    assert second.known == first.known == set(first.written)
    assert seen_in_lake(store) == seen_by_hand(TOLD)


class StopsAfter(LocalStore):
    """A store that stops the import after a number of writes."""

    def __init__(self, root: Path | str, writes: int) -> None:
        super().__init__(root)
        self.left = writes

    def upload_bytes(self, key: str, data: bytes) -> str:
        if self.left == 0:
            raise CutOffError
        self.left -= 1
        return super().upload_bytes(key, data)


def test_cut_off_at_any_write_and_run_again_it_is_as_if_it_went_through(
    folder: Path, tmp_path: Path, whole: dict[str, bytes]
) -> None:
    cuts = 0
    for writes in range(100):
        store = StopsAfter(tmp_path / f"cut{writes}", writes)
        try:
            take_in(folder, store, limits=SMALL)
        except CutOffError:
            cuts += 1
        else:
            break
        store.left = -1
        done = take_in(folder, store, limits=SMALL)
        assert hours_of(store) == whole
        assert done.report.counts["files accepted"] + done.report.counts["files already there"] == 14
    assert cuts > 15


def test_a_file_that_has_grown_adds_what_is_new(folder: Path, store: LocalStore) -> None:
    take_in(folder, store)
    extra = Told("alpha", START + dt.timedelta(minutes=7), ("zoe",))
    csv_by_username(folder / "table", [*TOLD[4:16], extra])

    done = take_in(folder, store)

    assert done.report.counts["files accepted"] == 1
    assert done.report.counts["files already there"] == 13
    assert seen_in_lake(store) == seen_by_hand([*TOLD, extra])


def test_two_folders_with_files_of_the_same_name_are_both_kept(tmp_path: Path, store: LocalStore) -> None:
    january, february = ([Told("alpha", START + dt.timedelta(days=days), ("ann",))] for days in (0, 31))
    json_array(tmp_path / "january", january)
    json_array(tmp_path / "february", february)

    for name in ("january", "february", "january"):
        take_in(tmp_path / name, store)

    assert seen_in_lake(store) == seen_by_hand([*january, *february])


def test_a_file_with_bad_rows_is_read_again_and_told_again_and_taken_when_mended(
    folder: Path, store: LocalStore
) -> None:
    header = ("channel", "chatter", "viewers", "game", "title", "timestamp")
    rows = [("alpha", "ann", 1, "", "", "2020-03-01T21:00Z"), ("alpha", "bob", 1, "", "", "noon")]
    write_csv(folder / "c.csv", header, rows)
    take_in(folder, store)
    before = state(store)

    again = take_in(folder, store)

    assert reasons(again) == {"c.csv:3": "timestamp 'noon' is not a time in ISO 8601"}
    assert state(store) == before
    assert again.report.counts["files already there"] == 15
    write_csv(folder / "c.csv", header, [rows[0], ("alpha", "bob", 1, "", "", "2020-03-01T21:00Z")])
    mended = take_in(folder, store)
    assert mended.report.rejections == []
    assert mended.report.counts["files accepted"] == 1
    assert "bob" in seen_in_lake(store)["alpha", START]


def test_another_time_zone_is_refused_without_replace_and_moves_everything_with_it(
    folder: Path, store: LocalStore
) -> None:
    local = folder / "local"
    write_json(local / "alpha_20200701_003000.json", {"chatters": ["ann"]})
    write_json(local / "zoned.json", {"timestamp": "2020-07-01T00:30Z", "channel": "beta", "chatters": ["bob"]})
    take_in(local, store)
    at = dt.datetime(2020, 7, 1, 0, 30, tzinfo=dt.UTC)
    assert seen_in_lake(store) == {("alpha", at): {"ann"}, ("beta", at): {"bob"}}
    before = state(store)

    refused = take_in(local, store, zone="Europe/Berlin")
    assert reasons(refused) == {
        "alpha_20200701_003000.json": "its local times were imported as times of UTC; "
        "--replace takes them as of Europe/Berlin"
    }
    assert state(store) == before

    take_in(local, store, zone="Europe/Berlin", replace=True)
    moved = {("alpha", at - dt.timedelta(hours=2)): {"ann"}, ("beta", at): {"bob"}}
    assert seen_in_lake(store) == moved
    assert take_in(local, store, zone="Europe/Berlin").report.counts["files already there"] == 2


@pytest.mark.parametrize("writes", range(6))
def test_a_replacement_that_is_cut_off_is_completed_by_the_next_import(tmp_path: Path, writes: int) -> None:
    folder = tmp_path / "local"
    for hour in (1, 5, 9):
        write_json(folder / f"alpha_20200701_{hour:02d}3000.json", {"chatters": ["ann"]})
    store = StopsAfter(tmp_path / "lake", -1)
    take_in(folder, store)
    store.left = writes
    with pytest.raises(CutOffError):
        take_in(folder, store, zone="Asia/Tokyo", replace=True, limits=BatchLimits(files=1))
    store.left = -1

    take_in(folder, store, zone="Asia/Tokyo", replace=writes == 0)

    midnight = dt.datetime(2020, 7, 1, 0, 30, tzinfo=dt.UTC)
    assert seen_in_lake(store) == {("alpha", midnight + dt.timedelta(hours=hour)): {"ann"} for hour in (-8, -4, 0)}


def test_notes_that_cannot_be_read_are_told_and_their_files_read_again(
    folder: Path, store: LocalStore, whole: dict[str, bytes]
) -> None:
    take_in(folder, store, limits=SMALL)
    piece = store.list_files(lake.imported_files("import-live"))[0]
    store.upload_bytes(piece, b"PAR1 broken")

    done = take_in(folder, store, limits=SMALL)

    assert list(reasons(done)) == [piece]
    assert hours_of(store) == whole


def test_a_broken_hour_is_told_and_left_and_new_rows_go_beside_it(folder: Path, store: LocalStore) -> None:
    take_in(folder, store)
    broken = next(iter(hours_of(store)))
    store.upload_bytes(broken, b"PAR1 broken")
    extra = Told("alpha", START + dt.timedelta(minutes=7), ("zoe",))
    json_array(folder / "new", [extra])

    done = take_in(folder, store)

    assert list(reasons(done)) == [broken]
    assert store.download_bytes(broken) == b"PAR1 broken"
    assert seen_in_lake(store)["alpha", START + dt.timedelta(minutes=7)] == {"zoe"}


def test_a_file_that_is_gone_by_the_time_it_is_read_is_named(folder: Path, store: LocalStore) -> None:
    plan = find_snapshot_files(folder)
    (folder / "array/all.json").unlink()

    done = run_live_import(plan, store, RULES, on_file=lambda name: None)

    assert reasons(done) == {"array/all.json": "cannot be read: No such file or directory"}
    assert done.report.counts["files accepted"] == 13
