"""VOD chat as TwitchDownloader writes it (JSON, version 1.4 and like ones), reduced to presence while it is read.

Belongs here: what the file tells of its VOD, and who wrote in which minute. Not here: fetching chat, placing and
writing (vods).

Of a comment only `content_offset_seconds` and `commenter.name` leave this module. Text, biography, picture and the
comment's own `created_at`, which has been wrong since April 2025, are dropped as each comment is read; so memory
grows with the presence, not with the file. A comment that a file repeats changes nothing: it names the same viewer in
the same minute.
"""

import datetime as dt
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from vieweratlas_assets.domain.presence.records import MAX_OFFSET_S
from vieweratlas_assets.domain.presence.vod_minutes import Chapter, VodMinutes
from vieweratlas_assets.importers.documents import (
    DocumentError,
    find_documents,
    json_events,
    json_items,
    json_value,
    open_document,
)
from vieweratlas_assets.importers.logins import as_login
from vieweratlas_assets.importers.report import ImportReport
from vieweratlas_assets.importers.vod_import import (
    VODS_CSV,
    KnownVod,
    Vod,
    VodImport,
    VodKey,
    VodRows,
    place_by_day,
    read_vods_csv,
    utc_time,
)

SUFFIXES = (".json",)
FILE_NAME = re.compile(r"(?P<login>\w{1,25})_(?P<vod_id>\d+)", re.ASCII)
# .NET writes a time that was never set as the year 1; Twitch began in 2011.
FIRST_YEAR = 2011
NO_TIME = (
    "video.created_at is missing, and the comments' own times are not to be relied on; "
    f"add channel, vod_id, created_at to {VODS_CSV} beside the file, or import it alone with --created-at"
)


@dataclass(frozen=True)
class Head:
    """What a file tells of its VOD beside the comments; None where it does not.

    Attributes:
        chapters: in order, the first from second 0.
    """

    channel: str
    vod_id: str
    channel_id: str | None
    created_at: dt.datetime | None
    title: str | None
    duration_s: int | None
    view_count: int | None
    chapters: tuple[Chapter, ...]


def plan_import(
    path: Path, *, first_day: dt.date, last_day: dt.date, created_at: dt.datetime | None = None
) -> VodImport:
    """Find the VODs of a file or a folder and the day of each.

    Args:
        path: a file, or a folder with .json files at any depth, plain or .gz. Several files of one VOD, such as parts
            of it, are joined.
        first_day, last_day: VODs created before or after are rejected.
        created_at: start of the recording, UTC, for a file that does not tell or tells wrong; it counts before
            `vods.csv` beside the file, and that before the file. Only for a path with one VOD.

    Raises:
        TableError: `vods.csv` is there and cannot be used.
        DocumentError: `created_at` is given and the path has several VODs.
    """
    report = ImportReport()
    known = read_vods_csv(path if path.is_dir() else path.parent, report)
    heads: dict[VodKey, dict[str, tuple[Path, Head]]] = defaultdict(dict)
    for name, file in find_documents(path, SUFFIXES).items():
        try:
            head = read_head(file)
        except DocumentError as error:
            report.reject(name, str(error))
        else:
            heads[head.channel, head.vod_id][name] = (file, head)
    if created_at is not None and len(heads) > 1:
        raise DocumentError(f"{path} has {len(heads)} VODs: --created-at is for one, use {VODS_CSV}")
    vods: list[Vod] = []
    for key, files in heads.items():
        told = known.get(key) if created_at is None else KnownVod(created_at, None)
        vod = _vod(key, files, told)
        if isinstance(vod, str):
            report.reject(", ".join(files), vod)
        else:
            vods.append(vod)
    return place_by_day(vods, report, first_day=first_day, last_day=last_day)


def _vod(key: VodKey, files: Mapping[str, tuple[Path, Head]], told: KnownVod | None) -> Vod | str:
    """A VOD of one or several files, or why it is none."""
    heads = [head for _, head in files.values()]
    times = sorted({head.created_at for head in heads if head.created_at is not None})
    if told is None and len(times) > 1:
        return f"the files put the VOD's creation at {times[0]} and {times[-1]}; add it to {VODS_CSV}"
    if told is None and not times:
        return NO_TIME
    first = heads[0]
    return Vod(
        file=", ".join(files),
        channel=key[0],
        vod_id=key[1],
        created_at=told.created_at if told else times[0],
        title=(told.title if told else None) or first.title,
        read=lambda: _presence(key, files),
        channel_id=first.channel_id,
        duration_s=first.duration_s,
        view_count=first.view_count,
    )


def read_head(path: Path) -> Head:
    """Read what a file tells of its VOD, in most files without passing a comment.

    The channel is `streamer.login`; where that is missing `streamer.name` in lowercase, if that can be a login; else
    what the file's name `<channel>_<id>.json` says. The VOD's id is `video.id`, else that of the file's name.

    Raises:
        DocumentError: it is not such a file, is damaged, or does not tell the channel or the VOD.
    """
    told: dict[str, Any] = {}
    has_comments = False
    with open_document(path) as handle:
        events = json_events(handle)
        if next(events)[0] != "start_map":
            raise DocumentError("is no chat by TwitchDownloader: it is not a JSON object")
        for _, name in iter(lambda: next(events), ("end_map", None)):
            event, value = next(events)
            if name == "comments":
                has_comments = event == "start_array"
                if {"streamer", "video"} <= told.keys():
                    break
                _skip(event, events)
            elif name in ("streamer", "video"):
                told[name] = json_value(event, value, events)
            else:
                _skip(event, events)
    if not has_comments:
        raise DocumentError("is no chat by TwitchDownloader: it has no list of comments")
    streamer, video = (told[name] if isinstance(told.get(name), dict) else {} for name in ("streamer", "video"))
    name = path.name.partition(".")[0]
    named = FILE_NAME.fullmatch(name)
    return Head(
        channel=_channel(streamer, named["login"] if named else None),
        vod_id=_vod_id(video, named["vod_id"] if named else None),
        channel_id=_text(streamer.get("id")),
        created_at=_time(video.get("created_at")),
        title=_text(video.get("title")),
        duration_s=_count(video.get("length")),
        view_count=_count(video.get("viewCount")),
        chapters=_chapters(video),
    )


def _skip(event: str, events: Iterator[tuple[str, Any]]) -> None:
    """Pass over a value without building it."""
    depth = int(event in ("start_map", "start_array"))
    while depth:
        event, _ = next(events)
        depth += (event in ("start_map", "start_array")) - (event in ("end_map", "end_array"))


def _channel(streamer: Mapping[str, Any], from_file: str | None) -> str:
    names = [streamer.get("login"), streamer.get("name"), from_file]
    for name in names:
        if (login := as_login(name)) is not None:
            return login
    raise DocumentError(
        f"the channel is not known: neither streamer.login, {names[0]!r}, nor streamer.name, {names[1]!r}, can be a "
        "login; name the file <channel>_<id>.json"
    )


def _vod_id(video: Mapping[str, Any], from_file: str | None) -> str:
    found = _text(video.get("id")) or from_file
    if found is None:
        raise DocumentError("the VOD is not known: video.id is missing; name the file <channel>_<id>.json")
    return found


def _text(value: Any) -> str | None:
    """A text or an id; 0, blank and "Unknown" stand for one that is not known."""
    text = str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return None if text.lower() in ("", "0", "unknown") else text


def _time(value: Any) -> dt.datetime | None:
    time = utc_time(value.strip()) if isinstance(value, str) else None
    return time if time is not None and time.year >= FIRST_YEAR else None


def _count(value: Any) -> int | None:
    known = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 2**53
    return int(value) if known else None


def _chapters(video: Mapping[str, Any]) -> tuple[Chapter, ...]:
    """The games of the chapters; before the first, and where there are none, the game of the video."""
    found = [Chapter(0.0, _text(video.get("game")))]
    listed = video.get("chapters")
    for each in listed if isinstance(listed, list) else ():
        start = each.get("startMilliseconds") if isinstance(each, dict) else None
        if isinstance(start, int | float) and not isinstance(start, bool):
            found.append(Chapter(start / 1000, _text(each.get("gameDisplayName"))))
    return tuple(sorted(found, key=lambda chapter: chapter.start_s))


def _presence(key: VodKey, files: Mapping[str, tuple[Path, Head]]) -> VodRows:
    """Who wrote in which minute of a VOD, from all its files."""
    counts: Counter[str] = Counter()
    head = next(head for _, head in files.values())
    minutes = VodMinutes(head.chapters)
    for name, (path, _) in files.items():
        try:
            _gather(path, minutes, counts)
        except DocumentError as error:
            raise DocumentError(f"{name} {error}" if len(files) > 1 else str(error)) from error
    told = {"channel": key[0], "content_id": f"vod:{key[1]}", "channel_id": head.channel_id}
    rows = minutes.rows()
    return VodRows(
        rows.with_columns(pl.lit(value, dtype=pl.String).alias(name) for name, value in told.items()), counts
    )


def _gather(path: Path, minutes: VodMinutes, counts: Counter[str]) -> None:
    for offset, name in read_comments(path):
        counts["comments read"] += 1
        if offset < 0:
            counts["comments before the recording, left out"] += 1
        elif name is None:
            counts["comments whose writer is not known, left out"] += 1
        else:
            minutes.add(offset, name)


def read_comments(path: Path) -> Iterator[tuple[int, str | None]]:
    """The comments of a file, one at a time: seconds into the VOD, and the login, None where the account is gone.

    Raises:
        DocumentError: the file is damaged, or a comment does not tell its second.
    """
    with open_document(path) as handle:
        for number, comment in enumerate(json_items(handle, "comments.item"), start=1):
            yield _offset(comment, number), _writer(comment)


def _offset(comment: Any, number: int) -> int:
    value = comment.get("content_offset_seconds") if isinstance(comment, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= MAX_OFFSET_S:
        shown = repr(value)[:40] if isinstance(value, int | float) else type(value).__name__
        raise DocumentError(f"content_offset_seconds of comment {number} is {shown}, not a number of seconds")
    return math.floor(value)


def _writer(comment: Mapping[str, Any]) -> str | None:
    """The login of who wrote a comment; None where the account is gone."""
    commenter = comment.get("commenter")
    name = commenter.get("name") if isinstance(commenter, dict) else None
    return name if isinstance(name, str) and name.strip() else None
