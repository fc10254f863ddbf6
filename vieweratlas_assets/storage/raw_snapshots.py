"""Raw snapshots of live chat in the lake, hour by hour.

Belongs here: which objects belong to an hour or a day, reading them and skipping damaged ones, their figures,
adding an importer's rows. Not here: what the rows mean (domain.presence.live_merge).
"""

import datetime as dt
import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import polars as pl

from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.presence.coverage import CoverageTotals, chat_coverage_of
from vieweratlas_assets.domain.presence.live_merge import merge_raw_snapshots
from vieweratlas_assets.domain.presence.quality import RejectedFile
from vieweratlas_assets.domain.schemas import RAW_SNAPSHOTS
from vieweratlas_assets.storage import parquet
from vieweratlas_assets.storage.errors import CorruptObjectError
from vieweratlas_assets.storage.objects import ObjectStore, StoredObject


@dataclass(frozen=True)
class RawDay:
    """The raw snapshot objects of a day, from all collectors and importers."""

    objects: tuple[StoredObject, ...]

    @property
    def hours(self) -> dict[dt.datetime, list[StoredObject]]:
        """The objects by hour, in order; hours without objects are missing."""
        by_hour: dict[dt.datetime, list[StoredObject]] = {}
        for item in self.objects:
            if (hour := lake.raw_hour_of(item.key)) is not None:
                by_hour.setdefault(hour, []).append(item)
        return by_hour

    @property
    def fingerprint(self) -> str:
        """A digest of the objects and their versions; "" without objects."""
        versions = [(item.key, item.size_bytes, item.version) for item in self.objects]
        return hashlib.sha256(str(versions).encode()).hexdigest()[:16] if versions else ""


@dataclass(frozen=True)
class RawHour:
    """The raw snapshots of an hour.

    Attributes:
        rows: schema RAW_SNAPSHOTS, from all objects that can be read.
        read: keys of these objects.
        rejected: objects that cannot be read, with the reason.
    """

    hour: dt.datetime
    rows: pl.DataFrame
    read: tuple[str, ...]
    rejected: tuple[RejectedFile, ...]


def find_raw_day(store: ObjectStore, day: dt.date) -> RawDay:
    """Find the raw snapshots of a day."""
    objects = store.list_objects(lake.raw_day(day), ".parquet")
    return RawDay(tuple(item for item in objects if lake.raw_hour_of(item.key) is not None))


def read_raw_hours(store: ObjectStore, day: RawDay) -> Iterator[RawHour]:
    """Read a day hour by hour; objects that cannot be read are rejected."""
    for hour, objects in day.hours.items():
        frames, read, rejected = [RAW_SNAPSHOTS.empty()], [], []
        for item in objects:
            try:
                frames.append(_read_hour(store, item.key, hour))
                read.append(item.key)
            except CorruptObjectError as error:
                rejected.append(RejectedFile("raw", item.key, str(error)))
        yield RawHour(hour, pl.concat(frames), tuple(read), tuple(rejected))


def _read_hour(store: ObjectStore, key: str, hour: dt.datetime) -> pl.DataFrame:
    rows = store.download_parquet(key, RAW_SNAPSHOTS)
    misplaced = rows.filter(pl.col("bucket_start").dt.truncate("1h") != hour)
    if misplaced.height:
        first = misplaced["bucket_start"][0]
        raise CorruptObjectError(f"{store.uri(key)} has {misplaced.height} row(s) of another hour, such as {first}")
    return rows


def hour_figures(store: ObjectStore, hour: dt.datetime) -> dict[str, Any] | None:
    """Figures of the raw snapshots of an hour, from all collectors and importers; None without objects."""
    objects = find_raw_day(store, hour.date()).hours.get(hour)
    if not objects:
        return None
    (read,) = read_raw_hours(store, RawDay(tuple(objects)))
    totals = CoverageTotals()
    totals.add(chat_coverage_of(read.rows))
    return {
        "dagster/row_count": read.rows.height,
        "files": len(read.read),
        "channels": read.rows["channel"].n_unique(),
        "chatters": read.rows["chatters"].explode(empty_as_null=False).drop_nulls().n_unique(),
        "origins": sorted(read.rows["origin"].unique())[:20],
        **totals.figures(),
        **({"rejected_files": [file.key for file in read.rejected]} if read.rejected else {}),
    }


def days_with_raw(store: ObjectStore) -> list[dt.date]:
    """Days that have a folder of raw snapshots, sorted."""
    days = []
    for year in store.folders(f"{lake.RAW_SNAPSHOTS}/"):
        months = store.folders(f"{lake.RAW_SNAPSHOTS}/{year}/") if year.isdecimal() else []
        for month in months:
            folders = store.folders(f"{lake.RAW_SNAPSHOTS}/{year}/{month}/")
            days += [day for folder in folders if (day := _date(year, month, folder)) is not None]
    return sorted(days)


def _date(*parts: str) -> dt.date | None:
    try:
        return dt.date(*map(int, parts))
    except ValueError:
        return None


@dataclass(frozen=True)
class HourAdded:
    """The result of adding to an hour.

    Attributes:
        written: whether anything was written; False if the hour already had all rows.
        rejected: the importer's objects that cannot be read; they stay, and the rows go into another object.
    """

    written: bool
    rejected: tuple[RejectedFile, ...] = ()


def add_to_hour(
    store: ObjectStore, hour: dt.datetime, importer: str, rows: pl.DataFrame, *, without: Collection[str] = ()
) -> HourAdded:
    """Add an importer's rows to an hour; an importer has one object per hour.

    The object's name contains a digest of its first contents. If the object is pruned and another import writes the
    hour again, the new object has another name, so presence built from the old one does not count as built from the
    new one. An hour that loses all its rows keeps an empty object for the same reason.

    Args:
        rows: schema RAW_SNAPSHOTS, all of this hour.
        without: origins whose earlier rows are removed first.
    """
    rejected: list[RejectedFile] = []
    for key in store.list_files(f"{lake.raw_hour(hour)}{importer}-", ".parquet"):
        try:
            existing = store.download_parquet(key, RAW_SNAPSHOTS)
        except CorruptObjectError as error:
            rejected.append(RejectedFile("raw", key, str(error)))
            continue
        kept = existing.filter(~pl.col("origin").is_in(list(without)))
        merged = merge_raw_snapshots(kept, rows)
        if changed := not merged.equals(existing):
            store.upload_bytes(key, parquet.encode(merged))
        return HourAdded(changed, tuple(rejected))
    if rows.is_empty():
        return HourAdded(False, tuple(rejected))
    data = parquet.encode(RAW_SNAPSHOTS.conform(rows))
    name = f"{importer}-{hashlib.sha256(data).hexdigest()[:8]}.parquet"
    store.upload_bytes(f"{lake.raw_hour(hour)}{name}", data)
    return HourAdded(True, tuple(rejected))
