"""The command `compare`: an imported atlas compared with ours of the same graph.

Belongs here: options, and what is printed. Not here: measures of agreement (domain).
"""

import datetime as dt
from typing import TYPE_CHECKING

import click

from vieweratlas_assets.commands import display
from vieweratlas_assets.commands.analyze import DAY
from vieweratlas_assets.settings import Settings

if TYPE_CHECKING:
    import polars as pl

    from vieweratlas_assets.storage.sealed import SealedPartitions

# Commands import what they run inside: loading Dagster takes seconds, and `--help` must not.


@click.command()
@click.option("--date", "day", required=True, type=DAY, help="A day whose graph was imported.")
@click.option("--algorithm", "algorithms", multiple=True, help="Detector; repeatable.  [default: all]")
@click.option(
    "--resolution",
    "resolutions",
    multiple=True,
    type=click.FloatRange(min=0, min_open=True),
    default=(0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0),
    show_default=True,
    help="Absolute resolution; repeatable.",
)
@click.option(
    "--natural/--no-natural", default=True, show_default=True, help="Also compare at the natural resolution."
)
@click.pass_obj
def compare(
    settings: Settings,
    day: dt.datetime,
    algorithms: tuple[str, ...],
    resolutions: tuple[float, ...],
    natural: bool,
) -> None:
    """Compare our communities and positions with those that an imported atlas published.

    Prints, per algorithm and resolution, the number of communities, modularity, stability over five seeds, adjusted
    Rand index and normalized mutual information. If the atlas published positions, also prints how many neighbors on
    its map are neighbors on ours (after `vieweratlas analyze`).
    """
    from vieweratlas_assets.domain.communities.detection import compare_resolutions
    from vieweratlas_assets.domain.communities.detectors import detector_names
    from vieweratlas_assets.domain.lake import table_file
    from vieweratlas_assets.domain.schemas import GRAPH_EDGES, GRAPH_NODES, REFERENCE_COMMUNITIES
    from vieweratlas_assets.runs.plan import NothingToAnalyzeError
    from vieweratlas_assets.wiring.lake import open_lake

    if unknown := set(algorithms) - set(detector_names()):
        raise click.UsageError(f"unknown algorithm {', '.join(unknown)}; known are {', '.join(detector_names())}")
    lake, date = open_lake(settings), day.date()
    record = lake.sealed.record("overlap_graph", date)
    if record is None or table_file(REFERENCE_COMMUNITIES.name, date) not in record.files:
        raise NothingToAnalyzeError(
            f"the lake {lake.store.root} has no imported graph with communities or positions on {date}"
        )
    nodes = lake.sealed.table(record, GRAPH_NODES)
    reference = lake.sealed.table(record, REFERENCE_COMMUNITIES).join(nodes, on="channel", how="semi")
    known, placed = reference.drop_nulls("community"), reference.drop_nulls(["x", "y"])
    if known.is_empty() and placed.is_empty():
        raise NothingToAnalyzeError(f"no channel of the graph of {date} has a published community or position")
    if known.height:
        title = f"{record.origin}: {known['community'].n_unique()} published communities of {known.height} channels"
        chosen = algorithms or tuple(detector_names())
        rows = compare_resolutions(
            nodes,
            lake.sealed.table(record, GRAPH_EDGES),
            known,
            algorithms=chosen,
            resolutions=resolutions,
            weight=settings.analysis.weight,
            natural=natural,
            seed=settings.analysis.seed,
        )
        display.print_rows(title, rows, of=len(chosen) * (len(resolutions) + natural))
    if placed.height:
        _compare_positions(lake.sealed, date, placed)


def _compare_positions(sealed: "SealedPartitions", day: dt.date, placed: "pl.DataFrame") -> None:
    from vieweratlas_assets.domain.atlas.nearness import MIN_CHANNELS, neighbors_kept
    from vieweratlas_assets.domain.schemas import LAYOUT

    record = sealed.record("atlas_layout", day)
    layout = None if record is None else sealed.table(record, LAYOUT)
    both = placed if layout is None else placed.join(layout, on="channel", how="semi")
    if both.height < MIN_CHANNELS:
        message = f"{both.height} channel(s) have published positions: too few to compare"
    elif layout is None:
        message = f"{both.height} channels have published positions; `vieweratlas analyze --date {day}` makes ours"
    else:
        kept = neighbors_kept(layout, both)
        message = (
            f"Positions: of the {kept.nearest} channels nearest to a channel on their map, {kept.share:.1%} are also "
            f"nearest on ours (by chance {kept.by_chance:.1%}), over {kept.channels} channels"
        )
    display.console.print(message, highlight=False, soft_wrap=True)
