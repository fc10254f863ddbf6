"""One snapshot of a live channel, made of whatever fields a file tells.

Belongs here: what channel, time, viewers and chatters may look like, and which fault costs a snapshot. Not here:
JSON and CSV (snapshot_json, snapshot_csv), times (local_time), where snapshots go (live).
"""

import ast
import datetime as dt
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vieweratlas_assets.errors import InputError
from vieweratlas_assets.importers.local_time import LocalTimes, Moment, UnclearTimeError
from vieweratlas_assets.importers.report import ImportReport

# Beyond, rejected rows of one file are counted; a wrong file of a million rows would say the same a million times.
MOST_NAMED = 1000

_NAMED = re.compile(r"(?P<channel>.+)_(?P<stamp>\d{8}_\d{6})")
_BETWEEN_NAMES = re.compile(r"[;|,\s]+")
_QUOTED = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""", re.DOTALL)
_BRACKETS = {"[": "]", "(": ")", "{": "}"}
_NOBODY = {"none", "null", "nan", "set()"}
_MARKS = tuple("'\"[](){}")
_SHOWN = 60


class SnapshotError(InputError):
    """A snapshot cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Who was in a channel's chat at a moment, and what was told of the broadcast; None where it is not known.

    Attributes:
        chatters: as written, apart from what is no text.
        concurrent_viewers: as Twitch reported them.
    """

    channel: str
    observed_at: dt.datetime
    chatters: list[str]
    concurrent_viewers: int | None
    channel_id: str | None
    stream_id: str | None
    game_name: str | None
    language: str | None
    title: str | None
    started_at: dt.datetime | None


class SnapshotFile:
    """A file that is being read: what its name tells, and the account of what was found in it.

    Attributes:
        name: as in messages, and as the origin of its rows.
        local_times: whether a time without a zone was taken from it.
        rejected: snapshots and rows left out.
    """

    def __init__(
        self,
        path: Path,
        name: str,
        *,
        times: LocalTimes,
        first_day: dt.date,
        last_day: dt.date,
        report: ImportReport,
    ) -> None:
        """Take a file up; snapshots before first_day and after last_day, UTC, are left out."""
        self.path, self.name = path, name
        self.times, self.first_day, self.last_day = times, first_day, last_day
        self.report = report
        self.local_times = False
        self.rejected = 0
        named = _NAMED.fullmatch(path.stem)
        self.named_channel = _login(named["channel"]) if named else None
        self.named_time = named["stamp"] if named else None

    def reject(self, reason: str, *, row: int | None = None) -> None:
        """Leave out a row, an element of an array (counted from 1), or the rest of the file."""
        self.rejected += 1
        if self.rejected <= MOST_NAMED:
            self.report.reject(self.name, reason, row=row)
        else:
            self.count(f"rejected rows that are not named, after {MOST_NAMED:,} of a file")

    def count(self, what: str, number: int = 1) -> None:
        """Note something that is told but costs nothing."""
        if number:
            self.report.counts[what] += number

    def snapshot(self, fields: Mapping[str, Any], chatters: list[str]) -> Snapshot:
        """Make a snapshot of fields by our names: channel, timestamp, viewer_count, game_name, ….

        The channel that the fields name wins over the file's name, which is taken where they name none; the same
        goes for the time. What is told of the broadcast and cannot be understood is left empty and counted.

        Raises:
            SnapshotError: channel or time are missing or wrong, or the day is out of bounds.
        """
        channel = self._channel(fields.get("channel"))
        observed_at = self._observed_at(fields.get("timestamp"))
        return Snapshot(
            channel=channel,
            observed_at=observed_at,
            chatters=chatters,
            concurrent_viewers=self._viewers(fields.get("viewer_count")),
            channel_id=_text(fields.get("channel_id")),
            stream_id=_text(fields.get("stream_id")),
            game_name=_text(fields.get("game_name")),
            language=_text(fields.get("language")),
            title=_text(fields.get("title")),
            started_at=self._started_at(fields.get("started_at"), observed_at),
        )

    def _channel(self, written: Any) -> str:
        channel = _login(written)
        if channel is None and _is_given(written):
            raise SnapshotError(f"channel is {_shown(written)}, not a login")
        if channel is None and self.named_channel is None:
            raise SnapshotError("names no channel, nor does the file (<channel>_<YYYYMMDD_HHMMSS>)")
        if channel and self.named_channel and channel != self.named_channel:
            self.count("snapshots of another channel than the file's name says (theirs is taken)")
        return channel or str(self.named_channel)

    def _observed_at(self, written: Any) -> dt.datetime:
        told = written if _is_given(written) else self.named_time
        if told is None:
            raise SnapshotError("has no timestamp, nor has the file's name (<channel>_<YYYYMMDD_HHMMSS>)")
        try:
            utc = self._accepted(self.times.moment(told))
        except UnclearTimeError as error:
            raise SnapshotError(f"timestamp {error}") from error
        if utc.date() < self.first_day:
            raise SnapshotError(f"is of {utc.date()}, before daily_start {self.first_day}")
        if utc.date() > self.last_day:
            raise SnapshotError(f"is of {utc.date()}, which is to come")
        return utc

    def _started_at(self, written: Any, observed_at: dt.datetime) -> dt.datetime | None:
        if not _is_given(written):
            return None
        try:
            return self._accepted(self.times.started_at(written, observed_at))
        except UnclearTimeError:
            self.count("starts of broadcasts that cannot be understood (left empty)")
            return None

    def _accepted(self, moment: Moment) -> dt.datetime:
        self.local_times |= moment.local
        if moment.ambiguous:
            self.count("times that the clock showed twice (taken for the first)")
        return moment.utc

    def _viewers(self, written: Any) -> int | None:
        if not _is_given(written) or str(written).strip().lower() == "unavailable":
            return None
        try:
            number = float(str(written).strip())
        except ValueError:
            number = -1.0
        if isinstance(written, bool) or not number.is_integer() or not 0 <= number < 2**53:
            self.count("viewer counts that cannot be understood (left empty)")
            return None
        return int(number)

    def names(self, written: Any) -> list[str]:
        """The names in a list, or in a text that lists them (see `names_in_text`).

        Elements that are no text are left out and counted.

        Raises:
            SnapshotError: it is neither.
        """
        if isinstance(written, str):
            return names_in_text(written)
        if not isinstance(written, list):
            raise SnapshotError(f"chatters is {_shown(written)}, not a list of names")
        if all(type(name) is str and name.isascii() for name in written):
            return written
        # A login may be all digits, and so come as a number.
        texts = [str(name) if type(name) is int else name for name in written if name is not None]
        names = [name for name in texts if isinstance(name, str) and _encodes(name)]
        self.count("chatters that are no names (left out)", len(texts) - len(names))
        return names


def names_in_text(text: str) -> list[str]:
    """The names that one text lists.

    A JSON list, a Python list, tuple or set and NumPy's way of printing one are taken by their quotes; where there
    are none, names stand between `;`, `|`, `,` or blanks, which no login holds, and None, null and nan are nobody.

    Raises:
        SnapshotError: brackets or quotes do not fit together.
    """
    text = text.strip()
    if not text or text.lower() in _NOBODY:
        return []
    if text[0] not in _BRACKETS:
        return _between(text)
    if len(text) < 2 or not text.endswith(_BRACKETS[text[0]]):
        raise SnapshotError(f"chatters is {_shown(text)}, a list that does not end")
    listed = _json_list(text)
    return _quoted(text[1:-1]) if listed is None else listed


def _json_list(text: str) -> list[str] | None:
    try:
        listed = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(listed, list) or not all(name is None or type(name) in (str, int) for name in listed):
        raise SnapshotError(f"chatters is {_shown(text)}, not a list of names")
    return _storable([str(name) for name in listed if name is not None], text)


def _quoted(inner: str) -> list[str]:
    """Names in quotes with Python's escapes; what stands between them has none."""
    names: list[str] = []
    place = 0
    for quoted in _QUOTED.finditer(inner):
        start, end = quoted.span()
        if not all(
            mark == "" or _BETWEEN_NAMES.fullmatch(mark)
            for mark in (inner[max(start - 1, 0) : start], inner[end : end + 1])
        ):
            raise SnapshotError(f"chatters is {_shown(inner)}, in which quotes do not fit together")
        names += _between(inner[place:start])
        try:
            names.append(str(ast.literal_eval(quoted.group())))
        except (ValueError, SyntaxError) as error:
            raise SnapshotError(
                f"chatters is {_shown(inner)}, in which {_shown(quoted.group())} is no name"
            ) from error
        place = end
    return _storable(names + _between(inner[place:]), inner)


def _between(text: str) -> list[str]:
    """Names between separators, each of them in quotes or not."""
    pieces = [piece for piece in _BETWEEN_NAMES.split(text) if piece and piece.lower() not in _NOBODY]
    names = [
        piece[1:-1] if len(piece) > 1 and piece[0] == piece[-1] and piece[0] in "'\"" else piece for piece in pieces
    ]
    if any(name[:1] in _MARKS or name[-1:] in _MARKS for name in names):
        raise SnapshotError(f"chatters is {_shown(text)}, in which brackets or quotes do not fit together")
    return names


def _storable(names: list[str], text: str) -> list[str]:
    if not all(map(_encodes, names)):
        raise SnapshotError(f"chatters is {_shown(text)}, in which a name is not Unicode")
    return names


def _login(written: Any) -> str | None:
    text = _text(written)
    return (text.removeprefix("#").strip().lower() or None) if text else None


def _text(written: Any) -> str | None:
    """A text without blanks around it, an id that came as a number too; None for all else."""
    if type(written) is int:
        written = str(written)
    if not isinstance(written, str) or not _encodes(written):
        return None
    return written.strip() or None


def _is_given(written: Any) -> bool:
    return written is not None and written != ""


def _encodes(text: str) -> bool:
    """Whether a text is Unicode that can be stored: JSON can name half of a surrogate pair."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shown(written: Any) -> str:
    text = ascii(written)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
