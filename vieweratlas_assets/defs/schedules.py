"""Schedules: when jobs run.

Belongs here: the day's atlas once the day is over. Not here: what it runs (jobs).
"""

import dagster as dg

from vieweratlas_assets.defs.jobs import DAILY_JOB

# By then the last minutes of the day before and most of its VODs have come in.
DAILY_SCHEDULE = dg.build_schedule_from_partitioned_job(
    DAILY_JOB,
    name="daily_atlas_schedule",
    hour_of_day=2,
    minute_of_hour=30,
    description="The atlas of the day before, every day at 02:30 UTC.",
)
