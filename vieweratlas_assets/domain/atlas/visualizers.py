"""Visualizers of users (plug-ins): their protocol, and the files that they may return.

Belongs here: the protocol, and checking the files. Not here: our own pictures and pages (picture, page), loading
plug-ins (wiring.plugins).
"""

import re
from collections.abc import Mapping
from typing import Any, Protocol

from vieweratlas_assets.domain.atlas.model import Atlas
from vieweratlas_assets.domain.schemas import TABLES
from vieweratlas_assets.errors import InputError

EXPECTED = "a function (atlas: Atlas) -> dictionary from file name to bytes"
# Our own assets are named atlas_<one of TAKEN_NAMES>; our own files start with one of TAKEN_FILES.
TAKEN_NAMES = frozenset({"layout", "png", "html", "explorer", "site"})
TAKEN_FILES = frozenset(
    {
        *(table.name for table in TABLES),
        *("graph", "community_graph", "analysis_results", "quality_report", "explorer", "explorer_data", "manifest"),
    }
)
_FILE = re.compile(r"([a-z][a-z0-9_]*)(-[A-Za-z0-9_-]+)?(\.[A-Za-z0-9]+)+")


class VisualizerError(InputError):
    """A visualizer failed or returned no files or invalid ones; the message names it and what is expected."""


class Visualizer(Protocol):
    """Draws or writes the atlas of a day. The same atlas must give the same bytes."""

    def __call__(self, atlas: Atlas) -> Mapping[str, bytes]:
        """Return files by name: `<visualizer>.<ending>` or `<visualizer>-<more>.<ending>`."""
        ...


def refuse_taken_name(name: str) -> None:
    """Refuse a visualizer's name if its asset or files would have names of our own.

    Raises:
        ValueError: the name is taken.
    """
    if name in TAKEN_NAMES | TAKEN_FILES:
        raise ValueError(f"the name {name!r} is taken by a product of ViewerAtlas; choose another")


def run_visualizer(name: str, visualizer: Visualizer, atlas: Atlas) -> dict[str, bytes]:
    """Run a visualizer; returns its files by name, sorted.

    Raises:
        VisualizerError: it failed, or returned no files, files with names of others, or contents other than bytes.
    """
    try:
        files: Any = visualizer(atlas)
    except Exception as error:
        raise VisualizerError(f"visualizer {name!r} failed: {type(error).__name__}: {error}") from error
    if not isinstance(files, Mapping) or not files:
        kind = "no files" if isinstance(files, Mapping) else f"a value of type {type(files).__name__}"
        raise VisualizerError(f"visualizer {name!r} returned {kind}; expected {EXPECTED}")
    for file, data in files.items():
        match = _FILE.fullmatch(file) if isinstance(file, str) else None
        if match is None or match[1] != name:
            raise VisualizerError(
                f"visualizer {name!r} returned a file {file!r}; its files must be named {name}.<ending> or "
                f"{name}-<more>.<ending>, so that no two visualizers write the same file"
            )
        if not isinstance(data, bytes):
            raise VisualizerError(
                f"visualizer {name!r} returned the file {file} as {type(data).__name__}; expected bytes, such as "
                "text.encode()"
            )
    return dict(sorted(files.items()))
