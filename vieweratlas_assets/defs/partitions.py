"""Partitions: days and hours in UTC, and the trailing window of the overlap graph.

Belongs here: partition definitions and their mappings. Not here: days and partition keys as such (domain.days).
"""

from dataclasses import dataclass

import dagster as dg

from vieweratlas_assets.domain.days import MOST_DAYS_PER_RUN
from vieweratlas_assets.settings import PartitionSettings

RANGE = dg.BackfillPolicy.multi_run(max_partitions_per_run=MOST_DAYS_PER_RUN)


@dataclass(frozen=True)
class Partitions:
    """The partitions that all assets of one code location share."""

    daily: dg.DailyPartitionsDefinition
    hourly: dg.HourlyPartitionsDefinition
    window_days: int

    @property
    def window(self) -> dg.TimeWindowPartitionMapping:
        """A day depends on itself and the days before it in the window, as far as partitions exist."""
        return dg.TimeWindowPartitionMapping(
            start_offset=1 - self.window_days, allow_nonexistent_upstream_partitions=True
        )

    @property
    def day_before(self) -> dg.TimeWindowPartitionMapping:
        """A day depends on the one before it, where there is one."""
        return dg.TimeWindowPartitionMapping(
            start_offset=-1, end_offset=-1, allow_nonexistent_upstream_partitions=True
        )


def partitions_of(settings: PartitionSettings) -> Partitions:
    """Build the partitions that the settings ask for."""
    return Partitions(
        daily=dg.DailyPartitionsDefinition(start_date=settings.daily_start.isoformat()),
        # With the running hour, which is the only one that can be collected live.
        hourly=dg.HourlyPartitionsDefinition(
            start_date=settings.hourly_start.strftime("%Y-%m-%d-%H:%M"), end_offset=1
        ),
        window_days=settings.window_days,
    )
