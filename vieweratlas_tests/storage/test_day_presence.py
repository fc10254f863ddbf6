"""The presence of a day: which files belong to it, and that a damaged one does not affect the others."""

import datetime as dt
import io
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.presence.names import PLAIN
from vieweratlas_assets.domain.presence.quality import RejectedFile
from vieweratlas_assets.domain.presence.records import complete_vod_presence
from vieweratlas_assets.domain.schemas import CHANNEL_ROSTER, LAYOUT, PRESENCE, VOD_CATALOG
from vieweratlas_assets.storage.day_files import DayFiles, days_with_presence, find_day
from vieweratlas_assets.storage.day_presence import DayRead, read_roster, reduce_presence
from vieweratlas_assets.storage.errors import CorruptObjectError
from vieweratlas_assets.storage.local import LocalStore

DAY = dt.date(2020, 3, 10)
NOON = dt.datetime(2020, 3, 10, 12, tzinfo=dt.UTC)


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


def _presence(channel: str, vod_id: str, *viewers: str) -> pl.DataFrame:
    rows = pl.DataFrame(
        {"channel": [channel], "content_id": [f"vod:{vod_id}"], "offset_s": [0], "chatters": [list(viewers)]}
    )
    return complete_vod_presence(rows, created_at=NOON, names=PLAIN)


def _put_vod(store: LocalStore, channel: str, vod_id: str, *viewers: str) -> str:
    key = lake.vod_presence(channel, vod_id)
    store.upload_parquet(key, _presence(channel, vod_id, *viewers), PRESENCE)
    return key


def _put_catalog(store: LocalStore, day: dt.date, *vods: tuple[str, str]) -> None:
    known = pl.DataFrame(
        {"channel": [channel for channel, _ in vods], "vod_id": [vod_id for _, vod_id in vods]},
        schema={"channel": pl.String, "vod_id": pl.String},
    )
    store.upload_parquet(lake.vod_catalog(day), _with_other_columns(known), VOD_CATALOG)


def _with_other_columns(known: pl.DataFrame) -> pl.DataFrame:
    empty = VOD_CATALOG.empty().drop("channel", "vod_id", "created_at")
    return known.with_columns(pl.lit(NOON).dt.cast_time_unit("us").alias("created_at")).with_columns(
        pl.lit(None, dtype=dtype).alias(name) for name, dtype in empty.schema.items()
    )


def _put_live(store: LocalStore, day: dt.date, channel: str, *viewers: str) -> str:
    frame = _presence(channel, "1", *viewers).with_columns(
        pl.lit("live").alias("source"), pl.lit("live:1").alias("content_id")
    )
    store.upload_parquet(lake.live_presence(day), frame, PRESENCE)
    return lake.live_presence(day)


def _put_roster(store: LocalStore, day: dt.date, hour: int, channel: str) -> str:
    frame = CHANNEL_ROSTER.empty()
    row = {"channel": channel, "observed_at": NOON, "tags": ["a"]}
    frame = pl.concat(
        [frame, pl.DataFrame([row], schema_overrides={"observed_at": frame.schema["observed_at"]})], how="diagonal"
    )
    store.upload_parquet(lake.channel_roster(day, hour), frame, CHANNEL_ROSTER)
    return lake.channel_roster(day, hour)


@pytest.fixture
def full(store: LocalStore) -> LocalStore:
    """Live presence, two VODs and two roster hours of the day, and of the days before and after it."""
    for day, vods in ((DAY, ("1", "2")), (DAY + dt.timedelta(days=1), ("3",)), (DAY - dt.timedelta(days=1), ("4",))):
        _put_live(store, day, "live_channel", "ann")
        _put_catalog(store, day, *((f"c{vod_id}", vod_id) for vod_id in vods))
        for vod_id in vods:
            _put_vod(store, f"c{vod_id}", vod_id, f"viewer{vod_id}")
        for hour in (9, 23):
            _put_roster(store, day, hour, f"r{hour}")
    return store


def test_a_day_is_its_live_presence_the_vods_of_its_catalog_and_its_roster_hours(full: LocalStore) -> None:
    files = find_day(full, DAY)

    assert [item.key for item in files.live] == [lake.live_presence(DAY)]
    assert [item.key for item in files.vod] == [lake.vod_presence("c1", "1"), lake.vod_presence("c2", "2")]
    assert [item.key for item in files.roster] == [lake.channel_roster(DAY, hour) for hour in (9, 23)]
    assert all(item.size_bytes > 0 for item in (*files.live, *files.vod, *files.roster))
    assert files.has_presence


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
    _put_roster(store, DAY, 0, "ann")

    assert not find_day(store, DAY).has_presence
    assert _read(store, find_day(store, DAY)).roster.height == 1


def test_a_vod_counts_for_the_day_whose_catalog_names_it(store: LocalStore) -> None:
    _put_vod(store, "named", "1", "ann")
    _put_vod(store, "nowhere", "2", "bob")
    _put_catalog(store, DAY, ("named", "1"), ("not_fetched_yet", "3"))

    files = find_day(store, DAY)

    assert [item.key for item in files.vod] == [lake.vod_presence("named", "1")]
    assert _read(store, files).rejected == []


def test_a_catalog_without_fetched_vods_gives_no_presence(store: LocalStore) -> None:
    _put_catalog(store, DAY, ("ann", "1"))

    assert not find_day(store, DAY).has_presence


def test_a_channel_or_vod_whose_name_starts_with_another_is_not_included(store: LocalStore) -> None:
    for channel, vod_id in (("ann", "1"), ("ann", "11"), ("annie", "1")):
        _put_vod(store, channel, vod_id, "x")
    _put_catalog(store, DAY, ("ann", "1"))

    assert [item.key for item in find_day(store, DAY).vod] == [lake.vod_presence("ann", "1")]


def test_copies_next_to_a_file_are_not_read(full: LocalStore) -> None:
    before = find_day(full, DAY)
    for key in (lake.live_presence(DAY), lake.vod_presence("c1", "1")):
        full.upload_bytes(f"{key}.bak", full.download_bytes(key))

    assert find_day(full, DAY) == before


@pytest.mark.parametrize("name", ["o'brien", "a/b", "100%", "🎮", 'say "hi"', "two\nlines"])
def test_any_channel_name_is_found(store: LocalStore, name: str) -> None:
    _put_vod(store, name, "1", "ann")
    _put_catalog(store, DAY, (name, "1"))

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
    retyped = _presence("c2", "2", "ann").with_columns(pl.col("offset_s").cast(pl.Int64))
    retyped.write_parquet(full.uri(lake.vod_presence("c2", "2")))

    read = _read(full, find_day(full, DAY))

    assert read.presence["source"].to_list() == ["live"]
    assert "missing column platform" in read.rejected[0].reason
    assert "column offset_s is Int64, not Int32" in read.rejected[1].reason


@pytest.mark.parametrize("data", [b"", b"PAR1 and no more", b"not Parquet"])
def test_the_error_for_an_unreadable_catalog_names_it(full: LocalStore, data: bytes) -> None:
    full.upload_bytes(lake.vod_catalog(DAY), data)

    with pytest.raises(CorruptObjectError) as raised:
        find_day(full, DAY)

    assert full.uri(lake.vod_catalog(DAY)) in str(raised.value)


def test_the_error_for_a_catalog_with_other_columns_names_it(full: LocalStore) -> None:
    full.upload_bytes(lake.vod_catalog(DAY), full.download_bytes(lake.live_presence(DAY)))

    with pytest.raises(CorruptObjectError, match=r"vod_catalog/date=2020-03-10.*missing column vod_id"):
        find_day(full, DAY)


def test_days_with_presence_are_those_of_live_presence_and_catalogs(store: LocalStore) -> None:
    assert days_with_presence(store) == []
    days = [dt.date(2020, 3, day) for day in (12, 9, 10)]
    _put_live(store, days[0], "ann", "bob")
    _put_catalog(store, days[1], ("ann", "1"))
    _put_live(store, days[2], "ann", "bob")
    _put_catalog(store, days[2], ("ann", "2"))
    _put_roster(store, dt.date(2020, 3, 1), 0, "ann")
    _put_vod(store, "nowhere", "9", "ann")
    store.upload_bytes(f"{lake.LIVE_PRESENCE}/date=2020-02-30/x", b"no such day")
    store.upload_bytes(f"{lake.LIVE_PRESENCE}/_temporary/x", b"no day")

    assert days_with_presence(store) == sorted(days)


def test_the_fingerprint_stays_while_nothing_changes(full: LocalStore) -> None:
    before = find_day(full, DAY).fingerprint("settings")
    _put_live(full, DAY - dt.timedelta(days=1), "live_channel", "somebody", "else", "altogether")

    assert find_day(full, DAY).fingerprint("settings") == before
    assert len(before) == 16


def _live_of_same_size(store: LocalStore) -> None:
    _put_live(store, DAY, "live_channel", "nan")


def _longer_live(store: LocalStore) -> None:
    _put_live(store, DAY, "live_channel", *(f"viewer{n}" for n in range(50)))


def _another_vod(store: LocalStore) -> None:
    _put_vod(store, "c5", "5", "ann")
    _put_catalog(store, DAY, ("c1", "1"), ("c2", "2"), ("c5", "5"))


def _vod_gone(store: LocalStore) -> None:
    store.delete(lake.vod_presence("c1", "1"))


def _another_roster_hour(store: LocalStore) -> None:
    _put_roster(store, DAY, 10, "ann")


@pytest.mark.parametrize("change", [_live_of_same_size, _longer_live, _another_vod, _vod_gone, _another_roster_hour])
def test_the_fingerprint_changes_with_the_files(full: LocalStore, change: Callable[[LocalStore], None]) -> None:
    before = find_day(full, DAY).fingerprint("settings")

    change(full)

    assert find_day(full, DAY).fingerprint("settings") != before


def test_the_fingerprint_changes_with_the_settings(full: LocalStore) -> None:
    files = find_day(full, DAY)

    assert files.fingerprint("settings") != files.fingerprint("other settings")


def _live(channels: list[str]) -> pl.DataFrame:
    """One minute of live presence per channel, in this order."""
    frame = pl.concat([_presence(name, f"live{number}", "ann") for number, name in enumerate(channels)])
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
        _put_vod(store, channel, vod_id, "bob")
    _put_catalog(store, DAY, *vods)

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
    store.upload_parquet(lake.vod_presence("c1", "1"), _presence("c2", "1", "ann"), PRESENCE)
    _put_catalog(store, DAY, ("c1", "1"))

    read = _read(store, find_day(store, DAY))

    assert read.presence.is_empty()
    assert "1 row(s) of channel 'c2'" in read.rejected[0].reason
