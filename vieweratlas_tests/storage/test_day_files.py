"""The files of a day: which belong to it, which days have any, and a fingerprint that changes with them."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest

from vieweratlas_assets.domain import lake
from vieweratlas_assets.storage.day_files import days_with_presence, find_day
from vieweratlas_assets.storage.errors import CorruptObjectError
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_tests.storage.filled_days import (
    DAY,
    fill,
    put_catalog,
    put_live,
    put_roster,
    put_vod,
)


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "lake")


@pytest.fixture
def full(store: LocalStore) -> LocalStore:
    fill(store)
    return store


def test_a_day_is_its_live_presence_the_vods_of_its_catalog_and_its_roster_hours(full: LocalStore) -> None:
    files = find_day(full, DAY)

    assert [item.key for item in files.live] == [lake.live_presence(DAY)]
    assert [item.key for item in files.vod] == [lake.vod_presence("c1", "1"), lake.vod_presence("c2", "2")]
    assert [item.key for item in files.roster] == [lake.channel_roster(DAY, hour) for hour in (9, 23)]
    assert all(item.size_bytes > 0 for item in (*files.live, *files.vod, *files.roster))
    assert files.has_presence


def test_a_catalog_without_fetched_vods_gives_no_presence(store: LocalStore) -> None:
    put_catalog(store, DAY, ("ann", "1"))

    assert not find_day(store, DAY).has_presence


def test_a_channel_or_vod_whose_name_starts_with_another_is_not_included(store: LocalStore) -> None:
    for channel, vod_id in (("ann", "1"), ("ann", "11"), ("annie", "1")):
        put_vod(store, channel, vod_id, "x")
    put_catalog(store, DAY, ("ann", "1"))

    assert [item.key for item in find_day(store, DAY).vod] == [lake.vod_presence("ann", "1")]


def test_copies_next_to_a_file_are_not_read(full: LocalStore) -> None:
    before = find_day(full, DAY)
    for key in (lake.live_presence(DAY), lake.vod_presence("c1", "1")):
        full.upload_bytes(f"{key}.bak", full.download_bytes(key))

    assert find_day(full, DAY) == before


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
    put_live(store, days[0], "ann", "bob")
    put_catalog(store, days[1], ("ann", "1"))
    put_live(store, days[2], "ann", "bob")
    put_catalog(store, days[2], ("ann", "2"))
    put_roster(store, dt.date(2020, 3, 1), 0, "ann")
    put_vod(store, "nowhere", "9", "ann")
    store.upload_bytes(f"{lake.LIVE_PRESENCE}/date=2020-02-30/x", b"no such day")
    store.upload_bytes(f"{lake.LIVE_PRESENCE}/_temporary/x", b"no day")

    assert days_with_presence(store) == sorted(days)


def test_the_fingerprint_stays_while_nothing_changes(full: LocalStore) -> None:
    before = find_day(full, DAY).fingerprint("settings")
    put_live(full, DAY - dt.timedelta(days=1), "live_channel", "somebody", "else", "altogether")

    assert find_day(full, DAY).fingerprint("settings") == before
    assert len(before) == 16


def _live_of_same_size(store: LocalStore) -> None:
    put_live(store, DAY, "live_channel", "nan")


def _longer_live(store: LocalStore) -> None:
    put_live(store, DAY, "live_channel", *(f"viewer{n}" for n in range(50)))


def _another_vod(store: LocalStore) -> None:
    put_vod(store, "c5", "5", "ann")
    put_catalog(store, DAY, ("c1", "1"), ("c2", "2"), ("c5", "5"))


def _vod_gone(store: LocalStore) -> None:
    store.delete(lake.vod_presence("c1", "1"))


def _another_roster_hour(store: LocalStore) -> None:
    put_roster(store, DAY, 10, "ann")


@pytest.mark.parametrize("change", [_live_of_same_size, _longer_live, _another_vod, _vod_gone, _another_roster_hour])
def test_the_fingerprint_changes_with_the_files(full: LocalStore, change: Callable[[LocalStore], None]) -> None:
    before = find_day(full, DAY).fingerprint("settings")

    change(full)

    assert find_day(full, DAY).fingerprint("settings") != before


def test_the_fingerprint_changes_with_the_settings(full: LocalStore) -> None:
    files = find_day(full, DAY)

    assert files.fingerprint("settings") != files.fingerprint("other settings")
