"""Another atlas as GEXF, as Gephi (1.2 and 1.3), networkx and ViewerAtlas write it.

Belongs here: the elements of the format, and which attribute fills which column. Not here: folding and measures
(atlas). The format: https://gexf.net/1.3/primer.html

GEXF keeps all values in XML attributes, so the file is parsed element by element. A document type declaration, which
could declare entities, is refused; nothing outside the file is ever opened.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any
from xml.parsers import expat

import polars as pl

from vieweratlas_assets.domain.overlap.measures import MEASURES
from vieweratlas_assets.importers.atlas import (
    ALLOWED,
    EDGE_ROWS,
    NODE_ROWS,
    ImportedAtlas,
    assemble,
    check_weight,
    fold_names,
    is_count,
    is_impossible,
    number,
)
from vieweratlas_assets.importers.documents import DocumentError, open_document
from vieweratlas_assets.importers.logins import as_login
from vieweratlas_assets.importers.report import ImportReport

# Our column <- the titles that a node's attribute may have, in lowercase with _ for spaces; the first match counts.
NODE_TITLES = {
    "viewers": ("viewers", "viewer_count", "count", "size"),
    "viewer_minutes": ("viewer_minutes",),
    "game_name": ("game_name", "game", "category"),
    "language": ("language", "broadcaster_language", "lang"),
    "community": ("community", "modularity_class"),
}
COUNTS = ("viewers", "viewer_minutes")
DEFAULT_WEIGHT = "1.0"
_CHUNK_BYTES = 1 << 16


@dataclass
class _Element:
    """A node or an edge.

    Attributes:
        kind: "node" or "edge".
        line: line of the file on which it begins.
        own: its XML attributes.
        values: its GEXF attributes, by title.
        position: x and y, as text.
    """

    kind: str
    line: int
    own: Mapping[str, str]
    values: dict[str, str] = field(default_factory=dict)
    position: Mapping[str, str] = field(default_factory=dict)


def read_gexf(
    path: Path, *, weight: str = "shared_viewers", overlap_threshold: int = 1, min_channel_viewers: int = 0
) -> ImportedAtlas:
    """Read another atlas.

    Args:
        path: GEXF, plain or .gz. A node's label names the channel if it can be a login, else the node's id does.
            Attributes of nodes are matched by title (NODE_TITLES), attributes of edges by the names of our
            measures; positions and communities become the reference, as published.
        weight: the measure in an edge's weight, used if the edge has no attribute of that name.
        overlap_threshold, min_channel_viewers: as in `atlas.read_atlas`.

    Raises:
        DocumentError: the file is not well-formed XML, or not GEXF; the message names the line.
        TableError: no edge joins two channels.
        ValueError: unknown weight.
    """
    check_weight(weight)
    report = ImportReport()
    nodes: list[dict[str, Any]] = []
    edges: list[tuple[str | float | None, ...]] = []
    logins: dict[str, str] = {}
    postponed: list[_Element] = []
    for element in _read_elements(path):
        if element.kind == "node":
            report.counts["nodes read"] += 1
            _add_node(element, path.name, logins, nodes, report)
        else:
            report.counts["edges read"] += 1
            if all(end in logins for end in _ends(element)):
                _add_edge(element, path.name, weight, logins, edges, report)
            else:
                postponed.append(element)
    # Edges that precede their nodes in the file, and edges to nodes that do not exist.
    for element in postponed:
        _add_edge(element, path.name, weight, logins, edges, report)
    return assemble(
        fold_names(pl.DataFrame(edges, schema=EDGE_ROWS, orient="row"), report),
        pl.DataFrame(nodes, schema=NODE_ROWS),
        report,
        source=path,
        weight=weight,
        overlap_threshold=overlap_threshold,
        min_channel_viewers=min_channel_viewers,
    )


def _add_node(
    element: _Element, file: str, logins: dict[str, str], nodes: list[dict[str, Any]], report: ImportReport
) -> None:
    key = element.own.get("id", "")
    login = _login(element.own.get("label", ""), key)
    texts = {
        column: next((element.values[title] for title in titles if element.values.get(title)), None)
        for column, titles in NODE_TITLES.items()
    }
    if not key or not login:
        report.reject(file, "the node has no id", row=element.line)
        return
    if key in logins:
        report.reject(file, f"a second node with the id {key!r}", row=element.line)
        return
    # The node's edges count even if its own attributes are wrong.
    logins[key] = login
    counts = {name: number(texts[name] or "") for name in COUNTS}
    bad = [name for name, value in counts.items() if texts[name] and (value is None or not is_count(value))]
    if bad:
        report.reject(file, f"{bad[0]} is {texts[bad[0]]!r}, not a whole number", row=element.line)
        return
    whole = {name: None if value is None else int(value) for name, value in counts.items()}
    position = {axis: number(element.position.get(axis, "")) for axis in ("x", "y")}
    name = element.own.get("label", "").strip() or None
    nodes.append({"channel": login, "display_name": name, **texts, **whole, **position})


def _login(label: str, key: str) -> str:
    """Return the label if it can be a login, else the id if it can and is not a mere number, else either text."""
    label_login, key_login = as_login(label), as_login(key)
    if label_login is not None:
        return label_login
    if key_login is not None and not key_login.isdecimal():
        return key_login
    return label.strip().lower() or key.strip().lower()


def _ends(element: _Element) -> tuple[str, str]:
    return element.own.get("source", ""), element.own.get("target", "")


def _add_edge(
    element: _Element,
    file: str,
    weight: str,
    logins: Mapping[str, str],
    edges: list[tuple[str | float | None, ...]],
    report: ImportReport,
) -> None:
    unknown = [end for end in _ends(element) if end not in logins]
    if unknown:
        report.reject(file, f"the edge ends at {unknown[0]!r}, but no node has that id", row=element.line)
        return
    texts = {name: element.values.get(name) for name in MEASURES}
    if texts[weight] is None:
        if "weight" not in element.own and not any(texts.values()):
            report.counts["edges without a weight, taken as 1"] += 1
        texts[weight] = element.own.get("weight") or element.values.get("weight") or DEFAULT_WEIGHT
    values = {name: None if text is None else number(text) for name, text in texts.items()}
    value = values[weight]
    if value is None or is_impossible(value, weight):
        report.reject(file, f"weight is {texts[weight]!r}; {weight} must be {ALLOWED[weight]}", row=element.line)
    elif bad := [name for name in MEASURES if texts[name] is not None and values[name] is None]:
        report.reject(file, f"{bad[0]} is {texts[bad[0]]!r}, not a number", row=element.line)
    else:
        ends = (logins[element.own["source"]], logins[element.own["target"]])
        edges.append((*ends, *(values[name] for name in MEASURES)))


def _read_elements(path: Path) -> Iterator[_Element]:
    """Yield each node and edge of a file when its element ends."""
    reader = _Reader()
    try:
        with open_document(path) as handle:
            yield from _parse(reader, handle)
    except DocumentError as error:
        raise DocumentError(f"{path}: {error}") from error


def _parse(reader: "_Reader", handle: IO[bytes]) -> Iterator[_Element]:
    try:
        while chunk := handle.read(_CHUNK_BYTES):
            reader.parser.Parse(chunk, False)
            yield from reader.finished()
        reader.parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise DocumentError(
            f"is not valid XML at line {error.lineno}, column {error.offset + 1}: {expat.ErrorString(error.code)}"
        ) from error
    except LookupError as error:
        raise DocumentError(f"is XML in an unknown encoding: {error}") from error
    yield from reader.finished()


class _Reader:
    """Collects nodes and edges from the events of the parser."""

    def __init__(self) -> None:
        self.is_gexf = False
        self._open: list[_Element] = []
        self._done: list[_Element] = []
        self._class = ""
        self._titles: dict[tuple[str, str], str] = {}
        self._defaults: dict[tuple[str, str], str] = {}
        self._default_of: tuple[str, str] | None = None
        self._declaring: tuple[str, str] | None = None
        self.parser = expat.ParserCreate()
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text

    def finished(self) -> list[_Element]:
        """Return the elements that have ended since the last call."""
        done, self._done = self._done, []
        return done

    def _refuse(self, *_: object) -> None:
        raise DocumentError(
            f"declares a document type at line {self.parser.CurrentLineNumber}; remove the <!DOCTYPE ...> line, "
            "which GEXF does not need"
        )

    def _start(self, tag: str, own: dict[str, str]) -> None:
        name = tag.rpartition(":")[2]
        if not self.is_gexf:
            if name != "gexf":
                raise DocumentError(f"is not GEXF: its first element is <{tag}>, not <gexf>")
            self.is_gexf = True
        elif name in ("node", "edge"):
            values = {title: text for (kind, title), text in self._defaults.items() if kind == name}
            self._open.append(_Element(name, self.parser.CurrentLineNumber, own, values))
        elif name == "attributes":
            self._class = own.get("class", "")
        elif name == "attribute":
            self._declaring = (self._class, own.get("id", ""))
            self._titles[self._declaring] = own.get("title", "").strip().lower().replace(" ", "_")
        elif name == "default" and self._declaring:
            self._default_of = (self._class, self._titles[self._declaring])
        elif name == "attvalue" and self._open:
            element = self._open[-1]
            key = own.get("for", own.get("id", ""))
            element.values[self._titles.get((element.kind, key), key)] = own.get("value", "").strip()
        elif name == "position" and self._open:
            self._open[-1].position = own

    def _end(self, tag: str) -> None:
        name = tag.rpartition(":")[2]
        if name in ("node", "edge") and self._open:
            self._done.append(self._open.pop())
        elif name == "attribute":
            self._declaring = None
        elif name == "default":
            self._default_of = None

    def _text(self, text: str) -> None:
        if self._default_of is not None:
            self._defaults[self._default_of] = (self._defaults.get(self._default_of, "") + text).strip()
