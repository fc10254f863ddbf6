"""The command `analyze`, and running a plan with its displays.

Belongs here: options, and what is printed of a run. Not here: planning, running (runs), displays (terminal).
"""

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vieweratlas_assets import terminal
from vieweratlas_assets.commands.start import start, without_copies
from vieweratlas_assets.logs import SHOWN
from vieweratlas_assets.settings import Settings

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from vieweratlas_assets.runs import Plan
    from vieweratlas_assets.storage.sealed import SealedPartitions

# Commands import what they run inside: loading Dagster takes seconds, and `--help` must not.

DAY = click.DateTime(formats=["%Y-%m-%d"])


@click.command()
@click.argument("config", required=False)
@click.option("--date", "day", type=DAY, help="One day. Default: the newest with data.")
@click.option("--from", "first", type=DAY, help="First day of a range.")
@click.option("--to", "last", type=DAY, help="Last day of a range.")
@click.option("--outdated", is_flag=True, help="Every day whose viewers would be counted otherwise now.")
@click.option("--force", is_flag=True, help="Replace imported graphs by computed ones.")
@click.pass_obj
def analyze(
    root: str | None,
    config: str | None,
    day: dt.datetime | None,
    first: dt.datetime | None,
    last: dt.datetime | None,
    outdated: bool,
    force: bool,
) -> None:
    """Make the atlas of a day or of a range of days.

    CONFIG is a preset (default, rigorous, explorer, debug) or a YAML file of settings; else VIEWERATLAS_CONFIG says
    which.

    Runs the same assets as the Dagster UI, recorded in the same history. Audiences that the window needs and that
    are missing or out of date are made first. Ends with a copy of the products in the folder of the setting
    storage.output_dir, by day.

    --outdated makes every day anew whose atlas rests on presence, names or an opt-out list that have changed since,
    as after `vieweratlas erase`.
    """
    if (first is None) != (last is None) or (day is not None and first is not None):
        raise click.UsageError("give --date, or --from and --to, or neither")
    if outdated and (day or first or force):
        raise click.UsageError("--outdated finds the days itself: leave --date, --from, --to and --force away")
    settings = start(root, config)

    # Only here: what is wrong with options or settings is told before Dagster is loaded.
    from vieweratlas_assets import history, runs
    from vieweratlas_assets.defs.io_managers import lake_of
    from vieweratlas_assets.partitions import days_between

    lake = lake_of(settings)
    if outdated:
        ranges = runs.ranges(runs.outdated_days(settings))
        if not ranges:
            terminal.console.print("No day of the atlas is out of date")
            return
    else:
        chosen = day or first
        begin = chosen.date() if chosen else runs.newest_day(lake)
        ranges = [(begin, last.date() if last else begin)]
    failures: list[str] = []
    uncopied = without_copies(settings)
    with history.open_instance() as instance:
        for begin, end in ranges:
            failures += analyse(uncopied, instance, begin, end, force=force)
    terminal.print_products(lake.sealed, ranges[-1][1])
    if settings.storage.output_dir is not None:
        days = [day for begin, end in ranges for day in days_between(begin, end)]
        _copy_for_people(lake.sealed, days, settings.storage.output_dir)
    fail_for(failures)


def _copy_for_people(sealed: "SealedPartitions", days: list[dt.date], folder: Path) -> None:
    """Copy the products of the days that have some, also where others of them failed, and say where."""
    from vieweratlas_assets.storage.products import copy_products

    copied = {day: count for day in days if (count := copy_products(sealed, day, folder))}
    if copied:
        span = " to ".join(str(folder / f"{day}") for day in dict.fromkeys((min(copied), max(copied))))
        terminal.console.print(f"Copied {sum(copied.values())} files to {span}", soft_wrap=True, highlight=False)


def analyse(
    settings: Settings, instance: "DagsterInstance", first: dt.date, last: dt.date, *, force: bool = False
) -> list[str]:
    """Plan and run an analysis; returns why steps failed."""
    from vieweratlas_assets import runs

    plan = runs.plan_analysis(settings, first, last, force=force)
    if plan.empty:
        named = ", ".join(f"{a}" if a == b else f"{a} to {b}" for a, b in runs.ranges(plan.empty))
        terminal.print_lines("passed over", [f"no presence in the window of {named}"])
    return run_plan(settings, instance, plan, force=force)


def run_plan(settings: Settings, instance: "DagsterInstance", plan: "Plan", *, force: bool = False) -> list[str]:
    """Run a plan and print its days, also where a step fails; returns why steps failed."""
    import dagster as dg

    from vieweratlas_assets import runs
    from vieweratlas_assets.defs.io_managers import lake_of

    sealed = lake_of(settings).sealed
    try:
        with terminal.step_bars():
            failures = runs.execute(settings, plan, instance, force=force)
    except dg.DagsterExecutionInterruptedError as stop:
        terminal.print_days(sealed, plan.analysed)
        raise click.Abort from stop
    terminal.print_days(sealed, plan.analysed)
    return failures


def fail_for(failures: list[str]) -> None:
    """Print why steps failed, and end the command as failed, if any did."""
    terminal.print_lines("failed", failures)
    for failure in failures:
        SHOWN.error("failed: %s", failure)
    if failures:
        raise click.exceptions.Exit(1)
