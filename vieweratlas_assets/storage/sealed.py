"""Sealed partitions: an asset's files of one day, and the record that proves they are whole.

Belongs here: writing the files of a day so that a crash never leaves half of them, and reading only whole days.
Not here: bytes to a disk or a bucket (objects and the stores), the content of the files (domain).

The record of a partition (`domain.lake.partition_record`) holds a digest of each file. It is deleted first and
written last: a partition with a record is whole, one without is absent, even if a killed run left files behind.
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
    """The record of a sealed partition.

    Attributes:
        origin: "computed", or the source of an imported partition.
        facts: figures about the partition, ready for JSON.
        files: SHA-256 of each file by key.
        made_from: fingerprint of the inputs, to detect that the partition is out of date; "" if nothing checks that.
            Not one of the facts, because it depends on when files were written.
    """

    asset: str
    day: dt.date
    origin: str
    facts: dict[str, Any]
    files: dict[str, str]
    made_from: str = ""

    @property
    def imported(self) -> bool:
        """Whether the partition was imported, and is recomputed only by force."""
        return self.origin != COMPUTED


def table_files(day: dt.date, tables: Mapping[Table, pl.DataFrame | row_groups.EncodedTable]) -> dict[str, bytes]:
    """The tables of a day as Parquet, by key; frames are encoded.

    Raises:
        SchemaError: a frame does not match its table.
    """
    return {
        lake.table_file(table.name, day): (
            rows.data if isinstance(rows, row_groups.EncodedTable) else parquet.encode(table.conform(rows))
        )
        for table, rows in tables.items()
    }


def encode_record(record: PartitionRecord) -> bytes:
    """The stored form of a record."""
    document = {
        "asset": record.asset,
        "partition": record.day.isoformat(),
        "origin": record.origin,
        "facts": record.facts,
        "files": record.files,
        "made_from": record.made_from,
    }
    return to_json(document)


def decode_record(asset: str, day: dt.date, document: dict[str, Any], *, uri: str) -> PartitionRecord:
    """The record in a stored document.

    Raises:
        CorruptObjectError: the document is not a record.
    """
    expected = {"origin": str, "facts": dict, "files": dict, "made_from": str}
    # Records of earlier versions have no made_from: their partitions are whole, and out of date.
    fields = {"made_from": "", **document}
    wrong = [name for name, kind in expected.items() if not isinstance(fields.get(name), kind)]
    if wrong:
        problem = f"{uri} is not the record of a partition: {', '.join(wrong)} missing or wrong"
        raise CorruptObjectError(f"{problem}; {_remedy(asset, day)}")
    return PartitionRecord(asset, day, *(fields[name] for name in expected))


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
        """Write a partition whole, replacing an existing one, sound or damaged.

        Atlas products of the newest day are also written to `atlas/latest/`, where they replace those of the day
        before.
        """
        digests = {key: hashlib.sha256(data).hexdigest() for key, data in files.items()}
        record = PartitionRecord(asset, day, origin, dict(facts), digests, made_from)
        # Encode before changing anything: facts that JSON cannot represent must not destroy the existing partition.
        document = encode_record(record)
        old = self.sound_record(asset, day)
        latest = {}
        if self._is_newest(asset, day):
            latest = _latest_of(files)
            shown = old or self.newest_before(asset, day)
            # First of all, because only the record of the shown partition lists its files.
            for name in sorted(_latest_of(shown.files if shown else {}).keys() - latest):
                self.store.delete(name)
        self._replace(old, record, files, document)
        for key, name in latest.items():
            self.store.upload_bytes(key, files[name])
        return record

    def _replace(
        self, old: PartitionRecord | None, record: PartitionRecord, files: Mapping[str, bytes], document: bytes
    ) -> None:
        key = lake.partition_record(record.asset, record.day)
        self.store.delete(key)
        for name, data in files.items():
            self.store.upload_bytes(name, data)
        for name in set(old.files if old else ()) - set(files):
            # The site's manifest names its files until storage.site writes a new manifest.
            if not name.startswith(f"{lake.SITE}/"):
                self.store.delete(name)
        self.store.upload_bytes(key, document)

    def sound_record(self, asset: str, day: dt.date) -> PartitionRecord | None:
        """The record of a partition; None if it is absent or damaged."""
        try:
            return self.record(asset, day)
        except CorruptObjectError:
            return None

    def newest_before(self, asset: str, day: dt.date) -> PartitionRecord | None:
        """The record of the latest earlier day of the atlas with a whole partition, or None."""
        earlier = (other for other in reversed(self._atlas_days()) if other < day)
        return next(filter(None, (self.sound_record(asset, other) for other in earlier)), None)

    def _is_newest(self, asset: str, day: dt.date) -> bool:
        later = (other for other in reversed(self._atlas_days()) if other > day)
        return not any(self.store.exists(lake.partition_record(asset, other)) for other in later)

    def _atlas_days(self) -> list[dt.date]:
        return folder_dates(self.store.folders(f"{lake.ATLAS}/"))

    def record(self, asset: str, day: dt.date) -> PartitionRecord | None:
        """The record of a partition, or None if the partition is absent or was never finished.

        Raises:
            CorruptObjectError: the object of the record is not a record.
        """
        key = lake.partition_record(asset, day)
        try:
            document = self.store.download_json(key)
        except ObjectNotFoundError:
            return None
        except CorruptObjectError as error:
            raise CorruptObjectError(f"{error}; {_remedy(asset, day)}") from error
        return decode_record(asset, day, document, uri=self.store.uri(key))

    def set_fingerprint(self, record: PartitionRecord, *, made_from: str) -> None:
        """Change the fingerprint of a whole partition's inputs; its files stay unchanged."""
        changed = replace(record, made_from=made_from)
        self.store.upload_bytes(lake.partition_record(record.asset, record.day), encode_record(changed))

    def table(self, record: PartitionRecord, table: Table) -> pl.DataFrame:
        """Read a table of a sealed partition.

        Raises:
            ObjectNotFoundError: the partition has no such table.
            CorruptObjectError: the file is not the one that was sealed, or not of this table.
        """
        key = lake.table_file(table.name, record.day)
        return parquet.decode_table(self.file(record, key), table, uri=self.store.uri(key))

    def row_groups(self, record: PartitionRecord, table: Table, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        """Read columns of a table of a sealed partition in row groups; raises as `table`."""
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
        """The records of all days of an atlas asset, oldest first; damaged ones are skipped."""
        records = ((day, self.sound_record(asset, day)) for day in self._atlas_days())
        return {day: record for day, record in records if record is not None}

    def imported_days(self, asset: str, *, after: dt.date = dt.date.min) -> list[dt.date]:
        """Days of an atlas asset, later than `after`, that were imported, oldest first."""
        records = (self.record(asset, day) for day in self._atlas_days() if day > after)
        return [record.day for record in records if record is not None and record.imported]


def replace_file(store: ObjectStore, key: str, data: bytes) -> None:
    """Replace a file, and update its digest in the records of the same folder that seal it.

    Only for tables that are read sealed or not: a run that is interrupted before it updates the records leaves the
    file unsealed.
    """
    store.upload_bytes(key, data)
    for name in store.list_files(f"{key.rpartition('/')[0]}/_", ".json"):
        document = store.download_json(name)
        files = document.get("files")
        if isinstance(files, dict) and key in files:
            files[key] = hashlib.sha256(data).hexdigest()
            store.upload_json(name, document)


def _latest_of(files: Iterable[str]) -> dict[str, str]:
    """The atlas products among these keys: key in `atlas/latest/` -> own key."""
    return {lake.latest_file(key.rpartition("/")[2]): key for key in files if key.startswith(f"{lake.ATLAS}/")}


def _remedy(asset: str, day: dt.date) -> str:
    return f"delete it and materialize {asset} of {day} again"


def folder_dates(folders: Iterable[str]) -> list[dt.date]:
    """The days of hive folders `date=YYYY-MM-DD`, sorted; other folders are skipped."""
    days = (lake.day_of(f"/{folder}/") for folder in folders)
    return sorted(day for day in days if day is not None)


class AssetDays:
    """The sealed partitions of one asset on the days that are inputs of a step.

    A window skips days that do not exist.
    """

    def __init__(self, sealed: SealedPartitions, asset: str, days: Iterable[dt.date]) -> None:
        self.asset = asset
        self._sealed = sealed
        self._days = frozenset(days)
        self._records: dict[dt.date, PartitionRecord | None] = {}

    def record(self, day: dt.date) -> PartitionRecord | None:
        """The record of a day, or None if there is no whole partition.

        Raises:
            LookupError: the day is not an input of the step.
        """
        if day not in self._days:
            raise LookupError(f"{self.asset} of {day} is not an input of this step")
        if day not in self._records:
            self._records[day] = self._sealed.record(self.asset, day)
        return self._records[day]

    def window(self, day: dt.date, window_days: int) -> list[PartitionRecord]:
        """The existing partitions of the `window_days` days that end with `day`, oldest first."""
        dates = [day - dt.timedelta(days=back) for back in reversed(range(window_days))]
        records = [self.record(date) for date in dates if date in self._days]
        return [record for record in records if record is not None]

    def table(self, day: dt.date, table: Table) -> pl.DataFrame:
        """Read a table of one day.

        Raises:
            MissingPartitionError: that day has no whole partition.
        """
        return self._sealed.table(self._existing(day), table)

    def file(self, day: dt.date, key: str) -> bytes:
        """Read a file of one day; raises as `table`."""
        return self._sealed.file(self._existing(day), key)

    def row_groups(self, day: dt.date, table: Table, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        """Read columns of a table of one day in row groups; raises as `table`."""
        return self._sealed.row_groups(self._existing(day), table, columns)

    def _existing(self, day: dt.date) -> PartitionRecord:
        record = self.record(day)
        if record is None:
            raise MissingPartitionError(f"{self.asset} of {day} does not exist: materialize it first")
        return record
