"""What a person sees at the terminal: tables, figures, rejected rows, and paths that can be copied."""

import datetime as dt
import logging
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from vieweratlas_assets.commands import display
from vieweratlas_assets.domain import lake
from vieweratlas_assets.importers.report import ImportReport
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_assets.storage.sealed import SealedPartitions

DAY = dt.date(2026, 3, 10)
GRAPH = {"nodes": 1234, "edges": 5, "density": 0.25, "days_present": 2, "window_days": 3, "days": [str(DAY)]}
COMMUNITIES = {"communities": 3, "modularity": 0.51239, "stability": None}


def shown(show: Callable[..., None], *arguments: Any, **named: Any) -> str:
    with display.console.capture() as capture:
        show(*arguments, **named)
    return capture.get()


def cells(text: str) -> list[list[str]]:
    """The rows of a table, below its heading."""
    return [[cell.strip() for cell in line.split("│")[1:-1]] for line in text.splitlines() if line.startswith("│")]


@pytest.fixture
def sealed(tmp_path: Path) -> SealedPartitions:
    return SealedPartitions(LocalStore(tmp_path / "lake"))


def test_a_table_shows_figures_of_every_kind() -> None:
    text = shown(
        display.print_table, "Trials [old]", [{"a_name": "[red]x", "n": 1234, "share": 0.123456, "of": None}]
    )
    assert text.startswith("Trials [old]")
    assert "a name" in text
    assert cells(text) == [["[red]x", "1,234", "0.1235", "-"]]


def test_a_table_without_rows_is_one_line() -> None:
    assert shown(display.print_table, "Removed [old]", []) == "Removed [old]: nothing\n"


def test_rows_are_shown_when_all_are_computed() -> None:
    text = shown(display.print_rows, "Trials", ({"name": f"t{number}"} for number in range(3)), of=3)
    assert cells(text[text.rindex("Trials") :]) == [["t0"], ["t1"], ["t2"]]


def test_of_many_lines_the_first_are_shown() -> None:
    most = display.MOST_REJECTIONS
    lines = [f"file {number}, row [{number}]" for number in range(most + 3)]
    text = shown(display.print_lines, "rejected", lines).splitlines()
    assert text[:most] == [f"rejected {line}" for line in lines[:most]]
    assert text[most:] == ["rejected … and 3 more"]
    assert len(shown(display.print_lines, "rejected", lines[:most]).splitlines()) == most


def test_an_import_shows_its_counts_and_what_it_rejected() -> None:
    report = ImportReport()
    report.counts["rows [new]"] += 1_234_567
    report.reject("a[1].csv", "no login", row=7)
    text = shown(display.print_import, "Import of /data/[old]", report)
    assert text.startswith("Import of /data/[old]")
    assert cells(text) == [["rows [new]", "1,234,567"], ["rejected", "1"]]
    assert "rejected a[1].csv, row 7: no login" in text


def test_days_are_shown_with_their_window_and_those_without_presence_are_named(sealed: SealedPartitions) -> None:
    days = [DAY + dt.timedelta(days=number) for number in range(4)]
    for day, origin in zip(days[:3], ("computed", "computed", "gexf"), strict=True):
        sealed.seal("overlap_graph", day, {}, origin=origin, facts=GRAPH)
        sealed.seal("communities", day, {}, facts=COMMUNITIES)
    text = shown(display.print_days, sealed, days)
    figures = ["1,234", "5", "0.2500", "3", "0.5124", "-"]
    assert cells(text) == [
        ["2026-03-10", "2/3", *figures],
        ["2026-03-11", "2/3", *figures],
        ["2026-03-12", "imported", *figures],
        ["2026-03-13", "failed", *[""] * 6],
    ]
    assert text.splitlines()[-1] == "1 day(s) have no presence of their own: 2026-03-11"


def test_products_are_shown_as_unbroken_paths(tmp_path: Path) -> None:
    sealed = SealedPartitions(LocalStore(tmp_path / ("long" * 30) / "[lake]"))
    assert shown(display.print_products, sealed, DAY) == ""
    for name in ("graph.gexf", "_sealed.json"):
        sealed.store.upload_bytes(lake.atlas_file(DAY, name), b"")
    uri = sealed.store.uri(lake.atlas_file(DAY, "graph.gexf"))
    assert shown(display.print_products, sealed, DAY) == f"Products of 2026-03-10\n  {uri}\n"


def test_a_bar_shows_how_far_each_asset_is() -> None:
    before = list(display.PROGRESS.handlers)
    with display.console.capture() as capture, display.step_bars():
        for finished in (0, 1, 2):
            step = SimpleNamespace(asset="overlap_graph", finished=finished, of=2, day=DAY)
            display.PROGRESS.info("a day", extra={"step_progress": step})
    assert "overlap_graph" in capture.get()
    assert "2/2" in capture.get()
    assert display.PROGRESS.handlers == before
    assert display.PROGRESS.level == logging.INFO
