"""Chat of past broadcasts on its way into the lake, whatever format it came in.

Belongs here: a VOD to import, placing VODs on their days, writing presence and catalog, going on where an import
stopped. Not here: formats (vod_lake, vod_json, twitchdownloader), completing rows (domain.presence.records), telling
Dagster (commands).
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
    """What a reader makes of a VOD's files.

    Attributes:
        rows: presence as `complete_vod_presence` takes it.
        counts: what else there is to tell of it, by the words of the report.
    """

    rows: pl.DataFrame
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Vod:
    """A VOD to import.

    Attributes:
        file: where it was found, as it is told to people.
        channel: login, lowercase.
        created_at: start of the recording, UTC.
        read: reads its presence; raises CorruptObjectError, DocumentError, SchemaError or OSError where it cannot.
        channel_id, duration_s, view_count: None where not known.
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
    """What an import did for a day, for Dagster.

    Attributes:
        vods, snapshots: VODs and presence rows written by this import; 0 where all was there already.
        catalog_rows: VODs that the day's catalog names now.
        moved: VODs that went to another day, because their creation time was corrected.
    """

    day: dt.date
    vods: int
    snapshots: int
    catalog_rows: int
    moved: int = 0


@dataclass(frozen=True)
class VodImport:
    """The VODs of an import by the day of their creation, and what could not be placed."""

    days: Mapping[dt.date, list[Vod]]
    report: ImportReport

    @property
    def vods(self) -> int:
        """Number of VODs placed on a day."""
        return sum(map(len, self.days.values()))


@dataclass(frozen=True)
class KnownVod:
    """What `vods.csv` tells of a VOD."""

    created_at: dt.datetime
    title: str | None


def read_vods_csv(folder: Path, report: ImportReport) -> dict[VodKey, KnownVod]:
    """Read what people know of their VODs: `vods.csv` in a folder; empty where there is none.

    Columns: channel, vod_id, created_at (ISO 8601, UTC where no zone is given), title.

    Raises:
        TableError: it cannot be used at all.
    """
    path = folder / VODS_CSV
    rows: dict[VodKey, KnownVod] = {}
    for line, row in read_rows(path, VODS_COLUMNS, ("channel", "vod_id", "created_at")) if path.exists() else ():
        key = (row["channel"].lower(), row["vod_id"])
        created_at = utc_time(row["created_at"])
        if created_at is None:
            report.reject(VODS_CSV, f"created_at is {row['created_at']!r}, not an ISO 8601 time", row=line)
        elif not all(key):
            report.reject(VODS_CSV, "channel or vod_id is empty", row=line)
        elif key in rows:
            report.reject(VODS_CSV, f"VOD {row['vod_id']} of {row['channel']} stands there already", row=line)
        else:
            rows[key] = KnownVod(created_at, row.get("title") or None)
    return rows


def utc_time(text: str) -> dt.datetime | None:
    """An ISO 8601 time in UTC, which is meant where no zone is given; None where the text is none."""
    try:
        time = dt.datetime.fromisoformat(text)
        return time.astimezone(dt.UTC) if time.tzinfo else time.replace(tzinfo=dt.UTC)
    except (ValueError, OverflowError):
        return None


def place_by_day(vods: Iterable[Vod], report: ImportReport, *, first_day: dt.date, last_day: dt.date) -> VodImport:
    """Put each VOD on the day of its creation; those created before or after the days allowed are rejected."""
    days: dict[dt.date, list[Vod]] = defaultdict(list)
    for vod in vods:
        day = vod.created_at.date()
        if day < first_day:
            report.reject(vod.file, f"created on {day}, before daily_start {first_day}")
        elif day > last_day:
            report.reject(vod.file, f"created on {day}, which is to come")
        else:
            days[day].append(vod)
    return VodImport(dict(sorted(days.items())), report)


class Exclusively(Protocol):
    """Does something that nobody else who uses the same does meanwhile."""

    def __call__(self, do: Callable[[], Result], /) -> Result:
        """Returns what `do` returns."""
        ...


def at_once(do: Callable[[], Result], /) -> Result:
    """For a lake that nobody else writes to."""
    return do()


def run_import(
    plan: VodImport,
    store: ObjectStore,
    *,
    names: ViewerNames,
    replace: bool = False,
    on_vod: Callable[[Vod], None],
    on_day: Callable[[DayImported], None],
    exclusively: Exclusively = at_once,
) -> ImportReport:
    """Write the VODs of a plan to the lake, day by day: presence first, then the day's catalog.

    A VOD that the day's catalog names and whose presence is there is passed over unless `replace`, so that an
    import that was cut off goes on where it stopped. A VOD that cannot be used is noted and passed over. One that
    the catalog of another day names, because its creation time was corrected, moves.

    Args:
        names: what viewers' names become.
        on_vod: called after each VOD, imported or not.
        on_day: called after each day that has VODs in the lake or lost some.
        exclusively: keeps others from catalogs that are being changed.
    """
    report = plan.report
    elsewhere = _OtherDays(store, report)
    for day, vods in plan.days.items():
        catalog = _catalog(store, day, report)
        there = set() if replace else set(catalog.select("channel", "vod_id").iter_rows())
        imported: list[Vod] = []
        snapshots = 0
        for vod in vods:
            key = lake.vod_presence(vod.channel, vod.vod_id)
            if not names.keeps_channel(vod.channel):
                report.counts["VODs of channels that opted out"] += 1
            elif vod.key in there and store.exists(key):
                report.counts["VODs already there"] += 1
            else:
                rows = _import_vod(vod, store, key, report, names)
                if rows is not None:
                    imported.append(vod)
                    snapshots += rows
                    elsewhere.note(vod, day)
            on_vod(vod)
        report.counts["VODs accepted"] += len(imported)
        report.counts["presence rows accepted"] += snapshots
        # Out of the old day before into the new: cut off between the two, the VOD is imported again.
        for left in exclusively(elsewhere.leave):
            on_day(left)
        if imported:
            catalog = exclusively(partial(_add_to_catalog, store, day, imported, report))
        if catalog.height:
            on_day(DayImported(day, len(imported), snapshots, catalog.height))
    report.counts["days"] = len(plan.days)
    return report


def _import_vod(vod: Vod, store: ObjectStore, key: str, report: ImportReport, names: ViewerNames) -> int | None:
    try:
        found = vod.read()
        rows = complete_vod_presence(found.rows, created_at=vod.created_at, names=names)
        _refuse_strangers(rows, vod)
    except (CorruptObjectError, DocumentError, SchemaError, OSError) as error:
        report.reject(vod.file, str(error))
        return None
    store.upload_parquet(key, rows, PRESENCE)
    report.counts.update(found.counts)
    return rows.height


def _refuse_strangers(rows: pl.DataFrame, vod: Vod) -> None:
    expected = {"channel": vod.channel, "content_id": f"vod:{vod.vod_id}"}
    for column, value in expected.items():
        others = rows.filter(pl.col(column) != value)
        if others.height:
            raise SchemaError(f"{others.height} row(s) have {column} {others[column][0]!r}, the path says {value!r}")


def _catalog(store: ObjectStore, day: dt.date, report: ImportReport) -> pl.DataFrame:
    try:
        return read_vod_catalog(store, day)
    except CorruptObjectError as error:
        key = lake.vod_catalog(day)
        if key not in (each.file for each in report.rejections):
            report.reject(key, f"made anew from this import, other VODs of the day must be imported again: {error}")
        return VOD_CATALOG.empty()


def _add_to_catalog(store: ObjectStore, day: dt.date, vods: list[Vod], report: ImportReport) -> pl.DataFrame:
    """Write the day's catalog with these VODs in it; what it knew of other VODs, and more of these, stays."""
    known = ("channel", "vod_id", "created_at", "title", "channel_id", "duration_s", "view_count")
    rows = pl.DataFrame(
        [{name: getattr(vod, name) for name in known} for vod in vods],
        schema={name: VOD_CATALOG.schema[name] for name in known},
    )
    # Others may have found VODs since this import began.
    merged = _catalog(store, day, report).update(rows, on=["channel", "vod_id"], how="full")
    store.upload_parquet(lake.vod_catalog(day), merged, VOD_CATALOG)
    return merged


class _OtherDays:
    """The days whose catalogs name VODs that are being imported to another."""

    def __init__(self, store: ObjectStore, report: ImportReport) -> None:
        self.store = store
        self.report = report
        self._named: dict[VodKey, set[dt.date]] | None = None
        self._leaving: dict[dt.date, set[VodKey]] = defaultdict(set)

    def note(self, vod: Vod, day: dt.date) -> None:
        """Note that a VOD belongs to this day now, and to no other."""
        if self._named is None:
            self._named = self._read_all()
        for other in self._named.get(vod.key, set()) - {day}:
            self._leaving[other].add(vod.key)

    def _read_all(self) -> dict[VodKey, set[dt.date]]:
        """Which days name a VOD; read once, and only by an import that has something to write."""
        named: dict[VodKey, set[dt.date]] = defaultdict(set)
        for day in folder_dates(self.store.folders(f"{lake.VOD_CATALOG}/")):
            key = lake.vod_catalog(day)
            try:
                catalog = self.store.download_parquet(key, VOD_CATALOG) if self.store.exists(key) else None
            except CorruptObjectError as error:
                if key not in (each.file for each in self.report.rejections):
                    self.report.reject(key, f"cannot tell whether it names VODs that are imported here: {error}")
                continue
            for vod in catalog.select("channel", "vod_id").iter_rows() if catalog is not None else ():
                named[vod].add(day)
        return named

    def leave(self) -> list[DayImported]:
        """Take the VODs noted out of the catalogs of their old days, and tell what is left of each."""
        left = []
        for day, keys in sorted(self._leaving.items()):
            catalog = _catalog(self.store, day, self.report)
            gone = pl.DataFrame(sorted(keys), schema=["channel", "vod_id"], orient="row")
            stay = catalog.join(gone, on=["channel", "vod_id"], how="anti")
            if stay.height:
                self.store.upload_parquet(lake.vod_catalog(day), stay, VOD_CATALOG)
            else:
                self._empty(day)
            moved = catalog.height - stay.height
            self.report.counts["VODs moved from another day"] += moved
            left.append(DayImported(day, 0, 0, stay.height, moved))
        self._leaving.clear()
        return left

    def _empty(self, day: dt.date) -> None:
        """Nothing of the day is left: without its record the audience that was made of it is absent too."""
        self.store.delete(lake.vod_catalog(day))
        if not self.store.exists(lake.live_presence(day)):
            self.store.delete(lake.partition_record("channel_audience", day))
