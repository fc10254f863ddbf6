"""Which files an import has finished: records in the lake, next to the rows that the import wrote.

Belongs here: writing and reading these records. Not here: reading files, writing their rows (live).

Records are only added, in numbered Parquet pieces; the latest record of a file counts. A file is recorded after its
rows are written, so an interrupted import repeats work and never loses rows.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field

import polars as pl

from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.schemas import IMPORTED_FILES
from vieweratlas_assets.importers.report import ImportReport
from vieweratlas_assets.storage.errors import CorruptObjectError
from vieweratlas_assets.storage.objects import ObjectStore


@dataclass(frozen=True)
class FileRecord:
    """A version of a file that was imported, a row of schema IMPORTED_FILES.

    A record without a digest marks the file for replacement.
    """

    file: str
    digest: str | None
    time_zone: str | None = None
    snapshots: int = 0
    rejected: int = 0
    hours: tuple[dt.datetime, ...] = ()


@dataclass
class FileHistory:
    """All records of a file.

    Attributes:
        versions: imported versions by digest; empty while the file is marked for replacement.
        hours: hours that may hold rows of the file.
        must_replace: whether the file's earlier rows must be removed before it is imported again.
    """

    versions: dict[str, FileRecord] = field(default_factory=dict)
    hours: set[dt.datetime] = field(default_factory=set)
    must_replace: bool = False

    def add(self, record: FileRecord) -> None:
        """Apply a later record."""
        if record.digest is None:
            self.versions, self.must_replace = {}, True
            self.hours |= set(record.hours)
            return
        if self.must_replace:
            self.hours, self.must_replace = set(), False
        self.versions[record.digest] = record
        self.hours |= set(record.hours)

    def is_done(self, digest: str) -> bool:
        """Whether this version was imported without rejections."""
        version = self.versions.get(digest)
        return version is not None and not version.rejected

    def other_zone(self, zone: str) -> str | None:
        """Return a different zone in which local times of the file were read, if there is one."""
        zones = (version.time_zone for version in self.versions.values())
        return next((other for other in zones if other not in (None, zone)), None)


class ImportedFiles:
    """The file records of one importer in one lake."""

    def __init__(self, store: ObjectStore, importer: str, report: ImportReport) -> None:
        """Read the records; a piece that cannot be read is reported, and its files are imported again."""
        self._store = store
        self._prefix = lake.imported_files(importer)
        self._files: dict[str, FileHistory] = {}
        pieces = store.list_files(self._prefix, ".parquet")
        self._next = 1 + max((_piece_number(piece) for piece in pieces), default=0)
        for piece in pieces:
            try:
                rows = store.download_parquet(piece, IMPORTED_FILES)
            except CorruptObjectError as error:
                report.reject(piece, f"cannot be read, so the files in it are imported again: {error}")
                continue
            for row in rows.iter_rows(named=True):
                self.history(row["file"]).add(FileRecord(**{**row, "hours": tuple(row["hours"])}))

    def history(self, file: str) -> FileHistory:
        """Return the records of a file."""
        return self._files.setdefault(file, FileHistory())

    def add(self, records: Iterable[FileRecord]) -> None:
        """Write records, in one piece."""
        rows = list(records)
        if not rows:
            return
        frame = pl.DataFrame(
            [asdict(row) | {"hours": sorted(row.hours)} for row in rows], schema=IMPORTED_FILES.schema
        )
        self._store.upload_parquet(f"{self._prefix}{self._next:06d}.parquet", frame, IMPORTED_FILES)
        self._next += 1
        for row in rows:
            self.history(row.file).add(row)

    def mark_for_replacement(self, files: Iterable[str]) -> None:
        """Record, before any row is touched, that files are to be imported again."""
        known = [(name, self._files[name]) for name in files if name in self._files]
        self.add(FileRecord(name, None, hours=tuple(old.hours)) for name, old in known if old.versions)


def _piece_number(piece: str) -> int:
    name = piece.rpartition("/")[2].removesuffix(".parquet")
    return int(name) if name.isdecimal() else 0
