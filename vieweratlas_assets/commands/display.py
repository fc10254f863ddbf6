"""What a person at the terminal sees: progress during a run, tables at its end.

Belongs here: displays. Not here: what they show (runs, importers).
"""

import datetime as dt
import logging
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from vieweratlas_assets.domain.lake import atlas_file
from vieweratlas_assets.importers.report import ImportReport

if TYPE_CHECKING:
    from vieweratlas_assets.defs.days import StepProgress
    from vieweratlas_assets.storage.sealed import SealedPartitions

# The logger on which defs.days reports progress; named here so that `--help` does not load Dagster.
PROGRESS = logging.getLogger("vieweratlas.progress")
MOST_REJECTIONS = 20

# A log or a pipe has no width, and a table cut to 80 columns says little. Without markup: a path may have brackets.
console = Console(width=None if sys.stdout.isatty() else 120, markup=False)


def progress_bar() -> Progress:
    """A bar with the step, its progress, and the item it works on."""
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[now]}", markup=False),
        console=console,
    )


class _StepBars(logging.Handler):
    """One bar per asset of a run, advanced by the days that it finishes."""

    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self.progress = progress
        self.bars: dict[str, TaskID] = {}

    def emit(self, record: logging.LogRecord) -> None:
        step: StepProgress = record.step_progress  # type: ignore[attr-defined]
        if step.finished == 0:
            self.bars[step.asset] = self.progress.add_task(step.asset, total=step.of, now="")
        self.progress.update(self.bars[step.asset], completed=step.finished, now=str(step.day))


@contextmanager
def step_bars() -> Iterator[None]:
    """Show a bar per running asset."""
    with progress_bar() as progress:
        handler = _StepBars(progress)
        PROGRESS.addHandler(handler)
        PROGRESS.setLevel(logging.INFO)
        PROGRESS.propagate = False
        try:
            yield
        finally:
            PROGRESS.removeHandler(handler)


def print_days(sealed: "SealedPartitions", days: Sequence[dt.date]) -> None:
    """Print a row of figures per analyzed day."""
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
    without: list[str] = []
    for day in days:
        graph, communities = (sealed.record(asset, day) for asset in ("overlap_graph", "communities"))
        if graph is None or communities is None:
            table.add_row(str(day), "failed")
            continue
        window = "imported" if graph.imported else f"{graph.facts['days_present']}/{graph.facts['window_days']}"
        if not graph.imported and str(day) not in graph.facts["days"]:
            without.append(str(day))
        counts = communities.facts
        figures = (graph.facts["nodes"], graph.facts["edges"], graph.facts["density"], counts["communities"])
        table.add_row(str(day), window, *map(_figure, (*figures, counts["modularity"], counts["stability"])))
    console.print(table)
    if without:
        console.print(f"{len(without)} day(s) have no presence of their own: {', '.join(without)}", style="yellow")


def print_products(sealed: "SealedPartitions", day: dt.date) -> None:
    """Print the paths of a day's products, if it has any."""
    keys = [key for key in sealed.store.list_files(atlas_file(day, "")) if "/_" not in key]
    if keys:
        console.print(f"Products of {day}", style="bold")
    print_uris(sealed, keys)


def print_uris(sealed: "SealedPartitions", keys: Iterable[str]) -> None:
    """Print the URIs of files, one per line and unbroken, so that they can be copied."""
    for key in keys:
        console.print(f"  {sealed.store.uri(key)}", soft_wrap=True, highlight=False, markup=False)


def print_import(title: str, report: ImportReport) -> None:
    """Print what an import read, and what it rejected with file, row and reason."""
    table = Table(title=title, title_justify="left", show_header=False)
    for what, count in report.counts.items():
        table.add_row(what, f"{count:,}")
    table.add_row("rejected", f"{len(report.rejections):,}")
    console.print(table)
    print_lines("rejected", [str(rejection) for rejection in report.rejections])


def print_lines(heading: str, lines: Sequence[str]) -> None:
    """Print lines in red; of many, the first MOST_REJECTIONS."""
    for line in lines[:MOST_REJECTIONS]:
        console.print(Text.assemble((heading, "red"), " ", line), soft_wrap=True)
    if len(lines) > MOST_REJECTIONS:
        console.print(Text.assemble((heading, "red"), f" … and {len(lines) - MOST_REJECTIONS} more"))


def print_rows(title: str, rows: Iterable[dict[str, str | float | int | None]], *, of: int) -> None:
    """Print dictionaries with the same keys as a table, with a bar while the rows are computed.

    Args:
        of: the number of rows to come.
    """
    listed = []
    with progress_bar() as progress:
        bar = progress.add_task("trials", total=of, now="")
        for row in rows:
            listed.append(row)
            progress.update(bar, advance=1)
    print_table(title, listed)


def print_table(title: str, rows: Sequence[dict[str, str | float | int | None]]) -> None:
    """Print dictionaries with the same keys as a table whose first column holds names; without rows, one line."""
    if not rows:
        console.print(f"{title}: nothing")
        return
    table = Table(title=title, title_justify="left")
    for number, heading in enumerate(rows[0]):
        table.add_column(heading.replace("_", " "), justify="right" if number else "left")
    for row in rows:
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
            return value
