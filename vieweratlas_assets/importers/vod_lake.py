"""Canonical VOD presence from a folder: Parquet in the hive layout, with `vods.csv` beside it.

Belongs here: finding the files, placing each VOD on its day, writing presence and catalogue. Not here: completing
rows (domain.presence.records), telling Dagster (commands).
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.presence.names import ViewerNames
from vieweratlas_assets.domain.presence.records import complete_vod_presence
from vieweratlas_assets.domain.schemas import PRESENCE, VOD_CATALOG, SchemaError
from vieweratlas_assets.importers.report import ImportReport
from vieweratlas_assets.importers.tabular import read_rows
from vieweratlas_assets.storage.objects import CorruptObject, ObjectStore
from vieweratlas_assets.storage.parquet import decode

VODS_CSV = "vods.csv"
COLUMNS = {
    "channel": ("channel",),
    "vod_id": ("vod_id",),
    "created_at": ("created_at",),
    "title": ("title",),
}


@dataclass(frozen=True)
class Vod:
    """A VOD to import: its file and its row in `vods.csv`."""

    path: Path
    channel: str
    vod_id: str
    created_at: dt.datetime
    title: str | None


@dataclass(frozen=True)
class DayImported:
    """What an import did for a day, for Dagster.

    Attributes:
        vods, snapshots: VODs and presence rows written by this import; 0 where all was there already.
        catalog_rows: VODs that the day's catalogue names now.
    """

    day: dt.date
    vods: int
    snapshots: int
    catalog_rows: int


@dataclass(frozen=True)
class VodImport:
    """The VODs of a folder by the day of their creation, and what could not be placed."""

    folder: Path
    days: Mapping[dt.date, list[Vod]]
    report: ImportReport

    @property
    def vods(self) -> int:
        """Number of VODs placed on a day."""
        return sum(map(len, self.days.values()))


def plan_import(folder: Path, *, first_day: dt.date, last_day: dt.date) -> VodImport:
    """Find the VODs of a folder and the day of each.

    Args:
        folder: holds `vods.csv` (channel, vod_id, created_at in ISO 8601, UTC where no zone is given, title) and,
            at any depth, `channel=<login>/vod=<id>/<name>.parquet`.
        first_day, last_day: VODs created before or after are rejected.

    Raises:
        TableError: `vods.csv` is missing or cannot be used.
    """
    report = ImportReport()
    known = _read_vods_csv(folder / VODS_CSV, report)
    days: dict[dt.date, list[Vod]] = defaultdict(list)
    placed: dict[tuple[str, str], str] = {}
    with_file: set[tuple[str, str]] = set()
    for path in sorted(folder.rglob("*.parquet")):
        if path.name.startswith((".", "_")):
            # What systems put beside a file, as macOS its ._part-0000.parquet; every hive reader passes it over.
            continue
        name = path.relative_to(folder).as_posix()
        found = lake.vod_of(f"/{name}")
        key = ("", "") if found is None else (found[0].lower(), found[1])
        row = known.get(key)
        with_file.add(key)
        if found is None:
            report.reject(name, "the path does not end in channel=<login>/vod=<id>/<file>.parquet")
        elif row is None:
            report.reject(name, f"no usable row in {VODS_CSV}, so its creation time and day are not known")
        elif row[0].date() < first_day:
            report.reject(name, f"created on {row[0].date()}, before daily_start {first_day}")
        elif row[0].date() > last_day:
            report.reject(name, f"created on {row[0].date()}, which is to come")
        elif key in placed:
            report.reject(name, f"a second file of the VOD in {placed[key]}; join them to one")
        else:
            placed[key] = name
            days[row[0].date()].append(Vod(path, *key, *row))
    if without_file := len(known.keys() - with_file):
        report.counts[f"VODs in {VODS_CSV} without a file"] = without_file
    return VodImport(folder, dict(sorted(days.items())), report)


def _read_vods_csv(path: Path, report: ImportReport) -> dict[tuple[str, str], tuple[dt.datetime, str | None]]:
    rows: dict[tuple[str, str], tuple[dt.datetime, str | None]] = {}
    for line, row in read_rows(path, COLUMNS, ("channel", "vod_id", "created_at")):
        key = (row["channel"].lower(), row["vod_id"])
        try:
            created_at = _utc(dt.datetime.fromisoformat(row["created_at"]))
        except (ValueError, OverflowError):
            report.reject(VODS_CSV, f"created_at is {row['created_at']!r}, not an ISO 8601 time", row=line)
            continue
        if not all(key):
            report.reject(VODS_CSV, "channel or vod_id is empty", row=line)
        elif key in rows:
            report.reject(VODS_CSV, f"VOD {row['vod_id']} of {row['channel']} stands there already", row=line)
        else:
            rows[key] = (created_at, row.get("title") or None)
    return rows


def _utc(time: dt.datetime) -> dt.datetime:
    return time.astimezone(dt.UTC) if time.tzinfo else time.replace(tzinfo=dt.UTC)


def run_import(
    plan: VodImport,
    store: ObjectStore,
    *,
    names: ViewerNames,
    replace: bool = False,
    on_vod: Callable[[Vod], None],
    on_day: Callable[[DayImported], None],
) -> ImportReport:
    """Write the VODs of a plan to the lake, day by day: presence first, then the day's catalogue.

    A VOD that the day's catalogue names and whose presence is there is passed over unless `replace`, so that an
    import that was cut off goes on where it stopped. A file that cannot be used is noted and passed over.

    Args:
        names: what viewers' names become.
        on_vod: called after each VOD, imported or not.
        on_day: called after each day that has VODs in the lake.
    """
    report = plan.report
    for day, vods in plan.days.items():
        catalog = _catalog(store, day, report)
        there = set() if replace else set(catalog.select("channel", "vod_id").iter_rows())
        imported: list[Vod] = []
        snapshots = 0
        for vod in vods:
            key = lake.vod_presence(vod.channel, vod.vod_id)
            if not names.keeps_channel(vod.channel):
                report.counts["VODs of channels that opted out"] += 1
            elif (vod.channel, vod.vod_id) in there and store.exists(key):
                report.counts["VODs already there"] += 1
            else:
                rows = _import_vod(vod, store, key, plan, names)
                if rows is not None:
                    imported.append(vod)
                    snapshots += rows
            on_vod(vod)
        report.counts["VODs accepted"] += len(imported)
        report.counts["presence rows accepted"] += snapshots
        if imported:
            catalog = _add_to_catalog(store, day, catalog, imported)
        if catalog.height:
            on_day(DayImported(day, len(imported), snapshots, catalog.height))
    report.counts["days"] = len(plan.days)
    return report


def _import_vod(vod: Vod, store: ObjectStore, key: str, plan: VodImport, names: ViewerNames) -> int | None:
    name = vod.path.relative_to(plan.folder).as_posix()
    try:
        found = decode(vod.path.read_bytes(), uri=vod.path.name)
        rows = complete_vod_presence(found, created_at=vod.created_at, names=names)
        _refuse_strangers(rows, vod)
    except (CorruptObject, SchemaError, OSError) as error:
        plan.report.reject(name, str(error))
        return None
    store.upload_parquet(key, rows, PRESENCE)
    return rows.height


def _refuse_strangers(rows: pl.DataFrame, vod: Vod) -> None:
    expected = {"channel": vod.channel, "content_id": f"vod:{vod.vod_id}"}
    for column, value in expected.items():
        others = rows.filter(pl.col(column) != value)
        if others.height:
            raise SchemaError(f"{others.height} row(s) have {column} {others[column][0]!r}, the path says {value!r}")


def _catalog(store: ObjectStore, day: dt.date, report: ImportReport) -> pl.DataFrame:
    key = lake.vod_catalog(day)
    try:
        return store.download_parquet(key, VOD_CATALOG) if store.exists(key) else VOD_CATALOG.empty()
    except CorruptObject as error:
        report.reject(key, f"made anew from this import, other VODs of the day must be imported again: {error}")
        return VOD_CATALOG.empty()


def _add_to_catalog(store: ObjectStore, day: dt.date, catalog: pl.DataFrame, vods: list[Vod]) -> pl.DataFrame:
    """Write the day's catalogue with these VODs in it; what it knew of other VODs, and more of these, stays."""
    rows = pl.DataFrame(
        [
            {"channel": vod.channel, "vod_id": vod.vod_id, "created_at": vod.created_at, "title": vod.title}
            for vod in vods
        ],
        schema={name: VOD_CATALOG.schema[name] for name in ("channel", "vod_id", "created_at", "title")},
    )
    merged = catalog.update(rows, on=["channel", "vod_id"], how="full")
    store.upload_parquet(lake.vod_catalog(day), merged, VOD_CATALOG)
    return merged
