"""The commands `import vod-lake` and `import atlas`.

Belongs here: options, telling Dagster what was written, what is printed. Not here: reading files (importers).
"""

import datetime as dt
from pathlib import Path

import click

from vieweratlas_assets import terminal
from vieweratlas_assets.commands.analysis import DAY, fail_for, run_plan
from vieweratlas_assets.settings import Settings, SettingsError

# Commands import what they run inside: loading Dagster takes seconds, and `--help` must not.


@click.group("import")
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
    from vieweratlas_assets.privacy import viewer_names

    names = viewer_names(settings)
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
            names=names,
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
    from vieweratlas_assets.importers.atlas import read_atlas, tables_of, without_opted_out
    from vieweratlas_assets.privacy import viewer_names
    from vieweratlas_assets.storage.sealed import table_files

    date = day.date()
    if date < settings.partitions.daily_start:
        raise SettingsError(f"{date} is before the first partition, {settings.partitions.daily_start}")
    names = viewer_names(settings)
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
        imported = without_opted_out(imported, names)
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
            failures = run_plan(settings, instance, runs.Plan((), (), (date,), ()))
    fail_for(failures)
