"""Who is live: the hourly `channel_roster`.

Belongs here: its definition. Not here: taking the roster (wiring.running_hour), the table (domain.presence.roster).
"""

from collections.abc import Callable

import dagster as dg

from vieweratlas_assets.clients.helix import HelixClient
from vieweratlas_assets.defs import metadata
from vieweratlas_assets.defs.failures import as_failure
from vieweratlas_assets.defs.io_managers import LakeIOManager
from vieweratlas_assets.defs.metadata import OWNERS
from vieweratlas_assets.defs.partitions import Partitions
from vieweratlas_assets.domain import lake as paths
from vieweratlas_assets.domain.presence.names import ViewerNames
from vieweratlas_assets.domain.schemas import CHANNEL_ROSTER
from vieweratlas_assets.wiring.running_hour import roster_of_hour

# For outages of Twitch that outlast the client's own retries.
RETRIES = dg.RetryPolicy(max_retries=2, delay=60)


def channel_roster_asset(partitions: Partitions, top_channels: int) -> dg.AssetsDefinition:
    """Build the asset `channel_roster`.

    Args:
        top_channels: how many of the channels with the most viewers are taken, in addition to the watch list.
    """

    @dg.asset(
        partitions_def=partitions.hourly,
        group_name="collection",
        kinds={"twitch", "parquet"},
        owners=OWNERS,
        description=CHANNEL_ROSTER.description,
        metadata=metadata.column_schemas([CHANNEL_ROSTER]),
        retry_policy=RETRIES,
        backfill_policy=dg.BackfillPolicy.multi_run(max_partitions_per_run=1),
    )
    def channel_roster(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[LakeIOManager],
        viewer_names: dg.ResourceParam[ViewerNames],
        helix: dg.ResourceParam[Callable[[], HelixClient]],
        watch_list: dg.ResourceParam[Callable[[], list[str]]],
    ) -> dg.MaterializeResult:
        hour = context.partition_time_window.start
        key = paths.channel_roster(hour.date(), hour.hour)
        with as_failure(f"channel_roster of {context.partition_key}"):
            roster, facts = roster_of_hour(lake.store, hour, top_channels, helix, watch_list)
            if roster is not None:
                kept = viewer_names.without_opted_out(roster)
                lake.store.upload_parquet(key, kept, CHANNEL_ROSTER)
                facts |= {"channels_opted_out": roster.height - kept.height, "dagster/row_count": kept.height}
        return dg.MaterializeResult(metadata=metadata.shown(facts) | {"dagster/uri": lake.store.uri(key)})

    return channel_roster
