"""Dagster's history on this machine: where it lies, and telling it what was written outside a run.

Belongs here: DAGSTER_HOME. Not here: the code location (build), runs of its jobs (runs): both take longer to load.
"""

import datetime as dt
import json
import os
from collections.abc import Mapping
from contextlib import AbstractContextManager
from importlib import resources
from pathlib import Path
from typing import Any

import dagster as dg

INSTANCE_FILE = "dagster.yaml"
GRPC_INFO = ".dagster/grpc_info"
"""Tag of a run that a code location executes: JSON of where that is."""


def prepare_home() -> Path:
    """Make DAGSTER_HOME (default ./.dagster) and put our dagster.yaml there where there is none."""
    home = Path(os.environ.get("DAGSTER_HOME", ".dagster")).absolute()
    os.environ["DAGSTER_HOME"] = str(home)
    home.mkdir(parents=True, exist_ok=True)
    if not (home / INSTANCE_FILE).exists():
        shipped = resources.files("vieweratlas_assets").joinpath(INSTANCE_FILE)
        (home / INSTANCE_FILE).write_text(shipped.read_text(encoding="utf-8"), encoding="utf-8")
    return home


def open_instance() -> AbstractContextManager[dg.DagsterInstance]:
    """The Dagster instance in DAGSTER_HOME."""
    prepare_home()
    return dg.DagsterInstance.get()


def runs_under_way(instance: dg.DagsterInstance, host: str) -> list[dg.DagsterRun]:
    """The runs that are processes of a code location.

    Where that is no more they are lost, and Dagster itself never asks after them: they would be under way for ever.

    Args:
        host: under which the daemon knows the code location.
    """
    under_way = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
    runs = instance.get_runs(dg.RunsFilter(statuses=under_way))
    return [run for run in runs if json.loads(run.tags.get(GRPC_INFO, "{}")).get("host") == host]


def run_counts(instance: dg.DagsterInstance) -> dict[str, int]:
    """How many runs wait, start, are under way and are being ended."""
    counted = (
        dg.DagsterRunStatus.QUEUED,
        dg.DagsterRunStatus.STARTING,
        dg.DagsterRunStatus.STARTED,
        dg.DagsterRunStatus.CANCELING,
    )
    return {status.value.lower(): instance.get_runs_count(dg.RunsFilter(statuses=[status])) for status in counted}


def failed_runs(instance: dg.DagsterInstance, since: dt.datetime) -> int:
    """How many runs failed since a moment."""
    return instance.get_runs_count(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE], updated_after=since))


def newest_partitions(instance: dg.DagsterInstance) -> dict[str, str]:
    """The newest partition that each asset was materialised for."""
    keys = {asset: instance.get_materialized_partitions(asset) for asset in instance.all_asset_keys()}
    return {asset.to_user_string(): max(found) for asset, found in keys.items() if found}


def report_partition(
    instance: dg.DagsterInstance, asset: str, day: dt.date | str, metadata: Mapping[str, Any]
) -> None:
    """Tell Dagster of a partition that was written outside a run."""
    instance.report_runless_asset_event(dg.AssetMaterialization(asset, partition=str(day), metadata=dict(metadata)))
