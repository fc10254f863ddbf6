"""Presence records of earlier versions and other programs, converted to the form of `complete_vod_presence`.

Belongs here: older column names, placeholders, types, the creation time that the rows imply, and sorting rows by VOD.
Not here: reading files (vod_lake, vod_json), the canonical form (domain.presence.records).

Accepted in addition to the canonical columns of PRESENCE: the older 17-column records, in which a column's name may
have a leading underscore (`_source`, `_content_id`, ...; if both names have a value, the plain one counts); `vod_id`
for content_id, and an id without its "vod:"; "Unknown" for an unknown text; whole numbers written as 60.0; times as
ISO 8601 text, UTC unless they have a zone. Other columns are ignored.
"""

import datetime as dt
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import BinaryIO

import polars as pl

from vieweratlas_assets.domain.tables import TIMESTAMP, SchemaError
from vieweratlas_assets.importers.local_time import ISO_TIME
from vieweratlas_assets.importers.vod_import import VODS_CSV, KnownVod, Vod, VodKey, VodRows, utc_time
from vieweratlas_assets.storage.parquet import decode, encode

PLACEHOLDERS = ("", "unknown", "unavailable")
# Columns of a record that are read; the other columns of PRESENCE are derived from them.
TEXTS = ("channel_id", "game_name", "language", "title")
TIMES = ("bucket_start", "started_at")
WHOLE_NUMBERS = ("offset_s", "bucket_len_s")
READ = ("channel", "content_id", *WHOLE_NUMBERS, *TIMES, "chatters", *TEXTS)
NO_TIME = (
    f"its creation time is not known: no usable row in {VODS_CSV}, and no bucket_start in its records; "
    f"add a row with channel, vod_id, created_at to {VODS_CSV}"
)


def with_prefix(vod_id: str) -> str:
    """Return the content id of a VOD: "vod:7" for "7" and for "vod:7"."""
    return vod_id if vod_id.startswith("vod:") else f"vod:{vod_id}"


def clean_rows(rows: pl.DataFrame) -> pl.DataFrame:
    """Convert the columns of a presence table to our names and types; missing columns stay missing.

    Raises:
        SchemaError: a time cannot be parsed; `complete_vod_presence` finds all other faults.
    """
    for name in (*READ, "vod_id"):
        older = f"_{name}"
        if older in rows.columns and name not in rows.columns:
            rows = rows.rename({older: name})
        elif older in rows.columns and rows.schema[older] == rows.schema[name]:
            known = pl.col(name)
            if rows.schema[name] == pl.String:
                known = pl.when(~known.str.strip_chars().str.to_lowercase().is_in(PLACEHOLDERS)).then(known)
            rows = rows.with_columns(pl.coalesce(known, older))
    if "content_id" not in rows.columns and "vod_id" in rows.columns:
        rows = rows.with_columns(pl.col("vod_id").cast(pl.String).alias("content_id"))
    rows = rows.select(name for name in READ if name in rows.columns)
    return rows.with_columns(_cleaned(rows, name) for name in rows.columns)


def _cleaned(rows: pl.DataFrame, name: str) -> pl.Series:
    column = rows[name]
    dtype = column.dtype
    if name in TEXTS and (dtype.is_integer() or dtype in (pl.String, pl.Null)):
        text = column.cast(pl.String)
        return text.set(text.str.strip_chars().str.to_lowercase().is_in(PLACEHOLDERS), None)
    if name == "content_id" and dtype == pl.String:
        bare = column.str.contains(r"^\d+$")
        return column.zip_with(~bare, "vod:" + column)
    if name in WHOLE_NUMBERS and dtype.is_float() and (column.drop_nulls() % 1 == 0).all():
        return column.cast(pl.Int64)
    if name in TIMES and (dtype in (pl.String, pl.Null) or isinstance(dtype, pl.Datetime)):
        return _times(column)
    return column


def _times(column: pl.Series) -> pl.Series:
    dtype = column.dtype
    if isinstance(dtype, pl.Datetime):
        zoned = column.dt.convert_time_zone("UTC") if dtype.time_zone else column.dt.replace_time_zone("UTC")
        return zoned.cast(TIMESTAMP)
    parsed = {text: utc_time(text) for text in column.cast(pl.String).drop_nulls().unique()}
    for text, time in sorted(parsed.items()):
        if time is None and text.strip().lower() not in PLACEHOLDERS:
            raise SchemaError(f"{column.name} is {text!r}, not {ISO_TIME}")
    return pl.Series(column.name, [parsed.get(text) for text in column], dtype=TIMESTAMP)


def implied_creation(rows: pl.DataFrame) -> dt.datetime | None:
    """Derive the start of the recording from cleaned rows: bucket_start - offset_s; None if they lack either.

    Raises:
        SchemaError: the rows contradict each other.
    """
    if not {"bucket_start", "offset_s"} <= set(rows.columns) or not rows.schema["offset_s"].is_integer():
        return None
    starts = rows.select(pl.col("bucket_start") - pl.duration(seconds=pl.col("offset_s"))).to_series()
    implied = starts.drop_nulls().unique().sort()
    if implied.len() > 1:
        raise SchemaError(
            f"bucket_start and offset_s put the VOD's creation at {implied.len()} times, {implied[0]} to "
            f"{implied[-1]}; add the right one to {VODS_CSV}, which takes precedence over the records"
        )
    return implied[0] if implied.len() else None


def merged(parts: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Merge the rows of one VOD from several files: one row per bucket, with the chatters of all its rows."""
    rows = pl.concat(parts, how="diagonal_relaxed")
    key = [name for name in ("channel", "content_id", *WHOLE_NUMBERS) if name in rows.columns]
    first = [name for name in (*TEXTS, *TIMES) if name in rows.columns]
    return (
        rows.group_by(key, maintain_order=True)
        .agg(pl.col("chatters").explode(empty_as_null=False, keep_nulls=False), pl.col(first).drop_nulls().first())
        .sort(key)
    )


@dataclass
class _SortedVod:
    """The rows of one VOD so far.

    Attributes:
        parts: (offset, size) of its encoded rows in the scratch file.
        files: files that have rows of it.
        broken: file -> why the VOD cannot be imported.
    """

    parts: list[tuple[int, int]] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)


class VodSorter:
    """Sorts the rows of many VODs by VOD, in a scratch file, so that memory does not grow with the rows.

    The file holds viewers' names as written. It should have no name in any folder (`tempfile.TemporaryFile`), so
    that nothing of it remains after the import, even if the import is killed.
    """

    def __init__(self, scratch: BinaryIO) -> None:
        self._scratch = scratch
        self._vods: dict[VodKey, _SortedVod] = {}

    def add(self, rows: pl.DataFrame, file: str) -> None:
        """Add cleaned rows of a file, with at least channel, content_id, offset_s and chatters."""
        folded = rows.with_columns(pl.col("channel").str.strip_chars().str.to_lowercase())
        for (channel, content_id), part in folded.partition_by(
            "channel", "content_id", as_dict=True, maintain_order=True
        ).items():
            vod = self._vod((str(channel), str(content_id).removeprefix("vod:")), file)
            data = encode(part)
            vod.parts.append((self._scratch.seek(0, os.SEEK_END), len(data)))
            self._scratch.write(data)

    def reject_vod(self, key: VodKey, file: str, reason: str) -> None:
        """Reject a whole VOD because a part of it cannot be used; the first reason per file counts."""
        self._vod(key, file).broken.setdefault(file, reason)

    def reject_file(self, file: str, reason: str) -> None:
        """Reject all VODs of a file, of which an unknown part is missing."""
        for vod in self._vods.values():
            if file in vod.files:
                vod.broken[file] = reason

    def keys(self) -> set[VodKey]:
        """Channel and id of every VOD, rejected or not."""
        return set(self._vods)

    def _vod(self, key: VodKey, file: str) -> _SortedVod:
        vod = self._vods.setdefault(key, _SortedVod())
        if file not in vod.files:
            vod.files.append(file)
        return vod

    def vods(self, known: dict[VodKey, KnownVod]) -> Iterable[Vod | tuple[str, str]]:
        """Yield each VOD by channel and id, or (file, reason) if it cannot be imported."""
        for key, vod in sorted(self._vods.items()):
            name = f"{', '.join(vod.files)}: VOD {key[1]} of {key[0]}"
            if vod.broken:
                yield name, "; ".join(sorted(set(vod.broken.values())))
                continue
            try:
                created_at, title = creation_and_title(key, known, self._read(vod).rows)
            except SchemaError as error:
                yield name, str(error)
                continue
            yield Vod(name, *key, created_at, title, partial(self._read, vod))

    def _read(self, vod: _SortedVod) -> VodRows:
        return VodRows(merged(decode(self._part(*part), uri="the scratch file") for part in vod.parts))

    def _part(self, offset: int, size: int) -> bytes:
        self._scratch.seek(offset)
        return self._scratch.read(size)


def creation_and_title(
    key: VodKey, known: dict[VodKey, KnownVod], rows: pl.DataFrame
) -> tuple[dt.datetime, str | None]:
    """Return creation time and title of a VOD: from `vods.csv` if it lists the VOD, else from its cleaned rows.

    Raises:
        SchemaError: the creation time is unknown, or the rows contradict each other.
    """
    listed = known.get(key)
    created_at = listed.created_at if listed else implied_creation(rows)
    if created_at is None:
        raise SchemaError(NO_TIME)
    titles = rows["title"].drop_nulls() if "title" in rows.columns else pl.Series([], dtype=pl.String)
    return created_at, (listed.title if listed else None) or (titles[0] if titles.len() else None)
