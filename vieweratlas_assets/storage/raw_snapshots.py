"""Raw snapshots of live chat in the lake, hour by hour.

Belongs here: which objects make up an hour or a day, reading them past broken ones, their figures,
adding an importer's rows. Not here: what the rows mean (domain.presence.raw).
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
    """The objects of raw snapshots of a day, by hour, of all collectors and importers."""

    objects: tuple[StoredObject, ...]

    @property
    def hours(self) -> dict[dt.datetime, list[StoredObject]]:
        """The objects of each hour that has any, in order."""
        found: dict[dt.datetime, list[StoredObject]] = {}
        for item in self.objects:
            if (hour := lake.raw_hour_of(item.key)) is not None:
                found.setdefault(hour, []).append(item)
        return found

    @property
    def fingerprint(self) -> str:
        """A digest of which objects there are, in which version; "" where there is none."""
        listed = [(item.key, item.size_bytes, item.version) for item in self.objects]
        return hashlib.sha256(str(listed).encode()).hexdigest()[:16] if listed else ""


@dataclass(frozen=True)
class RawHour:
    """An hour as read.

    Attributes:
        rows: schema RAW_SNAPSHOTS, of all objects that can be read, one below the other.
        read: keys of those.
        rejected: those that cannot be read, and why.
    """

    hour: dt.datetime
    rows: pl.DataFrame
    read: tuple[str, ...]
    rejected: tuple[RejectedFile, ...]


def find_raw_day(store: ObjectStore, day: dt.date) -> RawDay:
    """Find the raw snapshots of a day."""
    listed = store.list_objects(lake.raw_day(day), ".parquet")
    return RawDay(tuple(item for item in listed if lake.raw_hour_of(item.key) is not None))


def read_raw_hours(store: ObjectStore, found: RawDay) -> Iterator[RawHour]:
    """Read a day hour by hour, going on past objects that cannot be read."""
    for hour, objects in found.hours.items():
        frames, read, rejected = [RAW_SNAPSHOTS.empty()], [], []
        for item in objects:
            try:
                frames.append(_of_hour(store, item.key, hour))
                read.append(item.key)
            except CorruptObjectError as error:
                rejected.append(RejectedFile("raw", item.key, str(error)))
        yield RawHour(hour, pl.concat(frames), tuple(read), tuple(rejected))


def _of_hour(store: ObjectStore, key: str, hour: dt.datetime) -> pl.DataFrame:
    rows = store.download_parquet(key, RAW_SNAPSHOTS)
    strangers = rows.filter(pl.col("bucket_start").dt.truncate("1h") != hour)
    if strangers.height:
        first = strangers["bucket_start"][0]
        raise CorruptObjectError(f"{store.uri(key)} has {strangers.height} row(s) of another hour, such as {first}")
    return rows


def hour_figures(store: ObjectStore, hour: dt.datetime) -> dict[str, Any] | None:
    """Figures of the raw snapshots of an hour, of all collectors and importers; None where there are none."""
    day = find_raw_day(store, hour.date())
    of_hour = [item for item in day.objects if lake.raw_hour_of(item.key) == hour]
    if not of_hour:
        return None
    (read,) = read_raw_hours(store, RawDay(tuple(of_hour)))
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
    """What adding to an hour did.

    Attributes:
        written: whether anything was; nothing is where all was there already.
        rejected: the importer's objects that cannot be read; they stay, and the rows go beside them.
    """

    written: bool
    rejected: tuple[RejectedFile, ...] = ()


def add_to_hour(
    store: ObjectStore, hour: dt.datetime, importer: str, rows: pl.DataFrame, *, without: Collection[str] = ()
) -> HourAdded:
    """Add an importer's rows to an hour, in the one object that it has there.

    Args:
        rows: schema RAW_SNAPSHOTS, all of this hour.
        without: origins whose earlier rows go first.

    The name tells the object's first contents: where it was pruned and another import writes the hour anew, it is
    another object, so that presence which was made of the old one is not taken to be made of the new one. An hour
    that loses all its rows keeps an empty object for the same reason.
    """
    rejected: list[RejectedFile] = []
    for key in store.list_files(f"{lake.raw_hour(hour)}{importer}-", ".parquet"):
        try:
            there = store.download_parquet(key, RAW_SNAPSHOTS)
        except CorruptObjectError as error:
            rejected.append(RejectedFile("raw", key, str(error)))
            continue
        kept = there.filter(~pl.col("origin").is_in(list(without)))
        merged = merge_raw_snapshots(kept, rows)
        if changed := not merged.equals(there):
            store.upload_bytes(key, parquet.encode(merged))
        return HourAdded(changed, tuple(rejected))
    if rows.is_empty():
        return HourAdded(False, tuple(rejected))
    data = parquet.encode(RAW_SNAPSHOTS.conform(rows))
    name = f"{importer}-{hashlib.sha256(data).hexdigest()[:8]}.parquet"
    store.upload_bytes(f"{lake.raw_hour(hour)}{name}", data)
    return HourAdded(True, tuple(rejected))
