"""Schedules: when jobs run.

Belongs here: the roster of the running hour, the day's atlas once the day is over. Not here: what they run (jobs).
"""

import dagster as dg

from vieweratlas_assets.defs.jobs import DAILY_JOB, ROSTER_JOB
from vieweratlas_assets.partitions import hour_key

# By then the last minutes of the day before and most of its VODs have come in.
DAILY_SCHEDULE = dg.build_schedule_from_partitioned_job(
    DAILY_JOB,
    name="daily_atlas_schedule",
    hour_of_day=2,
    minute_of_hour=30,
    description="The atlas of the day before, every day at 02:30 UTC.",
)


@dg.schedule(
    job=ROSTER_JOB,
    name="channel_roster_schedule",
    cron_schedule="5 * * * *",
    execution_timezone="UTC",
    description="Who is live, every hour at 5 minutes past; needs credentials for Helix.",
)
def roster_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """The hour that is running: a schedule made from the partitions would ask for the one before, too late."""
    hour = context.scheduled_execution_time
    return dg.RunRequest(partition_key=hour_key(hour.date(), hour.hour))
