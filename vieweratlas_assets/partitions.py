"""Partitions: days and hours in UTC, and the trailing window of the overlap graph.

Belongs here: partition definitions, their mapping and days in and out of partition keys. Everything imports this.
"""

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass

import dagster as dg

from vieweratlas_assets.settings import PartitionSettings

# Many days in one run: a run costs seconds to start, a day in it a fraction of one. Bounded, so that one failed
# day never costs the events of a whole year.
RANGE = dg.BackfillPolicy.multi_run(max_partitions_per_run=31)


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


def days_between(first: dt.date, last: dt.date) -> Iterator[dt.date]:
    """Every day from first to last, both included."""
    for step in range((last - first).days + 1):
        yield first + dt.timedelta(days=step)


def hour_key(day: dt.date, hour: int) -> str:
    """Partition key of an hour, as Dagster writes it."""
    return f"{day}-{hour:02d}:00"


def end_of(key: str) -> dt.datetime | None:
    """When a partition of a day or an hour ends, UTC; None: it is of neither, as an asset of others may have."""
    found = re.fullmatch(r"(\d{4}-\d\d-\d\d)(?:-(\d\d:\d\d))?", key)
    if found is None:
        return None
    day, hour = found.groups()
    begins = dt.datetime.fromisoformat(f"{day}T{hour or '00:00'}+00:00")
    return begins + (dt.timedelta(hours=1) if hour else dt.timedelta(days=1))
