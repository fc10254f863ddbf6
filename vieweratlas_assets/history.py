"""Dagster's history on this machine: where it lies, and telling it what was written outside a run.

Belongs here: DAGSTER_HOME. Not here: the code location (build), runs of its jobs (runs): both take longer to load.
"""

import datetime as dt
import os
from collections.abc import Mapping
from contextlib import AbstractContextManager
from importlib import resources
from pathlib import Path
from typing import Any

import dagster as dg

INSTANCE_FILE = "dagster.yaml"


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


def report_partition(
    instance: dg.DagsterInstance, asset: str, day: dt.date | str, metadata: Mapping[str, Any]
) -> None:
    """Tell Dagster of a partition that was written outside a run."""
    instance.report_runless_asset_event(dg.AssetMaterialization(asset, partition=str(day), metadata=dict(metadata)))
