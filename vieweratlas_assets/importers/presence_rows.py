"""Presence records of earlier versions and other hands, brought to what `complete_vod_presence` takes.

Belongs here: what the columns were called, placeholders, types, the creation time that the rows imply, and sorting
the rows of many VODs apart. Not here: reading files (vod_lake, vod_json), the canonical form
(domain.presence.records).

Accepted beside the canonical columns of PRESENCE: the older 17-column records, in which a column may stand under its
name with an underscore before it (`_source`, `_content_id`, ...; the plain one counts where both are filled);
`vod_id` for content_id, and an id without its "vod:"; "Unknown" for a text that is not known; whole numbers written
as 60.0; times as ISO 8601 text, UTC where no zone is given. Other columns are ignored.
"""

import datetime as dt
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import BinaryIO

import polars as pl

from vieweratlas_assets.domain.tables import TIMESTAMP, SchemaError
from vieweratlas_assets.importers.vod_import import VODS_CSV, KnownVod, Vod, VodKey, VodRows, utc_time
from vieweratlas_assets.storage.parquet import decode, encode

PLACEHOLDERS = ("", "unknown", "unavailable")
# Columns of a record that are read; the others follow from these.
TEXTS = ("channel_id", "game_name", "language", "title")
TIMES = ("bucket_start", "started_at")
WHOLE_NUMBERS = ("offset_s", "bucket_len_s")
READ = ("channel", "content_id", *WHOLE_NUMBERS, *TIMES, "chatters", *TEXTS)
NO_TIME = (
    f"its creation time is not known: no usable row in {VODS_CSV}, and no bucket_start in its records; "
    f"add channel, vod_id, created_at to {VODS_CSV}"
)


def with_prefix(vod_id: str) -> str:
    """The content id of a VOD's id: "vod:7" for "7" and for itself."""
    return vod_id if vod_id.startswith("vod:") else f"vod:{vod_id}"


def clean_rows(rows: pl.DataFrame) -> pl.DataFrame:
    """Bring the columns of a table of presence to their names and types, as far as they are there.

    Raises:
        SchemaError: a time is none; other faults are for `complete_vod_presence` to find.
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
    read = {text: utc_time(text) for text in column.cast(pl.String).drop_nulls().unique()}
    for text, time in sorted(read.items()):
        if time is None and text.strip().lower() not in PLACEHOLDERS:
            raise SchemaError(f"{column.name} is {text!r}, not an ISO 8601 time")
    return pl.Series(column.name, [read.get(text) for text in column], dtype=TIMESTAMP)


def implied_creation(rows: pl.DataFrame) -> dt.datetime | None:
    """The start of the recording that cleaned rows imply, bucket_start - offset_s; None where they tell none.

    Raises:
        SchemaError: they contradict one another.
    """
    if not {"bucket_start", "offset_s"} <= set(rows.columns) or not rows.schema["offset_s"].is_integer():
        return None
    starts = rows.select(pl.col("bucket_start") - pl.duration(seconds=pl.col("offset_s"))).to_series()
    found = starts.drop_nulls().unique().sort()
    if found.len() > 1:
        raise SchemaError(
            f"bucket_start and offset_s put the VOD's creation at {found.len()} times, {found[0]} to {found[-1]}; "
            f"add it to {VODS_CSV}, which counts before the records"
        )
    return found[0] if found.len() else None


def merged(parts: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Join the rows of one VOD that lie in several files, or repeat a bucket: chatters of a bucket come together."""
    rows = pl.concat(parts, how="diagonal_relaxed")
    key = [name for name in ("channel", "content_id", *WHOLE_NUMBERS) if name in rows.columns]
    first = [name for name in (*TEXTS, *TIMES) if name in rows.columns]
    return (
        rows.group_by(key, maintain_order=True)
        .agg(pl.col("chatters").explode(empty_as_null=False, keep_nulls=False), pl.col(first).drop_nulls().first())
        .sort(key)
    )


@dataclass
class _Sorted:
    """What is known so far of a VOD whose rows are being sorted apart; parts are places in the scratch file."""

    parts: list[tuple[int, int]] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)


class VodSorter:
    """Rows of many VODs, sorted apart by VOD in a scratch file, so that memory does not grow with them.

    The file holds viewers' names as they came. It should have no name in any folder (`tempfile.TemporaryFile`), so
    that nothing is left of it when the import ends, be it killed.
    """

    def __init__(self, scratch: BinaryIO) -> None:
        self._scratch = scratch
        self._vods: dict[VodKey, _Sorted] = {}

    def add(self, rows: pl.DataFrame, file: str) -> None:
        """Take in cleaned rows of a file, with at least channel, content_id, offset_s and chatters."""
        folded = rows.with_columns(pl.col("channel").str.strip_chars().str.to_lowercase())
        for (channel, content_id), part in folded.partition_by(
            "channel", "content_id", as_dict=True, maintain_order=True
        ).items():
            found = self._note((str(channel), str(content_id).removeprefix("vod:")), file)
            data = encode(part)
            found.parts.append((self._scratch.seek(0, os.SEEK_END), len(data)))
            self._scratch.write(data)

    def spoil(self, key: VodKey, file: str, reason: str) -> None:
        """Note that a VOD cannot be taken in, because part of it cannot; the first reason of each file stays."""
        self._note(key, file).broken.setdefault(file, reason)

    def spoil_file(self, file: str, reason: str) -> None:
        """Note that none of the VODs of a file can be taken in; how much of them is missing is not known."""
        for found in self._vods.values():
            if file in found.files:
                found.broken[file] = reason

    def keys(self) -> set[VodKey]:
        """Channel and id of every VOD seen, sound or not."""
        return set(self._vods)

    def _note(self, key: VodKey, file: str) -> _Sorted:
        found = self._vods.setdefault(key, _Sorted())
        if file not in found.files:
            found.files.append(file)
        return found

    def vods(self, known: dict[VodKey, KnownVod]) -> Iterable[Vod | tuple[str, str]]:
        """The VODs with what is known of them, or (file, reason) where one cannot be imported; sorted."""
        for key, found in sorted(self._vods.items()):
            name = f"{', '.join(found.files)}: VOD {key[1]} of {key[0]}"
            if found.broken:
                yield name, "; ".join(sorted(set(found.broken.values())))
                continue
            try:
                created_at, title = creation_and_title(key, known, self._read(found))
            except SchemaError as error:
                yield name, str(error)
                continue
            yield Vod(name, *key, created_at, title, lambda found=found: VodRows(self._read(found)))  # type: ignore[misc]

    def _read(self, found: _Sorted) -> pl.DataFrame:
        return merged(decode(self._part(*place), uri="the scratch file") for place in found.parts)

    def _part(self, begin: int, size: int) -> bytes:
        self._scratch.seek(begin)
        return self._scratch.read(size)


def creation_and_title(
    key: VodKey, known: dict[VodKey, KnownVod], rows: pl.DataFrame
) -> tuple[dt.datetime, str | None]:
    """Creation time and title of a VOD: what people say of it, else what its cleaned rows say.

    Raises:
        SchemaError: neither tells the creation time, or the rows contradict one another.
    """
    told = known.get(key)
    created_at = told.created_at if told else implied_creation(rows)
    if created_at is None:
        raise SchemaError(NO_TIME)
    titles = rows["title"].drop_nulls() if "title" in rows.columns else pl.Series([], dtype=pl.String)
    return created_at, (told.title if told else None) or (titles[0] if titles.len() else None)
