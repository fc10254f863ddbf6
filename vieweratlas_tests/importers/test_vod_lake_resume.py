"""An import that is interrupted, repeated or spread over several folders ends like an uninterrupted one."""

import datetime as dt
from pathlib import Path

import polars as pl
import pytest

from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.presence.names import PLAIN
from vieweratlas_assets.domain.schemas import VOD_CATALOG
from vieweratlas_assets.importers.vod_import import DayImported, Vod, run_import
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_tests.importers.samples import (
    contents,
    import_folder,
    plan_for,
    read_with_pyarrow,
    three_days,
    vod_path,
    write_csv,
    write_vod,
)

DAYS = [dt.date(2020, 3, day) for day in (1, 2, 3)]


class CutOffError(Exception):
    """Interrupts an import."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return three_days(tmp_path / "theirs")


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "lake")


@pytest.fixture
def whole(tmp_path: Path, folder: Path) -> dict[str, bytes]:
    """The lake of an uninterrupted import."""
    store = LocalStore(tmp_path / "whole")
    import_folder(folder, store)
    return contents(store)


def test_a_repeated_import_finds_all_vods_and_writes_nothing(
    folder: Path, store: LocalStore, whole: dict[str, bytes]
) -> None:
    import_folder(folder, store)
    written = {path: path.stat().st_mtime_ns for path in Path(store.root).rglob("*.parquet")}

    report, days, vods = import_folder(folder, store)

    assert report.counts == {
        "VODs already there": 6,
        "VODs accepted": 0,
        "presence rows accepted": 0,
        "days": 3,
    }
    assert days == [DayImported(day, 0, 0, rows) for day, rows in zip(DAYS, (3, 1, 2), strict=True)]
    assert len(vods) == 6
    assert contents(store) == whole
    assert {path: path.stat().st_mtime_ns for path in Path(store.root).rglob("*.parquet")} == written


@pytest.mark.parametrize("after", range(1, 7))
def test_an_import_interrupted_after_any_vod_ends_like_an_uninterrupted_one_after_a_second_run(
    folder: Path, store: LocalStore, whole: dict[str, bytes], after: int
) -> None:
    seen: list[Vod] = []

    def stop(vod: Vod) -> None:
        seen.append(vod)
        if len(seen) == after:
            raise CutOffError

    with pytest.raises(CutOffError), plan_for(folder) as plan:
        run_import(plan, store, names=PLAIN, on_vod=stop, on_day=lambda day: None)
    assert len(store.list_files(lake.VOD_PRESENCE)) == after
    assert len(contents(store)) < len(whole)

    report, days, _ = import_folder(folder, store)

    assert contents(store) == whole
    assert report.counts["VODs accepted"] + report.counts["VODs already there"] == 6
    # Only a day whose catalog was written counts as done.
    assert report.counts["VODs already there"] == {1: 0, 2: 0, 3: 0, 4: 3, 5: 4, 6: 4}[after]
    assert [day.catalog_rows for day in days] == [3, 1, 2]


def test_vods_that_others_add_meanwhile_stay_in_the_catalog(folder: Path, store: LocalStore) -> None:
    vod = {"vod_id": ["999"], "channel": ["zoe"], "created_at": [dt.datetime(2020, 3, 1, 9, tzinfo=dt.UTC)]}
    catalog = pl.concat([VOD_CATALOG.empty(), pl.DataFrame(vod)], how="diagonal_relaxed")

    def add(_: Vod) -> None:
        if not store.exists(lake.vod_catalog(DAYS[0])):
            store.upload_parquet(lake.vod_catalog(DAYS[0]), catalog, VOD_CATALOG)

    with plan_for(folder) as plan:
        run_import(plan, store, names=PLAIN, on_vod=add, on_day=lambda day: None)

    listed = store.download_parquet(lake.vod_catalog(DAYS[0]), VOD_CATALOG)
    assert sorted(listed["vod_id"]) == ["500", "501", "502", "999"]


def test_a_day_whose_report_was_interrupted_is_reported_again(
    folder: Path, store: LocalStore, whole: dict[str, bytes]
) -> None:
    def stop(day: DayImported) -> None:
        raise CutOffError

    with pytest.raises(CutOffError), plan_for(folder) as plan:
        run_import(plan, store, names=PLAIN, on_vod=lambda vod: None, on_day=stop)

    _, days, _ = import_folder(folder, store)

    assert days[0] == DayImported(DAYS[0], 0, 0, 3)
    assert contents(store) == whole


def test_a_vod_whose_presence_was_lost_is_imported_again(
    folder: Path, store: LocalStore, whole: dict[str, bytes]
) -> None:
    import_folder(folder, store)
    store.delete(lake.vod_presence("beta", "501"))

    report, days, _ = import_folder(folder, store)

    assert (report.counts["VODs accepted"], report.counts["VODs already there"]) == (1, 5)
    assert [day.vods for day in days] == [1, 0, 0]
    assert contents(store) == whole


def test_the_next_import_reads_only_a_mended_file(folder: Path, store: LocalStore, whole: dict[str, bytes]) -> None:
    path = vod_path(folder, "gamma", "502")
    sound = path.read_bytes()
    path.write_bytes(sound[:-50])
    report, days, _ = import_folder(folder, store)
    assert [rejection.file for rejection in report.rejections] == ["channel=gamma/vod=502/part-0000.parquet"]
    assert [day.catalog_rows for day in days] == [2, 1, 2]
    path.write_bytes(sound)

    report, days, _ = import_folder(folder, store)

    assert report.rejections == []
    assert [day.vods for day in days] == [1, 0, 0]
    assert contents(store) == whole


def test_a_changed_source_is_imported_only_with_replace(folder: Path, store: LocalStore) -> None:
    import_folder(folder, store)
    vod_path(folder, "alpha", "500").unlink()
    vod_path(folder, "alpha", "500").parent.rmdir()
    write_vod(folder, "alpha", "500", {0: ["zoe"]})
    key = lake.vod_presence("alpha", "500")

    import_folder(folder, store)
    assert read_with_pyarrow(store, key).height == 2

    report, days, _ = import_folder(folder, store, replace=True)
    assert read_with_pyarrow(store, key)["chatters"].to_list() == [["zoe"]]
    assert report.counts == {"VODs accepted": 6, "presence rows accepted": 11, "days": 3}
    assert [(day.vods, day.catalog_rows) for day in days] == [(3, 3), (1, 1), (2, 2)]


def test_replacing_an_unchanged_source_changes_nothing(
    folder: Path, store: LocalStore, whole: dict[str, bytes]
) -> None:
    import_folder(folder, store)

    import_folder(folder, store, replace=True)

    assert contents(store) == whole


def test_replacing_with_a_broken_file_keeps_the_rows_of_the_lake(
    folder: Path, store: LocalStore, whole: dict[str, bytes]
) -> None:
    import_folder(folder, store)
    vod_path(folder, "alpha", "500").write_bytes(b"")

    report, _, _ = import_folder(folder, store, replace=True)

    assert len(report.rejections) == 1
    assert contents(store) == whole


def test_the_catalog_keeps_other_vods_and_fields_that_the_import_lacks(folder: Path, store: LocalStore) -> None:
    known = pl.DataFrame(
        {
            "channel": ["alpha", "zulu"],
            "channel_id": ["42", "43"],
            "vod_id": ["500", "900"],
            "created_at": [dt.datetime(2020, 3, 1, 20, tzinfo=dt.UTC), dt.datetime(2020, 3, 1, 2, tzinfo=dt.UTC)],
            "title": ["an older title", "kept"],
            "language": ["de", None],
            "duration_s": [3600, 60],
            "view_count": [7, None],
            "stream_id": ["31800", None],
        }
    )
    store.upload_parquet(lake.vod_catalog(DAYS[0]), known, VOD_CATALOG)

    _, days, _ = import_folder(folder, store)

    catalog = store.download_parquet(lake.vod_catalog(DAYS[0]), VOD_CATALOG)
    assert catalog.select("channel", "vod_id").rows() == [
        ("alpha", "500"),
        ("beta", "501"),
        ("gamma", "502"),
        ("zulu", "900"),
    ]
    start = known["created_at"][0]
    assert catalog.row(0) == ("alpha", "42", "500", start, "stream 0", "de", 3600, 7, "31800")
    assert catalog.row(3) == known.select(VOD_CATALOG.schema.names()).row(1)
    assert days[0] == DayImported(DAYS[0], 3, 6, 4)


def test_a_missing_title_does_not_replace_a_known_one(tmp_path: Path, store: LocalStore) -> None:
    for number, title in enumerate(("a title", "")):
        folder = tmp_path / str(number)
        write_vod(folder, "alpha", "1", {0: ["ann"]})
        write_csv(folder, [("alpha", "1", "2020-03-01T00:00:00Z", title)])
        import_folder(folder, store, replace=True)

    assert read_with_pyarrow(store, lake.vod_catalog(DAYS[0]))["title"].to_list() == ["a title"]


def test_several_folders_in_turn_give_the_same_lake_as_one_folder(
    tmp_path: Path, folder: Path, store: LocalStore, whole: dict[str, bytes]
) -> None:
    listed = (folder / "vods.csv").read_text().splitlines(keepends=True)
    for part in (listed[4:], listed[1:4]):  # later days first
        half = tmp_path / f"part {len(part)} {part[0][:9]}"
        half.mkdir()
        (half / "vods.csv").write_text("".join([listed[0], *part]))
        for row in part:
            channel, vod_id = row.split(",")[:2]
            target = vod_path(half, channel, vod_id)
            target.parent.mkdir(parents=True)
            target.write_bytes(vod_path(folder, channel, vod_id).read_bytes())
        assert import_folder(half, store)[0].rejections == []

    assert contents(store) == whole
