"""The command `analyze`, and running a plan with its displays.

Belongs here: options, and what is printed of a run. Not here: planning and executing (runs), displays (display).
"""

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vieweratlas_assets.commands import display
from vieweratlas_assets.commands.start import start, without_copies
from vieweratlas_assets.domain.days import days_between, range_text, ranges
from vieweratlas_assets.logs import SHOWN
from vieweratlas_assets.settings import Settings

if TYPE_CHECKING:
    from vieweratlas_assets.runs.plan import Plan
    from vieweratlas_assets.storage.lake import Lake
    from vieweratlas_assets.storage.sealed import SealedPartitions

# Commands import what they run inside: loading Dagster takes seconds, and `--help` must not.

DAY = click.DateTime(formats=["%Y-%m-%d"])


@click.command()
@click.argument("config", required=False)
@click.option("--date", "day", type=DAY, help="One day. Default: the newest with data.")
@click.option("--from", "first", type=DAY, help="First day of a range.")
@click.option("--to", "last", type=DAY, help="Last day of a range.")
@click.option("--outdated", is_flag=True, help="Rebuild every day whose inputs changed since.")
@click.option("--force", is_flag=True, help="Replace imported graphs with computed ones.")
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
    """Build the atlas of a day or of a range of days.

    CONFIG is a preset (default, rigorous, explorer, debug) or a YAML file of settings. Default: VIEWERATLAS_CONFIG.

    Runs the same assets as the Dagster UI and records them in the same history. First builds the audiences that the
    window needs and that are missing or out of date. Copies the products to the folder storage.output_dir, by day.

    --outdated rebuilds every day whose presence, viewer names or opt-out list changed since, as after
    `vieweratlas erase`.
    """
    if (first is None) != (last is None) or (day is not None and first is not None):
        raise click.UsageError("give --date, or --from and --to, or neither")
    if outdated and (day or first or force):
        raise click.UsageError("--outdated finds the days itself: omit --date, --from, --to and --force")
    settings = start(root, config)

    from vieweratlas_assets.runs import plan as planning
    from vieweratlas_assets.wiring.lake import open_lake

    lake = open_lake(settings)
    if outdated:
        spans = ranges(planning.outdated_days(settings, lake))
        if not spans:
            display.console.print("No day of the atlas is out of date")
            return
    else:
        chosen = day or first
        begin = chosen.date() if chosen else planning.newest_day(lake)
        spans = [(begin, last.date() if last else begin)]
    failures: list[str] = []
    for begin, end in spans:
        # Planned before Dagster is loaded: a range that cannot be analyzed is refused at once.
        plan = plan_days(settings, lake, begin, end, force=force)
        failures += run_plan(without_copies(settings), lake, plan, force=force)
    display.print_products(lake.sealed, spans[-1][1])
    if settings.storage.output_dir is not None:
        days = [day for begin, end in spans for day in days_between(begin, end)]
        _copy_products(lake.sealed, days, settings.storage.output_dir)
    fail_for(failures)


def _copy_products(sealed: "SealedPartitions", days: list[dt.date], folder: Path) -> None:
    """Copy the products of the days that have any, and print where; other days may have failed."""
    from vieweratlas_assets.storage.products import copy_products

    copied = {day: count for day in days if (count := copy_products(sealed, day, folder))}
    if copied:
        span = " to ".join(str(folder / f"{day}") for day in dict.fromkeys((min(copied), max(copied))))
        display.console.print(f"Copied {sum(copied.values())} files to {span}", soft_wrap=True, highlight=False)


def plan_days(settings: Settings, lake: "Lake", first: dt.date, last: dt.date, *, force: bool = False) -> "Plan":
    """Plan an analysis, and print the days that it skips."""
    from vieweratlas_assets.runs.plan import plan_analysis

    plan = plan_analysis(settings, lake, first, last, force=force)
    if plan.empty:
        named = ", ".join(range_text(*span) for span in ranges(plan.empty))
        display.print_lines("skipped", [f"no presence in the window of {named}"])
    return plan


def run_plan(settings: Settings, lake: "Lake", plan: "Plan", *, force: bool = False) -> list[str]:
    """Execute a plan and print its days, even where a step fails; returns why steps failed."""
    import dagster as dg

    from vieweratlas_assets.runs import history
    from vieweratlas_assets.runs.execute import execute

    with history.open_instance() as instance:
        try:
            with display.step_bars():
                failures = execute(settings, lake, plan, instance, force=force)
        except dg.DagsterExecutionInterruptedError as stop:
            display.print_days(lake.sealed, plan.analyzed)
            raise click.Abort from stop
    display.print_days(lake.sealed, plan.analyzed)
    return failures


def fail_for(failures: list[str]) -> None:
    """Print why steps failed, and end the command as failed, if any did."""
    display.print_lines("failed", failures)
    for failure in failures:
        SHOWN.error("failed: %s", failure)
    if failures:
        raise click.exceptions.Exit(1)
