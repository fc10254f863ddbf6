"""Schedules: when jobs run.

Belongs here: roster and chat of the running hour, and the day's atlas after the day. Not here: what they run (jobs).
"""

from collections.abc import Collection
from typing import Any

import dagster as dg

from vieweratlas_assets.defs.jobs import COLLECTION_JOB, DAILY_JOB, ROSTER_JOB
from vieweratlas_assets.domain.days import hour_key

DAILY, ROSTER, COLLECTION = "daily_atlas_schedule", "channel_roster_schedule", "live_collection_schedule"


def build_schedules(running: Collection[str]) -> list[Any]:
    """All schedules, of Dagster's two kinds.

    Args:
        running: names of the schedules that are on by default; the others are off until somebody starts them.
    """

    def status(name: str) -> dg.DefaultScheduleStatus:
        return dg.DefaultScheduleStatus.RUNNING if name in running else dg.DefaultScheduleStatus.STOPPED

    # By then the last minutes of the previous day and most of its VODs have arrived.
    daily = dg.build_schedule_from_partitioned_job(
        DAILY_JOB,
        name=DAILY,
        hour_of_day=2,
        minute_of_hour=30,
        description="The atlas of the previous day, every day at 02:30 UTC.",
        default_status=status(DAILY),
    )
    roster = dg.ScheduleDefinition(
        job=ROSTER_JOB,
        name=ROSTER,
        cron_schedule="5 * * * *",
        execution_timezone="UTC",
        execution_fn=_running_hour,
        description="Who is live, every hour at 5 minutes past; needs Twitch credentials.",
        default_status=status(ROSTER),
    )
    collection = dg.ScheduleDefinition(
        job=COLLECTION_JOB,
        name=COLLECTION,
        cron_schedule="0 * * * *",
        execution_timezone="UTC",
        execution_fn=_running_hour,
        description="Live chat, hour after hour. Not together with `vieweratlas collect`, which leaves no gaps.",
        default_status=status(COLLECTION),
    )
    return [daily, roster, collection]


def _running_hour(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """The running hour: a schedule built from the partitions would request the previous hour, too late."""
    hour = context.scheduled_execution_time
    return dg.RunRequest(partition_key=hour_key(hour.date(), hour.hour))
