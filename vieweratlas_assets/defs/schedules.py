"""Schedules: when jobs run.

Belongs here: roster and chat of the running hour, the day's atlas once the day is over. Not here: what they run
(jobs).
"""

import dagster as dg

from vieweratlas_assets.defs.jobs import COLLECTION_JOB, DAILY_JOB, ROSTER_JOB
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
    return _running_hour(context)


@dg.schedule(
    job=COLLECTION_JOB,
    name="live_collection_schedule",
    cron_schedule="0 * * * *",
    execution_timezone="UTC",
    description="Live chat, hour after hour. Not beside `vieweratlas collect`, which does the same without a break.",
)
def collection_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """The hour that is running."""
    return _running_hour(context)


def _running_hour(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    hour = context.scheduled_execution_time
    return dg.RunRequest(partition_key=hour_key(hour.date(), hour.hour))
