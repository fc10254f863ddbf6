"""Live snapshots as other programs write them, in every layout, and their content in plain Python."""

import csv
import datetime as dt
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl

from vieweratlas_assets.domain.presence.names import PLAIN
from vieweratlas_assets.domain.schemas import PRESENCE
from vieweratlas_assets.importers.live import (
    BatchLimits,
    ImportRules,
    LiveImportResult,
    find_snapshot_files,
    run_live_import,
)
from vieweratlas_assets.importers.local_time import LocalTimes
from vieweratlas_assets.steps.live_presence import live_presence_of_day
from vieweratlas_assets.storage.objects import ObjectStore
from vieweratlas_assets.storage.raw_snapshots import days_with_raw
from vieweratlas_assets.storage.sealed import SealedPartitions

FIRST_DAY = dt.date(2018, 1, 1)
LAST_DAY = dt.date(2026, 11, 22)

Seen = dict[tuple[str, dt.datetime], set[str]]


@dataclass(frozen=True)
class SampleSnapshot:
    """A snapshot to write into a file."""

    channel: str
    at: dt.datetime
    chatters: tuple[str, ...]


def seen_by_hand(snapshots: Iterable[SampleSnapshot]) -> Seen:
    """Who wrote in which channel in which minute, without any of our code."""
    seen: Seen = defaultdict(set)
    for snapshot in snapshots:
        minute = snapshot.at.replace(second=0, microsecond=0)
        chatters = {name.strip().lower() for name in snapshot.chatters}
        seen[snapshot.channel.strip().lower(), minute] |= chatters - {""}
    return dict(seen)


def seen_in_lake(store: ObjectStore) -> Seen:
    """Who wrote in which channel in which minute, from live presence; each (channel, minute) must be unique."""
    seen: Seen = {}
    for day in days_with_raw(store):
        rows = live_presence_of_day(SealedPartitions(store), PLAIN, day).tables[PRESENCE]
        assert isinstance(rows, pl.DataFrame)
        for channel, minute, chatters, count in rows.select(
            "channel", "bucket_start", "chatters", "viewer_count"
        ).iter_rows():
            assert minute.date() == day
            assert (channel, minute) not in seen
            assert chatters == sorted(set(chatters))
            assert count == len(chatters)
            seen[channel, minute] = set(chatters)
    return seen


def json_flat(folder: Path, snapshots: list[SampleSnapshot]) -> None:
    """Write one file per snapshot, with the channel only in the file's name."""
    for number, snapshot in enumerate(snapshots):
        # A folder per snapshot, because two snapshots of one second have the same name.
        path = folder / str(number) / f"{snapshot.channel}_{snapshot.at:%Y%m%d_%H%M%S}.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(_fields(snapshot)), encoding="utf-8")


def json_array(folder: Path, snapshots: list[SampleSnapshot]) -> None:
    """Write all snapshots as one array, with the field names of other programs."""
    folder.mkdir(parents=True)
    elements = [_fields(snapshot) | {"channel_login": snapshot.channel, "viewers": 3} for snapshot in snapshots]
    (folder / "all.json").write_text(json.dumps(elements, ensure_ascii=False), encoding="utf-8")


def csv_by_username(folder: Path, snapshots: list[SampleSnapshot]) -> None:
    """Write a row per chatter: timestamp,channel,viewer_count,game_name,title,started_at,username."""
    header = ("timestamp", "channel", "viewer_count", "game_name", "title", "started_at", "username")
    rows = [
        (snapshot.at.isoformat(), snapshot.channel, "Unavailable", "Chess", 'a "title", so', "", name)
        for snapshot in snapshots
        for name in snapshot.chatters or ("",)
    ]
    write_csv(folder / "a.csv", header, rows)


def csv_by_chatter(folder: Path, snapshots: list[SampleSnapshot]) -> None:
    """Write a row per chatter: channel,chatter,viewers,game,title,timestamp, in other cases and another order."""
    header = ("Timestamp", "GAME", "Chatter", "title", "Viewers", "Channel")
    rows = [
        (snapshot.at.isoformat(" "), "Chess", name, "two\nlines", 7, snapshot.channel)
        for snapshot in snapshots
        for name in snapshot.chatters or ("",)
    ]
    write_csv(folder / "b.CSV", header, rows)


def csv_of_lists(as_text: Callable[[tuple[str, ...]], str]) -> Callable[[Path, list[SampleSnapshot]], None]:
    """Write a row per snapshot: timestamp,channel,total_viewers,chatters_count,chatters; as_text writes the list."""

    def write(folder: Path, snapshots: list[SampleSnapshot]) -> None:
        header = ("timestamp", "channel", "total_viewers", "chatters_count", "chatters")
        rows = [
            (snapshot.at.isoformat(), snapshot.channel, 9, len(snapshot.chatters), as_text(snapshot.chatters))
            for snapshot in snapshots
        ]
        write_csv(folder / "c.csv", header, rows)

    return write


def _fields(snapshot: SampleSnapshot) -> dict[str, object]:
    return {
        "timestamp": snapshot.at.isoformat(),
        "viewer_count": "Unavailable",
        "game_name": "Chess",
        "title": "a title",
        "started_at": "2020-03-01T00:00:00Z",
        "chatters": list(snapshot.chatters),
    }


def write_csv(path: Path, header: Iterable[object], rows: Iterable[Iterable[object]]) -> Path:
    """Write a CSV file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(header)
        writer.writerows(rows)
    return path


def write_json(path: Path, data: object) -> Path:
    """Write a JSON file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


def import_snapshots(
    path: Path,
    store: ObjectStore,
    *,
    zone: str = "UTC",
    replace: bool = False,
    limits: BatchLimits | None = None,
    on_file: Callable[[str], None] = lambda name: None,
) -> LiveImportResult:
    """Import a folder or a file."""
    rules = ImportRules(LocalTimes(ZoneInfo(zone)), PLAIN, FIRST_DAY, LAST_DAY, replace=replace)
    return run_live_import(find_snapshot_files(path), store, rules, limits=limits or BatchLimits(), on_file=on_file)


def reasons(done: LiveImportResult) -> dict[str, str]:
    """Reasons of rejections, by file and row."""
    return {
        rejection.file if rejection.row is None else f"{rejection.file}:{rejection.row}": rejection.reason
        for rejection in done.report.rejections
    }


def minutes(start: dt.datetime, count: int, every: int = 1) -> Iterator[dt.datetime]:
    """Times at a distance of a number of minutes."""
    return (start + dt.timedelta(minutes=number * every) for number in range(count))
