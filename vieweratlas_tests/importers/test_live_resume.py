"""An import of live snapshots that is interrupted, repeated or changed ends like an uninterrupted one."""

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
    SampleSnapshot,
    csv_by_username,
    import_snapshots,
    json_array,
    json_flat,
    minutes,
    reasons,
    seen_by_hand,
    seen_in_lake,
    write_csv,
    write_json,
)

START = dt.datetime(2020, 3, 1, 21, tzinfo=dt.UTC)
SMALL = BatchLimits(names=9, snapshots=6, files=4)
RULES = ImportRules(LocalTimes(ZoneInfo("UTC")), PLAIN, FIRST_DAY, LAST_DAY)
SNAPSHOTS = [
    SampleSnapshot(channel, at, (f"viewer{number % 5}", "ann", channel))
    for number, at in enumerate(minutes(START, 10, every=23))
    for channel in ("alpha", "be_ta")
]


class CutOffError(Exception):
    """Interrupts an import."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files in three layouts; half of the snapshots are in two of them."""
    folder = tmp_path / "theirs"
    json_flat(folder / "flat", SNAPSHOTS[:12])
    json_array(folder / "array", SNAPSHOTS[8:])
    csv_by_username(folder / "table", SNAPSHOTS[4:16])
    return folder


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "lake")


@pytest.fixture
def whole(tmp_path: Path, folder: Path) -> dict[str, bytes]:
    """The raw hours of an uninterrupted import."""
    store = LocalStore(tmp_path / "whole")
    import_snapshots(folder, store, limits=SMALL)
    return hours_of(store)


def hours_of(store: LocalStore) -> dict[str, bytes]:
    return {key: data for key, data in contents(store).items() if lake.raw_hour_of(key)}


def state(store: LocalStore) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in Path(store.root).rglob("*.parquet")}


def test_a_repeated_import_writes_nothing(folder: Path, store: LocalStore) -> None:
    first = import_snapshots(folder, store, limits=SMALL)
    before = state(store)

    second = import_snapshots(folder, store, limits=SMALL)

    assert state(store) == before
    assert second.report.counts == {"files already there": 14, "hours written": 0}
    assert second.written == {}
    assert second.known == first.known == set(first.written)
    assert seen_in_lake(store) == seen_by_hand(SNAPSHOTS)


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


def test_an_import_interrupted_at_any_write_ends_like_an_uninterrupted_one_after_a_second_run(
    folder: Path, tmp_path: Path, whole: dict[str, bytes]
) -> None:
    cuts = 0
    for writes in range(100):
        store = StopsAfter(tmp_path / f"cut{writes}", writes)
        try:
            import_snapshots(folder, store, limits=SMALL)
        except CutOffError:
            cuts += 1
        else:
            break
        store.left = -1
        done = import_snapshots(folder, store, limits=SMALL)
        assert hours_of(store) == whole
        assert done.report.counts["files accepted"] + done.report.counts["files already there"] == 14
    assert cuts > 15


def test_a_file_that_has_grown_adds_what_is_new(folder: Path, store: LocalStore) -> None:
    import_snapshots(folder, store)
    extra = SampleSnapshot("alpha", START + dt.timedelta(minutes=7), ("zoe",))
    csv_by_username(folder / "table", [*SNAPSHOTS[4:16], extra])

    done = import_snapshots(folder, store)

    assert done.report.counts["files accepted"] == 1
    assert done.report.counts["files already there"] == 13
    assert seen_in_lake(store) == seen_by_hand([*SNAPSHOTS, extra])


def test_two_folders_with_files_of_the_same_name_are_both_kept(tmp_path: Path, store: LocalStore) -> None:
    january, february = ([SampleSnapshot("alpha", START + dt.timedelta(days=days), ("ann",))] for days in (0, 31))
    json_array(tmp_path / "january", january)
    json_array(tmp_path / "february", february)

    for name in ("january", "february", "january"):
        import_snapshots(tmp_path / name, store)

    assert seen_in_lake(store) == seen_by_hand([*january, *february])


def test_a_file_with_bad_rows_is_reported_at_every_import_until_it_is_mended(folder: Path, store: LocalStore) -> None:
    header = ("channel", "chatter", "viewers", "game", "title", "timestamp")
    rows = [("alpha", "ann", 1, "", "", "2020-03-01T21:00Z"), ("alpha", "bob", 1, "", "", "noon")]
    write_csv(folder / "c.csv", header, rows)
    import_snapshots(folder, store)
    before = state(store)

    again = import_snapshots(folder, store)

    assert reasons(again) == {"c.csv:3": "timestamp 'noon' is not an ISO 8601 time such as 2020-03-01T20:31:25Z"}
    assert state(store) == before
    assert again.report.counts["files already there"] == 15
    write_csv(folder / "c.csv", header, [rows[0], ("alpha", "bob", 1, "", "", "2020-03-01T21:00Z")])
    mended = import_snapshots(folder, store)
    assert mended.report.rejections == []
    assert mended.report.counts["files accepted"] == 1
    assert "bob" in seen_in_lake(store)["alpha", START]


def test_another_time_zone_is_refused_without_replace_and_moves_all_local_times_with_it(
    folder: Path, store: LocalStore
) -> None:
    local = folder / "local"
    write_json(local / "alpha_20200701_003000.json", {"chatters": ["ann"]})
    write_json(local / "zoned.json", {"timestamp": "2020-07-01T00:30Z", "channel": "beta", "chatters": ["bob"]})
    import_snapshots(local, store)
    at = dt.datetime(2020, 7, 1, 0, 30, tzinfo=dt.UTC)
    assert seen_in_lake(store) == {("alpha", at): {"ann"}, ("beta", at): {"bob"}}
    before = state(store)

    refused = import_snapshots(local, store, zone="Europe/Berlin")
    assert reasons(refused) == {
        "alpha_20200701_003000.json": "its local times were imported in the zone UTC; "
        "use --replace to import them in Europe/Berlin"
    }
    assert state(store) == before

    import_snapshots(local, store, zone="Europe/Berlin", replace=True)
    moved = {("alpha", at - dt.timedelta(hours=2)): {"ann"}, ("beta", at): {"bob"}}
    assert seen_in_lake(store) == moved
    assert import_snapshots(local, store, zone="Europe/Berlin").report.counts["files already there"] == 2


@pytest.mark.parametrize("writes", range(6))
def test_an_interrupted_replacement_is_completed_by_the_next_import(tmp_path: Path, writes: int) -> None:
    folder = tmp_path / "local"
    for hour in (1, 5, 9):
        write_json(folder / f"alpha_20200701_{hour:02d}3000.json", {"chatters": ["ann"]})
    store = StopsAfter(tmp_path / "lake", -1)
    import_snapshots(folder, store)
    store.left = writes
    with pytest.raises(CutOffError):
        import_snapshots(folder, store, zone="Asia/Tokyo", replace=True, limits=BatchLimits(files=1))
    store.left = -1

    import_snapshots(folder, store, zone="Asia/Tokyo", replace=writes == 0)

    midnight = dt.datetime(2020, 7, 1, 0, 30, tzinfo=dt.UTC)
    assert seen_in_lake(store) == {("alpha", midnight + dt.timedelta(hours=hour)): {"ann"} for hour in (-8, -4, 0)}


def test_unreadable_file_records_are_reported_and_their_files_imported_again(
    folder: Path, store: LocalStore, whole: dict[str, bytes]
) -> None:
    import_snapshots(folder, store, limits=SMALL)
    piece = store.list_files(lake.imported_files("import-live"))[0]
    store.upload_bytes(piece, b"PAR1 broken")

    done = import_snapshots(folder, store, limits=SMALL)

    assert list(reasons(done)) == [piece]
    assert hours_of(store) == whole


def test_a_broken_hour_is_reported_and_kept_and_new_rows_are_written_next_to_it(
    folder: Path, store: LocalStore
) -> None:
    import_snapshots(folder, store)
    broken = next(iter(hours_of(store)))
    store.upload_bytes(broken, b"PAR1 broken")
    extra = SampleSnapshot("alpha", START + dt.timedelta(minutes=7), ("zoe",))
    json_array(folder / "new", [extra])

    done = import_snapshots(folder, store)

    assert list(reasons(done)) == [broken]
    assert store.download_bytes(broken) == b"PAR1 broken"
    assert seen_in_lake(store)["alpha", START + dt.timedelta(minutes=7)] == {"zoe"}


def test_a_file_that_is_deleted_before_it_is_read_is_named(folder: Path, store: LocalStore) -> None:
    plan = find_snapshot_files(folder)
    (folder / "array/all.json").unlink()

    done = run_live_import(plan, store, RULES, on_file=lambda name: None)

    assert reasons(done) == {"array/all.json": "cannot be read: No such file or directory"}
    assert done.report.counts["files accepted"] == 13
