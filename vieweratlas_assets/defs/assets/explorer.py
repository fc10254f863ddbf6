"""What people explore: the packed days, the page that opens from disk, the static site.

Belongs here: `explorer_data`, `atlas_explorer` and `atlas_site`. Not here: pictures and files of one day (products),
the page and what the files hold (domain.atlas).
"""

import datetime as dt
import logging

import dagster as dg

from vieweratlas_assets.defs.assets.atlas import atlas_options
from vieweratlas_assets.defs.assets.continuity import fingerprint_of
from vieweratlas_assets.defs.assets.products import preview_of_day, product_asset
from vieweratlas_assets.defs.days import DayResult, each_day
from vieweratlas_assets.defs.io_managers import LakeIOManager
from vieweratlas_assets.domain import lake as paths
from vieweratlas_assets.domain.atlas import site
from vieweratlas_assets.domain.atlas.changes import EarlierAtlas
from vieweratlas_assets.domain.atlas.day_data import day_data, read_day
from vieweratlas_assets.domain.atlas.explorer import days_within_budget, draw_explorer
from vieweratlas_assets.domain.atlas.model import Atlas
from vieweratlas_assets.domain.schemas import COMMUNITY_EVENTS, COMMUNITY_HISTORY, GRAPH_NODES
from vieweratlas_assets.partitions import Partitions
from vieweratlas_assets.storage.sealed import AssetDays, SealedPartitions
from vieweratlas_assets.storage.site import publish

DATA = "explorer_data"
LOG = logging.getLogger("vieweratlas.days")


def explorer_data_asset(partitions: Partitions) -> dg.AssetsDefinition:
    """Build the asset `explorer_data`."""
    description = (
        "A day packed for the explorer and the site: map, all overlaps, and what changed since the earlier day."
    )
    return product_asset(partitions, DATA, description, {"binary"}, _data)


def _data(atlas: Atlas, sealed: SealedPartitions) -> DayResult:
    earlier = earlier_atlas(sealed, atlas.day)
    packed = day_data(atlas, earlier)
    facts = {
        "channels": atlas.nodes.height,
        "links": atlas.edges.height,
        "since": None if earlier is None else str(earlier.day),
        "size_bytes": len(packed),
    }
    return DayResult(products={"explorer_data.bin": packed}, facts=facts)


def _data_file(day: dt.date) -> str:
    return paths.atlas_file(day, "explorer_data.bin")


def earlier_atlas(sealed: SealedPartitions, day: dt.date) -> EarlierAtlas | None:
    """The earlier day that a day's communities went on from; None where there is none, or it is another one now."""
    today = sealed.record("community_history", day)
    if today is None or today.facts.get("went_on_from") is None:
        return None
    then = dt.date.fromisoformat(today.facts["went_on_from"])
    nodes, earlier = sealed.record("overlap_graph", then), sealed.record("community_history", then)
    known = None if earlier is None else sealed.table(earlier, COMMUNITY_HISTORY)
    if nodes is None or known is None or fingerprint_of(known) != today.facts.get("earlier_history"):
        told = "what changed since %s is not known on %s, as it was made anew: materialise community_history again"
        LOG.warning(told, then, day)
        return None
    return EarlierAtlas(
        then,
        sealed.table(nodes, GRAPH_NODES),
        known,
        sealed.table(today, COMMUNITY_EVENTS),
    )


def atlas_explorer_asset(partitions: Partitions, most_days: int) -> dg.AssetsDefinition:
    """Build the asset `atlas_explorer`.

    Args:
        most_days: how many days the page may hold, its own included.
    """

    # Of its own day alone: with earlier ones as inputs a backfill would ask for pages of later days without data.
    @dg.asset(
        ins={DATA: dg.AssetIn(input_manager_key="lake")},
        deps=["atlas_png"],
        kinds={"typescript", "html"},
        **atlas_options(partitions, "atlas_explorer"),
    )
    def atlas_explorer(
        context: dg.AssetExecutionContext, explorer_data: AssetDays, lake: dg.ResourceParam[LakeIOManager]
    ) -> dg.MaterializeResult:
        """The whole atlas as one page to explore: search, neighbours, communities, days; opens from disk."""

        def of_day(day: dt.date) -> DayResult:
            own = explorer_data.file(day, _data_file(day))
            earlier = _days_before(lake.sealed, day, most_days - 1)
            page = draw_explorer(own, earlier).encode()
            head = read_day(own).head
            facts = {
                "channels": len(head["channels"]),
                "days": 1 + days_within_budget(earlier),
                "size_bytes": len(page),
            }
            return DayResult(products={"explorer.html": page}, facts=facts, pictures=preview_of_day(lake.sealed, day))

        return each_day(context, lake.sealed, of_day)

    return atlas_explorer


def _days_before(sealed: SealedPartitions, day: dt.date, most: int) -> list[bytes]:
    """The packed days that are there among so many before a day, the latest first."""
    records = [sealed.record(DATA, day - dt.timedelta(days=back)) for back in range(1, most + 1)]
    return [sealed.file(record, _data_file(record.day)) for record in records if record is not None]


def atlas_site_asset(partitions: Partitions) -> dg.AssetsDefinition:
    """Build the asset `atlas_site`."""

    @dg.asset(
        ins={DATA: dg.AssetIn(input_manager_key="lake")},
        deps=["atlas_png"],
        kinds={"typescript", "html", "json"},
        **atlas_options(partitions, "atlas_site"),
    )
    def atlas_site(
        context: dg.AssetExecutionContext, explorer_data: AssetDays, lake: dg.ResourceParam[LakeIOManager]
    ) -> dg.MaterializeResult:
        """The explorer as static files with all days, to serve from a bucket: a manifest, days, and channels."""

        def of_day(day: dt.date) -> DayResult:
            packed = explorer_data.file(day, _data_file(day))
            block = read_day(packed)
            files = site.day_files(day, packed, block)
            entry = site.day_entry(day, files, block)
            return DayResult(
                files={paths.site_file(name): data for name, data in files.items()},
                facts={"entry": entry, "size_bytes": sum(map(len, files.values()))},
                pictures=preview_of_day(lake.sealed, day),
            )

        try:
            return each_day(context, lake.sealed, of_day)
        finally:
            # Also where a day failed: those that did not are to be seen.
            publish(lake.sealed)

    return atlas_site
