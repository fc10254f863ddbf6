"""Values of Helix's records, as far as they are what they should be.

Belongs here: reading one value. Not here: which values a table is made of (roster, vod_catalog).
"""

import datetime as dt
import re
from typing import Any

MOST = 10**12
_DURATION = re.compile(r"(?:(\d{1,4})h)?(?:(\d{1,6})m)?(?:(\d{1,8})s)?")


def text(value: Any) -> str | None:
    """A text; None where it is empty or none."""
    # JSON can escape half a character, where a title was cut; it is no text anywhere else.
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) and value else None


def texts(value: Any) -> list[str]:
    """The texts of a list."""
    return [found for each in value if (found := text(each))] if isinstance(value, list) else []


def count(value: Any) -> int | None:
    """A number of things; None where it is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MOST else None


def time(value: Any) -> dt.datetime | None:
    """An ISO 8601 time in UTC, which is meant where no zone is given; None where it is none."""
    try:
        found = dt.datetime.fromisoformat(value)
        return found.astimezone(dt.UTC) if found.tzinfo else found.replace(tzinfo=dt.UTC)
    except (TypeError, ValueError, OverflowError):
        return None


def duration_s(value: Any) -> int | None:
    """Seconds of a duration such as 3h21m33s; None where it is none.

    >>> duration_s("3h21m33s"), duration_s("45s"), duration_s("")
    (12093, 45, None)
    """
    found = _DURATION.fullmatch(value) if isinstance(value, str) and value else None
    if found is None:
        return None
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return 3600 * hours + 60 * minutes + seconds
