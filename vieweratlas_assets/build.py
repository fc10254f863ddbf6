"""Puts the code location together.

Belongs here: one function that returns fresh definitions from settings. Not here: any definition (defs).
"""

import warnings
from collections.abc import Mapping
from functools import partial
from typing import Any

import dagster as dg

from vieweratlas_assets.collecting import collector_of
from vieweratlas_assets.defs.assets import atlas, continuity, explorer, live, presence, products, raw, roster, vods
from vieweratlas_assets.defs.io_managers import lake_of
from vieweratlas_assets.defs.jobs import JOBS
from vieweratlas_assets.defs.resources import analysis_resource
from vieweratlas_assets.defs.schedules import build_schedules
from vieweratlas_assets.defs.sensors import vod_discovery_sensor
from vieweratlas_assets.domain.communities.detectors import community_detector
from vieweratlas_assets.fetching import fetching, open_queue
from vieweratlas_assets.partitions import partitions_of
from vieweratlas_assets.plugins import load_plugins, load_visualisers
from vieweratlas_assets.privacy import viewer_names
from vieweratlas_assets.settings import Settings, SettingsError, load_settings
from vieweratlas_assets.twitch import helix_client, watch_list

ASSETS = (
    live.live_presence_asset,
    presence.channel_audience_asset,
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
        resource_overrides: resources that replace ours by key, as tests do.

    Raises:
        SettingsError: the settings are impossible, name a community detector that is not registered, or a plug-in
            that is none.
    """
    settings = settings or load_settings()
    load_plugins(settings)
    try:
        community_detector(settings.analysis.algorithm)
    except ValueError as error:
        raise SettingsError(
            f"analysis.algorithm: {error}; `vieweratlas config show` tells where it was set"
        ) from error
    with warnings.catch_warnings():
        # Backfill policies and windows that reach before the first partition are "beta" in Dagster 1.13, and said
        # to be at every asset; the version is pinned, and both are held by tests.
        warnings.simplefilter("ignore", dg.BetaWarning)
        return _definitions(settings, resource_overrides or {})


def _definitions(settings: Settings, resource_overrides: Mapping[str, Any]) -> dg.Definitions:
    partitions = partitions_of(settings.partitions)
    resources: dict[str, Any] = {
        "lake": lake_of(settings),
        "analysis": analysis_resource(settings.analysis),
        # Read when a run starts: the key must never be part of a definition.
        "viewer_names": dg.ResourceDefinition(
            lambda _: viewer_names(settings), description="What viewers' names become; the key never shows."
        ),
        # Made when they are needed: an hour that is over needs no credentials.
        "helix": dg.ResourceDefinition(
            lambda _: partial(helix_client, settings), description="Helix with the credentials; none ever shows."
        ),
        "collector_of": dg.ResourceDefinition(
            lambda _: partial(collector_of, settings),
            description="The collector of live chat that the settings name.",
        ),
        "vod_queue": dg.ResourceDefinition(
            lambda _: partial(open_queue, settings), description="The queue of VODs; its password never shows."
        ),
        "fetching": dg.ResourceDefinition(
            lambda _: partial(fetching, settings), description="Workers that fetch the chat of VODs."
        ),
        "watch_list": dg.ResourceDefinition(
            lambda _: partial(watch_list, settings), description="The channels that are always watched."
        ),
    }
    published = [
        *(asset(partitions) for asset in PRODUCTS),
        explorer.atlas_explorer_asset(partitions, settings.atlas.explorer_days),
        *(products.visualiser_asset(partitions, *each) for each in load_visualisers(settings).items()),
    ]
    folder = settings.storage.output_dir
    copies = [] if folder is None else [products.output_copies_asset(partitions, folder, published)]
    return dg.Definitions(
        assets=[
            roster.channel_roster_asset(partitions, settings.collection.top_channels_limit),
            raw.raw_snapshots_asset(partitions, settings.collection.collection_minutes),
            vods.vod_catalog_asset(partitions, settings),
            vods.vod_presence_asset(partitions, settings.vod.downloads_at_once),
            atlas.overlap_graph_asset(partitions, settings.engine),
            *(asset(partitions) for asset in ASSETS),
            continuity.community_history_asset(partitions, settings.atlas),
            *published,
            *copies,
            products.query_tables_asset(partitions),
        ],
        jobs=JOBS,
        sensors=[vod_discovery_sensor(settings)],
        schedules=build_schedules(settings.schedules.running),
        resources=resources | dict(resource_overrides),
        # Parallelism comes from runs: a process for every step would cost seconds each.
        executor=dg.in_process_executor,
    )
