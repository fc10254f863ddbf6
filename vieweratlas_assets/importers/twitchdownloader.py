"""VOD chat as TwitchDownloader writes it (JSON, version 1.4 and similar), reduced to presence while it is read.

Belongs here: the file's facts of its VOD, and who wrote in which minute. Not here: fetching chat (vods), placing and
writing VODs (vod_import).

Only `content_offset_seconds` and `commenter.name` of a comment leave this module. Text, biography, picture and the
comment's own `created_at` (wrong since April 2025) are dropped as each comment is read, so memory grows with the
presence, not with the file. A repeated comment changes nothing: it names the same viewer in the same minute.
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
    json_type,
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
    "video.created_at is missing or not a time, and the times of comments are unreliable; add a row with channel, "
    f"vod_id, created_at to {VODS_CSV} next to the file, or import the file alone with --created-at"
)


@dataclass(frozen=True)
class Head:
    """A file's facts of its VOD, without the comments; None if a fact is unknown.

    Attributes:
        chapters: in order; the first begins at second 0.
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
        path: a file, or a folder with .json files at any depth, plain or .gz. Several files of one VOD, such as its
            parts, are joined.
        first_day, last_day: VODs created before or after these days are rejected.
        created_at: start of the recording, UTC, if the file's is missing or wrong. It takes precedence over
            `vods.csv` next to the file, which takes precedence over the file. Only for a path with one VOD.

    Raises:
        TableError: `vods.csv` cannot be used.
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
        raise DocumentError(
            f"{path} has {len(heads)} VODs, but --created-at applies to one; list their times in {VODS_CSV}"
        )
    vods: list[Vod] = []
    for key, files in heads.items():
        listed = known.get(key) if created_at is None else KnownVod(created_at, None)
        vod = _vod(key, files, listed)
        if isinstance(vod, str):
            report.reject(", ".join(files), vod)
        else:
            vods.append(vod)
    return place_by_day(vods, report, first_day=first_day, last_day=last_day)


def _vod(key: VodKey, files: Mapping[str, tuple[Path, Head]], listed: KnownVod | None) -> Vod | str:
    """Build the VOD of one or several files, or return why it cannot be imported."""
    heads = [head for _, head in files.values()]
    times = sorted({head.created_at for head in heads if head.created_at is not None})
    if listed is None and len(times) > 1:
        return f"the files put the VOD's creation at {times[0]} and {times[-1]}; add the right one to {VODS_CSV}"
    if listed is None and not times:
        return NO_TIME
    first = heads[0]
    return Vod(
        file=", ".join(files),
        channel=key[0],
        vod_id=key[1],
        created_at=listed.created_at if listed else times[0],
        title=(listed.title if listed else None) or first.title,
        read=lambda: _read_presence(key, files),
        channel_id=first.channel_id,
        duration_s=first.duration_s,
        view_count=first.view_count,
    )


def read_head(path: Path) -> Head:
    """Read a file's facts of its VOD; most files have them before the comments.

    The channel is `streamer.login`, else `streamer.name` in lowercase if it can be a login, else the one in the
    file's name `<channel>_<id>.json`. The VOD's id is `video.id`, else the one in the file's name.

    Raises:
        DocumentError: it is not a chat by TwitchDownloader, is damaged, or the channel or the VOD is unknown.
    """
    facts: dict[str, Any] = {}
    has_comments = False
    with open_document(path) as handle:
        events = json_events(handle)
        if next(events)[0] != "start_map":
            raise DocumentError("is not a chat by TwitchDownloader: it is not a JSON object")
        for _, name in iter(lambda: next(events), ("end_map", None)):
            event, value = next(events)
            if name == "comments":
                has_comments = event == "start_array"
                if {"streamer", "video"} <= facts.keys():
                    break
                _skip(event, events)
            elif name in ("streamer", "video"):
                facts[name] = json_value(event, value, events)
            else:
                _skip(event, events)
    if not has_comments:
        raise DocumentError("is not a chat by TwitchDownloader: it has no list of comments")
    streamer, video = (facts[name] if isinstance(facts.get(name), dict) else {} for name in ("streamer", "video"))
    match = FILE_NAME.fullmatch(path.name.partition(".")[0])
    return Head(
        channel=_channel(streamer, match["login"] if match else None),
        vod_id=_vod_id(video, match["vod_id"] if match else None),
        channel_id=_text(streamer.get("id")),
        created_at=_time(video.get("created_at")),
        title=_text(video.get("title")),
        duration_s=_count(video.get("length")),
        view_count=_count(video.get("viewCount")),
        chapters=_chapters(video),
    )


def _skip(event: str, events: Iterator[tuple[str, Any]]) -> None:
    """Skip a value without building it."""
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
        f"the channel is not known: neither streamer.login, {names[0]!r}, nor streamer.name, {names[1]!r}, is a "
        "login; name the file <channel>_<id>.json"
    )


def _vod_id(video: Mapping[str, Any], from_file: str | None) -> str:
    vod_id = _text(video.get("id")) or from_file
    if vod_id is None:
        raise DocumentError("the VOD is not known: video.id is missing; name the file <channel>_<id>.json")
    return vod_id


def _text(value: Any) -> str | None:
    """Return a text or an id; None for the placeholders 0, blank and "Unknown"."""
    text = str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return None if text.lower() in ("", "0", "unknown") else text


def _time(value: Any) -> dt.datetime | None:
    time = utc_time(value.strip()) if isinstance(value, str) else None
    return time if time is not None and time.year >= FIRST_YEAR else None


def _count(value: Any) -> int | None:
    known = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 2**53
    return int(value) if known else None


def _chapters(video: Mapping[str, Any]) -> tuple[Chapter, ...]:
    """Return the games by chapter; before the first chapter, or without chapters, the game of the video."""
    chapters = [Chapter(0.0, _text(video.get("game")))]
    listed = video.get("chapters")
    for entry in listed if isinstance(listed, list) else ():
        start = entry.get("startMilliseconds") if isinstance(entry, dict) else None
        if isinstance(start, int | float) and not isinstance(start, bool):
            chapters.append(Chapter(start / 1000, _text(entry.get("gameDisplayName"))))
    return tuple(sorted(chapters, key=lambda chapter: chapter.start_s))


def _read_presence(key: VodKey, files: Mapping[str, tuple[Path, Head]]) -> VodRows:
    """Read who wrote in which minute of a VOD, from all its files."""
    counts: Counter[str] = Counter()
    head = next(head for _, head in files.values())
    minutes = VodMinutes(head.chapters)
    for name, (path, _) in files.items():
        try:
            _add_comments(path, minutes, counts)
        except DocumentError as error:
            raise DocumentError(f"{name} {error}" if len(files) > 1 else str(error)) from error
    constants = {"channel": key[0], "content_id": f"vod:{key[1]}", "channel_id": head.channel_id}
    rows = minutes.rows()
    return VodRows(
        rows.with_columns(pl.lit(value, dtype=pl.String).alias(name) for name, value in constants.items()), counts
    )


def _add_comments(path: Path, minutes: VodMinutes, counts: Counter[str]) -> None:
    for offset, name in read_comments(path):
        counts["comments read"] += 1
        if offset < 0:
            counts["comments before the recording, left out"] += 1
        elif name is None:
            counts["comments whose writer is not known, left out"] += 1
        else:
            minutes.add(offset, name)


def read_comments(path: Path) -> Iterator[tuple[int, str | None]]:
    """Stream the comments of a file: seconds into the VOD, and the login, None if the account no longer exists.

    Raises:
        DocumentError: the file is damaged, or a comment has no valid content_offset_seconds.
    """
    with open_document(path) as handle:
        for number, comment in enumerate(json_items(handle, "comments.item"), start=1):
            yield _offset(comment, number), _writer(comment)


def _offset(comment: Any, number: int) -> int:
    value = comment.get("content_offset_seconds") if isinstance(comment, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= MAX_OFFSET_S:
        shown = repr(value)[:40] if isinstance(value, int | float) else json_type(value)
        raise DocumentError(f"content_offset_seconds of comment {number} is {shown}, not a number of seconds")
    return math.floor(value)


def _writer(comment: Mapping[str, Any]) -> str | None:
    """Return the login of a comment's author; None if the account no longer exists."""
    commenter = comment.get("commenter")
    name = commenter.get("name") if isinstance(commenter, dict) else None
    return name if isinstance(name, str) and name.strip() else None
