"""Chat of VODs in each format that can be imported, and its import."""

import datetime as dt
import gzip
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from vieweratlas_assets.domain.presence.names import PLAIN
from vieweratlas_assets.importers import twitchdownloader, vod_json, vod_lake
from vieweratlas_assets.importers.report import ImportReport
from vieweratlas_assets.importers.vod_import import DayImported, VodImport, run_import
from vieweratlas_assets.storage.objects import ObjectStore
from vieweratlas_tests.importers.samples import FIRST_DAY, LAST_DAY

SECRET = "what-somebody-wrote"
START = dt.datetime(2026, 7, 8, 12, 2, 51, tzinfo=dt.UTC)
ALLOWED = {"first_day": FIRST_DAY, "last_day": LAST_DAY}


def comment(offset: Any, login: str | None, number: int = 0) -> dict[str, Any]:
    """A comment as TwitchDownloader writes it; every text that must not be kept is SECRET."""
    commenter = {
        "display_name": f"{login} {SECRET}",
        "_id": "1",
        "name": login,
        "bio": SECRET,
        "created_at": None,
        "logo": f"https://{SECRET}",
    }
    return {
        "_id": f"{number}-{offset}-{login}",
        "created_at": "2031-01-01T00:00:00.5Z",
        "channel_id": "",
        "content_type": "video",
        "content_id": "77",
        "content_offset_seconds": offset,
        "commenter": None if login is None else commenter,
        "message": {"body": SECRET, "bits_spent": 0, "fragments": [{"text": SECRET, "emoticon": None}]},
    }


def chat(comments: Iterable[dict[str, Any]], **changed: Any) -> dict[str, Any]:
    """A file of TwitchDownloader; `streamer__login=None` omits a field, `streamer__login="x"` sets it."""
    document: dict[str, Any] = {
        "FileInfo": {"Version": {"Major": 1, "Minor": 4, "Patch": 0}},
        "streamer": {"name": "Alpha", "login": "alpha", "id": 42},
        "clipper": None,
        "video": {
            "title": "a title",
            "description": SECRET,
            "id": "77",
            "created_at": "2026-07-08 12:02:51",
            "start": 0,
            "length": 3600,
            "viewCount": 9,
            "game": "Unknown",
            "chapters": [],
        },
        "comments": list(comments),
        "embeddedData": None,
    }
    for name, value in changed.items():
        section, _, field = name.rpartition("__")
        target = document[section] if section else document
        target.pop(field, None)
        if value is not None:
            target[field] = value
    return document


def write_json(path: Path, document: Any) -> Path:
    """Write JSON, compressed if the name ends in .gz."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = json.dumps(document).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def record(offset: int, names: list[str], **changed: Any) -> dict[str, Any]:
    """A canonical record of VOD 77 of alpha as JSON; None omits a field."""
    start = (START + dt.timedelta(seconds=offset)).isoformat()
    fields = {
        "platform": "twitch",
        "source": "vod",
        "channel": "alpha",
        "channel_id": None,
        "content_id": "vod:77",
        "bucket_len_s": 60,
        "offset_s": offset,
        "bucket_start": start,
        "chatters": names,
        "viewer_count": len(names),
        "timestamp": f"vod:77_offset_{offset}",
        "game_name": None,
        **changed,
    }
    return {name: value for name, value in fields.items() if value is not None or name not in changed}


def expected_minutes(comments: Iterable[tuple[float, str]]) -> dict[int, list[str]]:
    """Who wrote in which minute, in plain Python: second at which the minute begins -> logins, sorted."""
    minutes: dict[int, set[str]] = {}
    for offset, login in comments:
        minutes.setdefault(int(offset // 60) * 60, set()).add(login.strip().lower())
    return {offset: sorted(names) for offset, names in sorted(minutes.items())}


def _import(plan: VodImport, store: ObjectStore, replace: bool) -> tuple[ImportReport, list[DayImported]]:
    days: list[DayImported] = []
    return run_import(plan, store, names=PLAIN, replace=replace, on_vod=lambda vod: None, on_day=days.append), days


def import_chat(
    path: Path, store: ObjectStore, *, replace: bool = False, created_at: dt.datetime | None = None
) -> tuple[ImportReport, list[DayImported]]:
    """Import TwitchDownloader chat."""
    return _import(twitchdownloader.plan_import(path, created_at=created_at, **ALLOWED), store, replace)


def _with_scratch(
    plan: Callable[..., VodImport],
) -> Callable[..., tuple[ImportReport, list[DayImported]]]:
    def import_files(
        path: Path, store: ObjectStore, *, replace: bool = False
    ) -> tuple[ImportReport, list[DayImported]]:
        with TemporaryFile() as scratch:
            return _import(plan(path, scratch, **ALLOWED), store, replace)

    return import_files


import_json = _with_scratch(vod_json.plan_import)
import_parquet = _with_scratch(vod_lake.plan_import)


def lake_bytes(store: ObjectStore) -> bytes:
    """All keys and bytes of a lake."""
    return b"".join(key.encode() + store.download_bytes(key) for key in store.list_files())


def reasons(report: ImportReport) -> Mapping[str, str]:
    """Reasons of rejections, by file or file and row."""
    return {
        rejection.file if rejection.row is None else f"{rejection.file}, row {rejection.row}": rejection.reason
        for rejection in report.rejections
    }
