"""What people explore: `explorer_data`, `atlas_explorer` and `atlas_site`.

Belongs here: their definitions. Not here: the work (steps.days_to_explore), products of one day (products).
"""

import datetime as dt

import dagster as dg

from vieweratlas_assets.defs.assets.options import atlas_asset
from vieweratlas_assets.defs.assets.products import product_asset
from vieweratlas_assets.defs.days import each_day
from vieweratlas_assets.defs.io_managers import LakeIOManager
from vieweratlas_assets.defs.partitions import Partitions
from vieweratlas_assets.steps.days_to_explore import explorer_of_day, packed_day, packed_file, site_files_of_day
from vieweratlas_assets.steps.results import DayResult
from vieweratlas_assets.storage.sealed import AssetDays
from vieweratlas_assets.storage.site import publish

DATA = "explorer_data"


def explorer_data_asset(partitions: Partitions) -> dg.AssetsDefinition:
    """Build the asset `explorer_data`."""
    description = (
        "A day packed for the explorer and the site: map, all overlaps, and what changed since the earlier day."
    )
    return product_asset(partitions, DATA, description, {"binary"}, packed_day)


def atlas_explorer_asset(partitions: Partitions, most_days: int) -> dg.AssetsDefinition:
    """Build the asset `atlas_explorer`.

    Args:
        most_days: how many days the page may hold, its own included.
    """

    # Depends on its own day only: with earlier days as inputs, a backfill would ask for pages of later days without
    # data.
    @atlas_asset(
        partitions,
        "atlas_explorer",
        ins={DATA: dg.AssetIn(input_manager_key="lake")},
        deps=["atlas_png"],
        kinds={"typescript", "html"},
    )
    def atlas_explorer(
        context: dg.AssetExecutionContext, explorer_data: AssetDays, lake: dg.ResourceParam[LakeIOManager]
    ) -> dg.MaterializeResult:
        """The whole atlas as one page to explore: search, neighbors, communities, days; opens from disk."""

        def of_day(day: dt.date) -> DayResult:
            return explorer_of_day(lake.sealed, day, explorer_data.file(day, packed_file(day)), most_days)

        return each_day(context, lake.sealed, of_day)

    return atlas_explorer


def atlas_site_asset(partitions: Partitions) -> dg.AssetsDefinition:
    """Build the asset `atlas_site`."""

    @atlas_asset(
        partitions,
        "atlas_site",
        ins={DATA: dg.AssetIn(input_manager_key="lake")},
        deps=["atlas_png"],
        kinds={"typescript", "html", "json"},
    )
    def atlas_site(
        context: dg.AssetExecutionContext, explorer_data: AssetDays, lake: dg.ResourceParam[LakeIOManager]
    ) -> dg.MaterializeResult:
        """The explorer as static files with all days, to serve from a bucket: a manifest, days, and channels."""

        def of_day(day: dt.date) -> DayResult:
            return site_files_of_day(lake.sealed, day, explorer_data.file(day, packed_file(day)))

        try:
            return each_day(context, lake.sealed, of_day)
        finally:
            # Even where a day failed: the other days should appear.
            publish(lake.sealed)

    return atlas_site
