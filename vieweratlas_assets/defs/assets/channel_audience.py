"""From presence rows to a day's audience: `channel_audience`.

Belongs here: its definition and checks. Not here: the work (steps.audience).
"""

import dagster as dg

from vieweratlas_assets.defs.checks import Check, schema_check
from vieweratlas_assets.defs.days import each_day
from vieweratlas_assets.defs.io_managers import LakeIOManager
from vieweratlas_assets.defs.metadata import OWNERS, column_schemas
from vieweratlas_assets.defs.partitions import RANGE, Partitions
from vieweratlas_assets.defs.resources import Analysis
from vieweratlas_assets.domain.presence.names import ViewerNames
from vieweratlas_assets.domain.schemas import CHANNEL_ACTIVITY, CHANNEL_AUDIENCE
from vieweratlas_assets.steps.audience import audience_of_day

AUDIENCE_TABLES = (CHANNEL_AUDIENCE, CHANNEL_ACTIVITY)
AUDIENCE_CHECKS = (
    schema_check(AUDIENCE_TABLES),
    Check("has_presence", "The day has presence; a day without has an empty audience."),
    Check("files_readable", "No file of presence or roster was rejected."),
)


def channel_audience_asset(partitions: Partitions) -> dg.AssetsDefinition:
    """Build the asset `channel_audience`."""

    @dg.asset(
        partitions_def=partitions.daily,
        deps=["live_presence", "vod_presence", "vod_catalog", "channel_roster"],
        group_name="presence",
        kinds={"polars", "parquet"},
        owners=OWNERS,
        backfill_policy=RANGE,
        check_specs=[check.spec("channel_audience") for check in AUDIENCE_CHECKS],
        metadata=column_schemas(AUDIENCE_TABLES),
    )
    def channel_audience(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[LakeIOManager],
        analysis: Analysis,
        viewer_names: dg.ResourceParam[ViewerNames],
    ) -> dg.MaterializeResult:
        """Distinct viewers of each channel on a day, filtered, with the quality report.

        A day includes the VODs created on it, whole, and live presence by its minute.
        """
        return each_day(
            context,
            lake.sealed,
            lambda day: audience_of_day(lake.sealed, analysis, viewer_names, day),
            tables=AUDIENCE_TABLES,
            asset_checks=AUDIENCE_CHECKS,
        )

    return channel_audience
