"""Visualizers that users bring: what they are given, and which files they may make of it.

Belongs here: the protocol, and refusing files that are none or not theirs. Not here: our own pictures and pages
(picture, page), finding what users bring (plugins).
"""

import re
from collections.abc import Mapping
from typing import Any, Protocol

from vieweratlas_assets.domain.atlas.model import Atlas
from vieweratlas_assets.domain.schemas import TABLES
from vieweratlas_assets.errors import InputError

EXPECTED = "a function (atlas: Atlas) -> dictionary from file name to bytes"
# Assets of ours are named atlas_<one of these>, files of ours begin with one of those.
TAKEN_NAMES = frozenset({"layout", "png", "html", "explorer", "site"})
TAKEN_FILES = frozenset(
    {
        *(table.name for table in TABLES),
        *("graph", "community_graph", "analysis_results", "quality_report", "explorer", "explorer_data", "manifest"),
    }
)
_FILE = re.compile(r"([a-z][a-z0-9_]*)(-[A-Za-z0-9_-]+)?(\.[A-Za-z0-9]+)+")


class VisualizerError(InputError):
    """A visualizer made no files, or some that it may not; the message names it and what is expected."""


class Visualizer(Protocol):
    """Draws or writes the atlas of a day. Must give the same bytes for the same atlas."""

    def __call__(self, atlas: Atlas) -> Mapping[str, bytes]:
        """Return files by name: `<visualizer>.<ending>` or `<visualizer>-<more>.<ending>`."""
        ...


def refuse_taken_name(name: str) -> None:
    """Refuse the name of a visualizer whose asset or files would be ours.

    Raises:
        ValueError: it is taken.
    """
    if name in TAKEN_NAMES | TAKEN_FILES:
        raise ValueError(f"the name {name!r} is taken by a product of ViewerAtlas; choose another")


def products_of(name: str, visualizer: Visualizer, atlas: Atlas) -> dict[str, bytes]:
    """Run a visualizer; its files by name, sorted.

    Raises:
        VisualizerError: it failed, or made no files, files under names that are not its own, or other than bytes.
    """
    try:
        made: Any = visualizer(atlas)
    except Exception as error:
        raise VisualizerError(f"visualizer {name!r} failed: {type(error).__name__}: {error}") from error
    if not isinstance(made, Mapping) or not made:
        raise VisualizerError(f"visualizer {name!r} returned {_told(made)}; expected {EXPECTED}")
    for file, data in made.items():
        found = _FILE.fullmatch(file) if isinstance(file, str) else None
        if found is None or found[1] != name:
            raise VisualizerError(
                f"visualizer {name!r} made a file {file!r}; its files are called {name}.<ending> or "
                f"{name}-<more>.<ending>, so that no two visualizers write the same"
            )
        if not isinstance(data, bytes):
            raise VisualizerError(
                f"visualizer {name!r} made the file {file} of type {type(data).__name__}; expected bytes, such as "
                "text.encode()"
            )
    return dict(sorted(made.items()))


def _told(made: Any) -> str:
    return "no files" if isinstance(made, Mapping) else f"something of type {type(made).__name__}"
