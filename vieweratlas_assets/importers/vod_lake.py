"""VOD presence as Parquet: a folder in the hive layout or flat, with or without `vods.csv` beside it.

Belongs here: finding the files and the VODs in them. Not here: what older columns mean (presence_rows), placing and
writing (vods).
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
            `channel=<login>/vod=<id>/<name>.parquet` a file is one VOD; elsewhere it may hold any number, and a VOD
            may lie in several. `vods.csv` in the folder tells channel, vod_id, created_at and title where the records
            do not tell when the VOD began, and counts before them.
        scratch: an empty file for rows that have to be sorted apart; needed until the import is done.
        first_day, last_day: VODs created before or after are rejected.

    Raises:
        TableError: `vods.csv` is there and cannot be used.
    """
    report = ImportReport()
    known = read_vods_csv(folder, report)
    sorter = VodSorter(scratch)
    placed: dict[VodKey, str] = {}
    with_file: set[VodKey] = set()
    vods: list[Vod] = []
    for name, path in find_documents(folder, (".parquet",)).items():
        found = lake.vod_of(f"/{name}")
        try:
            if found is None:
                sorter.add(_sortable(_read(path)), name)
                continue
            key = (found[0].lower(), found[1])
            with_file.add(key)
            if key in placed:
                report.reject(name, f"a second file of the VOD in {placed[key]}; join them to one")
                continue
            vod = _hive_vod(name, path, key, known)
        except (CorruptObjectError, SchemaError, OSError) as error:
            report.reject(name, str(error))
            continue
        placed[key] = name
        vods.append(vod)
    for loose in sorter.vods(known):
        if isinstance(loose, tuple):
            report.reject(*loose)
            continue
        with_file.add(loose.key)
        if loose.key in placed:
            report.reject(loose.file, f"a second file of the VOD in {placed[loose.key]}; join them to one")
        else:
            vods.append(loose)
    if without_file := len(known.keys() - with_file):
        report.counts[f"VODs in {VODS_CSV} without a file"] = without_file
    return place_by_day(vods, report, first_day=first_day, last_day=last_day)


def _hive_vod(name: str, path: Path, key: VodKey, known: dict[VodKey, KnownVod]) -> Vod:
    told = known.get(key)
    created_at, title = (told.created_at, told.title) if told else creation_and_title(key, known, _read(path))
    return Vod(name, *key, created_at, title, lambda: VodRows(_with_key(_read(path), key)))


def _read(path: Path) -> pl.DataFrame:
    return clean_rows(decode(path.read_bytes(), uri=path.name))


def _with_key(rows: pl.DataFrame, key: VodKey) -> pl.DataFrame:
    """In a hive folder the path may be all that tells the channel and the VOD."""
    told = {"channel": key[0], "content_id": f"vod:{key[1]}"}
    return rows.with_columns(pl.lit(value).alias(name) for name, value in told.items() if name not in rows.columns)


def _sortable(rows: pl.DataFrame) -> pl.DataFrame:
    missing = [name for name in REQUIRED if name not in rows.columns]
    if missing:
        raise SchemaError(
            f"missing column(s) {', '.join(missing)}, and the path does not end in "
            "channel=<login>/vod=<id>/<file>.parquet, which would tell channel and content_id"
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
        raise SchemaError(f"content_id is {others['content_id'][0]!r} in {others.height} row(s), not that of a VOD")
    return rows
