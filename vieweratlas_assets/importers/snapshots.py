"""One snapshot of a live channel, built from the fields that a file has.

Belongs here: the accepted forms of channel, time, viewers and chatters, and which fault rejects a snapshot. Not here:
JSON and CSV (snapshot_json, snapshot_csv), times (local_time), writing snapshots (live).
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

# Rejected rows listed per file; the rest are only counted. A wrong file would repeat one reason a million times.
MAX_LISTED_ROWS = 1000

_FILE_NAME = re.compile(r"(?P<channel>.+)_(?P<stamp>\d{8}_\d{6})")
_BETWEEN_NAMES = re.compile(r"[;|,\s]+")
_QUOTED = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""", re.DOTALL)
_BRACKETS = {"[": "]", "(": ")", "{": "}"}
_NO_NAMES = {"none", "null", "nan", "set()"}
_MARKS = tuple("'\"[](){}")
_SHOWN_CHARACTERS = 60


class SnapshotError(InputError):
    """A snapshot cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Who was in a channel's chat at a moment, and facts of the broadcast; None if a fact is unknown.

    Attributes:
        chatters: names as written; values that are not text are left out.
        concurrent_viewers: viewers, as Twitch reported them.
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
    """A file that is being read: the channel and the time in its name, and what was rejected.

    Attributes:
        name: name in messages, and the origin of the file's rows.
        local_times: whether a time without a zone was read from the file.
        rejected: number of snapshots and rows left out.
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
        """Begin a file; snapshots before first_day or after last_day (UTC) will be rejected."""
        self.path, self.name = path, name
        self.times, self.first_day, self.last_day = times, first_day, last_day
        self.report = report
        self.local_times = False
        self.rejected = 0
        match = _FILE_NAME.fullmatch(path.stem)
        self.named_channel = _login(match["channel"]) if match else None
        self.named_time = match["stamp"] if match else None

    def reject(self, reason: str, *, row: int | None = None) -> None:
        """Reject a row, an element of an array (counted from 1), or the rest of the file."""
        self.rejected += 1
        if self.rejected <= MAX_LISTED_ROWS:
            self.report.reject(self.name, reason, row=row)
        else:
            self.count(f"rejected rows not listed, beyond {MAX_LISTED_ROWS:,} per file")

    def count(self, what: str, number: int = 1) -> None:
        """Count something that the report mentions and that rejects nothing."""
        if number:
            self.report.counts[what] += number

    def snapshot(self, fields: Mapping[str, Any], chatters: list[str]) -> Snapshot:
        """Build a snapshot from fields by our names: channel, timestamp, viewer_count, game_name, ….

        Channel and time come from the fields, or from the file's name if the fields lack them. A fact of the
        broadcast that cannot be read is left empty and counted.

        Raises:
            SnapshotError: channel or time is missing or wrong, or the day is not allowed.
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
            raise SnapshotError("has no channel, and the file is not named <channel>_<YYYYMMDD_HHMMSS>")
        if channel and self.named_channel and channel != self.named_channel:
            self.count("snapshots whose channel differs from the file's name (the snapshot's is used)")
        return channel or str(self.named_channel)

    def _observed_at(self, written: Any) -> dt.datetime:
        time = written if _is_given(written) else self.named_time
        if time is None:
            raise SnapshotError("has no timestamp, and the file is not named <channel>_<YYYYMMDD_HHMMSS>")
        try:
            utc = self._utc(self.times.moment(time))
        except UnclearTimeError as error:
            raise SnapshotError(f"timestamp {error}") from error
        if utc.date() < self.first_day:
            raise SnapshotError(f"its day {utc.date()} is before partitions.daily_start, {self.first_day}")
        if utc.date() > self.last_day:
            raise SnapshotError(f"its day {utc.date()} is in the future")
        return utc

    def _started_at(self, written: Any, observed_at: dt.datetime) -> dt.datetime | None:
        if not _is_given(written):
            return None
        try:
            return self._utc(self.times.started_at(written, observed_at))
        except UnclearTimeError:
            self.count("starts of broadcasts that cannot be read (left empty)")
            return None

    def _utc(self, moment: Moment) -> dt.datetime:
        """Return the time, after noting whether it was local or ambiguous."""
        self.local_times |= moment.local
        if moment.ambiguous:
            self.count("local times that occurred twice (the first is used)")
        return moment.utc

    def _viewers(self, written: Any) -> int | None:
        if not _is_given(written) or str(written).strip().lower() == "unavailable":
            return None
        try:
            number = float(str(written).strip())
        except ValueError:
            number = -1.0
        if isinstance(written, bool) or not number.is_integer() or not 0 <= number < 2**53:
            self.count("viewer counts that cannot be read (left empty)")
            return None
        return int(number)

    def names(self, written: Any) -> list[str]:
        """Return the names in a list, or in a text that lists them (see `names_in_text`).

        Elements that are not text are left out and counted.

        Raises:
            SnapshotError: the value is neither a list nor such a text.
        """
        if isinstance(written, str):
            return names_in_text(written)
        if not isinstance(written, list):
            raise SnapshotError(f"chatters is {_shown(written)}, not a list of names")
        if all(type(name) is str and name.isascii() for name in written):
            return written
        # A login may consist of digits, so JSON may have it as a number.
        texts = [str(name) if type(name) is int else name for name in written if name is not None]
        names = [name for name in texts if isinstance(name, str) and _encodes(name)]
        self.count("chatters that are not names (left out)", len(texts) - len(names))
        return names


def names_in_text(text: str) -> list[str]:
    """Split a text that lists names.

    A JSON list, a Python list, tuple or set, and an array as NumPy prints it are split by their quotes. Without
    quotes, names are separated by `;`, `|`, `,` or blanks, which no login contains; None, null and nan are no names.

    Raises:
        SnapshotError: brackets or quotes do not match.
    """
    text = text.strip()
    if not text or text.lower() in _NO_NAMES:
        return []
    if text[0] not in _BRACKETS:
        return _between(text)
    if len(text) < 2 or not text.endswith(_BRACKETS[text[0]]):
        raise SnapshotError(f"chatters is {_shown(text)}, a list without its closing bracket")
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
    """Split names in quotes, with Python's escapes; text between the quotes holds names without quotes."""
    names: list[str] = []
    end_of_last = 0
    for quoted in _QUOTED.finditer(inner):
        start, end = quoted.span()
        if not all(
            mark == "" or _BETWEEN_NAMES.fullmatch(mark)
            for mark in (inner[max(start - 1, 0) : start], inner[end : end + 1])
        ):
            raise SnapshotError(f"chatters is {_shown(inner)}, in which quotes do not match")
        names += _between(inner[end_of_last:start])
        try:
            names.append(str(ast.literal_eval(quoted.group())))
        except (ValueError, SyntaxError) as error:
            raise SnapshotError(
                f"chatters is {_shown(inner)}, in which {_shown(quoted.group())} is not a name"
            ) from error
        end_of_last = end
    return _storable(names + _between(inner[end_of_last:]), inner)


def _between(text: str) -> list[str]:
    """Split names at separators, each name with or without quotes."""
    pieces = [piece for piece in _BETWEEN_NAMES.split(text) if piece and piece.lower() not in _NO_NAMES]
    names = [
        piece[1:-1] if len(piece) > 1 and piece[0] == piece[-1] and piece[0] in "'\"" else piece for piece in pieces
    ]
    if any(name[:1] in _MARKS or name[-1:] in _MARKS for name in names):
        raise SnapshotError(f"chatters is {_shown(text)}, in which brackets or quotes do not match")
    return names


def _storable(names: list[str], text: str) -> list[str]:
    if not all(map(_encodes, names)):
        raise SnapshotError(f"chatters is {_shown(text)}, in which a name is not valid Unicode")
    return names


def _login(written: Any) -> str | None:
    text = _text(written)
    return (text.removeprefix("#").strip().lower() or None) if text else None


def _text(written: Any) -> str | None:
    """Return a text, or a number as text, without surrounding blanks; None for anything else."""
    if type(written) is int:
        written = str(written)
    if not isinstance(written, str) or not _encodes(written):
        return None
    return written.strip() or None


def _is_given(written: Any) -> bool:
    return written is not None and written != ""


def _encodes(text: str) -> bool:
    """Whether a text is Unicode that can be stored: JSON can escape half of a surrogate pair."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shown(written: Any) -> str:
    text = "null" if written is None else ascii(written)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
