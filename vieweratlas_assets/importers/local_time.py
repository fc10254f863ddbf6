"""Times as other programs write them, with or without a time zone.

Belongs here: parsing a time, and local times around a change of clocks. Not here: which field holds a time
(snapshots).
"""

import datetime as dt
import re
from dataclasses import dataclass
from functools import lru_cache
from zoneinfo import ZoneInfo

from vieweratlas_assets.errors import InputError

# For messages: what a time has to look like.
ISO_TIME = "an ISO 8601 time such as 2020-03-01T20:31:25Z"
_SHOWN_CHARACTERS = 40
_STAMP = re.compile(r"\d{8}_\d{6}")
_CLOCK = re.compile(r"(\d{1,4}):([0-5]\d)(?::([0-5]\d))?(?:\.\d+)?")
_UNITS = re.compile(r"(?=\d)(?:(\d{1,9})\s*d)?\s*(?:(\d{1,9})\s*h)?\s*(?:(\d{1,9})\s*m)?\s*(?:(\d{1,9})\s*s)?")


class UnclearTimeError(InputError):
    """A value is not a time; the message says why and what is allowed."""


@dataclass(frozen=True)
class Moment:
    """A parsed time.

    Attributes:
        utc: the time in UTC.
        local: whether it was written without a zone.
        ambiguous: whether the local clock showed it twice.
    """

    utc: dt.datetime
    local: bool = False
    ambiguous: bool = False


@dataclass(frozen=True)
class LocalTimes:
    """Parses times; a time without a zone is a local time of `zone`.

    When clocks go back, an hour occurs twice: a time in it is read as the first occurrence and marked ambiguous.
    When clocks go forward, an hour is skipped: a time in it is refused, because no clock of this zone showed it.
    """

    zone: ZoneInfo

    def moment(self, written: object) -> Moment:
        """Parse a time in ISO 8601, or as YYYYMMDD_HHMMSS.

        Raises:
            UnclearTimeError: the value is not a time, has no time of day, or does not exist in the zone.
        """
        if not isinstance(written, str):
            raise UnclearTimeError(f"{repr(written)[:_SHOWN_CHARACTERS]} is not text; expected {ISO_TIME}")
        return _parse(written.strip(), self.zone)

    def started_at(self, written: object, observed_at: dt.datetime) -> Moment:
        """Parse the start of a broadcast: a time, or how long the broadcast has been running at `observed_at`.

        An uptime is a number of seconds, H:MM:SS or H:MM, or as Twitch writes it, 3h21m33s.

        Raises:
            UnclearTimeError: the value is neither a time nor an uptime.
        """
        uptime = _parse_uptime(written)
        if uptime is None:
            return self.moment(written)
        try:
            return Moment(observed_at - uptime)
        except OverflowError as error:
            raise UnclearTimeError(f"an uptime of {written!r} begins before the year 1") from error


@lru_cache(maxsize=4096)
def _parse(text: str, zone: ZoneInfo) -> Moment:
    try:
        stamped = _STAMP.fullmatch(text)
        time = dt.datetime.fromisoformat(text.replace("_", "T") if stamped else text)
    except ValueError as error:
        raise UnclearTimeError(f"{text[:_SHOWN_CHARACTERS]!r} is not {ISO_TIME}") from error
    if not stamped and "T" not in text.upper() and ":" not in text:
        raise UnclearTimeError(f"{text!r} has no time of day; expected {ISO_TIME}")
    try:
        return Moment(time.astimezone(dt.UTC)) if time.tzinfo else _local_moment(time, zone)
    except OverflowError as error:
        raise UnclearTimeError(f"{text!r} is outside the years 1 to 9999 in UTC") from error


def _local_moment(time: dt.datetime, zone: ZoneInfo) -> Moment:
    first, second = (time.replace(tzinfo=zone, fold=fold).astimezone(dt.UTC) for fold in (0, 1))
    if first.astimezone(zone).replace(tzinfo=None) != time:
        raise UnclearTimeError(
            f"{time.isoformat(' ')} does not exist in {zone.key}, where clocks skipped it; "
            "give the time zone of the machine that wrote it"
        )
    return Moment(first, local=True, ambiguous=first != second)


def _parse_uptime(written: object) -> dt.timedelta | None:
    """Parse a duration; None if the value is not written as one."""
    if isinstance(written, bool) or not isinstance(written, str | int | float):
        return None
    text = str(written).strip()
    try:
        if re.fullmatch(r"\d+(\.\d+)?", text):
            return dt.timedelta(seconds=float(text))
        if clock := _CLOCK.fullmatch(text):
            hours, minutes, seconds = (int(part or 0) for part in clock.groups())
            return dt.timedelta(hours=hours, minutes=minutes, seconds=seconds)
        if text and (units := _UNITS.fullmatch(text)):
            days, hours, minutes, seconds = (int(part or 0) for part in units.groups())
            return dt.timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    except OverflowError as error:
        raise UnclearTimeError(f"an uptime of {text[:_SHOWN_CHARACTERS]!r} begins before the year 1") from error
    return None
