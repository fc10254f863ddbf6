"""The command `vieweratlas`.

Belongs here: commands, options and their help. Not here: the work (runs, importers, sandbox), displays (terminal).
"""

import datetime as dt
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vieweratlas_assets import terminal
from vieweratlas_assets.sandbox.world import WorldSpec
from vieweratlas_assets.settings import Settings, SettingsError, load_settings

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from vieweratlas_assets.defs.io_managers import LakeIOManager
    from vieweratlas_assets.runs import Plan

# Commands import what they run inside: loading Dagster takes seconds, and `--help` must not.

DAY = click.DateTime(formats=["%Y-%m-%d"])


def main() -> None:
    """Run the command; faults that a person can mend are one line, not a traceback."""
    try:
        # Without standalone mode click returns the code of an Exit, and what a command returns, which is None.
        sys.exit(cli(standalone_mode=False))
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except Exception as error:
        if not isinstance(error, _mendable()):
            raise
        terminal.print_lines("error", [str(error)])
        sys.exit(1)


def _mendable() -> tuple[type[Exception], ...]:
    from vieweratlas_assets.importers.tabular import TableError
    from vieweratlas_assets.runs import NothingToAnalyse
    from vieweratlas_assets.storage.objects import StorageError

    return (SettingsError, StorageError, TableError, NothingToAnalyse)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="vieweratlas")
@click.option("--root", help="The lake: a folder or s3://bucket/prefix/. Default: VIEWERATLAS_ROOT, else ./data.")
@click.pass_context
def cli(context: click.Context, root: str | None) -> None:
    """ViewerAtlas: who writes in which Twitch chat, and what map that makes.

    \b
    A first hour:
      vieweratlas demo                        a made-up week and its atlas, in ./demo
      vieweratlas import vod-lake DIR         your own presence
      vieweratlas analyze                     the atlas of the newest day
      vieweratlas dev                         the same in the Dagster UI

    Settings come from the environment, as VIEWERATLAS_<SECTION>__<KEY>, such as
    VIEWERATLAS_ANALYSIS__OVERLAP_THRESHOLD=5.
    """
    if root is not None:
        os.environ["VIEWERATLAS_ROOT"] = root
    context.obj = root if context.invoked_subcommand == "demo" else load_settings()


@cli.command()
@click.option("--root", help="The demo's lake. Default: ./demo; VIEWERATLAS_ROOT is left alone.")
@click.option("--channels", default=WorldSpec.channels, show_default=True, help="Channels of the made-up Twitch.")
@click.option("--viewers", default=WorldSpec.viewers, show_default=True, help="Viewers.")
@click.option("--days", default=WorldSpec.days, show_default=True, help="Days.")
@click.option("--seed", default=WorldSpec.seed, show_default=True, help="Another seed is another Twitch.")
@click.pass_obj
def demo(chosen: str | None, root: str | None, channels: int, viewers: int, days: int, seed: int) -> None:
    """Build a made-up week of Twitch with planted communities, and its atlas.

    Ends with how well the planted communities were found, and the paths of what was made.
    """
    from vieweratlas_assets import runs
    from vieweratlas_assets.defs.io_managers import LakeIOManager
    from vieweratlas_assets.sandbox.presence import write_world
    from vieweratlas_assets.sandbox.world import build_world

    # Made-up viewers must never land among collected ones: the environment's lake has to be named to be used.
    settings = load_settings(root=root or chosen or "demo")
    lake = LakeIOManager(root=settings.root)
    try:
        spec = WorldSpec(seed=seed, channels=channels, viewers=viewers, days=days)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    last = spec.start + dt.timedelta(days=days - 1)
    with runs.open_instance() as instance:
        with terminal.progress_bar() as progress:
            bar = progress.add_task("made-up Twitch", total=days, now="")
            write_world(lake.store, build_world(spec), lambda day: progress.update(bar, advance=1, now=str(day)))
        _report_world(instance, lake, spec)
        failures = _analyse(settings, instance, spec.start, last)
    _print_recovery(lake, last)
    terminal.print_products(lake.sealed, last)
    _fail_for(failures)


def _print_recovery(lake: "LakeIOManager", day: dt.date) -> None:
    """Say how well the communities of a day are the planted ones."""
    import polars as pl

    from vieweratlas_assets.domain.communities.agreement import agreement
    from vieweratlas_assets.domain.lake import planted_communities
    from vieweratlas_assets.domain.schemas import COMMUNITIES

    record = lake.sealed.record("communities", day)
    if record is None:
        return
    truth = lake.store.download_json(planted_communities())["communities"]
    planted = pl.DataFrame({"channel": list(truth), "community": list(truth.values())})
    same = agreement(lake.sealed.table(record, COMMUNITIES), planted)
    terminal.console.print(
        f"Planted communities recovered: adjusted Rand index {same.adjusted_rand_index:.3f} "
        f"over {same.channels} of {planted.height} channels"
    )


def _report_world(instance: "DagsterInstance", lake: "LakeIOManager", spec: WorldSpec) -> None:
    """Tell Dagster of what the generator wrote, as a collector would."""
    from vieweratlas_assets import runs
    from vieweratlas_assets.domain import lake as paths
    from vieweratlas_assets.partitions import hour_key

    for offset in range(spec.days):
        day = spec.start + dt.timedelta(days=offset)
        for asset, key in (("live_presence", paths.live_presence(day)), ("vod_catalog", paths.vod_catalog(day))):
            if lake.store.exists(key):
                runs.report_partition(instance, asset, day, {"dagster/uri": lake.store.uri(key)})
        if lake.store.exists(paths.vod_catalog(day)):
            runs.report_partition(instance, "vod_presence", day, {"origin": "demo"})
        for hour in range(24):
            key = paths.channel_roster(day, hour)
            if lake.store.exists(key):
                uri = {"dagster/uri": lake.store.uri(key)}
                runs.report_partition(instance, "channel_roster", hour_key(day, hour), uri)


@cli.group("import")
def import_group() -> None:
    """Take in what you already have."""


@import_group.command("vod-lake")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--replace", is_flag=True, help="Import VODs again that the lake has already.")
@click.pass_obj
def import_vod_lake(settings: Settings, folder: Path, replace: bool) -> None:
    """Import VOD chat presence: FOLDER holds vods.csv and channel=<login>/vod=<id>/*.parquet.

    \b
    vods.csv   channel, vod_id, created_at (ISO 8601, UTC), title
    Parquet    channel, content_id, offset_s, chatters; one row a 60 s bucket

    A broken file is named and passed over. An import that was cut off goes on where it stopped.
    """
    import dagster as dg

    from vieweratlas_assets import runs
    from vieweratlas_assets.defs.io_managers import LakeIOManager
    from vieweratlas_assets.domain import lake as paths
    from vieweratlas_assets.importers import vod_lake

    lake = LakeIOManager(root=settings.root)
    today = dt.datetime.now(dt.UTC).date()
    plan = vod_lake.plan_import(folder, first_day=settings.partitions.daily_start, last_day=today)
    with runs.open_instance() as instance, terminal.progress_bar() as progress:
        known = set(instance.get_materialized_partitions(dg.AssetKey("vod_presence")))
        bar = progress.add_task("importing VODs", total=plan.vods, now="")

        def on_day(done: vod_lake.DayImported) -> None:
            if done.vods or str(done.day) not in known:
                uri = lake.store.uri(paths.vod_catalog(done.day))
                rows = {"dagster/row_count": done.catalog_rows, "dagster/uri": uri, "origin": "import vod-lake"}
                runs.report_partition(instance, "vod_catalog", done.day, rows)
                read = {"vods_imported": done.vods, "presence_rows_imported": done.snapshots}
                runs.report_partition(instance, "vod_presence", done.day, {**read, "origin": "import vod-lake"})

        report = vod_lake.run_import(
            plan,
            lake.store,
            replace=replace,
            on_vod=lambda vod: progress.update(bar, advance=1, now=f"{vod.channel} {vod.vod_id}"),
            on_day=on_day,
        )
    terminal.print_import(f"Import of {folder} into {lake.store.root}", report)
    if report.rejections and not report.counts["VODs accepted"] + report.counts["VODs already there"]:
        raise click.ClickException("nothing was imported")


@import_group.command("atlas")
@click.option("--edges", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path), help="CSV.")
@click.option("--nodes", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="CSV.")
@click.option("--date", "day", required=True, type=DAY, help="The day the overlap stands for.")
@click.option(
    "--weight",
    type=click.Choice(["shared_viewers", "overlap_coefficient"]),
    default="shared_viewers",
    show_default=True,
    help="What the weights are.",
)
@click.pass_obj
def import_atlas(settings: Settings, edges: Path, nodes: Path | None, day: dt.datetime, weight: str) -> None:
    """Import another atlas's overlap as the graph of a day.

    \b
    --edges    source, target, weight
    --nodes    ID, Label, Count   or   channel, community, size, x, y

    `vieweratlas analyze --date D` then starts below the imported graph, and only --force replaces it.
    """
    from vieweratlas_assets import runs
    from vieweratlas_assets.defs.io_managers import LakeIOManager
    from vieweratlas_assets.defs.metadata import shown
    from vieweratlas_assets.domain.overlap.graph import graph_facts
    from vieweratlas_assets.importers.atlas import read_atlas, tables_of
    from vieweratlas_assets.storage.sealed import table_files

    date = day.date()
    if date < settings.partitions.daily_start:
        raise SettingsError(f"{date} is before the first partition, {settings.partitions.daily_start}")
    lake = LakeIOManager(root=settings.root)
    with terminal.progress_bar() as progress:
        bar = progress.add_task("reading the atlas", total=1, now=edges.name)
        imported = read_atlas(
            edges,
            nodes,
            weight=weight,
            overlap_threshold=settings.analysis.overlap_threshold,
            min_channel_viewers=settings.analysis.min_channel_viewers,
        )
        progress.update(bar, advance=1)
    facts = {**graph_facts(imported.graph), "weight": weight, "import": dict(imported.report.counts)}
    origin = f"import atlas {edges.name}"
    record = lake.sealed.seal(
        "overlap_graph", date, table_files(date, tables_of(imported)), facts=facts, origin=origin
    )
    terminal.print_import(f"Import of {edges.name} as the overlap graph of {date}", imported.report)
    terminal.print_uris(lake.sealed, record.files)
    failures: list[str] = []
    with runs.open_instance() as instance:
        runs.report_partition(instance, "overlap_graph", date, {**shown(facts), "origin": origin})
        if lake.sealed.record("communities", date) is not None:
            # What was made of the graph that stood here would otherwise stand beside the new one.
            terminal.console.print(f"A graph of {date} was replaced; what follows from it is made anew")
            failures = _run(settings, instance, runs.Plan((), (), (date,), ()))
    _fail_for(failures)


@cli.command()
@click.option("--date", "day", type=DAY, help="One day. Default: the newest with data.")
@click.option("--from", "first", type=DAY, help="First day of a range.")
@click.option("--to", "last", type=DAY, help="Last day of a range.")
@click.option("--force", is_flag=True, help="Replace imported graphs by computed ones.")
@click.pass_obj
def analyze(
    settings: Settings,
    day: dt.datetime | None,
    first: dt.datetime | None,
    last: dt.datetime | None,
    force: bool,
) -> None:
    """Make the atlas of a day or of a range of days.

    Runs the same assets as the Dagster UI, recorded in the same history. Audiences that the window needs and that
    are missing or out of date are made first.
    """
    from vieweratlas_assets import runs
    from vieweratlas_assets.defs.io_managers import LakeIOManager

    if (first is None) != (last is None) or (day is not None and first is not None):
        raise click.UsageError("give --date, or --from and --to, or neither")
    lake = LakeIOManager(root=settings.root)
    chosen = day or first
    begin = chosen.date() if chosen else runs.newest_day(lake)
    end = last.date() if last else begin
    with runs.open_instance() as instance:
        failures = _analyse(settings, instance, begin, end, force=force)
    terminal.print_products(lake.sealed, end)
    _fail_for(failures)


def _analyse(
    settings: Settings, instance: "DagsterInstance", first: dt.date, last: dt.date, *, force: bool = False
) -> list[str]:
    """Plan and run an analysis; returns why steps failed."""
    from vieweratlas_assets import runs

    plan = runs.plan_analysis(settings, first, last, force=force)
    if plan.empty:
        named = ", ".join(f"{a}" if a == b else f"{a} to {b}" for a, b in runs.ranges(plan.empty))
        terminal.print_lines("passed over", [f"no presence in the window of {named}"])
    return _run(settings, instance, plan, force=force)


def _run(settings: Settings, instance: "DagsterInstance", plan: "Plan", *, force: bool = False) -> list[str]:
    """Run a plan and print its days, also where a step fails; returns why steps failed."""
    import dagster as dg

    from vieweratlas_assets import runs
    from vieweratlas_assets.defs.io_managers import LakeIOManager

    sealed = LakeIOManager(root=settings.root).sealed
    try:
        with terminal.step_bars():
            failures = runs.execute(settings, plan, instance, force=force)
    except dg.DagsterExecutionInterruptedError as stop:
        terminal.print_days(sealed, plan.analysed)
        raise click.Abort from stop
    terminal.print_days(sealed, plan.analysed)
    return failures


def _fail_for(failures: list[str]) -> None:
    """Print why steps failed, and end the command as failed, if any did."""
    terminal.print_lines("failed", failures)
    if failures:
        raise click.exceptions.Exit(1)


@cli.command()
@click.option("--date", "day", required=True, type=DAY, help="A day whose graph was imported with its communities.")
@click.option("--algorithm", "algorithms", multiple=True, help="Detector; can be repeated. Default: all.")
@click.option(
    "--resolution",
    "resolutions",
    multiple=True,
    type=click.FloatRange(min=0, min_open=True),
    default=(0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0),
    show_default=True,
    help="Resolution; can be repeated.",
)
@click.pass_obj
def compare(
    settings: Settings, day: dt.datetime, algorithms: tuple[str, ...], resolutions: tuple[float, ...]
) -> None:
    """Compare detected communities with the ones that an imported atlas published.

    Prints, for each algorithm and resolution, the number of communities, modularity, stability over five seeds, the
    adjusted Rand index and the normalised mutual information.
    """
    from vieweratlas_assets.defs.io_managers import LakeIOManager
    from vieweratlas_assets.domain.communities.detection import compare_resolutions
    from vieweratlas_assets.domain.communities.detectors import detector_names
    from vieweratlas_assets.domain.lake import table_file
    from vieweratlas_assets.domain.schemas import GRAPH_EDGES, GRAPH_NODES, REFERENCE_COMMUNITIES
    from vieweratlas_assets.runs import NothingToAnalyse

    lake, date = LakeIOManager(root=settings.root), day.date()
    record = lake.sealed.record("overlap_graph", date)
    if record is None or table_file(REFERENCE_COMMUNITIES.name, date) not in record.files:
        raise NothingToAnalyse(f"the lake {lake.store.root} has no imported graph with communities on {date}")
    reference = lake.sealed.table(record, REFERENCE_COMMUNITIES)
    known = reference.drop_nulls("community")
    nodes = lake.sealed.table(record, GRAPH_NODES)
    if known.join(nodes, on="channel").is_empty():
        raise NothingToAnalyse(f"no channel of the graph of {date} has a published community")
    if unknown := set(algorithms) - set(detector_names()):
        raise click.UsageError(f"unknown algorithm {', '.join(unknown)}; known are {', '.join(detector_names())}")
    title = f"{record.origin}: {known['community'].n_unique()} published communities of {known.height} channels"
    chosen = algorithms or tuple(detector_names())
    rows = compare_resolutions(
        nodes,
        lake.sealed.table(record, GRAPH_EDGES),
        reference,
        algorithms=chosen,
        resolutions=resolutions,
        weight=settings.analysis.weight,
        seed=settings.analysis.seed,
    )
    terminal.print_rows(title, rows, of=len(chosen) * len(resolutions))


@cli.command(context_settings={"ignore_unknown_options": True})
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
@click.pass_obj
def dev(settings: Settings, options: tuple[str, ...]) -> None:
    """Open the Dagster UI on this lake; OPTIONS go to `dagster dev`, such as --port 3001."""
    from vieweratlas_assets import runs

    runs.prepare_home()
    terminal.console.print(f"Dagster UI on the lake {settings.root}; stop it with Ctrl-C")
    command = [sys.executable, "-m", "dagster", "dev", "-m", "vieweratlas_assets.definitions", *options]
    sys.exit(subprocess.run(command, check=False).returncode)
