"""Live chat of the running hour: `raw_snapshots`.

Belongs here: its definition. Not here: collecting an hour (wiring.running_hour, collector).
"""

from collections.abc import Callable

import dagster as dg
from pydantic import Field

from vieweratlas_assets.collector.collector import Collector
from vieweratlas_assets.defs import metadata
from vieweratlas_assets.defs.failures import as_failure
from vieweratlas_assets.defs.io_managers import LakeIOManager
from vieweratlas_assets.defs.metadata import OWNERS
from vieweratlas_assets.defs.partitions import Partitions
from vieweratlas_assets.domain import lake as paths
from vieweratlas_assets.domain.presence.names import ViewerNames
from vieweratlas_assets.domain.schemas import RAW_SNAPSHOTS
from vieweratlas_assets.storage.objects import ObjectStore
from vieweratlas_assets.wiring.running_hour import collect_hour

MakeCollector = Callable[[ObjectStore, ViewerNames], Collector]
# What a failed run did not collect, the next one still can until the hour is over.
RETRIES = dg.RetryPolicy(max_retries=3, delay=15)
POOL = "twitch_chat"


class CollectConfig(dg.Config):
    """What can be changed for one run."""

    collection_minutes: float | None = Field(
        None, description="Minutes to collect; not set: collection.collection_minutes, else the hour's end."
    )


def raw_snapshots_asset(partitions: Partitions, collection_minutes: float | None) -> dg.AssetsDefinition:
    """Build the asset `raw_snapshots`.

    Args:
        collection_minutes: how long a run collects; None until its hour is over.
    """

    @dg.asset(
        partitions_def=partitions.hourly,
        deps=["channel_roster"],
        group_name="collection",
        kinds={"twitch", "parquet"},
        owners=OWNERS,
        description=RAW_SNAPSHOTS.description,
        metadata=metadata.column_schemas([RAW_SNAPSHOTS]),
        retry_policy=RETRIES,
        pool=POOL,
        backfill_policy=dg.BackfillPolicy.multi_run(max_partitions_per_run=1),
    )
    def raw_snapshots(
        context: dg.AssetExecutionContext,
        config: CollectConfig,
        lake: dg.ResourceParam[LakeIOManager],
        viewer_names: dg.ResourceParam[ViewerNames],
        collector: dg.ResourceParam[MakeCollector],
    ) -> dg.MaterializeResult:
        hour = context.partition_time_window.start
        minutes = config.collection_minutes or collection_minutes
        with as_failure(f"raw_snapshots of {context.partition_key}"):
            facts = collect_hour(lake.store, hour, minutes, lambda: collector(lake.store, viewer_names))
        facts["dagster/uri"] = lake.store.uri(paths.raw_hour(hour).rstrip("/"))
        return dg.MaterializeResult(metadata=metadata.shown(facts))

    return raw_snapshots
