"""Puts the code location together.

Belongs here: one function that returns fresh definitions from settings. Not here: any definition.
"""

import warnings
from collections.abc import Mapping
from functools import partial
from typing import Any

import dagster as dg

from vieweratlas_assets.defs.assets import (
    atlas,
    channel_audience,
    channel_roster,
    continuity,
    explorer,
    live_presence,
    products,
    raw_snapshots,
    vods,
)
from vieweratlas_assets.defs.io_managers import LakeIOManager
from vieweratlas_assets.defs.jobs import JOBS
from vieweratlas_assets.defs.partitions import partitions_of
from vieweratlas_assets.defs.resources import analysis_resource
from vieweratlas_assets.defs.schedules import build_schedules
from vieweratlas_assets.defs.sensors import vod_discovery_sensor
from vieweratlas_assets.domain.communities.detectors import community_detector
from vieweratlas_assets.errors import SettingsError
from vieweratlas_assets.settings import Settings, load_settings
from vieweratlas_assets.wiring.collector import collector_from_settings
from vieweratlas_assets.wiring.plugins import load_plugins, load_visualizers
from vieweratlas_assets.wiring.twitch import helix_client, watch_list
from vieweratlas_assets.wiring.viewer_names import viewer_names
from vieweratlas_assets.wiring.vod_workers import open_queue, vod_workers

ASSETS = (
    live_presence.live_presence_asset,
    channel_audience.channel_audience_asset,
    atlas.communities_asset,
    atlas.community_tags_asset,
    continuity.atlas_layout_asset,
)
PRODUCTS = (
    products.atlas_png_asset,
    products.atlas_html_asset,
    explorer.explorer_data_asset,
    explorer.atlas_site_asset,
    products.gephi_export_asset,
    products.analysis_results_asset,
)


def build_defs(
    settings: Settings | None = None, resource_overrides: Mapping[str, Any] | None = None
) -> dg.Definitions:
    """Build all definitions: assets, checks, jobs, schedule and resources.

    Args:
        settings: None reads them from the environment.
        resource_overrides: resources that replace ours, by key.

    Raises:
        SettingsError: the settings are impossible, name an unknown community detector, or name a plug-in that cannot
            be used.
    """
    settings = settings or load_settings()
    load_plugins(settings)
    try:
        community_detector(settings.analysis.algorithm)
    except ValueError as error:
        raise SettingsError(
            f"analysis.algorithm: {error}; `vieweratlas config show` shows where it was set"
        ) from error
    with warnings.catch_warnings():
        # Backfill policies and windows that reach before the first partition are "beta" in Dagster 1.13, which
        # warns at every asset; the version is pinned, and tests hold both.
        warnings.simplefilter("ignore", dg.BetaWarning)
        return _definitions(settings, resource_overrides or {})


def _definitions(settings: Settings, resource_overrides: Mapping[str, Any]) -> dg.Definitions:
    return dg.Definitions(
        assets=_assets(settings),
        jobs=JOBS,
        sensors=[vod_discovery_sensor(settings)],
        schedules=build_schedules(settings.schedules.running),
        resources=_resources(settings) | dict(resource_overrides),
        # Parallelism comes from runs: a process per step would cost seconds each.
        executor=dg.in_process_executor,
    )


def _assets(settings: Settings) -> list[dg.AssetsDefinition]:
    partitions = partitions_of(settings.partitions)
    published = [
        *(asset(partitions) for asset in PRODUCTS),
        explorer.atlas_explorer_asset(partitions, settings.atlas.explorer_days),
        *(products.visualizer_asset(partitions, *each) for each in load_visualizers(settings).items()),
    ]
    folder = settings.storage.output_dir
    copies = [] if folder is None else [products.output_copies_asset(partitions, folder, published)]
    return [
        channel_roster.channel_roster_asset(partitions, settings.collection.top_channels_limit),
        raw_snapshots.raw_snapshots_asset(partitions, settings.collection.collection_minutes),
        vods.vod_catalog_asset(partitions, settings),
        vods.vod_presence_asset(partitions, settings.vod.downloads_at_once),
        atlas.overlap_graph_asset(partitions, settings.engine),
        *(asset(partitions) for asset in ASSETS),
        continuity.community_history_asset(partitions, settings.atlas),
        *published,
        *copies,
        products.query_tables_asset(partitions),
    ]


def _resources(settings: Settings) -> dict[str, Any]:
    return {
        "lake": LakeIOManager(root=settings.root, region=settings.storage.region),
        "analysis": analysis_resource(settings.analysis),
        # Read when a run starts: the key must never be part of a definition.
        "viewer_names": dg.ResourceDefinition(
            lambda _: viewer_names(settings), description="What viewers' names become; never shows the key."
        ),
        # Functions, called when they are needed: an hour that is over needs no credentials.
        "helix": dg.ResourceDefinition(
            lambda _: partial(helix_client, settings), description="The client of Helix; never shows the credentials."
        ),
        "collector": dg.ResourceDefinition(
            lambda _: partial(collector_from_settings, settings), description="The collector of live chat."
        ),
        "vod_queue": dg.ResourceDefinition(
            lambda _: partial(open_queue, settings), description="The queue of VODs; never shows its password."
        ),
        "vod_workers": dg.ResourceDefinition(
            lambda _: partial(vod_workers, settings), description="Workers that fetch the chat of VODs."
        ),
        "watch_list": dg.ResourceDefinition(
            lambda _: partial(watch_list, settings), description="The channels that are always watched."
        ),
    }
