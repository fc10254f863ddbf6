"""Import of past broadcasts: from the plan that a format's reader made to presence and catalogs in the lake.

Belongs here: a VOD to import, `vods.csv`, placing VODs on their days, writing presence and catalogs, resuming an
interrupted import. Not here: formats (vod_lake, vod_json, twitchdownloader), completing rows
(domain.presence.records), reporting to Dagster (commands.import_vods).
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

import polars as pl

from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.presence.names import ViewerNames
from vieweratlas_assets.domain.presence.records import complete_vod_presence
from vieweratlas_assets.domain.schemas import PRESENCE, VOD_CATALOG
from vieweratlas_assets.domain.tables import SchemaError
from vieweratlas_assets.importers.documents import DocumentError
from vieweratlas_assets.importers.local_time import ISO_TIME
from vieweratlas_assets.importers.report import ImportReport
from vieweratlas_assets.importers.tabular import read_rows
from vieweratlas_assets.storage.errors import CorruptObjectError
from vieweratlas_assets.storage.objects import ObjectStore
from vieweratlas_assets.storage.sealed import folder_dates
from vieweratlas_assets.storage.vod_catalogs import read_vod_catalog

VODS_CSV = "vods.csv"
VODS_COLUMNS = {
    "channel": ("channel",),
    "vod_id": ("vod_id",),
    "created_at": ("created_at",),
    "title": ("title",),
}
VodKey = tuple[str, str]
Result = TypeVar("Result")


@dataclass(frozen=True)
class VodRows:
    """The presence of a VOD, read from its files.

    Attributes:
        rows: presence rows as `complete_vod_presence` accepts them.
        counts: more lines for the report of the import.
    """

    rows: pl.DataFrame
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Vod:
    """A VOD to import.

    Attributes:
        file: the file or files, as messages name them.
        channel: login, lowercase.
        created_at: start of the recording, UTC.
        read: reads the presence; raises CorruptObjectError, DocumentError, SchemaError or OSError if it cannot.
        channel_id, duration_s, view_count: None if unknown.
    """

    file: str
    channel: str
    vod_id: str
    created_at: dt.datetime
    title: str | None
    read: Callable[[], VodRows]
    channel_id: str | None = None
    duration_s: int | None = None
    view_count: int | None = None

    @property
    def key(self) -> VodKey:
        """Channel and VOD id."""
        return self.channel, self.vod_id


@dataclass(frozen=True)
class DayImported:
    """What an import did for a day; the commands report it to Dagster.

    Attributes:
        day: day on which the VODs were created, UTC.
        vods, snapshots: VODs and presence rows that this import wrote; 0 if the lake already had all of them.
        catalog_rows: VODs in the day's catalog after the import.
        moved: VODs that moved to another day because their creation time was corrected.
    """

    day: dt.date
    vods: int
    snapshots: int
    catalog_rows: int
    moved: int = 0


@dataclass(frozen=True)
class VodImport:
    """The plan of an import: VODs by the day of their creation, and the report with rejections so far."""

    days: Mapping[dt.date, list[Vod]]
    report: ImportReport

    @property
    def vods(self) -> int:
        """Number of VODs placed on a day."""
        return sum(map(len, self.days.values()))


@dataclass(frozen=True)
class KnownVod:
    """Creation time and title of a VOD, from a row of `vods.csv`."""

    created_at: dt.datetime
    title: str | None


def read_vods_csv(folder: Path, report: ImportReport) -> dict[VodKey, KnownVod]:
    """Read `vods.csv` of a folder; empty if the folder has none.

    Columns: channel, vod_id, created_at (ISO 8601, UTC unless it has a zone), title.

    Raises:
        TableError: the whole file cannot be used.
    """
    path = folder / VODS_CSV
    rows: dict[VodKey, KnownVod] = {}
    for line, row in read_rows(path, VODS_COLUMNS, ("channel", "vod_id", "created_at")) if path.exists() else ():
        key = (row["channel"].lower(), row["vod_id"])
        created_at = utc_time(row["created_at"])
        if created_at is None:
            report.reject(VODS_CSV, f"created_at is {row['created_at']!r}, not {ISO_TIME}", row=line)
        elif not all(key):
            report.reject(VODS_CSV, "channel or vod_id is empty", row=line)
        elif key in rows:
            report.reject(VODS_CSV, f"a second row of VOD {row['vod_id']} of {row['channel']}", row=line)
        else:
            rows[key] = KnownVod(created_at, row.get("title") or None)
    return rows


def utc_time(text: str) -> dt.datetime | None:
    """Parse an ISO 8601 time, UTC unless it has a zone; None if the text is not one."""
    try:
        time = dt.datetime.fromisoformat(text)
        return time.astimezone(dt.UTC) if time.tzinfo else time.replace(tzinfo=dt.UTC)
    except (ValueError, OverflowError):
        return None


def place_by_day(vods: Iterable[Vod], report: ImportReport, *, first_day: dt.date, last_day: dt.date) -> VodImport:
    """Put each VOD on the day of its creation; a VOD created before first_day or after last_day is rejected."""
    days: dict[dt.date, list[Vod]] = defaultdict(list)
    for vod in vods:
        day = vod.created_at.date()
        if day < first_day:
            report.reject(vod.file, f"created on {day}, before partitions.daily_start, {first_day}")
        elif day > last_day:
            report.reject(vod.file, f"created on {day}, in the future")
        else:
            days[day].append(vod)
    return VodImport(dict(sorted(days.items())), report)


class ExclusiveRunner(Protocol):
    """Runs a function while it holds a lock that all writers of catalogs share."""

    def __call__(self, function: Callable[[], Result], /) -> Result:
        """Return the function's result."""
        ...


def run_unlocked(function: Callable[[], Result], /) -> Result:
    """Run a function without a lock: for a lake with a single writer."""
    return function()


def run_import(
    plan: VodImport,
    store: ObjectStore,
    *,
    names: ViewerNames,
    replace: bool = False,
    on_vod: Callable[[Vod], None],
    on_day: Callable[[DayImported], None],
    exclusively: ExclusiveRunner = run_unlocked,
) -> ImportReport:
    """Write the VODs of a plan to the lake, day by day: presence first, then the day's catalog.

    A VOD that is in the day's catalog and has presence in the lake is skipped unless `replace` is set, so an
    interrupted import resumes where it stopped. A VOD that cannot be used is rejected and skipped. A VOD in the
    catalog of another day moves: its creation time was corrected.

    Args:
        plan: the VODs by day; its report is filled and returned.
        store: the lake.
        names: how viewers' names are stored.
        replace: whether VODs that the lake already has are written again.
        on_vod: called after each VOD, imported or not.
        on_day: called after each day that has VODs in the lake or lost some.
        exclusively: locks the catalogs against other writers while they change.
    """
    report = plan.report
    moves = _MovedVods(store, report)
    for day, vods in plan.days.items():
        catalog = _read_catalog(store, day, report)
        existing = set() if replace else set(catalog.select("channel", "vod_id").iter_rows())
        imported: list[Vod] = []
        snapshots = 0
        for vod in vods:
            key = lake.vod_presence(vod.channel, vod.vod_id)
            if not names.keeps_channel(vod.channel):
                report.counts["VODs of channels that opted out"] += 1
            elif vod.key in existing and store.exists(key):
                report.counts["VODs already there"] += 1
            else:
                rows = _import_vod(vod, store, key, report, names)
                if rows is not None:
                    imported.append(vod)
                    snapshots += rows
                    moves.note(vod, day)
            on_vod(vod)
        report.counts["VODs accepted"] += len(imported)
        report.counts["presence rows accepted"] += snapshots
        # Out of the old day before into the new: an import that stops in between imports the VOD again.
        for changed in exclusively(moves.remove_from_old_days):
            on_day(changed)
        if imported:
            catalog = exclusively(partial(_add_to_catalog, store, day, imported, report))
        if catalog.height:
            on_day(DayImported(day, len(imported), snapshots, catalog.height))
    report.counts["days"] = len(plan.days)
    return report


def _import_vod(vod: Vod, store: ObjectStore, key: str, report: ImportReport, names: ViewerNames) -> int | None:
    try:
        read = vod.read()
        rows = complete_vod_presence(read.rows, created_at=vod.created_at, names=names)
        _refuse_other_vods(rows, vod)
    except (CorruptObjectError, DocumentError, SchemaError, OSError) as error:
        report.reject(vod.file, str(error))
        return None
    store.upload_parquet(key, rows, PRESENCE)
    report.counts.update(read.counts)
    return rows.height


def _refuse_other_vods(rows: pl.DataFrame, vod: Vod) -> None:
    expected = {"channel": vod.channel, "content_id": f"vod:{vod.vod_id}"}
    for column, value in expected.items():
        others = rows.filter(pl.col(column) != value)
        if others.height:
            raise SchemaError(
                f"{others.height} row(s) have {column} {others[column][0]!r}, but the path says {value!r}"
            )


def _read_catalog(store: ObjectStore, day: dt.date, report: ImportReport) -> pl.DataFrame:
    try:
        return read_vod_catalog(store, day)
    except CorruptObjectError as error:
        key = lake.vod_catalog(day)
        if key not in (rejection.file for rejection in report.rejections):
            report.reject(key, f"rebuilt from this import; import the other VODs of the day again: {error}")
        return VOD_CATALOG.empty()


def _add_to_catalog(store: ObjectStore, day: dt.date, vods: list[Vod], report: ImportReport) -> pl.DataFrame:
    """Add these VODs to the day's catalog; other VODs, and fields that these VODs lack, keep their values."""
    known = ("channel", "vod_id", "created_at", "title", "channel_id", "duration_s", "view_count")
    rows = pl.DataFrame(
        [{name: getattr(vod, name) for name in known} for vod in vods],
        schema={name: VOD_CATALOG.schema[name] for name in known},
    )
    # Read again: other writers may have added VODs since this import began.
    merged = _read_catalog(store, day, report).update(rows, on=["channel", "vod_id"], how="full")
    store.upload_parquet(lake.vod_catalog(day), merged, VOD_CATALOG)
    return merged


class _MovedVods:
    """VODs that are imported to another day than the one whose catalog lists them."""

    def __init__(self, store: ObjectStore, report: ImportReport) -> None:
        self.store = store
        self.report = report
        self._listed: dict[VodKey, set[dt.date]] | None = None
        self._leaving: dict[dt.date, set[VodKey]] = defaultdict(set)

    def note(self, vod: Vod, day: dt.date) -> None:
        """Note that a VOD belongs to this day, and to no other."""
        if self._listed is None:
            self._listed = self._read_catalogs()
        for other in self._listed.get(vod.key, set()) - {day}:
            self._leaving[other].add(vod.key)

    def _read_catalogs(self) -> dict[VodKey, set[dt.date]]:
        """Read which days list a VOD: once, and only if the import has something to write."""
        listed: dict[VodKey, set[dt.date]] = defaultdict(set)
        for day in folder_dates(self.store.folders(f"{lake.VOD_CATALOG}/")):
            key = lake.vod_catalog(day)
            try:
                catalog = self.store.download_parquet(key, VOD_CATALOG) if self.store.exists(key) else None
            except CorruptObjectError as error:
                if key not in (rejection.file for rejection in self.report.rejections):
                    self.report.reject(key, f"left as it is, and may still list VODs of this import: {error}")
                continue
            for vod in catalog.select("channel", "vod_id").iter_rows() if catalog is not None else ():
                listed[vod].add(day)
        return listed

    def remove_from_old_days(self) -> list[DayImported]:
        """Remove the noted VODs from the catalogs of their old days, and return these days."""
        changed = []
        for day, keys in sorted(self._leaving.items()):
            catalog = _read_catalog(self.store, day, self.report)
            leaving = pl.DataFrame(sorted(keys), schema=["channel", "vod_id"], orient="row")
            staying = catalog.join(leaving, on=["channel", "vod_id"], how="anti")
            if staying.height:
                self.store.upload_parquet(lake.vod_catalog(day), staying, VOD_CATALOG)
            else:
                self._delete_day(day)
            moved = catalog.height - staying.height
            self.report.counts["VODs moved from another day"] += moved
            changed.append(DayImported(day, 0, 0, staying.height, moved))
        self._leaving.clear()
        return changed

    def _delete_day(self, day: dt.date) -> None:
        """Delete an empty catalog, and the record of the day's audience unless live presence remains."""
        self.store.delete(lake.vod_catalog(day))
        if not self.store.exists(lake.live_presence(day)):
            self.store.delete(lake.partition_record("channel_audience", day))
