"""Import of live snapshots from other collectors, JSON or CSV, as raw snapshots of the lake.

Belongs here: finding the files, batches, writing hours, resuming an interrupted import. Not here: reading a file
(snapshot_json, snapshot_csv), which files are finished (imported_files), reporting to Dagster (commands.import_live).
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
from vieweratlas_assets.importers.imported_files import FileHistory, FileRecord, ImportedFiles
from vieweratlas_assets.importers.local_time import LocalTimes
from vieweratlas_assets.importers.report import ImportReport
from vieweratlas_assets.importers.snapshot_csv import read_csv
from vieweratlas_assets.importers.snapshot_json import read_json
from vieweratlas_assets.importers.snapshots import Snapshot, SnapshotFile
from vieweratlas_assets.storage.objects import ObjectStore
from vieweratlas_assets.storage.raw_snapshots import add_to_hour

IMPORTER = "import-live"
SUFFIXES = (".json", ".csv")
# Files up to this size are read whole; larger files are streamed.
WHOLE_BYTES = 8_000_000


@dataclass(frozen=True)
class BatchLimits:
    """How much a batch holds before it is written."""

    names: int = 500_000
    snapshots: int = 100_000
    files: int = 20_000


@dataclass(frozen=True)
class LiveImportPlan:
    """The files of a folder, sorted, or a single file.

    Attributes:
        folder: the names of the files are relative to it.
    """

    folder: Path
    files: tuple[Path, ...]


@dataclass(frozen=True)
class ImportRules:
    """How files are read.

    Attributes:
        times: parser of times; its zone applies to times without one.
        names: how viewers' names are stored.
        first_day, last_day: snapshots before or after these days (UTC) are rejected.
        replace: whether rows of the files that the lake has are removed first, even if a file has not changed.
    """

    times: LocalTimes
    names: ViewerNames
    first_day: dt.date
    last_day: dt.date
    replace: bool = False


def find_snapshot_files(path: Path) -> LiveImportPlan:
    """Find the JSON and CSV files of a folder, at any depth; a path to a file is that file."""
    if not path.is_dir():
        return LiveImportPlan(path.parent, (path,))
    files = (file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
    # Systems leave hidden files next to others (macOS: ._name); a login may begin with "_", but not with a dot.
    return LiveImportPlan(path, tuple(sorted(file for file in files if not file.name.startswith("."))))


@dataclass
class LiveImportResult:
    """What an import did.

    Attributes:
        report: counts and rejections.
        written: hours (UTC) that were written -> snapshots added to them.
        known: hours that hold rows of the files, including rows of earlier imports.
    """

    report: ImportReport
    written: dict[dt.datetime, int] = field(default_factory=dict)
    known: set[dt.datetime] = field(default_factory=set)

    @property
    def has_accepted(self) -> bool:
        """Whether the lake has rows of any of the files."""
        return bool(self.report.counts["files accepted"] + self.report.counts["files already there"])


class _Batch:
    """Snapshots that are not written yet, the files that are finished with them, and rows to remove per hour."""

    def __init__(self) -> None:
        self.columns: dict[str, list[Any]] = {name: [] for name in SNAPSHOTS}
        self.hours: Counter[dt.datetime] = Counter()
        self.names = 0
        self.finished: list[FileRecord] = []
        self.replaced: dict[dt.datetime, set[str]] = {}

    def add(self, snapshot: Snapshot, origin: str) -> dt.datetime:
        """Add a snapshot and return its hour."""
        for name, value in zip(_SNAPSHOT_COLUMNS, _snapshot_values(snapshot), strict=True):
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
        """Return the batch by hour, in schema RAW_SNAPSHOTS."""
        # Files do not say how many seconds their collector watched.
        columns = self.columns | {"coverage_s": [None] * len(self.columns["origin"])}
        frame = complete_raw_snapshots(pl.DataFrame(columns, schema=SNAPSHOTS), names)
        parts = frame.with_columns(hour=pl.col("bucket_start").dt.truncate("1h")).partition_by("hour", as_dict=True)
        return {hour: part.drop("hour") for (hour,), part in parts.items()}


_SNAPSHOT_COLUMNS = tuple(name for name in SNAPSHOTS if name not in ("coverage_s", "origin"))
_snapshot_values = attrgetter(*_SNAPSHOT_COLUMNS)


def run_live_import(
    plan: LiveImportPlan,
    store: ObjectStore,
    rules: ImportRules,
    *,
    limits: BatchLimits = BatchLimits(),
    on_file: Callable[[str], None],
) -> LiveImportResult:
    """Add the snapshots of files to the raw snapshots of their hours, batch by batch.

    An unchanged file that was imported without rejections is skipped, so an interrupted import resumes where it
    stopped. A file with rejections is read again and adds what is new. A changed file adds its rows to those of its
    earlier version, unless `rules.replace` is set.

    Args:
        plan: the files.
        store: the lake.
        rules: how files are read.
        limits: how much is held in memory.
        on_file: called with the name of each file after it is read.
    """
    result = LiveImportResult(ImportReport())
    report = result.report
    if not plan.files:
        report.reject(str(plan.folder), f"holds no file that ends in {' or '.join(SUFFIXES)}")
    running = _RunningImport(store, rules, limits, result)
    names = {path: path.relative_to(plan.folder).as_posix() for path in plan.files}
    if rules.replace:
        running.imported.mark_for_replacement(names.values())
    for path, name in names.items():
        running.read(
            SnapshotFile(
                path, name, times=rules.times, first_day=rules.first_day, last_day=rules.last_day, report=report
            )
        )
        on_file(name)
    running.write()
    for name in names.values():
        result.known |= running.imported.history(name).hours
    report.counts["hours written"] = len(result.written)
    return result


class _RunningImport:
    """An import in progress: the current batch, and where it is written."""

    def __init__(self, store: ObjectStore, rules: ImportRules, limits: BatchLimits, result: LiveImportResult) -> None:
        self.store, self.limits, self.result = store, limits, result
        self.zone = rules.times.zone.key
        self.names = rules.names
        self.imported = ImportedFiles(store, IMPORTER, result.report)
        self.batch = _Batch()

    def read(self, file: SnapshotFile) -> None:
        """Read a file into the batch, and write the batch whenever it is full."""
        history = self.imported.history(file.name)
        if other := history.other_zone(self.zone):
            file.reject(
                f"its local times were imported in the zone {other}; use --replace to import them in {self.zone}"
            )
            return
        try:
            content = file.path.read_bytes() if file.path.stat().st_size <= WHOLE_BYTES else None
            digest = _digest(file.path, content)
        except OSError as error:
            file.reject(f"cannot be read: {error.strerror}")
            return
        if history.is_done(digest):
            self.result.report.counts["files already there"] += 1
            return
        if history.must_replace:
            for hour in history.hours:
                self.batch.replaced.setdefault(hour, set()).add(file.name)
        hours: Counter[dt.datetime] = Counter()
        for snapshot in _read_snapshots(file, content):
            hours[self.batch.add(snapshot, file.name)] += 1
            if self.batch.is_full(self.limits):
                self.write()
        zone = self.zone if file.local_times else None
        record = FileRecord(file.name, digest, zone, hours.total(), file.rejected, tuple(sorted(hours)))
        self._finish(history, record)

    def _finish(self, history: FileHistory, record: FileRecord) -> None:
        counts = self.result.report.counts
        if history.versions.get(str(record.digest)) == record:
            counts["files already there"] += 1
        elif record.rejected and not record.snapshots:
            counts["files without a usable snapshot"] += 1
        else:
            counts["files accepted"] += 1
            counts["snapshots accepted"] += record.snapshots
            self.batch.finished.append(record)
            if self.batch.is_full(self.limits):
                self.write()

    def write(self) -> None:
        """Write the batch to its hours, then record its files, and begin a new batch."""
        batch, self.batch = self.batch, _Batch()
        rows = batch.rows(self.names)
        for hour in sorted(rows.keys() | batch.replaced.keys()):
            added = add_to_hour(
                self.store,
                hour,
                IMPORTER,
                rows.get(hour, RAW_SNAPSHOTS.empty()),
                without=batch.replaced.get(hour, set()),
            )
            if added.written:
                self.result.written[hour] = self.result.written.get(hour, 0) + batch.hours[hour]
            for broken in added.rejected:
                reason = f"left as it is, new rows are written to another object: {broken.reason}"
                self.result.report.reject(broken.key, reason)
        self.imported.add(batch.finished)


def _digest(path: Path, content: bytes | None) -> str:
    if content is not None:
        return hashlib.sha256(content).hexdigest()
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _read_snapshots(file: SnapshotFile, content: bytes | None) -> Iterator[Snapshot]:
    try:
        yield from read_csv(file) if file.path.suffix.lower() == ".csv" else read_json(file, content)
    except OSError as error:
        file.reject(f"cannot be read to its end: {error.strerror}")
