"""Visualizers that users bring: which files they may make."""

from typing import Any

import pytest

from vieweratlas_assets.domain.atlas.visualizers import VisualizerError, products_of
from vieweratlas_tests.domain.atlas import samples


def made(files: Any) -> dict[str, bytes]:
    return products_of("bars", lambda atlas: files, ATLAS)


ATLAS = samples.small_atlas()


def test_files_are_those_of_the_visualizer_sorted() -> None:
    files = {"bars.svg": b"<svg/>", "bars-by-game.tar.gz": b"x", "bars-1.csv": b""}
    assert list(made(files).items()) == sorted(files.items())


@pytest.mark.parametrize(
    "file",
    ["graph_nodes.csv", "bars", "bars_2.svg", "../bars.svg", "a/bars.svg", "_bars.json", "Bars.svg", 7, ".bars"],
)
def test_a_file_of_another_name_is_refused(file: Any) -> None:
    with pytest.raises(
        VisualizerError, match=r"visualizer 'bars' made a file .*; its files are called bars\.<ending>"
    ):
        made({"bars.svg": b"", file: b""})


@pytest.mark.parametrize("files", [None, {}, b"<svg/>", [("bars.svg", b"")]])
def test_no_files_are_refused(files: Any) -> None:
    with pytest.raises(VisualizerError, match=r"visualizer 'bars' returned .*; expected a function"):
        made(files)


def test_text_is_no_file() -> None:
    with pytest.raises(VisualizerError, match=r"bars\.svg of type str; expected bytes"):
        made({"bars.svg": "<svg/>"})


def test_a_visualizer_that_fails_is_named() -> None:
    with pytest.raises(VisualizerError, match="visualizer 'bars' failed: ZeroDivisionError: division by zero"):
        products_of("bars", lambda atlas: 1 / 0, ATLAS)
