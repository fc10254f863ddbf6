"""Times as others write them, with or without a zone.

Belongs here: reading a moment, and local times at the change of clocks. Not here: which field holds one (snapshots).
"""

import datetime as dt
import re
from dataclasses import dataclass
from functools import lru_cache
from zoneinfo import ZoneInfo

from vieweratlas_assets.errors import InputError

_SHOWN = 40
_STAMP = re.compile(r"\d{8}_\d{6}")
_CLOCK = re.compile(r"(\d{1,4}):([0-5]\d)(?::([0-5]\d))?(?:\.\d+)?")
_SPOKEN = re.compile(r"(?=\d)(?:(\d{1,9})\s*d)?\s*(?:(\d{1,9})\s*h)?\s*(?:(\d{1,9})\s*m)?\s*(?:(\d{1,9})\s*s)?")


class UnclearTimeError(InputError):
    """A text is no moment; the message says why and what is allowed."""


@dataclass(frozen=True)
class Moment:
    """A moment as read.

    Attributes:
        utc: the moment.
        local: whether it was written without a zone.
        ambiguous: whether the local clock showed it twice.
    """

    utc: dt.datetime
    local: bool = False
    ambiguous: bool = False


@dataclass(frozen=True)
class LocalTimes:
    """Reads times; those without a zone are times of `zone`.

    Where clocks go back, an hour is shown twice: such a time is taken for the first of the two and told as
    ambiguous. Where they go forward, an hour is never shown: such a time is refused, as it was not written in this
    zone.
    """

    zone: ZoneInfo

    def moment(self, written: object) -> Moment:
        """Read a time in ISO 8601, or as YYYYMMDD_HHMMSS.

        Raises:
            UnclearTimeError: it is none, has no time of day, or the local clock never showed it.
        """
        if not isinstance(written, str):
            raise UnclearTimeError(f"{written!r} is not a time as text (ISO 8601)")
        return _moment(written.strip(), self.zone)

    def started_at(self, written: object, observed_at: dt.datetime) -> Moment:
        """Read the start of a broadcast: a time, or how long it has been running at `observed_at`.

        A running time is a number of seconds, H:MM:SS or H:MM, or as Twitch writes it, 3h21m33s.

        Raises:
            UnclearTimeError: it is neither.
        """
        lasted = _running_time(written)
        if lasted is None:
            return self.moment(written)
        try:
            return Moment(observed_at - lasted)
        except OverflowError as error:
            raise UnclearTimeError(f"{written!r} is longer than time goes back") from error


@lru_cache(maxsize=4096)
def _moment(text: str, zone: ZoneInfo) -> Moment:
    try:
        stamped = _STAMP.fullmatch(text)
        time = dt.datetime.strptime(text, "%Y%m%d_%H%M%S") if stamped else dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise UnclearTimeError(f"{text[:_SHOWN]!r} is not a time in ISO 8601") from error
    if not stamped and "T" not in text.upper() and ":" not in text:
        raise UnclearTimeError(f"{text!r} is a day without a time")
    try:
        return Moment(time.astimezone(dt.UTC)) if time.tzinfo else _of_zone(time, zone)
    except OverflowError as error:
        raise UnclearTimeError(f"{text!r} lies outside the calendar") from error


def _of_zone(time: dt.datetime, zone: ZoneInfo) -> Moment:
    first, second = (time.replace(tzinfo=zone, fold=fold).astimezone(dt.UTC) for fold in (0, 1))
    if first.astimezone(zone).replace(tzinfo=None) != time:
        raise UnclearTimeError(f"{time.isoformat(' ')} was never shown in {zone.key}, where clocks went forward")
    return Moment(first, local=True, ambiguous=first != second)


def _running_time(written: object) -> dt.timedelta | None:
    """How long a broadcast has been running, or None where it is not written as a length of time."""
    if isinstance(written, bool) or not isinstance(written, str | int | float):
        return None
    text = str(written).strip()
    try:
        if re.fullmatch(r"\d+(\.\d+)?", text):
            return dt.timedelta(seconds=float(text))
        if clock := _CLOCK.fullmatch(text):
            hours, minutes, seconds = (int(part or 0) for part in clock.groups())
            return dt.timedelta(hours=hours, minutes=minutes, seconds=seconds)
        if text and (spoken := _SPOKEN.fullmatch(text)):
            days, hours, minutes, seconds = (int(part or 0) for part in spoken.groups())
            return dt.timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    except OverflowError as error:
        raise UnclearTimeError(f"{text[:_SHOWN]!r} is longer than time goes back") from error
    return None
