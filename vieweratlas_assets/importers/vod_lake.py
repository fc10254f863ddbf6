"""VOD presence as Parquet: a folder in the hive layout or flat, with or without `vods.csv`.

Belongs here: finding the files and the VODs in them. Not here: what older columns mean (presence_rows), placing and
writing VODs (vod_import).
"""

import datetime as dt
from pathlib import Path
from typing import BinaryIO

import polars as pl

from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.presence.records import REQUIRED
from vieweratlas_assets.domain.tables import SchemaError
from vieweratlas_assets.importers.documents import find_documents
from vieweratlas_assets.importers.presence_rows import VodSorter, clean_rows, creation_and_title
from vieweratlas_assets.importers.report import ImportReport
from vieweratlas_assets.importers.vod_import import (
    VODS_CSV,
    KnownVod,
    Vod,
    VodImport,
    VodKey,
    VodRows,
    place_by_day,
    read_vods_csv,
)
from vieweratlas_assets.storage.errors import CorruptObjectError
from vieweratlas_assets.storage.parquet import decode


def plan_import(folder: Path, scratch: BinaryIO, *, first_day: dt.date, last_day: dt.date) -> VodImport:
    """Find the VODs of a folder and the day of each.

    Args:
        folder: holds Parquet files at any depth, canonical or older (see presence_rows). In a path that ends in
            `channel=<login>/vod=<id>/<name>.parquet` a file is one VOD; elsewhere a file may hold any number of
            VODs, and a VOD may lie in several files. `vods.csv` in the folder (channel, vod_id, created_at, title)
            takes precedence over the records, and is needed if these do not say when the VOD began.
        scratch: an empty file for rows that have to be sorted by VOD; needed until the import is done.
        first_day, last_day: VODs created before or after these days are rejected.

    Raises:
        TableError: `vods.csv` cannot be used.
    """
    report = ImportReport()
    known = read_vods_csv(folder, report)
    sorter = VodSorter(scratch)
    hive_files: dict[VodKey, str] = {}
    with_file: set[VodKey] = set()
    vods: list[Vod] = []
    for name, path in find_documents(folder, (".parquet",)).items():
        vod_in_path = lake.vod_of(f"/{name}")
        try:
            if vod_in_path is None:
                sorter.add(_sortable(_read(path)), name)
                continue
            key = (vod_in_path[0].lower(), vod_in_path[1])
            with_file.add(key)
            if key in hive_files:
                report.reject(name, _second_file(hive_files[key]))
                continue
            vod = _hive_vod(name, path, key, known)
        except (CorruptObjectError, SchemaError, OSError) as error:
            report.reject(name, str(error))
            continue
        hive_files[key] = name
        vods.append(vod)
    for sorted_vod in sorter.vods(known):
        if isinstance(sorted_vod, tuple):
            report.reject(*sorted_vod)
            continue
        with_file.add(sorted_vod.key)
        if sorted_vod.key in hive_files:
            report.reject(sorted_vod.file, _second_file(hive_files[sorted_vod.key]))
        else:
            vods.append(sorted_vod)
    if without_file := len(known.keys() - with_file):
        report.counts[f"VODs in {VODS_CSV} without a file"] = without_file
    return place_by_day(vods, report, first_day=first_day, last_day=last_day)


def _second_file(first: str) -> str:
    return f"a second file of the VOD in {first}; join them into one"


def _hive_vod(name: str, path: Path, key: VodKey, known: dict[VodKey, KnownVod]) -> Vod:
    listed = known.get(key)
    created_at, title = (listed.created_at, listed.title) if listed else creation_and_title(key, known, _read(path))
    return Vod(name, *key, created_at, title, lambda: VodRows(_with_key(_read(path), key)))


def _read(path: Path) -> pl.DataFrame:
    return clean_rows(decode(path.read_bytes(), uri=path.name))


def _with_key(rows: pl.DataFrame, key: VodKey) -> pl.DataFrame:
    """Add channel and content_id from the path of a hive folder, if the rows lack them."""
    from_path = {"channel": key[0], "content_id": f"vod:{key[1]}"}
    return rows.with_columns(
        pl.lit(value).alias(name) for name, value in from_path.items() if name not in rows.columns
    )


def _sortable(rows: pl.DataFrame) -> pl.DataFrame:
    """Check the columns that sorting by VOD needs.

    Raises:
        SchemaError: a column is missing, has another type or nulls, or a row is not of a VOD.
    """
    missing = [name for name in REQUIRED if name not in rows.columns]
    if missing:
        raise SchemaError(
            f"missing column(s) {', '.join(missing)}, and the path does not end in "
            "channel=<login>/vod=<id>/<file>.parquet, which would give channel and content_id"
        )
    for name in ("channel", "content_id"):
        if rows.schema[name] != pl.String:
            raise SchemaError(f"column {name} is {rows.schema[name]}, not text")
    if rows.schema["chatters"] == pl.List(pl.Null):
        rows = rows.with_columns(pl.col("chatters").cast(pl.List(pl.String)))
    if rows.schema["chatters"] != pl.List(pl.String):
        raise SchemaError(f"column chatters is {rows.schema['chatters']}, not a list of strings")
    for name in ("channel", "content_id", "chatters"):
        if rows[name].null_count():
            raise SchemaError(f"nulls in {name} in {rows[name].null_count()} row(s)")
    others = rows.filter(~pl.col("content_id").str.starts_with("vod:"))
    if others.height:
        stray = others["content_id"][0]
        raise SchemaError(f"content_id is {stray!r} in {others.height} row(s), not the id of a VOD such as 'vod:123'")
    return rows
