"""The atlas as one interactive page that opens from disk, built with PyVis.

Belongs here: the page of the largest channels. Not here: the page of the whole atlas (explorer).
"""

import html
import json
import re
from typing import Any

import polars as pl
from pyvis.network import Network

from vieweratlas_assets.domain.atlas.graph import disc_radii, edge_ends
from vieweratlas_assets.domain.atlas.model import AUDIENCE_NOTE, UNCLUSTERED, Atlas, printable
from vieweratlas_assets.domain.atlas.palette import LIGHT, community_colors
from vieweratlas_assets.domain.overlap.measures import usable_weight

MAP_WIDTH = 3000.0
LEGEND_ROWS = 14

FONT = {"color": LIGHT.ink, "strokeWidth": 4, "strokeColor": LIGHT.paper}
OPTIONS = {
    "physics": {"enabled": False},
    "interaction": {"hover": True, "tooltipDelay": 80, "hideEdgesOnDrag": True},
    "layout": {"improvedLayout": False},
    "nodes": {"borderWidth": 1, "scaling": {"label": {"drawThreshold": 9}}},
    "edges": {"smooth": False, "selectionWidth": 2},
}

# PyVis writes these although its resources are inline (one within a comment); the page must load nothing.
_CDN = re.compile(
    r"<!--\s*<link\b.*?-->"
    r"|<link\b[^>]*\bhref=\"https?://[^>]*>"
    r"|<script\b[^>]*\bsrc=\"https?://[^>]*>\s*</script>",
    re.DOTALL,
)
_LOADS = re.compile(r"<(?:link|script|img|iframe)\b[^>]*\b(?:href|src)\s*=", re.IGNORECASE)
_EMPTY_HEADING = re.compile(r"<center>\s*<h1></h1>\s*</center>")

# With this policy the browser enforces that the page fetches and sends nothing.
HEAD = """<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline'; \
style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
"""
STYLE = """
html, body { margin: 0; height: 100%; background: var(--paper); color: var(--dark); }
body { display: flex; flex-direction: column; font: 14px system-ui, sans-serif; }
header { padding: 12px 20px; }
h1 { font-size: 22px; margin: 0 0 4px; }
header p { margin: 2px 0; color: var(--dim); }
header ul { display: flex; flex-wrap: wrap; gap: 2px 16px; list-style: none; margin: 8px 0 0; padding: 0; }
header li i { display: inline-block; width: 11px; height: 11px; border-radius: 50%; margin-right: 6px; }
.card { flex: 1; min-height: 300px; }
#mynetwork { float: none !important; border: 0 !important; }
div.vis-tooltip { white-space: pre-line; font: 13px system-ui, sans-serif; background: #fff; }
"""


class _Map(Network):  # type: ignore[misc] # PyVis has no annotations
    """A network whose tooltips are always plain text.

    PyVis shows tooltips as HTML if any of them contains "href", so they are added only after PyVis has checked.
    """

    def __init__(self, tooltips: list[str]) -> None:
        super().__init__(height="100%", width="100%", bgcolor=LIGHT.paper, cdn_resources="in_line")
        self.tooltips = tooltips
        self.options = OPTIONS

    def get_network_data(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]], str, str, str, str]:
        """Return the data that PyVis writes into its page: nodes, edges, heading, height, width, options."""
        nodes = [{**node, "title": tooltip} for node, tooltip in zip(self.nodes, self.tooltips, strict=True)]
        return nodes, self.edges, "", self.height, self.width, json.dumps(self.options)


def draw_html(atlas: Atlas, *, max_channels: int = 300, max_edges: int = 1500) -> str:
    """Draw the largest channels and their strongest links as one HTML page that loads nothing.

    Args:
        atlas: the day.
        max_channels: number of channels drawn, largest first; the page says if there are more.
        max_edges: number of links drawn between them, strongest first by `usable_weight`.

    Raises:
        RuntimeError: the page that PyVis built would load something.

    vis-network 9.1.2 draws labels on a canvas and sets tooltips by innerText, so it parses neither as HTML; inside
    <script>, PyVis escapes <, > and &. Nodes have numbers as ids, because a login such as "constructor" is not a safe
    key.
    """
    channels = atlas.channels_by_size.head(max_channels)
    edges = _strongest(atlas.edges, channels["channel"], max_edges)
    colors = community_colors(atlas.history, LIGHT)
    network = _Map([_tooltip(row) for row in channels.iter_rows(named=True)])
    # Set at once, because add_edge compares every edge with every other.
    network.nodes = _nodes(channels, atlas, colors)
    network.node_ids = list(range(channels.height))
    network.node_map = {node["id"]: node for node in network.nodes}
    network.edges = _edges(channels, edges, colors)
    page = _EMPTY_HEADING.sub("", _CDN.sub("", network.generate_html()))
    page = page.replace("<head>", "<head>\n" + HEAD, 1).replace("</head>", _style(atlas) + "</head>", 1)
    page = page.replace("<body>", "<body>\n" + _header(atlas, channels, edges, colors), 1)
    if _LOADS.search(page):
        raise RuntimeError("the page built by PyVis would load something: PyVis's template has changed")
    return "<!DOCTYPE html>\n" + page


def _style(atlas: Atlas) -> str:
    colors = f":root {{ --paper: {LIGHT.paper}; --dark: {LIGHT.ink}; --dim: {LIGHT.dim}; }}"
    return f"<title>ViewerAtlas {atlas.day.isoformat()}</title>\n<style>{colors}{STYLE}</style>\n"


def _strongest(edges: pl.DataFrame, drawn: pl.Series, count: int) -> pl.DataFrame:
    shown = edges.filter(pl.col("channel_a").is_in(drawn.to_list()) & pl.col("channel_b").is_in(drawn.to_list()))
    by = [usable_weight(edges), "channel_a", "channel_b"]
    return shown.sort(by, descending=[True, False, False], nulls_last=True).head(count)


def _nodes(channels: pl.DataFrame, atlas: Atlas, colors: dict[int | None, str]) -> list[dict[str, Any]]:
    """The nodes for vis-network: largest first (smaller discs are on top), y downward."""
    # The scale depends on the whole atlas, so that discs are as large as in the picture.
    sizes = dict(zip(atlas.channels["channel"], disc_radii(atlas.channels["viewers"]).tolist(), strict=True))
    nodes = []
    for index, row in enumerate(channels.iter_rows(named=True)):
        size = MAP_WIDTH * sizes[row["channel"]]
        nodes.append(
            {
                "id": index,
                "label": printable(row["name"]),
                "shape": "dot",
                "x": MAP_WIDTH * row["x"],
                "y": MAP_WIDTH * (1 - row["y"]),
                "size": size,
                "color": colors[row["community"]],
                "font": {**FONT, "size": round(6 + 0.62 * size)},
            }
        )
    return nodes


def _edges(channels: pl.DataFrame, edges: pl.DataFrame, colors: dict[int | None, str]) -> list[dict[str, Any]]:
    """The edges for vis-network, in the community's color if both ends have the same community."""
    communities = channels["community"].to_list()
    drawn = []
    for a, b in zip(*(ends.tolist() for ends in edge_ends(channels["channel"], edges)), strict=True):
        inside = communities[a] is not None and communities[a] == communities[b]
        color = colors[communities[a]] if inside else LIGHT.gray
        drawn.append({"from": a, "to": b, "color": {"color": color, "opacity": 0.35 if inside else 0.18}})
    return drawn


def _tooltip(row: dict[str, Any]) -> str:
    viewers = "unknown" if row["viewers"] is None else f"{row['viewers']:,}"
    lines = (
        row["name"] if row["name"].lower() == row["channel"].lower() else f"{row['name']} ({row['channel']})",
        f"Community: {row['label']}",
        f"Viewers: {viewers}",
        f"Game: {row['game_name'] or 'unknown'}",
        f"Language: {row['language'] or 'unknown'}",
    )
    return "\n".join(printable(line) for line in lines)


def _header(atlas: Atlas, channels: pl.DataFrame, edges: pl.DataFrame, colors: dict[int | None, str]) -> str:
    """The visible head of the page: the day, what is drawn, the note on audiences, the largest communities."""
    if channels.height < atlas.nodes.height or edges.height < atlas.edges.height:
        drawn = (
            f"Showing the {channels.height:,} largest of {atlas.nodes.height:,} channels and "
            f"the {edges.height:,} strongest of {atlas.edges.height:,} links."
        )
    else:
        drawn = f"{channels.height:,} channels, {edges.height:,} links." if channels.height else "No channels"
    counted = channels.group_by("community", "label").len().sort("len", "community", descending=[True, False])
    clustered = counted.filter(pl.col("community").is_not_null()).head(LEGEND_ROWS)
    entries = [(colors[community], label) for community, label, _ in clustered.iter_rows()]
    if channels["community"].null_count():
        entries.append((LIGHT.gray, UNCLUSTERED))
    legend = "".join(
        f'<li><i style="background:{color}"></i>{html.escape(printable(label))}</li>' for color, label in entries
    )
    return (
        f"<header><h1>ViewerAtlas · {atlas.day.isoformat()}</h1>\n"
        f"<p>{drawn} Lines join channels that share viewers; zoom in for more names.</p>\n"
        f"<p>{AUDIENCE_NOTE}.</p>\n<ul>{legend}</ul></header>\n"
    )
