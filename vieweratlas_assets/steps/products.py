"""What people look at and take away, made from the atlas of a day: pictures, page, Gephi files, results.

Belongs here: products of one day, with figures and previews. Not here: drawing and writing (domain.atlas), what spans
several days (steps.days_to_explore).
"""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from vieweratlas_assets.domain import lake as paths
from vieweratlas_assets.domain.atlas.exports import gephi_edges_csv, gephi_nodes_csv, gexf
from vieweratlas_assets.domain.atlas.model import Atlas
from vieweratlas_assets.domain.atlas.page import draw_html
from vieweratlas_assets.domain.atlas.palette import LIGHT
from vieweratlas_assets.domain.atlas.picture import draw_card, draw_png, preview_png
from vieweratlas_assets.domain.atlas.results import analysis_results
from vieweratlas_assets.domain.atlas.visualizers import Visualizer, run_visualizer
from vieweratlas_assets.domain.schemas import (
    COMMUNITIES,
    COMMUNITY_HISTORY,
    COMMUNITY_TAGS,
    GRAPH_EDGES,
    GRAPH_NODES,
    LAYOUT,
)
from vieweratlas_assets.domain.tables import Table
from vieweratlas_assets.steps.results import DayResult
from vieweratlas_assets.storage.parquet import row_count
from vieweratlas_assets.storage.sealed import AssetDays, PartitionRecord, SealedPartitions

CARD = "community_graph-card.png"
QUERY_TABLES: dict[str, tuple[Table, ...]] = {
    "overlap_graph": (GRAPH_NODES, GRAPH_EDGES),
    "communities": (COMMUNITIES,),
    "community_tags": (COMMUNITY_TAGS,),
    "community_history": (COMMUNITY_HISTORY,),
}
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class AtlasInputs:
    """The assets that the atlas of a day is put together from."""

    overlap_graph: AssetDays
    communities: AssetDays
    community_tags: AssetDays
    atlas_layout: AssetDays
    community_history: AssetDays

    def of_day(self, day: dt.date) -> Atlas:
        """The atlas of a day.

        Raises:
            MissingPartitionError: one of the tables is missing.
        """
        graph, communities = self.overlap_graph.record(day), self.communities.record(day)
        return Atlas(
            day=day,
            nodes=self.overlap_graph.table(day, GRAPH_NODES),
            edges=self.overlap_graph.table(day, GRAPH_EDGES),
            communities=self.communities.table(day, COMMUNITIES),
            tags=self.community_tags.table(day, COMMUNITY_TAGS),
            layout=self.atlas_layout.table(day, LAYOUT),
            history=self.community_history.table(day, COMMUNITY_HISTORY),
            provenance=f"{_data_text(graph)} · {_method_text(communities)}",
        )

    def facts(self, day: dt.date) -> dict[str, dict[str, Any] | None]:
        """The facts of each step of a day, by the step's name in analysis_results.json."""
        return {
            "graph": step_facts(self.overlap_graph, day),
            "detection": step_facts(self.communities, day),
            "tagging": step_facts(self.community_tags, day),
            "layout": step_facts(self.atlas_layout, day),
            "history": step_facts(self.community_history, day),
        }


def _data_text(graph: PartitionRecord | None) -> str:
    """The days and sources of a graph, as a picture states them."""
    if graph is None or graph.imported:
        return "people seen in both chats" if graph is None else f"{graph.origin}: people seen in both chats"
    days, window = graph.facts["days_present"], graph.facts["window_days"]
    chats = {("live",): "live chat", ("vod",): "VOD chat"}.get(
        tuple(graph.facts["window"]["sources"]), "live and VOD chat"
    )
    if window == 1:
        return f"people who wrote in both chats on that day · {chats}"
    return f"people who wrote in both chats within {window} days ({days} with data) · {chats}"


def _method_text(communities: PartitionRecord | None) -> str:
    settings = communities.facts.get("settings", {}) if communities else {}
    return f"communities by {settings.get('algorithm', 'an algorithm')}"


def step_facts(days: AssetDays, day: dt.date) -> dict[str, Any] | None:
    """Origin and facts of a day's partition; None where it does not exist."""
    record = days.record(day)
    return None if record is None else {"origin": record.origin, **record.facts}


def pictures_of_day(atlas: Atlas) -> DayResult:
    """The map as pictures: dark, light, and a card for links."""
    dark = draw_png(atlas)
    products = {
        "community_graph.png": dark,
        "community_graph-light.png": draw_png(atlas, LIGHT),
        CARD: draw_card(atlas),
    }
    return DayResult(
        products=products,
        facts={"channels": atlas.nodes.height, "size_bytes": sum(map(len, products.values()))},
        pictures={"map": preview_png(dark)},
    )


def preview_of_day(sealed: SealedPartitions, day: dt.date) -> dict[str, bytes]:
    """The card of a day's picture, for the UI; empty where the day has no picture."""
    record = sealed.record("atlas_png", day)
    return {} if record is None else {"map": preview_png(sealed.file(record, paths.atlas_file(day, CARD)))}


def page_of_day(atlas: Atlas, sealed: SealedPartitions) -> DayResult:
    """The map as a page to open in a browser."""
    page = draw_html(atlas).encode()
    return DayResult(
        products={"community_graph.html": page},
        facts={"channels": atlas.nodes.height, "size_bytes": len(page)},
        pictures=preview_of_day(sealed, atlas.day),
    )


def gephi_of_day(atlas: Atlas) -> DayResult:
    """The graph for Gephi: nodes and edges as CSV, and both as GEXF."""
    products = {
        "graph_nodes.csv": gephi_nodes_csv(atlas),
        "graph_edges.csv": gephi_edges_csv(atlas),
        "graph.gexf": gexf(atlas),
    }
    return DayResult(products=products, facts={"nodes": atlas.nodes.height, "edges": atlas.edges.height})


def visualizer_of_day(name: str, visualizer: Visualizer, atlas: Atlas) -> DayResult:
    """What a visualizer of a user makes of the atlas; its PNGs are shown in the UI.

    Raises:
        VisualizerError: it fails, or returns something else than files.
    """
    files = run_visualizer(name, visualizer, atlas)
    facts = {"channels": atlas.nodes.height, "size_bytes": sum(map(len, files.values()))}
    pictures = {file: preview_png(data) for file, data in files.items() if data.startswith(_PNG_SIGNATURE)}
    return DayResult(products=files, facts=facts, pictures=pictures)


def results_of_day(inputs: AtlasInputs, audience: AssetDays, day: dt.date) -> DayResult:
    """The day's analysis as one JSON file: partition, labels, statistics of every step, settings."""
    atlas = inputs.of_day(day)
    data = analysis_results(atlas, {"aggregation": step_facts(audience, day), **inputs.facts(day)})
    facts = {"channels": atlas.nodes.height, "communities": atlas.tags.height}
    return DayResult(products={"analysis_results.json": data}, facts=facts)


def query_tables_of_day(inputs: dict[str, AssetDays], day: dt.date) -> DayResult:
    """The tables of QUERY_TABLES once more, a folder per table.

    Args:
        inputs: the assets of QUERY_TABLES, by name.
    """
    files, facts = {}, {}
    for asset, tables in QUERY_TABLES.items():
        for table in tables:
            data = inputs[asset].file(day, paths.table_file(table.name, day))
            files[paths.query_table(table.name, day)] = data
            facts[table.name] = row_count(data)
    return DayResult(files=files, facts=facts)
