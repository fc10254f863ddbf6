"""The import of 823 real VODs, compared with the source as PyArrow reads it."""

import csv
import datetime as dt
from collections import Counter
from pathlib import Path

import polars as pl
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.schemas import PRESENCE
from vieweratlas_assets.importers.report import ImportReport
from vieweratlas_assets.importers.vod_import import DayImported
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_tests.importers.chats import import_json, import_parquet
from vieweratlas_tests.importers.samples import contents, import_folder, read_with_pyarrow

VODS, ROWS, DAYS = 823, 188_125, 390


def _vods_csv(folder: Path) -> dict[tuple[str, str], dict[str, str]]:
    with (folder / "vods.csv").open(encoding="utf-8", newline="") as handle:
        return {(row["channel"], row["vod_id"]): row for row in csv.DictReader(handle)}


@pytest.fixture(scope="module")
def imported(
    shared_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[LocalStore, ImportReport, list[DayImported]]:
    store = LocalStore(tmp_path_factory.mktemp("real") / "lake")
    report, days, _ = import_folder(shared_data / "vod_lake", store)
    return store, report, days


@pytest.mark.slow
@pytest.mark.xdist_group("vod_lake_real")
def test_all_vods_are_imported_and_counted(
    shared_data: Path, imported: tuple[LocalStore, ImportReport, list[DayImported]]
) -> None:
    store, report, days = imported

    assert report.rejections == []
    assert report.counts == {"VODs accepted": VODS, "presence rows accepted": ROWS, "days": DAYS}
    assert sum(day.vods for day in days) == sum(day.catalog_rows for day in days) == VODS
    assert sum(day.snapshots for day in days) == ROWS
    created = Counter(row["created_at"][:10] for row in _vods_csv(shared_data / "vod_lake").values())
    assert {str(day.day): day.vods for day in days} == created
    assert len(store.list_files(lake.VOD_PRESENCE)) == VODS
    assert len(store.list_files(lake.VOD_CATALOG)) == DAYS


@pytest.mark.slow
@pytest.mark.xdist_group("vod_lake_real")
def test_every_file_has_the_rows_buckets_and_viewers_of_its_source(
    shared_data: Path, imported: tuple[LocalStore, ImportReport, list[DayImported]]
) -> None:
    store, _, _ = imported
    for (channel, vod_id), row in _vods_csv(shared_data / "vod_lake").items():
        metadata = pq.read_metadata(store.uri(lake.vod_presence(channel, vod_id)))
        assert metadata.num_rows == int(row["buckets"]), (channel, vod_id)

    sums: Counter[str] = Counter()
    for key in store.list_files(lake.VOD_PRESENCE):
        ours = pq.read_table(Path(store.root) / key, columns=["chatters", "viewer_count"], partitioning=None)
        theirs = pq.read_table(shared_data / "vod_lake" / key, columns=["chatters"], partitioning=None)
        sums["viewers"] += pc.sum(ours["viewer_count"]).as_py() or 0
        sums["ours"] += len(pc.list_flatten(ours["chatters"]))
        sums["theirs"] += len(pc.list_flatten(theirs["chatters"]))
    assert sums["viewers"] == sums["ours"] == sums["theirs"] > ROWS


@pytest.mark.slow
@pytest.mark.xdist_group("vod_lake_real")
@pytest.mark.parametrize("position", [0, 411, 822])
def test_a_file_equals_its_source_row_by_row(
    shared_data: Path, imported: tuple[LocalStore, ImportReport, list[DayImported]], position: int
) -> None:
    store, _, _ = imported
    folder = shared_data / "vod_lake"
    (channel, vod_id), row = sorted(_vods_csv(folder).items())[position]
    created_at = dt.datetime.fromisoformat(row["created_at"])
    source = pq.read_table(folder / lake.vod_presence(channel, vod_id), partitioning=None).to_pylist()

    ours = read_with_pyarrow(store, lake.vod_presence(channel, vod_id))

    PRESENCE.validate(ours)
    expected = {
        each["offset_s"]: (
            sorted({chatter.lower() for chatter in each["chatters"]}),
            created_at + dt.timedelta(seconds=each["offset_s"]),
            f"vod:{vod_id}_offset_{each['offset_s']}",
        )
        for each in source
    }
    got = {r["offset_s"]: (r["chatters"], r["bucket_start"], r["timestamp"]) for r in ours.iter_rows(named=True)}
    assert got == expected
    assert max(expected) == int(row["last_offset_s"]) // 60 * 60
    assert ours.filter(pl.col("viewer_count") != pl.col("chatters").list.len()).is_empty()
    catalog = read_with_pyarrow(store, lake.vod_catalog(created_at.date()))
    entry = catalog.filter((pl.col("channel") == channel) & (pl.col("vod_id") == vod_id))
    assert entry.select("created_at", "title").rows() == [(created_at, row["title"].strip() or None)]


@pytest.mark.slow
@pytest.mark.xdist_group("vod_lake_real")
@pytest.mark.long
def test_one_json_file_and_flat_parquet_give_the_same_lake(
    shared_data: Path, imported: tuple[LocalStore, ImportReport, list[DayImported]], tmp_path: Path
) -> None:
    ours, _, _ = imported
    folder = shared_data / "vod_lake"
    (tmp_path / "json").mkdir()
    (tmp_path / "flat").mkdir()
    frames = [pl.read_parquet(path, hive_partitioning=False) for path in sorted(folder.rglob("*.parquet"))]
    pl.concat(frames).write_ndjson(tmp_path / "json/all.jsonl")
    for part, position in enumerate(range(0, VODS, 100)):
        pl.concat(frames[position : position + 100]).write_parquet(tmp_path / f"flat/{part}.parquet")
    for name, import_other in (("json", import_json), ("flat", import_parquet)):
        (tmp_path / name / "vods.csv").write_bytes((folder / "vods.csv").read_bytes())
        store = LocalStore(tmp_path / f"lake of {name}")

        report, _ = import_other(tmp_path / name, store)

        assert report.rejections == []
        assert (report.counts["VODs accepted"], report.counts["presence rows accepted"]) == (VODS, ROWS)
        assert contents(store) == contents(ours)
