"""Schedules: when jobs run.

Belongs here: the day's atlas once the day is over. Not here: what it runs (jobs).
"""

from typing import Any

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition


def daily_schedule(job: UnresolvedAssetJobDefinition) -> Any:
    """The day before, every day at 02:30 UTC: by then its last minutes and most of its VODs have come in."""
    return dg.build_schedule_from_partitioned_job(
        job, name="daily_atlas_schedule", hour_of_day=2, minute_of_hour=30, description=daily_schedule.__doc__
    )
