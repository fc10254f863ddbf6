"""Live chat of the running hour.

Belongs here: the `raw_snapshots` asset. Not here: collecting (collector), how a collector is made (collecting).
"""

import datetime as dt
from collections.abc import Callable
from typing import Any

import dagster as dg
from pydantic import Field

from vieweratlas_assets.clients.http import NoAnswer
from vieweratlas_assets.clients.twitch_token import TokenRefused
from vieweratlas_assets.collecting import collect_until_told
from vieweratlas_assets.collector.collector import Collector
from vieweratlas_assets.collector.wanted import NobodyToWatch, RosterUnknown
from vieweratlas_assets.defs import metadata
from vieweratlas_assets.defs.assets.roster import HOUR
from vieweratlas_assets.defs.io_managers import LakeIOManager
from vieweratlas_assets.defs.metadata import OWNERS
from vieweratlas_assets.domain import lake as paths
from vieweratlas_assets.domain.presence.names import ViewerNames
from vieweratlas_assets.domain.schemas import RAW_SNAPSHOTS
from vieweratlas_assets.partitions import Partitions
from vieweratlas_assets.storage.objects import ObjectStore, StorageError
from vieweratlas_assets.storage.raw import hour_figures

CollectorOf = Callable[[ObjectStore, ViewerNames], Collector]
# What a failed run has not collected the next one still can, until the hour is over.
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
        collector_of: dg.ResourceParam[CollectorOf],
    ) -> dg.MaterializeResult:
        hour = context.partition_time_window.start
        minutes = config.collection_minutes or collection_minutes
        try:
            facts = collect_hour(lake.store, hour, minutes, lambda: collector_of(lake.store, viewer_names))
        except (HourIsOver, NobodyToWatch, TokenRefused) as error:
            raise dg.Failure(f"raw_snapshots of {context.partition_key}: {error}", allow_retries=False) from error
        except (NoAnswer, RosterUnknown, StorageError) as error:
            raise dg.Failure(f"raw_snapshots of {context.partition_key}: {error}") from error
        facts["dagster/uri"] = lake.store.uri(paths.raw_hour(hour).rstrip("/"))
        return dg.MaterializeResult(metadata=metadata.shown(facts))

    return raw_snapshots


class HourIsOver(LookupError):
    """Chat is asked for that nobody listened to, or that is not said yet."""


def collect_hour(
    store: ObjectStore, hour: dt.datetime, minutes: float | None, collector_of: Callable[[], Collector]
) -> dict[str, Any]:
    """Collect the running hour, to its end or for some minutes; one that is over stays as it is.

    Returns:
        Figures of all that the lake has of the hour.

    Raises:
        HourIsOver: the hour is over and nobody collected it, or it has not begun.
        RosterUnknown: nobody is to be watched, or it is not known who.
        TokenRefused, NoAnswer: Twitch does not take the account's token, or does not tell.
        StorageError: the lake is in trouble; what was collected waits in the spool.
    """
    now = dt.datetime.now(dt.UTC)
    told: dict[str, Any] = {}
    if hour <= now < hour + HOUR:
        end = hour + HOUR if minutes is None else min(hour + HOUR, now + dt.timedelta(minutes=minutes))
        _, by_signal = collect_until_told(collector_of(), end.timestamp())
        told = {"ended_by": "a signal"} if by_signal else {}
    found = hour_figures(store, hour)
    if found is None:
        raise HourIsOver(
            "nobody listened to chat in this hour, and what was said cannot be listened to later. The chat replay "
            "of its VODs tells most of it: materialise vod_catalog and vod_presence of the day, or of a range of days"
            if hour <= now
            else f"the hour has not begun; the running one is {now:%Y-%m-%d-%H}:00"
        )
    return {**told, **found}
