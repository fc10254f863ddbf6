"""Executing a plan in this process, without the UI.

Belongs here: running the jobs of a plan. Not here: planning (plan), displays (commands), the jobs (defs.jobs).
"""

import datetime as dt
import logging
from collections.abc import Iterable, Iterator
from typing import Any

import dagster as dg
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

from vieweratlas_assets.defs.build import build_defs
from vieweratlas_assets.defs.jobs import ATLAS_JOB, AUDIENCE_JOB, LIVE_JOB, OVERLAP_AND_ATLAS_JOB
from vieweratlas_assets.domain.days import days_between, first_of_window, range_text, ranges
from vieweratlas_assets.runs.plan import Plan
from vieweratlas_assets.settings import Settings
from vieweratlas_assets.storage.lake import Lake
from vieweratlas_assets.storage.sealed import SealedPartitions

LOG = logging.getLogger("vieweratlas.runs")


def execute(
    settings: Settings, lake: Lake, plan: Plan, instance: dg.DagsterInstance, *, force: bool = False
) -> list[str]:
    """Execute a plan in this process; the instance records the runs like any others.

    A day that fails does not stop the others: a window uses the audiences that exist.

    Args:
        force: replace imported graphs.

    Returns:
        Why steps failed, one text per failure; empty when all succeeded.
    """
    _log_plan(settings, plan)
    definitions = build_defs(settings, {"viewer_names": lake.names})
    config: dict[str, Any] = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    forced = {**config, "ops": {"overlap_graph": {"config": {"force": force}}}}

    def run(job: str, days: Iterable[dt.date], run_config: dict[str, Any]) -> Iterator[str]:
        for first, last in ranges(days):
            LOG.info("running %s from %s to %s", job, first, last)
            tags = {ASSET_PARTITION_RANGE_START_TAG: str(first), ASSET_PARTITION_RANGE_END_TAG: str(last)}
            result = definitions.resolve_job_def(job).execute_in_process(
                run_config=run_config, instance=instance, tags=tags, raise_on_error=False
            )
            yield from (_reason(event) for event in result.all_events if event.is_step_failure)

    failures = list(run(LIVE_JOB.name, plan.live, config))
    failures += run(AUDIENCE_JOB.name, plan.audience, config)
    window_days = settings.partitions.window_days
    graph = [day for day in plan.graph if not failures or _has_audience(lake.sealed, day, window_days)]
    failures += run(OVERLAP_AND_ATLAS_JOB.name, graph, forced)
    failures += run(ATLAS_JOB.name, plan.imported, config)
    return failures


def _log_plan(settings: Settings, plan: Plan) -> None:
    LOG.info(
        "lake %s: %d audiences to build, %d graphs to build, %d imported graphs to continue from, %d days skipped",
        settings.root,
        *map(len, (plan.audience, plan.graph, plan.imported, plan.empty)),
    )
    for what, days in (("audiences", plan.audience), ("graphs", plan.graph), ("imported graphs", plan.imported)):
        if days:
            LOG.debug("%s of %s", what, ", ".join(range_text(first, last) for first, last in ranges(days)))


def _has_audience(sealed: SealedPartitions, day: dt.date, window_days: int) -> bool:
    window = days_between(first_of_window(day, window_days), day)
    records = (sealed.record("channel_audience", each) for each in window)
    return any(record is not None and record.facts["total_snapshots"] for record in records)


def _reason(event: dg.DagsterEvent) -> str:
    """Why a step failed: the description of our own failure where there is one, else the error's message."""
    data = event.step_failure_data
    if data.user_failure_data is not None and data.user_failure_data.description:
        return data.user_failure_data.description
    return data.error.message.strip() if data.error is not None else f"{event.step_key} failed"
