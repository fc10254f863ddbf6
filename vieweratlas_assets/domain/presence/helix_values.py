"""Parsing values in the records of Helix; a value of the wrong type or form counts as missing.

Belongs here: parsing one value. Not here: building tables from values (roster, vod_catalog).
"""

import datetime as dt
import re
from typing import Any

LIMIT = 10**12
_DURATION = re.compile(r"(?:(\d{1,4})h)?(?:(\d{1,6})m)?(?:(\d{1,8})s)?")


def text(value: Any) -> str | None:
    """The value as text; None if it is empty or not a string."""
    # JSON can contain half of an escaped character, such as in a truncated title; UTF-8 cannot.
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) and value else None


def texts(value: Any) -> list[str]:
    """The non-empty strings of a list; empty if the value is not a list."""
    return [entry for item in value if (entry := text(item))] if isinstance(value, list) else []


def count(value: Any) -> int | None:
    """The value as a whole number from 0 to below LIMIT; None if it is anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < LIMIT else None


def time(value: Any) -> dt.datetime | None:
    """The value as a time in UTC, also the default zone; None if it is not an ISO 8601 time."""
    try:
        parsed = dt.datetime.fromisoformat(value)
        return parsed.astimezone(dt.UTC) if parsed.tzinfo else parsed.replace(tzinfo=dt.UTC)
    except (TypeError, ValueError, OverflowError):
        return None


def duration_s(value: Any) -> int | None:
    """Seconds of a duration such as 3h21m33s; None if the value is not a duration.

    >>> duration_s("3h21m33s"), duration_s("45s"), duration_s("")
    (12093, 45, None)
    """
    match = _DURATION.fullmatch(value) if isinstance(value, str) and value else None
    if match is None:
        return None
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return 3600 * hours + 60 * minutes + seconds
