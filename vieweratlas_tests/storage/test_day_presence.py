"""The presence of a day: every sound file is read, and a damaged one does not affect the others."""

import datetime as dt
import io
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.presence.quality import RejectedFile
from vieweratlas_assets.domain.schemas import CHANNEL_ROSTER, LAYOUT, PRESENCE
from vieweratlas_assets.storage.day_files import DayFiles, find_day
from vieweratlas_assets.storage.day_presence import DayRead, read_roster, reduce_presence
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_tests.storage.filled_days import (
    DAY,
    fill,
    presence,
    put_catalog,
    put_roster,
    put_vod,
)


@dataclass
class _Day:
    presence: pl.DataFrame
    roster: pl.DataFrame
    files_read: dict[str, int]
    rejected: list[RejectedFile]


def _read(store: LocalStore, files: DayFiles) -> _Day:
    read = DayRead()
    frames: list[pl.DataFrame] = reduce_presence(store, files, read, list)
    channels = [name for frame in frames for name in frame["channel"].unique()]
    assert len(channels) == len(set(channels)), "a channel is in two frames"
    roster = read_roster(store, files, read)
    return _Day(pl.concat([PRESENCE.empty(), *frames]), roster, dict(read.files_read), read.rejected)


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "lake")


@pytest.fixture
def full(store: LocalStore) -> LocalStore:
    fill(store)
    return store


def test_every_file_is_read(full: LocalStore) -> None:
    read = _read(full, find_day(full, DAY))

    assert read.presence.select("source", "channel").rows() == [
        ("live", "live_channel"),
        ("vod", "c1"),
        ("vod", "c2"),
    ]
    assert read.roster["channel"].to_list() == ["r9", "r23"]
    assert read.files_read == {"live": 1, "vod": 2, "roster": 2}
    assert read.rejected == []
    assert (read.presence.schema, read.roster.schema) == (PRESENCE.schema, CHANNEL_ROSTER.schema)


def test_a_day_without_anything_is_empty(full: LocalStore) -> None:
    files = find_day(full, dt.date(2020, 1, 1))
    read = _read(full, files)

    assert not files.has_presence
    assert (read.presence.height, read.roster.height, read.files_read, read.rejected) == (0, 0, {}, [])
    assert read.presence.schema == PRESENCE.schema


def test_a_roster_alone_is_not_presence(store: LocalStore) -> None:
    put_roster(store, DAY, 0, "ann")

    assert not find_day(store, DAY).has_presence
    assert _read(store, find_day(store, DAY)).roster.height == 1


def test_a_vod_counts_for_the_day_whose_catalog_names_it(store: LocalStore) -> None:
    put_vod(store, "named", "1", "ann")
    put_vod(store, "nowhere", "2", "bob")
    put_catalog(store, DAY, ("named", "1"), ("not_fetched_yet", "3"))

    files = find_day(store, DAY)

    assert [item.key for item in files.vod] == [lake.vod_presence("named", "1")]
    assert _read(store, files).rejected == []


@pytest.mark.parametrize("name", ["o'brien", "a/b", "100%", "🎮", 'say "hi"', "two\nlines"])
def test_any_channel_name_is_found(store: LocalStore, name: str) -> None:
    put_vod(store, name, "1", "ann")
    put_catalog(store, DAY, (name, "1"))

    assert _read(store, find_day(store, DAY)).presence["channel"].to_list() == [name]


def _cut(data: bytes) -> bytes:
    return data[:-20]


def _nothing(data: bytes) -> bytes:
    return b""


def _garbled(data: bytes) -> bytes:
    return data[: len(data) // 3] + bytes(len(data) // 3) + data[len(data) // 3 * 2 :]


@pytest.mark.parametrize(("damage", "reason"), [(_cut, "cut off"), (_nothing, "is empty"), (_garbled, "damaged")])
@pytest.mark.parametrize(
    ("source", "key"),
    [
        ("live", lake.live_presence(DAY)),
        ("vod", lake.vod_presence("c1", "1")),
        ("roster", lake.channel_roster(DAY, 9)),
    ],
)
def test_a_damaged_file_is_rejected_by_name_and_the_rest_is_read(
    full: LocalStore, source: str, key: str, damage: Callable[[bytes], bytes], reason: str
) -> None:
    whole = _read(full, find_day(full, DAY))
    full.upload_bytes(key, damage(full.download_bytes(key)))

    read = _read(full, find_day(full, DAY))

    assert [(file.source, file.key) for file in read.rejected] == [(source, key)]
    assert reason in read.rejected[0].reason
    assert full.uri(key) in read.rejected[0].reason
    assert sum(read.files_read.values()) == 4
    assert read.files_read.get(source, 0) == whole.files_read[source] - 1
    lost = (1, 0) if source != "roster" else (0, 1)
    assert (read.presence.height, read.roster.height) == (3 - lost[0], 2 - lost[1])


def test_a_file_with_other_columns_is_rejected_with_the_differences(full: LocalStore) -> None:
    frame = pl.DataFrame({"channel": ["a"], "x": [0.5], "y": [0.5]})
    full.upload_parquet(lake.vod_presence("c1", "1"), frame, LAYOUT)
    retyped = presence("c2", "2", "ann").with_columns(pl.col("offset_s").cast(pl.Int64))
    retyped.write_parquet(full.uri(lake.vod_presence("c2", "2")))

    read = _read(full, find_day(full, DAY))

    assert read.presence["source"].to_list() == ["live"]
    assert "missing column platform" in read.rejected[0].reason
    assert "column offset_s is Int64, not Int32" in read.rejected[1].reason


def _live(channels: list[str]) -> pl.DataFrame:
    """One minute of live presence per channel, in this order."""
    frame = pl.concat([presence(name, f"live{number}", "ann") for number, name in enumerate(channels)])
    return frame.with_columns(source=pl.lit("live"))


def _put_live_in_groups(store: LocalStore, frame: pl.DataFrame, rows: int) -> None:
    buffer = io.BytesIO()
    frame.write_parquet(buffer, row_group_size=rows)
    store.upload_bytes(lake.live_presence(DAY), buffer.getvalue())


@pytest.mark.parametrize("rows", [1, 3, 7, 1000])
def test_channels_stay_whole_for_any_row_groups_and_vods(store: LocalStore, rows: int) -> None:
    draw = random.Random(rows)
    live = sorted(draw.choice("bdfhj") for _ in range(60))
    _put_live_in_groups(store, _live(live), rows)
    vods = [(channel, f"{channel}{number}") for channel in "abcj_z" for number in range(2)]
    for channel, vod_id in vods:
        put_vod(store, channel, vod_id, "bob")
    put_catalog(store, DAY, *vods)

    read = _read(store, find_day(store, DAY))

    assert sorted(read.presence["channel"]) == sorted([*live, *(channel for channel, _ in vods)])
    assert read.files_read == {"live": 1, "vod": len(vods)}
    assert read.rejected == []


def test_live_presence_that_is_not_sorted_is_rejected_whole(store: LocalStore) -> None:
    _put_live_in_groups(store, _live(["a", "b", "a"]), 2)

    read = _read(store, find_day(store, DAY))

    assert read.presence.is_empty()
    assert "not sorted by channel" in read.rejected[0].reason


def test_a_vod_with_rows_of_another_channel_is_rejected(store: LocalStore) -> None:
    store.upload_parquet(lake.vod_presence("c1", "1"), presence("c2", "1", "ann"), PRESENCE)
    put_catalog(store, DAY, ("c1", "1"))

    read = _read(store, find_day(store, DAY))

    assert read.presence.is_empty()
    assert "1 row(s) of channel 'c2'" in read.rejected[0].reason
