"""The command `import live`.

Belongs here: options, reporting hours to Dagster, what is printed. Not here: reading files (importers).
"""

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from vieweratlas_assets.commands import display
from vieweratlas_assets.errors import InputError
from vieweratlas_assets.settings import Settings

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from vieweratlas_assets.importers.live import LiveImportResult
    from vieweratlas_assets.storage.objects import ObjectStore

# Commands import what they run inside: loading Dagster takes seconds, and `--help` must not.


class TimeZone(click.ParamType[ZoneInfo]):
    """An IANA time zone, such as Europe/Berlin."""

    name = "zone"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> ZoneInfo:
        """Find the zone by its name."""
        try:
            return ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            self.fail(f"{value!r} is not an IANA time zone, such as UTC or Europe/Berlin", param, ctx)


@click.command("live")
@click.argument("folder", type=click.Path(exists=True, path_type=Path), required=False)
@click.option(
    "--time-zone", type=TimeZone(), help="Time zone of times without one.  [default: collection.time_zone, UTC]"
)
@click.option("--replace", is_flag=True, help="Remove earlier imports of these files, and import them again.")
@click.pass_obj
def import_live(settings: Settings, folder: Path | None, time_zone: ZoneInfo | None, replace: bool) -> None:
    """Import live chat snapshots: FOLDER holds *.json and *.csv at any depth, or is one such file.

    Default: collection.logs_dir ("logs").

    \b
    JSON   one snapshot or an array of them: timestamp, channel, viewer_count, game_name, language, title,
           started_at, chatters; or channel and time in the file name, <channel>_<YYYYMMDD_HHMMSS>.json
    CSV    timestamp, channel, viewer_count, game_name, title, started_at, username   one row per chatter
           channel, chatter, viewers, game, title, timestamp                          one row per chatter
           timestamp, channel, total_viewers, chatters_count, chatters                one row per snapshot

    Lists what it cannot use, and skips it. An interrupted import continues where it stopped. `vieweratlas analyze`
    builds live presence from the imported snapshots.
    """
    from vieweratlas_assets.importers.live import ImportRules, find_snapshot_files, run_live_import
    from vieweratlas_assets.importers.local_time import LocalTimes
    from vieweratlas_assets.runs import history
    from vieweratlas_assets.wiring.lake import open_lake

    lake = open_lake(settings)
    folder = folder or Path(settings.collection.logs_dir)
    if not folder.exists():
        raise click.UsageError(f"{folder} does not exist: name the folder, or set collection.logs_dir")
    plan = find_snapshot_files(folder)
    rules = ImportRules(
        times=LocalTimes(time_zone or ZoneInfo(settings.collection.time_zone)),
        names=lake.names,
        first_day=settings.partitions.daily_start,
        last_day=dt.datetime.now(dt.UTC).date(),
        replace=replace,
    )
    with display.progress_bar() as progress:
        bar = progress.add_task("importing snapshots", total=len(plan.files), now="")
        done = run_live_import(
            plan, lake.store, rules, on_file=lambda name: progress.update(bar, advance=1, now=name)
        )
    with history.open_instance() as instance:
        _report_hours(instance, lake.store, done, settings.partitions.hourly_start)
    display.print_import(f"Import of {folder} into {lake.store.root}", done.report)
    if done.report.rejections and not done.has_accepted:
        raise InputError(f"nothing of {folder} was imported: every file was rejected")


def _report_hours(
    instance: "DagsterInstance", store: "ObjectStore", done: "LiveImportResult", hourly_start: dt.datetime
) -> None:
    """Report the written hours to Dagster, and those that an interrupted import did not report."""
    from vieweratlas_assets.domain.days import hour_key
    from vieweratlas_assets.domain.lake import raw_hour
    from vieweratlas_assets.runs import report

    reported = report.reported_partitions(instance, "raw_snapshots")
    unreported = {hour for hour in done.known if hour_key(hour.date(), hour.hour) not in reported}
    hours = sorted(hour for hour in unreported | done.written.keys() if hour >= hourly_start)
    with display.progress_bar() as progress:
        bar = progress.add_task("reporting to Dagster", total=len(hours), now="")
        for hour in hours:
            facts = {
                "dagster/uri": store.uri(raw_hour(hour).rstrip("/")),
                "origin": "import live",
                "snapshots_imported": done.written.get(hour, 0),
            }
            report.report_hour(instance, "raw_snapshots", hour, facts)
            progress.update(bar, advance=1, now=str(hour))
