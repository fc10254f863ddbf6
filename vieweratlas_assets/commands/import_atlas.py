"""The group `import`, and the command `import atlas`.

Belongs here: options, what is printed. Not here: presence (import_live, import_vods), reading files (importers).
"""

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vieweratlas_assets.commands import display
from vieweratlas_assets.commands.analyze import DAY, fail_for, run_plan
from vieweratlas_assets.commands.import_live import import_live
from vieweratlas_assets.errors import SettingsError
from vieweratlas_assets.settings import Settings

if TYPE_CHECKING:
    from vieweratlas_assets.importers.atlas import ImportedAtlas
    from vieweratlas_assets.storage.lake import Lake

# Commands import what they run inside: loading Dagster takes seconds, and `--help` must not.

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.group("import")
def import_group() -> None:
    """Import existing data."""


import_group.add_command(import_live)


@import_group.command("atlas")
@click.option("--edges", type=FILE, help="CSV: source, target, weight.")
@click.option("--nodes", type=FILE, help="CSV: ID, Label, Count, or channel, community, size, x, y.")
@click.option("--gexf", type=FILE, help="A graph by Gephi, networkx or ViewerAtlas.")
@click.option("--percentages", type=FOLDER, help="Folder of the Italian Twitch Community Graph Database.")
@click.option("--date", "day", required=True, type=DAY, help="The day of the overlap.")
@click.option(
    "--weight",
    type=click.Choice(["shared_viewers", "overlap_coefficient"]),
    default="shared_viewers",
    show_default=True,
    help="Meaning of the weights in --edges or --gexf.",
)
@click.option("--language", help="Language of every channel of --percentages, such as it.")
@click.pass_obj
def import_atlas(
    settings: Settings,
    edges: Path | None,
    nodes: Path | None,
    gexf: Path | None,
    percentages: Path | None,
    day: dt.datetime,
    weight: str,
    language: str | None,
) -> None:
    """Import another atlas's overlap as the graph of a day.

    \b
    --edges [--nodes]   tables, as Gephi reads them
    --gexf              nodes and edges; optionally viewers, game, language, community and position
    --percentages       Streamer_dataset.csv, Streamer-Streamer_dataset.csv, and optionally the games

    Keeps published communities and positions for `vieweratlas compare`. `vieweratlas analyze --date D` then starts
    from the imported graph; only --force replaces it.
    """
    from vieweratlas_assets.importers.atlas import read_atlas, without_opted_out
    from vieweratlas_assets.importers.gexf import read_gexf
    from vieweratlas_assets.importers.percentages import read_percentages
    from vieweratlas_assets.wiring.lake import open_lake

    date = day.date()
    if date < settings.partitions.daily_start:
        raise SettingsError(f"{date} is before the first partition, {settings.partitions.daily_start}")
    if (nodes and not edges) or (language and not percentages):
        raise click.UsageError("--nodes goes with --edges, and --language with --percentages")
    thresholds = {
        "overlap_threshold": settings.analysis.overlap_threshold,
        "min_channel_viewers": settings.analysis.min_channel_viewers,
    }
    sources = [path for path in (edges, gexf, percentages) if path]
    if len(sources) != 1:
        raise click.UsageError("give one of --edges, --gexf and --percentages")
    with display.console.status(f"reading {sources[0]}"):
        if edges:
            imported = read_atlas(edges, nodes, weight=weight, **thresholds)
        elif gexf:
            imported = read_gexf(gexf, weight=weight, **thresholds)
        else:
            imported = read_percentages(sources[0], language=language, **thresholds)
    lake = open_lake(settings)
    imported = without_opted_out(imported, lake.names)
    _seal(settings, lake, date, imported, sources[0].name, "shared_viewers" if percentages else weight)


def _seal(settings: Settings, lake: "Lake", date: dt.date, imported: "ImportedAtlas", name: str, weight: str) -> None:
    """Write an imported graph, report it to Dagster, and rebuild what was built from the graph that it replaces."""
    from vieweratlas_assets.domain.overlap.graph import graph_facts
    from vieweratlas_assets.importers.atlas import tables_of
    from vieweratlas_assets.runs import history, report
    from vieweratlas_assets.runs.plan import Plan
    from vieweratlas_assets.storage.sealed import table_files

    facts = {**graph_facts(imported.graph), "weight": weight, "import": dict(imported.report.counts)}
    origin = f"import atlas {name}"
    files = table_files(date, tables_of(imported))
    record = lake.sealed.seal("overlap_graph", date, files, facts=facts, origin=origin)
    display.print_import(f"Import of {name} as the overlap graph of {date}", imported.report)
    display.print_uris(lake.sealed, record.files)
    with history.open_instance() as instance:
        report.report_graph(instance, date, facts, origin=origin)
    failures: list[str] = []
    if lake.sealed.record("communities", date) is not None:
        # Otherwise the products of the replaced graph would stay next to the new one.
        display.console.print(f"A graph of {date} was replaced; everything that follows from it is rebuilt")
        failures = run_plan(settings, lake, Plan((), (), (date,), ()))
    fail_for(failures)
