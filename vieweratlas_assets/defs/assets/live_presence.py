"""From raw snapshots to a day's live presence: `live_presence`.

Belongs here: its definition and checks. Not here: the work (steps.live_presence).
"""

import dagster as dg

from vieweratlas_assets.defs.checks import Check, schema_check
from vieweratlas_assets.defs.days import each_day
from vieweratlas_assets.defs.io_managers import LakeIOManager
from vieweratlas_assets.defs.metadata import OWNERS, column_schemas
from vieweratlas_assets.defs.partitions import RANGE, Partitions
from vieweratlas_assets.domain.presence.names import ViewerNames
from vieweratlas_assets.domain.schemas import PRESENCE
from vieweratlas_assets.steps.live_presence import LEAST_COVERAGE, LONGEST_GAP_S, live_presence_of_day

LIVE_TABLES = (PRESENCE,)
LIVE_CHECKS = (
    schema_check(LIVE_TABLES),
    Check("has_live_presence", "The day has live presence, from raw snapshots or another source."),
    Check("raw_readable", "No object of raw snapshots was rejected."),
    Check(
        "coverage",
        f"Of the known time, at least {LEAST_COVERAGE:.0%} was observed, or was another channel's turn.",
    ),
    Check("gaps", f"No wanted channel went unobserved for more than {LONGEST_GAP_S // 60} minutes without a break."),
)


def live_presence_asset(partitions: Partitions) -> dg.AssetsDefinition:
    """Build the asset `live_presence`."""
    # Days may reach further back than hours do.
    hours = dg.TimeWindowPartitionMapping(allow_nonexistent_upstream_partitions=True)

    @dg.asset(
        partitions_def=partitions.daily,
        deps=[dg.AssetDep("raw_snapshots", partition_mapping=hours)],
        group_name="presence",
        kinds={"polars", "parquet"},
        owners=OWNERS,
        backfill_policy=RANGE,
        check_specs=[check.spec("live_presence") for check in LIVE_CHECKS],
        metadata=column_schemas(LIVE_TABLES),
    )
    def live_presence(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[LakeIOManager],
        viewer_names: dg.ResourceParam[ViewerNames],
    ) -> dg.MaterializeResult:
        """Live chat of a day, cleaned: one row per channel and minute, merged over all collectors.

        A day without raw snapshots stays as it is: its presence came from another source, or its raw snapshots were
        pruned.
        """
        return each_day(
            context,
            lake.sealed,
            lambda day: live_presence_of_day(lake.sealed, viewer_names, day),
            tables=LIVE_TABLES,
            asset_checks=LIVE_CHECKS,
        )

    return live_presence
