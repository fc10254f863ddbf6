"""Raw snapshots in the lake: found by hour, read without damaged objects, and added to."""

import datetime as dt
from pathlib import Path

import polars as pl
import pytest

from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.presence.live_merge import SNAPSHOTS, complete_raw_snapshots
from vieweratlas_assets.domain.presence.names import PLAIN
from vieweratlas_assets.domain.schemas import RAW_SNAPSHOTS, VOD_CATALOG
from vieweratlas_assets.storage.day_files import days_with_presence
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_assets.storage.raw_snapshots import add_to_hour, days_with_raw, find_raw_day, read_raw_hours

DAY = dt.date(2026, 3, 10)
NOON = dt.datetime(2026, 3, 10, 12, tzinfo=dt.UTC)


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "lake")


def rows(hour: dt.datetime, *chatters: str, origin: str = "file", channel: str = "alpha") -> pl.DataFrame:
    """One raw row at the beginning of an hour."""
    row = {"channel": channel, "observed_at": hour, "chatters": list(chatters), "origin": origin}
    return complete_raw_snapshots(pl.DataFrame([row], schema=SNAPSHOTS), PLAIN)


def put(store: LocalStore, hour: dt.datetime, *chatters: str, name: str = "collector-1") -> str:
    """An object of a collector."""
    key = f"{lake.raw_hour(hour)}{name}.parquet"
    store.upload_parquet(key, rows(hour, *chatters, origin=name), RAW_SNAPSHOTS)
    return key


def objects(store: LocalStore) -> list[str]:
    return store.list_files(lake.raw_hour(NOON))


def chatters(store: LocalStore) -> dict[str, list[str]]:
    """The chatters in the raw snapshots of the day, by origin."""
    frames = [hour.rows for hour in read_raw_hours(store, find_raw_day(store, DAY))]
    return dict(pl.concat([RAW_SNAPSHOTS.empty(), *frames]).select("origin", "chatters").iter_rows())


def test_a_day_is_read_hour_by_hour_from_all_writers(store: LocalStore) -> None:
    late = NOON.replace(hour=23)
    keys = [put(store, NOON, "ann"), put(store, NOON, "bob", name="collector-2"), put(store, late, "cid")]
    put(store, NOON + dt.timedelta(days=1), "dan")
    store.upload_bytes(f"{lake.raw_day(DAY)}12/notes.txt", b"")
    store.upload_bytes(f"{lake.raw_day(DAY)}25/x.parquet", b"")

    hours = list(read_raw_hours(store, find_raw_day(store, DAY)))

    assert [(hour.hour, hour.read, hour.rejected) for hour in hours] == [
        (NOON, tuple(keys[:2]), ()),
        (late, (keys[2],), ()),
    ]
    assert [hour.rows["chatters"].to_list() for hour in hours] == [[["ann"], ["bob"]], [["cid"]]]


def test_objects_that_cannot_be_read_are_named_and_the_others_read(store: LocalStore) -> None:
    good = put(store, NOON, "ann")
    broken = put(store, NOON, "bob", name="collector-2")
    store.upload_bytes(broken, store.download_bytes(broken)[:100])
    store.upload_parquet(f"{lake.raw_hour(NOON)}catalog.parquet", VOD_CATALOG.empty(), VOD_CATALOG)
    stray = f"{lake.raw_hour(NOON)}stray.parquet"
    store.upload_parquet(stray, rows(NOON + dt.timedelta(hours=1), "cid"), RAW_SNAPSHOTS)

    (hour,) = read_raw_hours(store, find_raw_day(store, DAY))

    assert hour.read == (good,)
    reasons = {file.key.rpartition("/")[2]: file.reason for file in hour.rejected}
    assert "is not a raw_snapshots table" in reasons["catalog.parquet"]
    assert "cut off after 100 bytes" in reasons["collector-2.parquet"]
    assert "1 row(s) of another hour, such as 2026-03-10 13:00" in reasons["stray.parquet"]


def test_the_fingerprint_changes_with_every_new_changed_or_removed_object(store: LocalStore) -> None:
    seen = {find_raw_day(store, DAY).fingerprint}
    assert seen == {""}
    first = put(store, NOON, "ann")
    seen.add(find_raw_day(store, DAY).fingerprint)
    put(store, NOON, "bob", name="collector-2")
    seen.add(find_raw_day(store, DAY).fingerprint)
    put(store, NOON, "ann", "bob")
    seen.add(find_raw_day(store, DAY).fingerprint)
    store.delete(first)
    seen.add(find_raw_day(store, DAY).fingerprint)
    assert len(seen) == 5


def test_days_with_raw_snapshots_have_presence(store: LocalStore) -> None:
    for day in (DAY, dt.date(2020, 2, 29), dt.date(2026, 11, 1)):
        put(store, dt.datetime.combine(day, dt.time(5), dt.UTC), "ann")
    for stranger in ("_imported/import-live/000001.parquet", "2026/02/30/05/x.parquet", "20x6/a/b/c.parquet"):
        store.upload_bytes(f"{lake.RAW_SNAPSHOTS}/{stranger}", b"")

    assert days_with_raw(store) == [dt.date(2020, 2, 29), DAY, dt.date(2026, 11, 1)]
    assert days_with_presence(store) == days_with_raw(store)


def test_an_importer_has_one_object_per_hour_and_leaves_those_of_others(store: LocalStore) -> None:
    put(store, NOON, "zoe")
    assert add_to_hour(store, NOON, "import-live", rows(NOON, "ann")).written
    assert add_to_hour(store, NOON, "import-live", rows(NOON, "bob", origin="other")).written
    before = {key: store.download_bytes(key) for key in objects(store)}

    assert not add_to_hour(store, NOON, "import-live", rows(NOON, "bob", origin="other")).written

    assert {key: store.download_bytes(key) for key in objects(store)} == before
    assert len(before) == 2
    assert chatters(store) == {"collector-1": ["zoe"], "file": ["ann"], "other": ["bob"]}


def test_earlier_rows_of_an_origin_can_be_removed(store: LocalStore) -> None:
    add_to_hour(store, NOON, "import-live", pl.concat([rows(NOON, "ann"), rows(NOON, "bob", origin="other")]))

    add_to_hour(store, NOON, "import-live", rows(NOON, "cid"), without={"file"})
    assert chatters(store) == {"file": ["cid"], "other": ["bob"]}

    assert add_to_hour(store, NOON, "import-live", RAW_SNAPSHOTS.empty(), without={"file", "other"}).written
    assert chatters(store) == {}
    assert len(objects(store)) == 1
    empty = NOON.replace(hour=3)
    assert not add_to_hour(store, empty, "import-live", RAW_SNAPSHOTS.empty(), without={"file"}).written


def test_a_pruned_hour_that_is_written_again_is_another_object(store: LocalStore) -> None:
    add_to_hour(store, NOON, "import-live", rows(NOON, "ann"))
    (first,) = objects(store)
    store.delete(first)
    add_to_hour(store, NOON, "import-live", rows(NOON, "bob"))
    assert objects(store) != [first]
    store.delete(objects(store)[0])
    add_to_hour(store, NOON, "import-live", rows(NOON, "ann"))
    assert objects(store) == [first]


def test_a_damaged_object_stays_and_rows_go_into_another(store: LocalStore) -> None:
    add_to_hour(store, NOON, "import-live", rows(NOON, "ann"))
    (damaged,) = objects(store)
    store.upload_bytes(damaged, b"PAR1")

    added = add_to_hour(store, NOON, "import-live", rows(NOON, "bob"))

    assert added.written
    assert [file.key for file in added.rejected] == [damaged]
    assert store.download_bytes(damaged) == b"PAR1"
    assert chatters(store) == {"file": ["bob"]}
