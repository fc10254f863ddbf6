"""What people look at and take away: picture, page, Gephi files, results.

Belongs here: the assets that publish. Not here: drawing and writing (domain.atlas), what is drawn (atlas).
"""

import datetime as dt
import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from vieweratlas_assets.defs.assets.atlas import atlas_options
from vieweratlas_assets.defs.days import DayResult, each_day
from vieweratlas_assets.defs.io_managers import LakeIOManager
from vieweratlas_assets.domain import lake as paths
from vieweratlas_assets.domain.atlas.exports import gephi_edges_csv, gephi_nodes_csv, gexf
from vieweratlas_assets.domain.atlas.model import Atlas
from vieweratlas_assets.domain.atlas.page import draw_html
from vieweratlas_assets.domain.atlas.palette import LIGHT
from vieweratlas_assets.domain.atlas.picture import draw_card, draw_png, preview_png
from vieweratlas_assets.domain.atlas.results import analysis_results
from vieweratlas_assets.domain.atlas.visualisers import Visualiser, products_of
from vieweratlas_assets.domain.schemas import (
    COMMUNITIES,
    COMMUNITY_HISTORY,
    COMMUNITY_TAGS,
    GRAPH_EDGES,
    GRAPH_NODES,
    LAYOUT,
)
from vieweratlas_assets.partitions import Partitions
from vieweratlas_assets.storage.parquet import row_count
from vieweratlas_assets.storage.products import copy_products
from vieweratlas_assets.storage.sealed import AssetDays, PartitionRecord, SealedPartitions

CARD = "community_graph-card.png"
UPSTREAM = ("overlap_graph", "communities", "community_tags", "atlas_layout", "community_history")


def atlas_of_day(
    day: dt.date, graph: AssetDays, communities: AssetDays, tags: AssetDays, layout: AssetDays, history: AssetDays
) -> Atlas:
    """Put the tables of a day together."""
    return Atlas(
        day=day,
        nodes=graph.table(day, GRAPH_NODES),
        edges=graph.table(day, GRAPH_EDGES),
        communities=communities.table(day, COMMUNITIES),
        tags=tags.table(day, COMMUNITY_TAGS),
        layout=layout.table(day, LAYOUT),
        history=history.table(day, COMMUNITY_HISTORY),
        provenance=f"{_data_of(graph.record(day))} · {_method_of(communities.record(day))}",
    )


def _data_of(graph: PartitionRecord | None) -> str:
    """The days and sources of a graph, as a picture tells them."""
    if graph is None or graph.imported:
        return "people seen in both chats" if graph is None else f"{graph.origin}: people seen in both chats"
    days, window = graph.facts["days_present"], graph.facts["window_days"]
    told = {("live",): "live chat", ("vod",): "VOD chat"}.get(
        tuple(graph.facts["window"]["sources"]), "live and VOD chat"
    )
    if window == 1:
        return f"people who wrote in both chats on that day · {told}"
    return f"people who wrote in both chats within {window} days ({days} with data) · {told}"


def _method_of(communities: PartitionRecord | None) -> str:
    settings = communities.facts.get("settings", {}) if communities else {}
    return f"communities by {settings.get('algorithm', 'an algorithm')}"


def product_asset(
    partitions: Partitions,
    name: str,
    description: str,
    kinds: set[str],
    make: Callable[[Atlas, SealedPartitions], DayResult],
    deps: Sequence[str] = (),
) -> dg.AssetsDefinition:
    """An asset that is made from the whole atlas of a day.

    Args:
        make: of the atlas and the lake, which holds what was made before.
        deps: assets besides those of the atlas that are made before.
    """

    @dg.asset(
        name=name,
        description=description,
        kinds=kinds,
        ins={upstream: dg.AssetIn(input_manager_key="lake") for upstream in UPSTREAM},
        deps=deps,
        **atlas_options(partitions, name),
    )
    def product(
        context: dg.AssetExecutionContext,
        overlap_graph: AssetDays,
        communities: AssetDays,
        community_tags: AssetDays,
        atlas_layout: AssetDays,
        community_history: AssetDays,
        lake: dg.ResourceParam[LakeIOManager],
    ) -> dg.MaterializeResult:
        inputs = (overlap_graph, communities, community_tags, atlas_layout, community_history)
        return each_day(context, lake.sealed, lambda day: make(atlas_of_day(day, *inputs), lake.sealed))

    return product


def atlas_png_asset(partitions: Partitions) -> dg.AssetsDefinition:
    """Build the asset `atlas_png`."""
    description = "The map as a picture to print, dark and light, and as a card for links."
    return product_asset(partitions, "atlas_png", description, {"matplotlib", "png"}, _png)


def _png(atlas: Atlas, _: SealedPartitions) -> DayResult:
    png = draw_png(atlas)
    products = {
        "community_graph.png": png,
        "community_graph-light.png": draw_png(atlas, LIGHT),
        CARD: draw_card(atlas),
    }
    return DayResult(
        products=products,
        facts={"channels": atlas.nodes.height, "size_bytes": sum(map(len, products.values()))},
        pictures={"map": preview_png(png)},
    )


def preview_of_day(sealed: SealedPartitions, day: dt.date) -> dict[str, bytes]:
    """The card of a day's picture, for the UI; nothing where there is no picture."""
    record = sealed.record("atlas_png", day)
    return {} if record is None else {"map": preview_png(sealed.file(record, paths.atlas_file(day, CARD)))}


def atlas_html_asset(partitions: Partitions) -> dg.AssetsDefinition:
    """Build the asset `atlas_html`."""
    description = "The map as a page to open in a browser."
    return product_asset(partitions, "atlas_html", description, {"pyvis", "html"}, _html, ["atlas_png"])


def _html(atlas: Atlas, sealed: SealedPartitions) -> DayResult:
    page = draw_html(atlas).encode()
    return DayResult(
        products={"community_graph.html": page},
        facts={"channels": atlas.nodes.height, "size_bytes": len(page)},
        pictures=preview_of_day(sealed, atlas.day),
    )


def gephi_export_asset(partitions: Partitions) -> dg.AssetsDefinition:
    """Build the asset `gephi_export`."""
    description = "The graph for Gephi: nodes and edges as CSV, and both as GEXF."
    return product_asset(partitions, "gephi_export", description, {"csv", "gexf"}, _gephi)


def _gephi(atlas: Atlas, _: SealedPartitions) -> DayResult:
    products = {
        "graph_nodes.csv": gephi_nodes_csv(atlas),
        "graph_edges.csv": gephi_edges_csv(atlas),
        "graph.gexf": gexf(atlas),
    }
    facts = {"nodes": atlas.nodes.height, "edges": atlas.edges.height}
    return DayResult(products=products, facts=facts)


def visualiser_asset(partitions: Partitions, name: str, visualiser: Visualiser) -> dg.AssetsDefinition:
    """Build the asset `atlas_<name>` of a visualiser that a user brings."""

    def make(atlas: Atlas, _: SealedPartitions) -> DayResult:
        files = products_of(name, visualiser, atlas)
        facts = {"channels": atlas.nodes.height, "size_bytes": sum(map(len, files.values()))}
        pictures = {file: preview_png(data) for file, data in files.items() if data.startswith(_PNG)}
        return DayResult(products=files, facts=facts, pictures=pictures)

    told = (inspect.getdoc(visualiser) if inspect.isroutine(visualiser) else "") or ""
    description = told.partition("\n")[0] or f"The visualiser {name}, a plug-in."
    return product_asset(partitions, f"atlas_{name}", description, {"plugin"}, make)


_PNG = b"\x89PNG\r\n\x1a\n"


def analysis_results_asset(partitions: Partitions) -> dg.AssetsDefinition:
    """Build the asset `analysis_results`."""

    @dg.asset(
        name="analysis_results",
        ins={name: dg.AssetIn(input_manager_key="lake") for name in ("channel_audience", *UPSTREAM)},
        kinds={"json"},
        **atlas_options(partitions, "analysis_results"),
    )
    def results_asset(
        context: dg.AssetExecutionContext,
        channel_audience: AssetDays,
        overlap_graph: AssetDays,
        communities: AssetDays,
        community_tags: AssetDays,
        atlas_layout: AssetDays,
        community_history: AssetDays,
        lake: dg.ResourceParam[LakeIOManager],
    ) -> dg.MaterializeResult:
        """The day's analysis in one JSON file: partition, labels, statistics of every step, settings."""
        steps = {
            "aggregation": channel_audience,
            "graph": overlap_graph,
            "detection": communities,
            "tagging": community_tags,
            "layout": atlas_layout,
            "history": community_history,
        }

        def of_day(day: dt.date) -> DayResult:
            inputs = (overlap_graph, communities, community_tags, atlas_layout, community_history)
            atlas = atlas_of_day(day, *inputs)
            data = analysis_results(atlas, {step: _facts(days, day) for step, days in steps.items()})
            facts = {"channels": atlas.nodes.height, "communities": atlas.tags.height}
            return DayResult(products={"analysis_results.json": data}, facts=facts)

        return each_day(context, lake.sealed, of_day)

    return results_asset


def query_tables_asset(partitions: Partitions) -> dg.AssetsDefinition:
    """Build the asset `query_tables`."""
    tables = {
        "overlap_graph": (GRAPH_NODES, GRAPH_EDGES),
        "communities": (COMMUNITIES,),
        "community_tags": (COMMUNITY_TAGS,),
        "community_history": (COMMUNITY_HISTORY,),
    }

    @dg.asset(
        ins={name: dg.AssetIn(input_manager_key="lake") for name in tables},
        kinds={"parquet"},
        **atlas_options(partitions, "query_tables"),
    )
    def query_tables(
        context: dg.AssetExecutionContext,
        overlap_graph: AssetDays,
        communities: AssetDays,
        community_tags: AssetDays,
        community_history: AssetDays,
        lake: dg.ResourceParam[LakeIOManager],
    ) -> dg.MaterializeResult:
        """Graph and communities once more, a folder for each table: Athena and others query all days as one table."""

        def of_day(day: dt.date) -> DayResult:
            files, facts = {}, {}
            for days in (overlap_graph, communities, community_tags, community_history):
                for table in tables[days.asset]:
                    data = days.file(day, paths.table_file(table.name, day))
                    files[paths.query_table(table.name, day)] = data
                    facts[table.name] = row_count(data)
            return DayResult(files=files, facts=facts)

        return each_day(context, lake.sealed, of_day)

    return query_tables


def output_copies_asset(
    partitions: Partitions, folder: Path, products: Sequence[dg.AssetsDefinition]
) -> dg.AssetsDefinition:
    """Build the asset `output_copies`.

    Args:
        folder: on the machine that the run is on; the setting storage.output_dir.
        products: the assets that are copied.
    """

    @dg.asset(deps=products, kinds={"file"}, **atlas_options(partitions, "output_copies"))
    def output_copies(
        context: dg.AssetExecutionContext, lake: dg.ResourceParam[LakeIOManager]
    ) -> dg.MaterializeResult:
        """Copies of the day's products in a folder, by date, for people without access to the lake."""

        def of_day(day: dt.date) -> DayResult:
            place = folder.absolute() / str(day)
            files = copy_products(lake.sealed, day, folder)
            return DayResult(facts={"files": files, "folder": str(place)}, unsealed="copies are no part of the lake")

        return each_day(context, lake.sealed, of_day)

    return output_copies


def _facts(days: AssetDays, day: dt.date) -> dict[str, Any] | None:
    record = days.record(day)
    return None if record is None else {"origin": record.origin, **record.facts}
