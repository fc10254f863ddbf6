"""The commands `import vod-lake`, `import vod-json` and `import twitchdownloader`.

Belongs here: options, reporting days to Dagster, what is printed. Not here: reading files (importers).
"""

import datetime as dt
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vieweratlas_assets.commands import display
from vieweratlas_assets.errors import InputError
from vieweratlas_assets.settings import Settings

if TYPE_CHECKING:
    from vieweratlas_assets.importers.vod_import import DayImported, VodImport

# Commands import what they run inside: loading Dagster takes seconds, and `--help` must not.

REPLACE = click.option("--replace", is_flag=True, help="Import VODs again that the lake already has.")
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
FILE_OR_FOLDER = click.Path(exists=True, path_type=Path)


@click.command("vod-lake")
@click.argument("folder", type=FOLDER)
@REPLACE
@click.pass_obj
def import_vod_lake(settings: Settings, folder: Path, replace: bool) -> None:
    """Import VOD chat presence as Parquet, canonical or of the older 17 columns.

    \b
    FOLDER     *.parquet at any depth, in channel=<login>/vod=<id>/ or flat, and vods.csv
    Parquet    channel, content_id, offset_s, chatters; one row per 60 s bucket
    vods.csv   channel, vod_id, created_at (ISO 8601, UTC), title; optional if the records
               have bucket_start

    Lists broken files, and skips them. An interrupted import continues where it stopped.
    """
    from vieweratlas_assets.importers.vod_lake import plan_import

    with tempfile.TemporaryFile() as scratch:
        with display.console.status(f"reading {folder}"):
            plan = plan_import(folder, scratch, **_days(settings))
        _import(settings, plan, folder, origin="import vod-lake", replace=replace)


@click.command("vod-json")
@click.argument("path", type=FILE_OR_FOLDER)
@REPLACE
@click.pass_obj
def import_vod_json(settings: Settings, path: Path, replace: bool) -> None:
    """Import VOD chat presence as JSON: one or many VODs per file.

    \b
    PATH       a file, or a folder with .json, .jsonl, .ndjson at any depth, also .gz
    JSON       a list of records, an object with such a list, or one record per line;
               a record has channel, content_id, offset_s, chatters, bucket_start
    vods.csv   in the same folder, if bucket_start is missing: channel, vod_id, created_at, title

    Lists each VOD with a bad record and skips it whole; import it again once it is corrected.
    """
    from vieweratlas_assets.importers.vod_json import plan_import

    with tempfile.TemporaryFile() as scratch:
        with display.console.status(f"reading {path}"):
            plan = plan_import(path, scratch, **_days(settings))
        _import(settings, plan, path, origin="import vod-json", replace=replace)


@click.command("twitchdownloader")
@click.argument("path", type=FILE_OR_FOLDER)
@click.option("--created-at", metavar="TIME", help="Start of the recording, ISO 8601, UTC; for a single VOD.")
@REPLACE
@click.pass_obj
def import_twitchdownloader(settings: Settings, path: Path, created_at: str | None, replace: bool) -> None:
    """Import VOD chat that TwitchDownloader saved as JSON; PATH is a file or a folder, also with .gz.

    Keeps who wrote in which minute, and nothing of what they wrote. A file without the creation time of its VOD needs
    --created-at, or a row in vods.csv (channel, vod_id, created_at, title) in the same folder.
    """
    from vieweratlas_assets.importers.twitchdownloader import plan_import
    from vieweratlas_assets.importers.vod_import import utc_time

    began = None if created_at is None else utc_time(created_at)
    if created_at is not None and began is None:
        raise click.BadParameter(f"{created_at!r} is not an ISO 8601 time, such as 2026-07-08T12:02:51Z")
    with display.console.status(f"reading {path}"):
        plan = plan_import(path, created_at=began, **_days(settings))
    _import(settings, plan, path, origin="import twitchdownloader", replace=replace)


def _days(settings: Settings) -> dict[str, dt.date]:
    """The first and last day that an imported VOD may be of."""
    return {"first_day": settings.partitions.daily_start, "last_day": dt.datetime.now(dt.UTC).date()}


def _import(settings: Settings, plan: "VodImport", path: Path, *, origin: str, replace: bool) -> None:
    """Write a plan with a bar, report its days to Dagster, and print what became of it."""
    from vieweratlas_assets.importers.vod_import import run_import
    from vieweratlas_assets.runs import history, report
    from vieweratlas_assets.storage.vod_catalogs import read_vod_catalog
    from vieweratlas_assets.wiring.lake import open_lake
    from vieweratlas_assets.wiring.vod_discovery import note_stored
    from vieweratlas_assets.wiring.vod_workers import open_queue

    lake = open_lake(settings)
    names = lake.names
    with history.open_instance() as instance, open_queue(settings) as queue, display.progress_bar() as progress:
        reported = report.reported_partitions(instance, "vod_presence")
        bar = progress.add_task("importing VODs", total=plan.vods, now="")

        def on_day(done: "DayImported") -> None:
            # So that no worker fetches what the lake already has.
            note_stored(queue, lake.store, read_vod_catalog(lake.store, done.day))
            if done.vods or done.moved or str(done.day) not in reported:
                catalog = {"dagster/row_count": done.catalog_rows}
                presence = {"vods_imported": done.vods, "presence_rows_imported": done.snapshots}
                report.report_vods(instance, lake.store, done.day, origin=origin, catalog=catalog, presence=presence)

        imported = run_import(
            plan,
            lake.store,
            names=names,
            replace=replace,
            on_vod=lambda vod: progress.update(bar, advance=1, now=f"{vod.channel} {vod.vod_id}"),
            on_day=on_day,
            exclusively=queue.exclusively,
        )
    display.print_import(f"Import of {path} into {lake.store.root}", imported)
    if not imported.counts["VODs accepted"] + imported.counts["VODs already there"]:
        raise InputError(f"nothing of {path} was imported" if imported.rejections else f"{path} holds no VOD")
