"""Jobs: what is run together. Each takes one day or a range of days.

Belongs here: selections with names. Not here: when they run (schedules).
"""

import dagster as dg

# Fargate sizes for runs on ECS; other launchers ignore them. DEPLOYMENT.md derives them.
LIGHT = {"ecs/cpu": "512", "ecs/memory": "2048"}
HEAVY = {"ecs/cpu": "2048", "ecs/memory": "8192"}

_LIVE = dg.AssetSelection.assets("live_presence")
_AUDIENCE = dg.AssetSelection.assets("channel_audience")
_GRAPH = dg.AssetSelection.assets("overlap_graph")
_ATLAS = _GRAPH.downstream(include_self=False)

ROSTER_JOB = dg.define_asset_job(
    "roster",
    selection=dg.AssetSelection.assets("channel_roster"),
    tags=LIGHT,
    description="Ask Twitch who is live, for the running hour.",
)
COLLECTION_JOB = dg.define_asset_job(
    "collection",
    selection=dg.AssetSelection.assets("raw_snapshots"),
    tags=LIGHT,
    description="Listen to live chat until the running hour is over.",
)
LIVE_JOB = dg.define_asset_job(
    "live", selection=_LIVE, tags=LIGHT, description="Build the live presence of each day from its raw snapshots."
)
VODS_JOB = dg.define_asset_job(
    "vods",
    selection=dg.AssetSelection.assets("vod_catalog", "vod_presence"),
    tags=LIGHT,
    description="Find the VODs of each day, and fetch their chat.",
)
AUDIENCE_JOB = dg.define_asset_job(
    "audience", selection=_AUDIENCE, tags=HEAVY, description="Reduce presence to the audience of each day."
)
OVERLAP_AND_ATLAS_JOB = dg.define_asset_job(
    "overlap_and_atlas",
    selection=_GRAPH | _ATLAS,
    tags=HEAVY,
    description="From existing audiences: graph, communities, labels, positions, products.",
)
ATLAS_JOB = dg.define_asset_job(
    "atlas",
    selection=_ATLAS,
    tags=HEAVY,
    description="From an existing graph, such as an imported one: communities, labels, positions, products.",
)
DAILY_JOB = dg.define_asset_job(
    "daily_atlas",
    selection=_LIVE | _AUDIENCE | _GRAPH | _ATLAS,
    tags=HEAVY,
    description="A day's live presence, its audience and everything that follows from it.",
)
JOBS = (
    ROSTER_JOB,
    COLLECTION_JOB,
    VODS_JOB,
    LIVE_JOB,
    AUDIENCE_JOB,
    OVERLAP_AND_ATLAS_JOB,
    ATLAS_JOB,
    DAILY_JOB,
)
