"""The atlas as files for other programs: CSV tables for Gephi, and GEXF.

Belongs here: file formats of the graph. Not here: pictures (picture), paths of files (domain.lake).
"""

import io
from xml.etree import ElementTree

import polars as pl

from vieweratlas_assets.domain.atlas.graph import disc_radii
from vieweratlas_assets.domain.atlas.model import Atlas
from vieweratlas_assets.domain.atlas.palette import LIGHT, community_colors
from vieweratlas_assets.domain.overlap.measures import usable_weight

# networkx and Gephi both read this version; https://gexf.net/1.2/primer.html
GEXF = "http://www.gexf.net/1.2draft"
VIZ = f"{GEXF}/viz"
# Layout and discs are in units of the map; Gephi's own layouts span some thousand units.
GEXF_MAP_WIDTH = 2000.0

NODE_ATTRIBUTES = (
    ("viewers", "long"),
    ("viewer_minutes", "long"),
    ("game_name", "string"),
    ("language", "string"),
    ("community", "integer"),
    ("label", "string"),
)
EDGE_ATTRIBUTES = (
    ("shared_viewers", "long"),
    ("jaccard", "double"),
    ("overlap_coefficient", "double"),
    ("overlap_z", "double"),
)

# XML 1.0 forbids these even escaped: C0 controls become their symbols (U+2400...), so that names stay distinct.
_FORBIDDEN = {code: 0x2400 + code for code in range(0x20) if code not in (0x09, 0x0A, 0x0D)}
_FORBIDDEN |= {0xFFFE: 0xFFFD, 0xFFFF: 0xFFFD}


def gephi_nodes_csv(atlas: Atlas) -> bytes:
    """The channels as CSV for Gephi: RFC 4180 quoting, UTF-8, newline at line ends, null = empty, sorted by id.

    Columns: id (the login), label (the name), viewers, viewer_count (equal to viewers: tools look for either), game,
    language, community, community_label, x, y.
    """
    return _csv(
        atlas.channels.select(
            id="channel",
            label="name",
            viewers="viewers",
            viewer_count="viewers",
            game="game_name",
            language="language",
            community="community",
            community_label="label",
            x="x",
            y="y",
        )
    )


def gephi_edges_csv(atlas: Atlas) -> bytes:
    """The links as CSV for Gephi, sorted by source and target.

    Columns: source, target, weight (the first available measure), shared_viewers, jaccard, overlap_coefficient,
    overlap_z.
    """
    measures = [name for name, _ in EDGE_ATTRIBUTES]
    weight = pl.col(usable_weight(atlas.edges)).alias("weight")
    return _csv(
        atlas.edges.select(
            pl.col("channel_a").alias("source"), pl.col("channel_b").alias("target"), weight, *measures
        )
    )


def gexf(atlas: Atlas) -> bytes:
    """The graph as GEXF 1.2draft, UTF-8: ids are logins; colors, positions and sizes are in `viz`.

    Unknown values are left out. The atlas's node attribute `label` is called community_label, because `label` has
    another meaning in GEXF. Control characters that XML forbids become their Unicode symbols.
    """
    root = ElementTree.Element("gexf", {"xmlns": GEXF, "xmlns:viz": VIZ, "version": "1.2"})
    meta = ElementTree.SubElement(root, "meta")
    ElementTree.SubElement(meta, "creator").text = "ViewerAtlas"
    ElementTree.SubElement(meta, "description").text = f"Audience overlap of Twitch channels, {atlas.day.isoformat()}"
    graph = ElementTree.SubElement(root, "graph", defaultedgetype="undirected", mode="static")
    _declare(graph, "node", NODE_ATTRIBUTES)
    _declare(graph, "edge", EDGE_ATTRIBUTES)
    _add_nodes(graph, atlas)
    _add_edges(graph, atlas)
    stream = io.BytesIO()
    ElementTree.ElementTree(root).write(stream, encoding="utf-8", xml_declaration=True)
    return stream.getvalue() + b"\n"


def _csv(frame: pl.DataFrame) -> bytes:
    stream = io.BytesIO()
    frame.write_csv(stream, line_terminator="\n")
    return stream.getvalue()


def _text(value: object) -> str:
    return str(value).translate(_FORBIDDEN)


def _declare(graph: ElementTree.Element, kind: str, attributes: tuple[tuple[str, str], ...]) -> None:
    declared = ElementTree.SubElement(graph, "attributes", {"class": kind})
    for name, value_type in attributes:
        title = "community_label" if name == "label" else name
        ElementTree.SubElement(declared, "attribute", id=name, title=title, type=value_type)


def _add_values(
    element: ElementTree.Element, row: dict[str, object], attributes: tuple[tuple[str, str], ...]
) -> None:
    values = ElementTree.SubElement(element, "attvalues")
    for name, _ in attributes:
        if row[name] is not None:
            ElementTree.SubElement(values, "attvalue", {"for": name, "value": _text(row[name])})


def _add_nodes(graph: ElementTree.Element, atlas: Atlas) -> None:
    nodes = ElementTree.SubElement(graph, "nodes")
    colors = community_colors(atlas.history, LIGHT)
    radii = disc_radii(atlas.channels["viewers"])
    for row, radius in zip(atlas.channels.iter_rows(named=True), radii.tolist(), strict=True):
        node = ElementTree.SubElement(nodes, "node", id=_text(row["channel"]), label=_text(row["name"]))
        _add_values(node, row, NODE_ATTRIBUTES)
        red, green, blue = bytes.fromhex(colors[row["community"]][1:])
        ElementTree.SubElement(node, "viz:color", r=str(red), g=str(green), b=str(blue))
        x, y = (repr((row[axis] - 0.5) * GEXF_MAP_WIDTH) for axis in ("x", "y"))
        ElementTree.SubElement(node, "viz:position", x=x, y=y, z="0.0")
        ElementTree.SubElement(node, "viz:size", value=repr(2 * radius * GEXF_MAP_WIDTH))


def _add_edges(graph: ElementTree.Element, atlas: Atlas) -> None:
    edges = ElementTree.SubElement(graph, "edges")
    weight = usable_weight(atlas.edges)
    for index, row in enumerate(atlas.edges.iter_rows(named=True)):
        ends = {"source": _text(row["channel_a"]), "target": _text(row["channel_b"])}
        known = {} if row[weight] is None else {"weight": repr(float(row[weight]))}
        edge = ElementTree.SubElement(edges, "edge", {"id": str(index), **ends, **known})
        _add_values(edge, row, EDGE_ATTRIBUTES)
