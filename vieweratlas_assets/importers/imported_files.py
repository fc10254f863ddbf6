"""Which files an import has worked through, noted in the lake beside what it wrote.

Belongs here: the notes, and what they say of a file. Not here: reading files, writing their rows (live).

Notes are only ever added, in numbered pieces: what a later piece says of a file stands. A file is noted after its
rows are written, so that a cut costs repeated work and never rows.
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
class FileTaken:
    """A file as it was taken in; see schema IMPORTED_FILES."""

    file: str
    digest: str | None
    time_zone: str | None = None
    snapshots: int = 0
    rejected: int = 0
    hours: tuple[dt.datetime, ...] = ()


@dataclass
class FileHistory:
    """What is known of a file.

    Attributes:
        versions: as taken in, by digest; none while it is to be imported again.
        hours: in which rows of it may lie.
        again: whether its earlier rows must go before it is taken in.
    """

    versions: dict[str, FileTaken] = field(default_factory=dict)
    hours: set[dt.datetime] = field(default_factory=set)
    again: bool = False

    def add(self, taken: FileTaken) -> None:
        """Take in a later note."""
        if taken.digest is None:
            self.versions, self.again = {}, True
            self.hours |= set(taken.hours)
            return
        if self.again:
            self.hours, self.again = set(), False
        self.versions[taken.digest] = taken
        self.hours |= set(taken.hours)

    def is_done(self, digest: str) -> bool:
        """Whether this version was taken in whole."""
        version = self.versions.get(digest)
        return version is not None and not version.rejected

    def other_zone(self, zone: str) -> str | None:
        """Another zone in which local times of the file were read, if any."""
        zones = (version.time_zone for version in self.versions.values())
        return next((other for other in zones if other not in (None, zone)), None)


class ImportedFiles:
    """The notes of one importer in one lake."""

    def __init__(self, store: ObjectStore, importer: str, report: ImportReport) -> None:
        """Read the notes; a piece that cannot be read is told, and its files are read again."""
        self._store = store
        self._prefix = lake.imported_files(importer)
        self._files: dict[str, FileHistory] = {}
        pieces = store.list_files(self._prefix, ".parquet")
        self._next = 1 + max((_number(piece) for piece in pieces), default=0)
        for piece in pieces:
            try:
                rows = store.download_parquet(piece, IMPORTED_FILES)
            except CorruptObjectError as error:
                report.reject(piece, f"its files are read again, as it cannot be read: {error}")
                continue
            for row in rows.iter_rows(named=True):
                self.history(row["file"]).add(FileTaken(**{**row, "hours": tuple(row["hours"])}))

    def history(self, file: str) -> FileHistory:
        """What is known of a file."""
        return self._files.setdefault(file, FileHistory())

    def note(self, taken: Iterable[FileTaken]) -> None:
        """Add notes, in one piece."""
        rows = list(taken)
        if not rows:
            return
        frame = pl.DataFrame(
            [asdict(row) | {"hours": sorted(row.hours)} for row in rows], schema=IMPORTED_FILES.schema
        )
        self._store.upload_parquet(f"{self._prefix}{self._next:06d}.parquet", frame, IMPORTED_FILES)
        self._next += 1
        for row in rows:
            self.history(row.file).add(row)

    def mark_again(self, files: Iterable[str]) -> None:
        """Note, before anything is touched, that files are to be imported again."""
        known = [(name, self._files[name]) for name in files if name in self._files]
        self.note(FileTaken(name, None, hours=tuple(old.hours)) for name, old in known if old.versions)


def _number(piece: str) -> int:
    name = piece.rpartition("/")[2].removesuffix(".parquet")
    return int(name) if name.isdecimal() else 0
