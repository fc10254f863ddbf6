"""Days and hours in UTC: ranges of days, and partition keys as Dagster writes them.

Belongs here: arithmetic on days. Not here: partition definitions (defs.partitions), paths (domain.lake).
"""

import datetime as dt
import re
from collections.abc import Iterable, Iterator

# Starting a run takes seconds, a day within it a fraction of one: ranges keep the number of runs low. The limit
# keeps one failed day from costing the events of a whole year.
MOST_DAYS_PER_RUN = 31


def days_between(first: dt.date, last: dt.date) -> Iterator[dt.date]:
    """Every day from first to last, both included."""
    for step in range((last - first).days + 1):
        yield first + dt.timedelta(days=step)


def first_of_window(last: dt.date, window_days: int) -> dt.date:
    """The first day of the trailing window that ends with a day."""
    return last - dt.timedelta(days=window_days - 1)


def ranges(days: Iterable[dt.date]) -> list[tuple[dt.date, dt.date]]:
    """Join consecutive days into ranges (first, last) of at most MOST_DAYS_PER_RUN days."""
    joined: list[tuple[dt.date, dt.date]] = []
    for day in sorted(days):
        if joined and day - joined[-1][1] == dt.timedelta(days=1) and (day - joined[-1][0]).days < MOST_DAYS_PER_RUN:
            joined[-1] = (joined[-1][0], day)
        else:
            joined.append((day, day))
    return joined


def range_text(first: dt.date, last: dt.date) -> str:
    """A range for people to read: "2026-01-01 to 2026-01-03", or one day alone."""
    return str(first) if first == last else f"{first} to {last}"


def hour_key(day: dt.date, hour: int) -> str:
    """Partition key of an hour, as Dagster writes it."""
    return f"{day}-{hour:02d}:00"


def partition_end(key: str) -> dt.datetime | None:
    """When a daily or hourly partition ends, in UTC; None for keys of any other form."""
    match = re.fullmatch(r"(\d{4}-\d\d-\d\d)(?:-(\d\d:\d\d))?", key)
    if match is None:
        return None
    day, hour = match.groups()
    begins = dt.datetime.fromisoformat(f"{day}T{hour or '00:00'}+00:00")
    return begins + (dt.timedelta(hours=1) if hour else dt.timedelta(days=1))
