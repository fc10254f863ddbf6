"""Folders of VOD presence for tests of importers, and whole lakes as bytes."""

import csv
import datetime as dt
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from urllib.parse import quote

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from vieweratlas_assets.domain.presence.names import PLAIN
from vieweratlas_assets.importers.report import ImportReport
from vieweratlas_assets.importers.vod_import import DayImported, Vod, VodImport, run_import
from vieweratlas_assets.importers.vod_lake import plan_import
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_assets.storage.objects import ObjectStore

FIRST_DAY = dt.date(2018, 1, 1)
LAST_DAY = dt.date(2026, 11, 22)


def vod_path(folder: Path, channel: str, vod_id: str) -> Path:
    """The path of a VOD's file in a folder to import."""
    return folder / f"channel={quote(channel, safe='')}/vod={vod_id}/part-0000.parquet"


def write_vod(
    folder: Path, channel: str, vod_id: str, buckets: dict[int, list[str]], *, inside: str | None = None
) -> Path:
    """Write a VOD's presence with PyArrow, with only the columns that an importer requires.

    Args:
        inside: the channel's name in the rows; None for the name in the path.
    """
    table = pa.table(
        {
            "channel": pa.array([inside or channel] * len(buckets), pa.string()),
            "content_id": pa.array([f"vod:{vod_id}"] * len(buckets), pa.string()),
            "offset_s": pa.array(list(buckets), pa.int64()),
            "chatters": pa.array(list(buckets.values()), pa.list_(pa.string())),
        }
    )
    path = vod_path(folder, channel, vod_id)
    path.parent.mkdir(parents=True)
    pq.write_table(table, path)
    return path


def write_csv(folder: Path, rows: Iterable[tuple[str, ...]]) -> None:
    """Write vods.csv: channel, vod_id, created_at and optionally title."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "vods.csv").open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(("channel", "vod_id", "created_at", "title"))
        writer.writerows(rows)


def import_folder(
    folder: Path, store: ObjectStore, *, replace: bool = False, first_day: dt.date = FIRST_DAY
) -> tuple[ImportReport, list[DayImported], list[Vod]]:
    """Import a folder; return the report, the reported days and the VODs that were processed."""
    days: list[DayImported] = []
    vods: list[Vod] = []
    with plan_for(folder, first_day=first_day) as plan:
        report = run_import(plan, store, names=PLAIN, replace=replace, on_vod=vods.append, on_day=days.append)
    return report, days, vods


@contextmanager
def plan_for(folder: Path, *, first_day: dt.date = FIRST_DAY) -> Iterator[VodImport]:
    """The plan of an import, valid while its scratch file is open."""
    with TemporaryFile() as scratch:
        yield plan_import(folder, scratch, first_day=first_day, last_day=LAST_DAY)


def contents(store: ObjectStore) -> dict[str, bytes]:
    """Every object of a lake with its bytes."""
    return {key: store.download_bytes(key) for key in store.list_files()}


def three_days(folder: Path) -> Path:
    """Six VODs of three channels on three days."""
    rows = []
    for number, (channel, day) in enumerate(
        [("alpha", 1), ("beta", 1), ("gamma", 1), ("alpha", 2), ("beta", 3), ("alpha", 3)]
    ):
        vod_id = str(500 + number)
        write_vod(folder, channel, vod_id, {0: ["ann", "bob"], 60 * (number + 1): ["cid"]})
        rows.append((channel, vod_id, f"2020-03-0{day}T20:00:00Z", f"stream {number}"))
    write_csv(folder, rows)
    return folder


def read_with_pyarrow(store: LocalStore, key: str) -> pl.DataFrame:
    """A Parquet file of the lake, read with PyArrow, independently of our codec."""
    frame = pl.from_arrow(pq.read_table(pa.BufferReader(store.download_bytes(key))))
    assert isinstance(frame, pl.DataFrame)
    return frame
