"""VOD presence as JSON: canonical records, of one VOD per file or of many.

Belongs here: the layouts that a file may have, reading a record, rejecting a bad one. Not here: older tables
(presence_rows), placing and writing VODs (vod_import), chat with its text (twitchdownloader).
"""

import datetime as dt
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, BinaryIO

import polars as pl

from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.presence.records import BUCKET_LEN_S, MAX_OFFSET_S
from vieweratlas_assets.domain.schemas import PRESENCE
from vieweratlas_assets.importers.documents import (
    DocumentError,
    find_documents,
    json_events,
    json_value,
    open_document,
)
from vieweratlas_assets.importers.local_time import ISO_TIME
from vieweratlas_assets.importers.presence_rows import (
    PLACEHOLDERS,
    TEXTS,
    TIMES,
    VodSorter,
    with_prefix,
)
from vieweratlas_assets.importers.report import ImportReport
from vieweratlas_assets.importers.vod_import import (
    VODS_CSV,
    Vod,
    VodImport,
    VodKey,
    place_by_day,
    read_vods_csv,
    utc_time,
)

SUFFIXES = (".json", ".jsonl", ".ndjson")
LINES = (".jsonl", ".ndjson")
# Names held in memory before they are sorted by VOD.
BATCH_CHATTERS = 500_000
ROW = pl.Schema(
    {
        name: PRESENCE.schema[name]
        for name in ("channel", "content_id", "offset_s", "bucket_len_s", "chatters", *TEXTS, *TIMES)
    }
)
Record = Mapping[str, Any]


class _RecordError(ValueError):
    """A record cannot be used; the message says why. `vod` is the record's VOD, None if unknown."""

    def __init__(self, reason: str, vod: VodKey | None = None) -> None:
        super().__init__(reason)
        self.vod = vod


def plan_import(path: Path, scratch: BinaryIO, *, first_day: dt.date, last_day: dt.date) -> VodImport:
    """Read presence records from a file or from a folder, and find the day of each VOD.

    Args:
        path: a file, or a folder with .json, .jsonl or .ndjson files at any depth, plain or .gz. A .jsonl or .ndjson
            file holds one record per line; a .json file holds a list of records, concatenated records, or an object
            with a list of records. Fields of this object before the list, and `channel=<login>/vod=<id>/<file>` in
            the path, fill fields that the records lack. Older field names are accepted (see presence_rows). A VOD
            may lie in several files. `vods.csv` in the folder says when a VOD began, and takes precedence over the
            records.
        scratch: an empty file for the rows; needed until the import is done.
        first_day, last_day: VODs created before or after these days are rejected.

    A VOD with a bad record, or in a file that is cut off, is rejected as a whole, so that it can be imported once
    its file is mended.

    Raises:
        TableError: `vods.csv` cannot be used.
    """
    report = ImportReport()
    known = read_vods_csv(path if path.is_dir() else path.parent, report)
    sorter = VodSorter(scratch)
    for name, file in find_documents(path, SUFFIXES).items():
        try:
            _sort_file(name, file, sorter, report)
        except DocumentError as error:
            report.reject(name, str(error))
            sorter.reject_file(name, f"left out, because {name} cannot be read to its end")
    vods: list[Vod] = []
    for vod in sorter.vods(known):
        if isinstance(vod, tuple):
            report.reject(*vod)
        else:
            vods.append(vod)
    if without_file := len(known.keys() - sorter.keys()):
        report.counts[f"VODs in {VODS_CSV} without a file"] = without_file
    return place_by_day(vods, report, first_day=first_day, last_day=last_day)


def _sort_file(name: str, file: Path, sorter: VodSorter, report: ImportReport) -> None:
    vod_in_path = lake.vod_of(f"/{Path(name).with_suffix('.parquet').as_posix()}")
    from_path = {"channel": vod_in_path[0], "content_id": with_prefix(vod_in_path[1])} if vod_in_path else {}
    has_lines = file.name.lower().removesuffix(".gz").endswith(LINES)
    rows: list[Record] = []
    chatters = 0
    try:
        with open_document(file) as handle:
            for number, record in _lines(handle) if has_lines else _records(handle):
                report.counts["records read"] += 1
                try:
                    rows.append(_row(record, from_path))
                except _RecordError as error:
                    report.reject(name, str(error), row=number)
                    if error.vod is not None:
                        reason = f"left out, because record {number} of {name} cannot be used"
                        sorter.reject_vod(error.vod, name, reason)
                    continue
                chatters += 1 + len(rows[-1]["chatters"])
                if chatters >= BATCH_CHATTERS:
                    sorter.add(pl.DataFrame(rows, schema=ROW), name)
                    rows, chatters = [], 0
    finally:
        # Also if the file is cut off: its VODs must be known, so that they can be rejected.
        sorter.add(pl.DataFrame(rows, schema=ROW), name)


def _lines(handle: IO[bytes]) -> Iterator[tuple[int, Any]]:
    """Yield number and text of each line that is not blank."""
    for number, line in enumerate(handle, start=1):
        if line.strip():
            yield number, line


def _records(handle: IO[bytes]) -> Iterator[tuple[int, Any]]:
    """Yield number and value of each record, in any layout."""
    events = json_events(handle)
    number = 0
    for event, value in events:
        for record in _top_level_records(event, value, events):
            number += 1
            yield number, record


def _top_level_records(event: str, value: Any, events: Iterator[tuple[str, Any]]) -> Iterator[Any]:
    """Yield the records of one top-level value: the value itself, or the elements of the lists in it."""
    if event == "start_array":
        yield from _items(events)
    elif event == "start_map":
        fields: dict[str, Any] = {}
        is_record = True
        for _, name in iter(lambda: next(events), ("end_map", None)):
            event, value = next(events)
            if event == "start_array" and name not in ("chatters", "_chatters"):
                if name == "comments" and "video" in fields:
                    raise DocumentError("is a chat by TwitchDownloader: use `vieweratlas import twitchdownloader`")
                is_record = False
                for item in _items(events):
                    yield {**fields, **item} if isinstance(item, dict) else item
            else:
                fields[name] = json_value(event, value, events)
        if is_record:
            yield fields
    else:
        yield json_value(event, value, events)


def _items(events: Iterator[tuple[str, Any]]) -> Iterator[Any]:
    for event, value in events:
        if event == "end_array":
            return
        yield json_value(event, value, events)


def _row(record: Any, from_path: Mapping[str, str]) -> Record:
    if isinstance(record, bytes):
        try:
            record = json.loads(record)
        except (ValueError, RecursionError) as error:
            reason = getattr(error, "msg", "nested too deeply or not UTF-8")
            raise _RecordError(f"the line is not JSON: {reason}") from None
    if not isinstance(record, dict):
        raise _RecordError(f"is {_shown(record)}, not a record (a JSON object)")
    vod = _vod(record, from_path)
    try:
        row = {
            "channel": vod[0],
            "content_id": with_prefix(vod[1]),
            "offset_s": _offset(_field(record, "offset_s")),
            "bucket_len_s": _bucket_len(_field(record, "bucket_len_s")),
            "chatters": _chatters(_field(record, "chatters")),
        }
        row |= {name: _text(name, _field(record, name)) for name in TEXTS}
        row |= {name: _time(name, _field(record, name)) for name in TIMES}
    except ValueError as error:
        raise _RecordError(str(error), vod) from None
    return row


def _field(record: Record, name: str) -> Any:
    """Return a field, or its older name with a leading underscore if it is missing or a placeholder."""
    value = record.get(name)
    return record.get(f"_{name}") if _is_placeholder(value) else value


def _is_placeholder(value: Any) -> bool:
    return value is None or (isinstance(value, str) and value.strip().lower() in PLACEHOLDERS)


def _vod(record: Record, from_path: Mapping[str, str]) -> VodKey:
    channel = _field(record, "channel") or from_path.get("channel")
    content_id = _field(record, "content_id") or _field(record, "vod_id") or from_path.get("content_id")
    if not isinstance(channel, str) or not channel.strip():
        raise _RecordError(f"channel is {_shown(channel)}, not a login")
    if isinstance(content_id, int) and not isinstance(content_id, bool):
        content_id = str(content_id)
    if not isinstance(content_id, str) or not (content_id.startswith("vod:") or content_id.isdecimal()):
        raise _RecordError(f"content_id is {_shown(content_id)}, not the id of a VOD such as 'vod:123'")
    try:
        return _encodable(channel.strip().lower()), _encodable(content_id.removeprefix("vod:"))
    except ValueError as error:
        raise _RecordError(str(error)) from None


def _offset(value: Any) -> int:
    whole = _whole(value)
    if whole is None or whole % BUCKET_LEN_S or not 0 <= whole <= MAX_OFFSET_S:
        raise ValueError(f"offset_s is {_shown(value)}; it must be a multiple of {BUCKET_LEN_S}, at least 0")
    return whole


def _bucket_len(value: Any) -> int:
    if value is not None and _whole(value) != BUCKET_LEN_S:
        raise ValueError(f"bucket_len_s is {_shown(value)}; only {BUCKET_LEN_S} is supported")
    return BUCKET_LEN_S


def _whole(value: Any) -> int | None:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _chatters(value: Any) -> list[str]:
    if not isinstance(value, list) or not all(name is None or isinstance(name, str) for name in value):
        raise ValueError("chatters is not a list of names")
    return [_encodable(name) for name in value if name is not None]


def _text(name: str, value: Any) -> str | None:
    if _is_placeholder(value):
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError(f"{name} is {_shown(value)}, not text")
    return _encodable(str(value))


def _time(name: str, value: Any) -> dt.datetime | None:
    if _is_placeholder(value):
        return None
    time = utc_time(value) if isinstance(value, str) else None
    if time is None:
        raise ValueError(f"{name} is {_shown(value)}, not {ISO_TIME}")
    return time


def _encodable(text: str) -> str:
    """Refuse half a character, which JSON can escape and no other format can store."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("a text holds half a character (a lone surrogate)") from None
    return text


def _shown(value: Any) -> str:
    """Return a value for a message, shortened."""
    text = "missing" if value is None else repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"
