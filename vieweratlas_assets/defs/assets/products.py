"""What people look at and take away: pictures, page, Gephi files, results, tables for query engines.

Belongs here: the definitions of the assets that publish. Not here: the work (steps.products), what spans several days
(explorer).
"""

import datetime as dt
import inspect
from collections.abc import Callable, Sequence
from pathlib import Path

import dagster as dg

from vieweratlas_assets.defs.assets.options import atlas_asset
from vieweratlas_assets.defs.days import each_day
from vieweratlas_assets.defs.io_managers import LakeIOManager
from vieweratlas_assets.defs.partitions import Partitions
from vieweratlas_assets.domain.atlas.model import Atlas
from vieweratlas_assets.domain.atlas.visualizers import Visualizer
from vieweratlas_assets.steps import products
from vieweratlas_assets.steps.products import AtlasInputs
from vieweratlas_assets.steps.results import DayResult
from vieweratlas_assets.storage.products import copy_products
from vieweratlas_assets.storage.sealed import AssetDays, SealedPartitions

UPSTREAM = ("overlap_graph", "communities", "community_tags", "atlas_layout", "community_history")


def product_asset(
    partitions: Partitions,
    name: str,
    description: str,
    kinds: set[str],
    make: Callable[[Atlas, SealedPartitions], DayResult],
    deps: Sequence[str] = (),
) -> dg.AssetsDefinition:
    """Build an asset that is made from the whole atlas of a day.

    Args:
        make: takes the atlas and the lake's partitions.
        deps: further assets that must be made before.
    """

    @atlas_asset(
        partitions,
        name,
        description=description,
        kinds=kinds,
        ins={upstream: dg.AssetIn(input_manager_key="lake") for upstream in UPSTREAM},
        deps=deps,
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
        inputs = AtlasInputs(overlap_graph, communities, community_tags, atlas_layout, community_history)
        return each_day(context, lake.sealed, lambda day: make(inputs.of_day(day), lake.sealed))

    return product


def atlas_png_asset(partitions: Partitions) -> dg.AssetsDefinition:
    """Build the asset `atlas_png`."""
    description = "The map as a picture to print, dark and light, and as a card for links."
    kinds = {"matplotlib", "png"}
    return product_asset(
        partitions, "atlas_png", description, kinds, lambda atlas, _: products.pictures_of_day(atlas)
    )


def atlas_html_asset(partitions: Partitions) -> dg.AssetsDefinition:
    """Build the asset `atlas_html`."""
    description = "The map as a page to open in a browser."
    kinds = {"pyvis", "html"}
    return product_asset(partitions, "atlas_html", description, kinds, products.page_of_day, ["atlas_png"])


def gephi_export_asset(partitions: Partitions) -> dg.AssetsDefinition:
    """Build the asset `gephi_export`."""
    description = "The graph for Gephi: nodes and edges as CSV, and both as GEXF."
    kinds = {"csv", "gexf"}
    return product_asset(
        partitions, "gephi_export", description, kinds, lambda atlas, _: products.gephi_of_day(atlas)
    )


def visualizer_asset(partitions: Partitions, name: str, visualizer: Visualizer) -> dg.AssetsDefinition:
    """Build the asset `atlas_<name>` of a visualizer that a user brings."""
    documentation = (inspect.getdoc(visualizer) if inspect.isroutine(visualizer) else "") or ""
    description = documentation.partition("\n")[0] or f"The visualizer {name}, a plug-in."

    def make(atlas: Atlas, _: SealedPartitions) -> DayResult:
        return products.visualizer_of_day(name, visualizer, atlas)

    return product_asset(partitions, f"atlas_{name}", description, {"plugin"}, make)


def analysis_results_asset(partitions: Partitions) -> dg.AssetsDefinition:
    """Build the asset `analysis_results`."""

    @atlas_asset(
        partitions,
        "analysis_results",
        ins={name: dg.AssetIn(input_manager_key="lake") for name in ("channel_audience", *UPSTREAM)},
        kinds={"json"},
    )
    def analysis_results(
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
        inputs = AtlasInputs(overlap_graph, communities, community_tags, atlas_layout, community_history)
        return each_day(context, lake.sealed, lambda day: products.results_of_day(inputs, channel_audience, day))

    return analysis_results


def query_tables_asset(partitions: Partitions) -> dg.AssetsDefinition:
    """Build the asset `query_tables`."""

    @atlas_asset(
        partitions,
        "query_tables",
        ins={name: dg.AssetIn(input_manager_key="lake") for name in products.QUERY_TABLES},
        kinds={"parquet"},
    )
    def query_tables(
        context: dg.AssetExecutionContext,
        overlap_graph: AssetDays,
        communities: AssetDays,
        community_tags: AssetDays,
        community_history: AssetDays,
        lake: dg.ResourceParam[LakeIOManager],
    ) -> dg.MaterializeResult:
        """Graph and communities once more, a folder per table: Athena and others query all days as one table."""
        inputs = {days.asset: days for days in (overlap_graph, communities, community_tags, community_history)}
        return each_day(context, lake.sealed, lambda day: products.query_tables_of_day(inputs, day))

    return query_tables


def output_copies_asset(
    partitions: Partitions, folder: Path, published: Sequence[dg.AssetsDefinition]
) -> dg.AssetsDefinition:
    """Build the asset `output_copies`.

    Args:
        folder: the setting storage.output_dir, on the machine that executes the run.
        published: the assets whose products are copied.
    """

    @atlas_asset(partitions, "output_copies", deps=published, kinds={"file"})
    def output_copies(
        context: dg.AssetExecutionContext, lake: dg.ResourceParam[LakeIOManager]
    ) -> dg.MaterializeResult:
        """Copies of the day's products in a folder, by date, for people without access to the lake."""

        def of_day(day: dt.date) -> DayResult:
            place = folder.absolute() / str(day)
            files = copy_products(lake.sealed, day, folder)
            return DayResult(facts={"files": files, "folder": str(place)}, unsealed="copies are not part of the lake")

        return each_day(context, lake.sealed, of_day)

    return output_copies
