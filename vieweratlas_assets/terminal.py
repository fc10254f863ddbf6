"""What a person at the terminal sees: progress while it runs, tables when it is done.

Belongs here: displays. Not here: what they tell of (runs, importers).
"""

import datetime as dt
import logging
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from vieweratlas_assets.defs.days import PROGRESS, DayDone
from vieweratlas_assets.defs.io_managers import LakeIOManager
from vieweratlas_assets.importers.report import ImportReport

MOST_REJECTIONS = 20

# In a log or a pipe there is no width to keep to, and a table cut to 80 columns says little.
console = Console(width=None if sys.stdout.isatty() else 120)


def progress_bar() -> Progress:
    """A bar with the step, how far it is, and what it works on."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[now]}"),
        console=console,
    )


class _StepBars(logging.Handler):
    """One bar for each asset of a run, fed by the days that it finishes."""

    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self.progress = progress
        self.bars: dict[str, TaskID] = {}

    def emit(self, record: logging.LogRecord) -> None:
        done: DayDone = record.day_done  # type: ignore[attr-defined]
        if done.number == 1 or done.asset not in self.bars:
            self.bars[done.asset] = self.progress.add_task(done.asset, total=done.of, now="")
        self.progress.update(self.bars[done.asset], completed=done.number, now=str(done.day))


@contextmanager
def step_bars() -> Iterator[None]:
    """Show a bar for each asset that runs."""
    with progress_bar() as progress:
        handler = _StepBars(progress)
        PROGRESS.addHandler(handler)
        PROGRESS.setLevel(logging.INFO)
        PROGRESS.propagate = False
        try:
            yield
        finally:
            PROGRESS.removeHandler(handler)


def print_days(lake: LakeIOManager, days: Sequence[dt.date]) -> None:
    """Print a row of figures for each day that was analysed."""
    table = Table(title="Atlas by day", title_justify="left")
    for heading in (
        "day",
        "days in window",
        "channels",
        "edges",
        "density",
        "communities",
        "modularity",
        "stability",
    ):
        table.add_column(heading, justify="left" if heading == "day" else "right", no_wrap=heading == "day")
    for day in days:
        graph, found = (lake.sealed.record(asset, day) for asset in ("overlap_graph", "communities"))
        if graph is None or found is None:
            table.add_row(str(day), "failed")
            continue
        window = f"{graph.facts['days_present']}/{graph.facts['window_days']}" if not graph.imported else "imported"
        figures = (graph.facts["nodes"], graph.facts["edges"], graph.facts["density"], found.facts["communities"])
        table.add_row(
            str(day), window, *map(_figure, (*figures, found.facts["modularity"], found.facts["stability"]))
        )
    console.print(table)


def print_products(lake: LakeIOManager, day: dt.date) -> None:
    """Print where the products of a day lie."""
    console.print(f"[bold]Products of {day}[/bold]")
    for key in lake.store.list_files(f"atlas/date={day}/"):
        if not key.rpartition("/")[2].startswith("_"):
            console.print(f"  {lake.store.uri(key)}", soft_wrap=True, highlight=False)


def print_import(title: str, report: ImportReport) -> None:
    """Print what an import took in, and what it rejected with file, row and reason."""
    table = Table(title=title, title_justify="left", show_header=False)
    for what, count in report.counts.items():
        table.add_row(escape(what), f"{count:,}")
    table.add_row("rejected", f"{len(report.rejections):,}")
    console.print(table)
    print_lines("rejected", [str(rejection) for rejection in report.rejections])


def print_lines(heading: str, lines: Sequence[str]) -> None:
    """Print lines in red, the first ones where there are many."""
    for line in lines[:MOST_REJECTIONS]:
        console.print(f"[red]{heading}[/red] {escape(line)}", soft_wrap=True, highlight=False)
    if len(lines) > MOST_REJECTIONS:
        console.print(f"[red]{heading}[/red] … and {len(lines) - MOST_REJECTIONS} more")


def print_rows(title: str, rows: Iterable[dict[str, str | float | int | None]]) -> None:
    """Print dictionaries with the same keys as a table, row by row as they come."""
    listed = list(rows)
    table = Table(title=title, title_justify="left")
    for heading in listed[0] if listed else ():
        table.add_column(heading.replace("_", " "), justify="left" if heading == "algorithm" else "right")
    for row in listed:
        table.add_row(*map(_figure, row.values()))
    console.print(table)


def _figure(value: str | float | int | None) -> str:
    match value:
        case None:
            return "-"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:.4f}"
        case _:
            return escape(value)
