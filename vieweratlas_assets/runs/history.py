"""Dagster's history on this machine: the instance, and what it knows of runs and partitions.

Belongs here: opening and asking it. Not here: where it lies (wiring.home), reporting to it (report).
"""

import datetime as dt
import json
from contextlib import AbstractContextManager

import dagster as dg

from vieweratlas_assets.wiring.home import prepare_home

GRPC_INFO = ".dagster/grpc_info"
"""Tag of a run that a code location executes: JSON with its address."""


def open_instance() -> AbstractContextManager[dg.DagsterInstance]:
    """The Dagster instance in DAGSTER_HOME."""
    prepare_home()
    return dg.DagsterInstance.get()


def runs_under_way(instance: dg.DagsterInstance, host: str) -> list[dg.DagsterRun]:
    """The runs that are processes of a code location.

    When the code location is gone, they are lost, and Dagster never checks them: they would stay "started" forever.

    Args:
        host: the name by which the daemon knows the code location.
    """
    under_way = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
    runs = instance.get_runs(dg.RunsFilter(statuses=under_way))
    return [run for run in runs if json.loads(run.tags.get(GRPC_INFO, "{}")).get("host") == host]


def run_counts(instance: dg.DagsterInstance) -> dict[str, int]:
    """The number of runs that are queued, starting, started and canceling."""
    counted = (
        dg.DagsterRunStatus.QUEUED,
        dg.DagsterRunStatus.STARTING,
        dg.DagsterRunStatus.STARTED,
        dg.DagsterRunStatus.CANCELING,
    )
    return {status.value.lower(): instance.get_runs_count(dg.RunsFilter(statuses=[status])) for status in counted}


def failed_runs(instance: dg.DagsterInstance, since: dt.datetime) -> int:
    """The number of runs that failed since a moment."""
    return instance.get_runs_count(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE], updated_after=since))


def newest_partitions(instance: dg.DagsterInstance) -> dict[str, str]:
    """The newest partition that each asset was materialized for."""
    keys = {asset: instance.get_materialized_partitions(asset) for asset in instance.all_asset_keys()}
    return {asset.to_user_string(): max(known) for asset, known in keys.items() if known}
