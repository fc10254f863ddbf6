"""Visualizers of users: which files they may return."""

from collections.abc import Mapping
from typing import Any

import pytest

from vieweratlas_assets.domain.atlas.model import Atlas
from vieweratlas_assets.domain.atlas.visualizers import VisualizerError, run_visualizer
from vieweratlas_tests.domain.atlas import samples


def returned(files: Any) -> dict[str, bytes]:
    return run_visualizer("bars", lambda atlas: files, ATLAS)


ATLAS = samples.small_atlas()


def test_files_are_those_of_the_visualizer_sorted() -> None:
    files = {"bars.svg": b"<svg/>", "bars-by-game.tar.gz": b"x", "bars-1.csv": b""}
    assert list(returned(files).items()) == sorted(files.items())


@pytest.mark.parametrize(
    "file",
    ["graph_nodes.csv", "bars", "bars_2.svg", "../bars.svg", "a/bars.svg", "_bars.json", "Bars.svg", 7, ".bars"],
)
def test_a_file_of_another_name_is_refused(file: Any) -> None:
    with pytest.raises(
        VisualizerError, match=r"visualizer 'bars' returned a file .*; its files must be named bars\.<ending>"
    ):
        returned({"bars.svg": b"", file: b""})


@pytest.mark.parametrize("files", [None, {}, b"<svg/>", [("bars.svg", b"")]])
def test_a_result_without_files_is_refused(files: Any) -> None:
    with pytest.raises(VisualizerError, match=r"visualizer 'bars' returned .*; expected a function"):
        returned(files)


def test_text_instead_of_bytes_is_refused() -> None:
    with pytest.raises(VisualizerError, match=r"bars\.svg as str; expected bytes"):
        returned({"bars.svg": "<svg/>"})


def test_a_visualizer_that_fails_is_named() -> None:
    def failing(atlas: Atlas) -> Mapping[str, bytes]:
        raise ZeroDivisionError("division by zero")

    with pytest.raises(VisualizerError, match="visualizer 'bars' failed: ZeroDivisionError: division by zero"):
        run_visualizer("bars", failing, ATLAS)
