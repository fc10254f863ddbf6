"""Live snapshots as others would have written them, in every shape, and what they say in plain Python."""

import csv
import datetime as dt
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from vieweratlas_assets.domain.presence.names import PLAIN
from vieweratlas_assets.domain.schemas import PRESENCE
from vieweratlas_assets.importers.live import (
    BatchLimits,
    ImportRules,
    LiveImported,
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
class Told:
    """A snapshot that a file tells of."""

    channel: str
    at: dt.datetime
    chatters: tuple[str, ...]


def seen_by_hand(told: Iterable[Told]) -> Seen:
    """Who wrote in which channel in which minute, without any of our code."""
    seen: Seen = defaultdict(set)
    for each in told:
        minute = each.at.replace(second=0, microsecond=0)
        seen[each.channel.strip().lower(), minute] |= {name.strip().lower() for name in each.chatters} - {""}
    return dict(seen)


def seen_in_lake(store: ObjectStore) -> Seen:
    """Who wrote in which channel in which minute, as live presence tells it; each (channel, minute) stands once."""
    found: Seen = {}
    for day in days_with_raw(store):
        rows = live_presence_of_day(SealedPartitions(store), PLAIN, day).tables[PRESENCE]
        for channel, minute, chatters, count in rows.select(
            "channel", "bucket_start", "chatters", "viewer_count"
        ).iter_rows():
            assert minute.date() == day
            assert (channel, minute) not in found
            assert chatters == sorted(set(chatters))
            assert count == len(chatters)
            found[channel, minute] = set(chatters)
    return found


def json_flat(folder: Path, told: list[Told]) -> None:
    """One file a snapshot; the channel stands in its name only."""
    for number, each in enumerate(told):
        # Folders keep two snapshots of one second apart.
        path = folder / str(number) / f"{each.channel}_{each.at:%Y%m%d_%H%M%S}.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(_fields(each)), encoding="utf-8")


def json_array(folder: Path, told: list[Told]) -> None:
    """All in one array, with the names of fields that others use."""
    folder.mkdir(parents=True)
    listed = [_fields(each) | {"channel_login": each.channel, "viewers": 3} for each in told]
    (folder / "all.json").write_text(json.dumps(listed, ensure_ascii=False), encoding="utf-8")


def csv_by_username(folder: Path, told: list[Told]) -> None:
    """timestamp,channel,viewer_count,game_name,title,started_at,username"""
    header = ("timestamp", "channel", "viewer_count", "game_name", "title", "started_at", "username")
    rows = [
        (each.at.isoformat(), each.channel, "Unavailable", "Chess", 'a "title", so', "", name)
        for each in told
        for name in each.chatters or ("",)
    ]
    write_csv(folder / "a.csv", header, rows)


def csv_by_chatter(folder: Path, told: list[Told]) -> None:
    """channel,chatter,viewers,game,title,timestamp, in other cases and another order"""
    header = ("Timestamp", "GAME", "Chatter", "title", "Viewers", "Channel")
    rows = [
        (each.at.isoformat(" "), "Chess", name, "two\nlines", 7, each.channel)
        for each in told
        for name in each.chatters or ("",)
    ]
    write_csv(folder / "b.CSV", header, rows)


def csv_of_lists(written: Callable[[tuple[str, ...]], str]) -> Callable[[Path, list[Told]], None]:
    """timestamp,channel,total_viewers,chatters_count,chatters, with the list written so."""

    def write(folder: Path, told: list[Told]) -> None:
        header = ("timestamp", "channel", "total_viewers", "chatters_count", "chatters")
        rows = [(each.at.isoformat(), each.channel, 9, len(each.chatters), written(each.chatters)) for each in told]
        write_csv(folder / "c.csv", header, rows)

    return write


def _fields(each: Told) -> dict[str, object]:
    return {
        "timestamp": each.at.isoformat(),
        "viewer_count": "Unavailable",
        "game_name": "Chess",
        "title": "a title",
        "started_at": "2020-03-01T00:00:00Z",
        "chatters": list(each.chatters),
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


def take_in(
    path: Path,
    store: ObjectStore,
    *,
    zone: str = "UTC",
    replace: bool = False,
    limits: BatchLimits | None = None,
    on_file: Callable[[str], None] = lambda name: None,
) -> LiveImported:
    """Import a folder or a file."""
    rules = ImportRules(LocalTimes(ZoneInfo(zone)), PLAIN, FIRST_DAY, LAST_DAY, replace=replace)
    return run_live_import(find_snapshot_files(path), store, rules, limits=limits or BatchLimits(), on_file=on_file)


def reasons(done: LiveImported) -> dict[str, str]:
    """Why what was rejected, by file and row."""
    return {
        each.file if each.row is None else f"{each.file}:{each.row}": each.reason for each in done.report.rejections
    }


def minutes(start: dt.datetime, count: int, every: int = 1) -> Iterator[dt.datetime]:
    """Times that follow one another by a number of minutes."""
    return (start + dt.timedelta(minutes=number * every) for number in range(count))
