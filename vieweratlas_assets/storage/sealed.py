"""Sealed partitions: an asset's files of one day, and the record that says they are whole.

Belongs here: writing the files of a day so that a crash never leaves half of them, and reading only whole days.
Not here: bytes to a disk or a bucket (objects and below), what the files hold (domain).

The record of a partition (`domain.lake.partition_record`) holds a digest of each file. It goes first and comes back
last: a partition with a record is whole, one without is absent, whatever files a killed run left behind.
"""

import datetime as dt
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.tables import Table
from vieweratlas_assets.storage import parquet, row_groups
from vieweratlas_assets.storage.errors import CorruptObjectError, MissingPartitionError, ObjectNotFoundError
from vieweratlas_assets.storage.objects import ObjectStore, to_json

COMPUTED = "computed"


@dataclass(frozen=True)
class PartitionRecord:
    """What is known about a sealed partition.

    Attributes:
        origin: "computed", or where an imported partition came from.
        facts: figures about the partition, JSON-ready.
        files: SHA-256 of each file by key.
        made_from: fingerprint of what it was made of, where somebody wants to know whether it is out of date; no
            figure, as it tells of when files were written.
    """

    asset: str
    day: dt.date
    origin: str
    facts: dict[str, Any]
    files: dict[str, str]
    made_from: str = ""

    @property
    def imported(self) -> bool:
        """Whether the partition came from elsewhere and is not to be computed anew unless forced."""
        return self.origin != COMPUTED


def table_files(day: dt.date, tables: Mapping[Table, pl.DataFrame | row_groups.EncodedTable]) -> dict[str, bytes]:
    """The tables of a day as Parquet, by key; frames are encoded.

    Raises:
        SchemaError: a frame does not keep to its table.
    """
    return {
        lake.table_file(table.name, day): (
            made.data if isinstance(made, row_groups.EncodedTable) else parquet.encode(table.conform(made))
        )
        for table, made in tables.items()
    }


def encoded(record: PartitionRecord) -> bytes:
    """A record as it is stored."""
    document = {
        "asset": record.asset,
        "partition": record.day.isoformat(),
        "origin": record.origin,
        "facts": record.facts,
        "files": record.files,
        "made_from": record.made_from,
    }
    return to_json(document)


def record_of(asset: str, day: dt.date, document: dict[str, Any], *, uri: str) -> PartitionRecord:
    """The record that a stored document holds.

    Raises:
        CorruptObjectError: it is none.
    """
    expected = {"origin": str, "facts": dict, "files": dict, "made_from": str}
    # Records of earlier versions tell nothing of it: what they seal is whole, and out of date.
    found = {"made_from": "", **document}
    wrong = [name for name, kind in expected.items() if not isinstance(found.get(name), kind)]
    if wrong:
        told = f"{uri} is not the record of a partition: {', '.join(wrong)} missing or wrong"
        raise CorruptObjectError(f"{told}; {_mend(asset, day)}")
    return PartitionRecord(asset, day, *(found[name] for name in expected))


class SealedPartitions:
    """The sealed partitions of all daily assets in one lake."""

    def __init__(self, store: ObjectStore) -> None:
        self.store = store

    def seal(
        self,
        asset: str,
        day: dt.date,
        files: Mapping[str, bytes],
        *,
        facts: Mapping[str, Any],
        origin: str = COMPUTED,
        made_from: str = "",
    ) -> PartitionRecord:
        """Write a partition whole, over an older one if there is one, be it damaged.

        Atlas products of the newest day are also put under `atlas/latest/`, in place of those of the day before.
        """
        digests = {key: hashlib.sha256(data).hexdigest() for key, data in files.items()}
        record = PartitionRecord(asset, day, origin, dict(facts), digests, made_from)
        # Encoded before anything is touched: figures that are no JSON must not cost the partition that is there.
        written = encoded(record)
        old = self.sound_record(asset, day)
        latest = {}
        if self._is_newest(asset, day):
            latest = _latest_of(files)
            shown = old or self.newest_before(asset, day)
            # Before all else: what the shown partition had is known only as long as its record is there.
            for gone in sorted(_latest_of(shown.files if shown else {}).keys() - latest):
                self.store.delete(gone)
        self._replace(old, record, files, written)
        for key, name in latest.items():
            self.store.upload_bytes(key, files[name])
        return record

    def _replace(
        self, old: PartitionRecord | None, record: PartitionRecord, files: Mapping[str, bytes], written: bytes
    ) -> None:
        key = lake.partition_record(record.asset, record.day)
        self.store.delete(key)
        for name, data in files.items():
            self.store.upload_bytes(name, data)
        for gone in set(old.files if old else ()) - set(files):
            # Those of the site are named by its manifest, until storage.site has written another.
            if not gone.startswith(f"{lake.SITE}/"):
                self.store.delete(gone)
        self.store.upload_bytes(key, written)

    def sound_record(self, asset: str, day: dt.date) -> PartitionRecord | None:
        """The record of a partition; None also where it is damaged."""
        try:
            return self.record(asset, day)
        except CorruptObjectError:
            return None

    def newest_before(self, asset: str, day: dt.date) -> PartitionRecord | None:
        """The record of the latest earlier day of the atlas that has a whole partition; None where none has."""
        earlier = (other for other in reversed(self._days_of_atlas()) if other < day)
        return next(filter(None, (self.sound_record(asset, other) for other in earlier)), None)

    def _is_newest(self, asset: str, day: dt.date) -> bool:
        later = (other for other in reversed(self._days_of_atlas()) if other > day)
        return not any(self.store.exists(lake.partition_record(asset, other)) for other in later)

    def _days_of_atlas(self) -> list[dt.date]:
        return dates_of(self.store.folders(f"{lake.ATLAS}/"))

    def record(self, asset: str, day: dt.date) -> PartitionRecord | None:
        """The record of a partition, or None where it is absent or was never finished.

        Raises:
            CorruptObjectError: the record is there but is none.
        """
        key = lake.partition_record(asset, day)
        try:
            found = self.store.download_json(key)
        except ObjectNotFoundError:
            return None
        except CorruptObjectError as error:
            raise CorruptObjectError(f"{error}; {_mend(asset, day)}") from error
        return record_of(asset, day, found, uri=self.store.uri(key))

    def set_fingerprint(self, record: PartitionRecord, *, made_from: str) -> None:
        """Say otherwise what a whole partition was made of; its files stay as they are."""
        changed = replace(record, made_from=made_from)
        self.store.upload_bytes(lake.partition_record(record.asset, record.day), encoded(changed))

    def table(self, record: PartitionRecord, table: Table) -> pl.DataFrame:
        """Read a table of a sealed partition.

        Raises:
            ObjectNotFoundError: the partition has no such table.
            CorruptObjectError: the file is not the one that was sealed, or not of this table.
        """
        key = lake.table_file(table.name, record.day)
        return parquet.decode_table(self.file(record, key), table, uri=self.store.uri(key))

    def row_groups(self, record: PartitionRecord, table: Table, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        """Read columns of a table of a sealed partition piece by piece; raises as `table`."""
        key = lake.table_file(table.name, record.day)
        return row_groups.decode_row_groups(self.file(record, key), table, columns, uri=self.store.uri(key))

    def file(self, record: PartitionRecord, key: str) -> bytes:
        """Read a file of a sealed partition; raises as `table`."""
        if key not in record.files:
            raise ObjectNotFoundError(f"{record.asset} of {record.day} has no file {self.store.uri(key)}")
        data = self.store.download_bytes(key)
        if hashlib.sha256(data).hexdigest() != record.files[key]:
            remedy = f"materialize {record.asset} of {record.day} again"
            raise CorruptObjectError(f"{self.store.uri(key)} is not the file that was sealed: {remedy}")
        return data

    def records(self, asset: str) -> dict[dt.date, PartitionRecord]:
        """The records of all days of an atlas asset, oldest first; damaged ones are passed over."""
        found = ((day, self.sound_record(asset, day)) for day in self._days_of_atlas())
        return {day: record for day, record in found if record is not None}

    def imported_days(self, asset: str, *, after: dt.date = dt.date.min) -> list[dt.date]:
        """Days of an atlas asset, later than `after`, that were imported, oldest first."""
        records = (self.record(asset, day) for day in self._days_of_atlas() if day > after)
        return [record.day for record in records if record is not None and record.imported]


def replace_file(store: ObjectStore, key: str, data: bytes) -> None:
    """Write a file anew and bring its digest up to date in the records beside it that seal it.

    For tables that are read whether sealed or not: cut off in between, the file is one that somebody else wrote.
    """
    store.upload_bytes(key, data)
    for name in store.list_files(f"{key.rpartition('/')[0]}/_", ".json"):
        document = store.download_json(name)
        files = document.get("files")
        if isinstance(files, dict) and key in files:
            files[key] = hashlib.sha256(data).hexdigest()
            store.upload_json(name, document)


def _latest_of(files: Iterable[str]) -> dict[str, str]:
    """Where the atlas products among these keys lie in `atlas/latest/` -> their own keys."""
    return {lake.latest_file(key.rpartition("/")[2]): key for key in files if key.startswith(f"{lake.ATLAS}/")}


def _mend(asset: str, day: dt.date) -> str:
    return f"delete it and materialize {asset} of {day} again"


def dates_of(folders: Iterable[str]) -> list[dt.date]:
    """The days that hive folders `date=YYYY-MM-DD` name, sorted; other folders are passed over."""
    days = (lake.day_of(f"/{folder}/") for folder in folders)
    return sorted(day for day in days if day is not None)


class AssetDays:
    """The sealed partitions of one asset among the days that a step asked for.

    A day that is not there is passed over: a window takes the days that exist.
    """

    def __init__(self, sealed: SealedPartitions, asset: str, days: Iterable[dt.date]) -> None:
        self.asset = asset
        self._sealed = sealed
        self._asked = frozenset(days)
        self._records: dict[dt.date, PartitionRecord | None] = {}

    def record(self, day: dt.date) -> PartitionRecord | None:
        """The record of a day, or None where there is no whole partition.

        Raises:
            LookupError: the day is not among those that the step asked for.
        """
        if day not in self._asked:
            raise LookupError(f"{self.asset} of {day} is not an input of this step")
        if day not in self._records:
            self._records[day] = self._sealed.record(self.asset, day)
        return self._records[day]

    def window(self, day: dt.date, window_days: int) -> list[PartitionRecord]:
        """The partitions that exist among the window_days days that end with `day`, oldest first."""
        wanted = [day - dt.timedelta(days=back) for back in reversed(range(window_days))]
        records = [self.record(each) for each in wanted if each in self._asked]
        return [record for record in records if record is not None]

    def table(self, day: dt.date, table: Table) -> pl.DataFrame:
        """Read a table of one day.

        Raises:
            MissingPartitionError: there is no whole partition of that day.
        """
        return self._sealed.table(self._sure(day), table)

    def file(self, day: dt.date, key: str) -> bytes:
        """Read a file of one day; raises as `table`."""
        return self._sealed.file(self._sure(day), key)

    def row_groups(self, day: dt.date, table: Table, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        """Read columns of a table of one day piece by piece; raises as `table`."""
        return self._sealed.row_groups(self._sure(day), table, columns)

    def _sure(self, day: dt.date) -> PartitionRecord:
        record = self.record(day)
        if record is None:
            raise MissingPartitionError(f"{self.asset} of {day} is not there: materialize it first")
        return record
