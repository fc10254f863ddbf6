"""The VODs of a day and their chat: `vod_catalog` and `vod_presence`.

Belongs here: their definitions, and what the UI shows of them. Not here: finding VODs (wiring.vod_discovery),
fetching their chat (vods).
"""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, Protocol

import dagster as dg
from pydantic import Field

from vieweratlas_assets.clients.helix import HelixClient
from vieweratlas_assets.clients.twitch_token import TokenRefusedError
from vieweratlas_assets.defs import metadata
from vieweratlas_assets.defs.checks import Check, results
from vieweratlas_assets.defs.failures import as_failure
from vieweratlas_assets.defs.io_managers import LakeIOManager
from vieweratlas_assets.defs.metadata import OWNERS
from vieweratlas_assets.defs.partitions import RANGE, Partitions
from vieweratlas_assets.domain import lake as paths
from vieweratlas_assets.domain.presence.names import ViewerNames
from vieweratlas_assets.domain.schemas import PRESENCE, VOD_CATALOG
from vieweratlas_assets.settings import Settings
from vieweratlas_assets.steps.results import Verdict
from vieweratlas_assets.storage.objects import ObjectStore
from vieweratlas_assets.vods.queue import VodQueue
from vieweratlas_assets.vods.tables import State
from vieweratlas_assets.vods.worker import Outcome, VodWorkers
from vieweratlas_assets.wiring import vod_discovery

# For outages of Twitch that outlast the client's own retries.
RETRIES = dg.RetryPolicy(max_retries=2, delay=60)
POOL = "vod_chat"
MOST_ROWS = 500
OpenQueue = Callable[[], AbstractContextManager[VodQueue]]


class MakeWorkers(Protocol):
    """Opens workers of the queue; see wiring.vod_workers."""

    def __call__(
        self, store: ObjectStore, names: ViewerNames, /, *, on_outcome: Callable[[Outcome], None]
    ) -> AbstractContextManager[VodWorkers]:
        """The workers, which end with the block."""


FINISHED = Check("vods_finished", "No VOD of the day is pending, in progress or failed.")


class CatalogConfig(dg.Config):
    """What can be changed for one run."""

    ask_for_channels: bool = Field(
        True,
        description="Page the archives of all tracked channels. false: catalog only the VODs in the queue; the "
        "vod_discovery_sensor uses this, because it has paged the channels.",
    )


def vod_catalog_asset(partitions: Partitions, settings: Settings) -> dg.AssetsDefinition:
    """Build the asset `vod_catalog`."""

    @dg.asset(
        partitions_def=partitions.daily,
        group_name="collection",
        kinds={"twitch", "parquet"},
        owners=OWNERS,
        description=VOD_CATALOG.description,
        metadata=metadata.column_schemas([VOD_CATALOG]),
        retry_policy=RETRIES,
        backfill_policy=RANGE,
        # Two runs that write the catalog of one day at once would lose VODs of one of them.
        pool="vod_catalog",
    )
    def vod_catalog(
        context: dg.AssetExecutionContext,
        config: CatalogConfig,
        lake: dg.ResourceParam[LakeIOManager],
        viewer_names: dg.ResourceParam[ViewerNames],
        helix: dg.ResourceParam[Callable[[], HelixClient]],
        watch_list: dg.ResourceParam[Callable[[], list[str]]],
        vod_queue: dg.ResourceParam[OpenQueue],
    ) -> dg.MaterializeResult:
        days = [dt.date.fromisoformat(key) for key in context.partition_keys]
        tracked = partial(vod_discovery.tracked_channels, settings, lake.store, names=viewer_names, days=days)
        now = dt.datetime.now(dt.UTC)
        with as_failure(f"vod_catalog of {context.partition_keys[0]}"), vod_queue() as queue:
            archives, asked = [], 0
            client = helix() if config.ask_for_channels else _helix_or_none(helix)
            if config.ask_for_channels and client is not None:
                channels = tracked(client, watched=watch_list())
                asked = len(channels)
                context.log.info("paging the archives of %d channels for %d days", asked, len(days))
                archives = list(vod_discovery.archives_of_days(client, channels, days, now))
            archives.append(vod_discovery.queued_only(queue, lake.store, client, days, now))
            counts = vod_discovery.add_to_catalogs(queue, lake.store, archives, days)
        for day, (vods, new) in counts.items():
            facts: dict[str, Any] = {"dagster/row_count": vods, "vods_new": new, "channels_asked": asked}
            facts["dagster/uri"] = lake.store.uri(paths.vod_catalog(day))
            context.add_asset_metadata(metadata.shown(facts), partition_key=str(day))
        return dg.MaterializeResult(metadata={"vods": sum(vods for vods, _ in counts.values())})

    return vod_catalog


def vod_presence_asset(partitions: Partitions, downloads_at_once: int) -> dg.AssetsDefinition:
    """Build the asset `vod_presence`.

    Args:
        downloads_at_once: VODs that a run fetches at a time. The pool allows one such run.
    """

    @dg.asset(
        partitions_def=partitions.daily,
        deps=["vod_catalog"],
        group_name="presence",
        kinds={"twitch", "parquet"},
        owners=OWNERS,
        description="Chat replay of the VODs created on a day, one file per VOD.",
        metadata=metadata.column_schemas([PRESENCE]),
        backfill_policy=RANGE,
        pool=POOL,
        check_specs=[FINISHED.spec("vod_presence")],
    )
    def vod_presence(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[LakeIOManager],
        viewer_names: dg.ResourceParam[ViewerNames],
        vod_workers: dg.ResourceParam[MakeWorkers],
    ) -> dg.MaterializeResult:
        days = [dt.date.fromisoformat(key) for key in context.partition_keys]
        shown: dict[dt.date, dict[str, dg.MetadataValue]] = {}
        verdicts: dict[dt.date, dict[str, Verdict]] = {}

        def on_outcome(outcome: Outcome) -> None:
            context.log.info("%s", _outcome_line(outcome))

        try:
            with (
                as_failure("vod_presence"),
                vod_workers(lake.store, viewer_names, on_outcome=on_outcome) as workers,
            ):
                vod_discovery.sync(workers.queue, lake.store, days, dt.datetime.now(dt.UTC))
                try:
                    workers.run(days, at_once=downloads_at_once)
                finally:
                    for day in days:
                        shown[day], verdicts[day] = _day(lake.store, day, workers.queue.rows([day]))
        except dg.Failure:
            # Dagster drops the events of a failed step, but the fetched VODs are in the lake.
            for day, facts in shown.items():
                context.log_event(dg.AssetMaterialization(context.asset_key, partition=str(day), metadata=facts))
            raise
        for day, facts in shown.items():
            context.add_asset_metadata(facts, partition_key=str(day))
        return dg.MaterializeResult(check_results=results([FINISHED], verdicts))

    return vod_presence


def _helix_or_none(helix: Callable[[], HelixClient]) -> HelixClient | None:
    """The client; None without credentials."""
    try:
        return helix()
    except TokenRefusedError:
        return None


def _day(
    store: ObjectStore, day: dt.date, rows: Sequence[Mapping[str, Any]]
) -> tuple[dict[str, dg.MetadataValue], dict[str, Verdict]]:
    """What the UI shows of a day, and whether all its VODs are finished."""
    facts = facts_of_day(rows)
    left = {state: facts[f"vods_{state}"] for state in (State.PENDING, State.PROCESSING, State.FAILED)}
    shown = metadata.shown(facts) | {"vods": _table(rows)}
    shown["dagster/uri"] = dg.MetadataValue.text(store.uri(paths.vod_catalog(day)))
    seen = ", ".join(f"{count} {state}" for state, count in left.items() if count) or f"{len(rows)} VOD(s)"
    return shown, {FINISHED.name: Verdict(not any(left.values()), seen)}


def facts_of_day(rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Figures of a day's VODs.

    Args:
        rows: the day's rows of the queue.
    """
    facts = {f"vods_{state}": sum(row["state"] == state for row in rows) for state in State}
    sums = {name: sum(row[name] or 0 for row in rows) for name in ("comments", "buckets")}
    sampled = sum(bool(row["sampled"]) for row in rows)
    return facts | sums | {"vods_sampled": sampled, "dagster/row_count": sums["buckets"]}


def _table(rows: Sequence[Mapping[str, Any]]) -> dg.MetadataValue:
    """A table of the VODs with their states."""
    columns = {
        **dict.fromkeys(("vod_id", "channel", "state"), "string"),
        **dict.fromkeys(("comments", "buckets", "chatters", "attempts"), "int"),
        **{"seconds": "float", "sampled": "bool", "reason": "string"},
    }
    return dg.MetadataValue.table(
        [dg.TableRecord({name: row[name] for name in columns}) for row in rows[:MOST_ROWS]],
        dg.TableSchema([dg.TableColumn(name, kind) for name, kind in columns.items()]),
    )


def _outcome_line(outcome: Outcome) -> str:
    """An attempt in one line of the run's log."""
    vod, figures = outcome.vod, outcome.figures
    line = f"VOD {vod.vod_id} of {vod.channel}, {vod.day}, attempt {outcome.attempt}: {outcome.state}"
    if figures is None:
        return f"{line}: {outcome.reason}"
    return f"{line}, {figures.comments:,} comments, {figures.buckets} minutes, {figures.chatters:,} chatters"
