"""Live snapshots that others collected, as JSON or CSV, into the raw snapshots of the lake.

Belongs here: finding the files, batches, writing hours, going on after a cut. Not here: reading a file
(snapshot_json, snapshot_csv), what has been taken in before (imported_files), telling Dagster (commands).
"""

import datetime as dt
import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path
from typing import Any

import polars as pl

from vieweratlas_assets.domain.presence.live_merge import SNAPSHOTS, complete_raw_snapshots
from vieweratlas_assets.domain.presence.names import ViewerNames
from vieweratlas_assets.domain.schemas import RAW_SNAPSHOTS
from vieweratlas_assets.importers.imported_files import FileHistory, FileTaken, ImportedFiles
from vieweratlas_assets.importers.local_time import LocalTimes
from vieweratlas_assets.importers.report import ImportReport
from vieweratlas_assets.importers.snapshot_csv import read_csv
from vieweratlas_assets.importers.snapshot_json import read_json
from vieweratlas_assets.importers.snapshots import Snapshot, SnapshotFile
from vieweratlas_assets.storage.objects import ObjectStore
from vieweratlas_assets.storage.raw_snapshots import add_to_hour

IMPORTER = "import-live"
SUFFIXES = (".json", ".csv")
# Files up to this size are read whole; larger ones are streamed.
WHOLE_BYTES = 8_000_000


@dataclass(frozen=True)
class BatchLimits:
    """How much is held before it is written to its hours."""

    names: int = 500_000
    snapshots: int = 100_000
    files: int = 20_000


@dataclass(frozen=True)
class LiveImport:
    """The files of a folder, sorted, or the one file.

    Attributes:
        folder: what the names of the files are relative to.
    """

    folder: Path
    files: tuple[Path, ...]


@dataclass(frozen=True)
class ImportRules:
    """How files are read.

    Attributes:
        times: the zone of times that name none.
        names: what viewers' names become.
        first_day, last_day: snapshots of days before or after, UTC, are rejected.
        replace: what the lake has of the files goes first, also where they have not changed.
    """

    times: LocalTimes
    names: ViewerNames
    first_day: dt.date
    last_day: dt.date
    replace: bool = False


def find_snapshot_files(path: Path) -> LiveImport:
    """Find the JSON and CSV files of a folder, at any depth, or take one file."""
    if not path.is_dir():
        return LiveImport(path.parent, (path,))
    found = (each for each in path.rglob("*") if each.suffix.lower() in SUFFIXES and each.is_file())
    # What systems put beside a file, as macOS its ._name, is not somebody's data; a login may begin with "_".
    return LiveImport(path, tuple(sorted(each for each in found if not each.name.startswith("."))))


@dataclass
class LiveImported:
    """What an import did.

    Attributes:
        written: hours, UTC, of which something was written -> snapshots taken into them.
        known: hours that hold rows of the files, also from earlier imports.
    """

    report: ImportReport
    written: dict[dt.datetime, int] = field(default_factory=dict)
    known: set[dt.datetime] = field(default_factory=set)

    @property
    def took_any(self) -> bool:
        """Whether anything of the files is in the lake."""
        return bool(self.report.counts["files accepted"] + self.report.counts["files already there"])


class _Batch:
    """Snapshots of files, and files that are finished, before they are written."""

    def __init__(self) -> None:
        self.columns: dict[str, list[Any]] = {name: [] for name in SNAPSHOTS}
        self.hours: Counter[dt.datetime] = Counter()
        self.names = 0
        self.finished: list[FileTaken] = []
        self.without: dict[dt.datetime, set[str]] = {}

    def add(self, snapshot: Snapshot, origin: str) -> dt.datetime:
        """Add a snapshot and return its hour."""
        for name, value in zip(_TOLD, _told(snapshot), strict=True):
            self.columns[name].append(value)
        self.columns["origin"].append(origin)
        self.names += len(snapshot.chatters)
        hour = snapshot.observed_at.replace(minute=0, second=0, microsecond=0)
        self.hours[hour] += 1
        return hour

    def is_full(self, limits: BatchLimits) -> bool:
        return (
            self.names >= limits.names
            or len(self.columns["origin"]) >= limits.snapshots
            or len(self.finished) >= limits.files
        )

    def rows(self, names: ViewerNames) -> Mapping[dt.datetime, pl.DataFrame]:
        """Schema RAW_SNAPSHOTS, by hour."""
        # How many seconds a file's collector watched for is not told.
        columns = self.columns | {"coverage_s": [None] * len(self.columns["origin"])}
        frame = complete_raw_snapshots(pl.DataFrame(columns, schema=SNAPSHOTS), names)
        parts = frame.with_columns(hour=pl.col("bucket_start").dt.truncate("1h")).partition_by("hour", as_dict=True)
        return {hour: part.drop("hour") for (hour,), part in parts.items()}


_TOLD = tuple(name for name in SNAPSHOTS if name not in ("coverage_s", "origin"))
_told = attrgetter(*_TOLD)


def run_live_import(
    plan: LiveImport,
    store: ObjectStore,
    rules: ImportRules,
    *,
    limits: BatchLimits = BatchLimits(),
    on_file: Callable[[str], None],
) -> LiveImported:
    """Take the snapshots of files into the raw snapshots of their hours, batch by batch.

    A file that was taken in whole and has not changed is passed over, so that an import that was cut off goes on
    where it stopped; one of which something was rejected is read again, and adds what it did not have. A file that
    has changed is added to what it said before, unless `replace`.

    Args:
        on_file: called with the name of each file once it is read.
    """
    done = LiveImported(ImportReport())
    if not plan.files:
        done.report.reject(str(plan.folder), f"holds no file that ends in {' or '.join(SUFFIXES)}")
    importing = _Import(store, rules, limits, done)
    names = {path: path.relative_to(plan.folder).as_posix() for path in plan.files}
    if rules.replace:
        importing.taken.mark_again(names.values())
    for path, name in names.items():
        importing.take(
            SnapshotFile(
                path, name, times=rules.times, first_day=rules.first_day, last_day=rules.last_day, report=done.report
            )
        )
        on_file(name)
    importing.write()
    for name in names.values():
        done.known |= importing.taken.history(name).hours
    done.report.counts["hours written"] = len(done.written)
    return done


class _Import:
    """An import under way: the batch that fills, and where it goes."""

    def __init__(self, store: ObjectStore, rules: ImportRules, limits: BatchLimits, done: LiveImported) -> None:
        self.store, self.limits, self.done = store, limits, done
        self.zone = rules.times.zone.key
        self.names = rules.names
        self.taken = ImportedFiles(store, IMPORTER, done.report)
        self.batch = _Batch()

    def take(self, file: SnapshotFile) -> None:
        """Read a file into the batch, writing whenever that is full."""
        history = self.taken.history(file.name)
        if other := history.other_zone(self.zone):
            file.reject(f"its local times were imported as times of {other}; --replace takes them as of {self.zone}")
            return
        try:
            content = file.path.read_bytes() if file.path.stat().st_size <= WHOLE_BYTES else None
            digest = _digest(file.path, content)
        except OSError as error:
            file.reject(f"cannot be read: {error.strerror}")
            return
        if history.is_done(digest):
            self.done.report.counts["files already there"] += 1
            return
        if history.again:
            for hour in history.hours:
                self.batch.without.setdefault(hour, set()).add(file.name)
        hours: Counter[dt.datetime] = Counter()
        for snapshot in _snapshots_of(file, content):
            hours[self.batch.add(snapshot, file.name)] += 1
            if self.batch.is_full(self.limits):
                self.write()
        zone = self.zone if file.local_times else None
        note = FileTaken(file.name, digest, zone, hours.total(), file.rejected, tuple(sorted(hours)))
        self._finish(history, note)

    def _finish(self, history: FileHistory, note: FileTaken) -> None:
        counts = self.done.report.counts
        if history.versions.get(str(note.digest)) == note:
            counts["files already there"] += 1
        elif note.rejected and not note.snapshots:
            counts["files without a usable snapshot"] += 1
        else:
            counts["files accepted"] += 1
            counts["snapshots accepted"] += note.snapshots
            self.batch.finished.append(note)
            if self.batch.is_full(self.limits):
                self.write()

    def write(self) -> None:
        """Write the batch to its hours, then note its files, and begin another."""
        batch, self.batch = self.batch, _Batch()
        rows = batch.rows(self.names)
        for hour in sorted(rows.keys() | batch.without.keys()):
            added = add_to_hour(
                self.store,
                hour,
                IMPORTER,
                rows.get(hour, RAW_SNAPSHOTS.empty()),
                without=batch.without.get(hour, set()),
            )
            if added.written:
                self.done.written[hour] = self.done.written.get(hour, 0) + batch.hours[hour]
            for broken in added.rejected:
                self.done.report.reject(broken.key, f"left as it is, new rows go beside it: {broken.reason}")
        self.taken.note(batch.finished)


def _digest(path: Path, content: bytes | None) -> str:
    if content is not None:
        return hashlib.sha256(content).hexdigest()
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _snapshots_of(file: SnapshotFile, content: bytes | None) -> Iterator[Snapshot]:
    try:
        yield from read_csv(file) if file.path.suffix.lower() == ".csv" else read_json(file, content)
    except OSError as error:
        file.reject(f"cannot be read to its end: {error.strerror}")
