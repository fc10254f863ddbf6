"""Pruning: it removes exactly what is too old, in an order that leaves every audience sound."""

import datetime as dt
import os
from collections import Counter
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.schemas import PRESENCE, VOD_CATALOG
from vieweratlas_assets.storage.audiences import is_pruned
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_assets.storage.objects import ObjectStore, StoredObject
from vieweratlas_assets.storage.retention import Pruning, Retention, find_expired, prune
from vieweratlas_assets.storage.sealed import SealedPartitions
from vieweratlas_tests.lake_factories import live_rows

NOW = dt.datetime(2026, 6, 30, 15, tzinfo=dt.UTC)
TODAY = NOW.date()


def ago(days: float) -> dt.date:
    return TODAY - dt.timedelta(days=days)


def put(store: LocalStore, key: str, *, age: dt.timedelta = dt.timedelta(), data: bytes = b"12345") -> str:
    store.upload_bytes(key, data)
    written = (NOW - age).timestamp()
    os.utime(Path(store.root) / key, (written, written))
    return key


def raw(day: dt.date) -> str:
    return f"raw/snapshots/{day:%Y/%m/%d}/12/collector-1.parquet"


def run(store: ObjectStore, retention: Retention, *, dry_run: bool = False) -> tuple[Pruning, list[str]]:
    expired, unknown = find_expired(store, retention, now=NOW)
    return prune(store, expired, dry_run=dry_run, on_object=lambda old: None), unknown


def seal_audience(store: ObjectStore, day: dt.date) -> None:
    files = {lake.channel_audience(day): b"pairs"}
    SealedPartitions(store).seal("channel_audience", day, files, facts={"rows": 1}, made_from="current files")


def put_vod(store: LocalStore, day: dt.date, vod_id: str) -> str:
    created = dt.datetime.combine(day, dt.time(23), dt.UTC)
    row = {**dict.fromkeys(VOD_CATALOG.schema), "channel": "a", "vod_id": vod_id, "created_at": created}
    store.upload_parquet(lake.vod_catalog(day), pl.DataFrame([row], schema=VOD_CATALOG.schema), VOD_CATALOG)
    return put(store, lake.vod_presence("a", vod_id))


@settings(max_examples=15, deadline=None)
@given(st.sets(st.integers(0, 40), max_size=8), st.integers(1, 35))
def test_raw_snapshots_are_kept_for_the_days_of_the_setting(
    tmp_path_factory: pytest.TempPathFactory, ages: set[int], days: int
) -> None:
    store = LocalStore(tmp_path_factory.mktemp("lake"))
    kept = {put(store, raw(ago(age))) for age in ages if age < days}
    expired = {put(store, raw(ago(age))) for age in ages if age >= days}

    done, _ = run(store, Retention(raw_snapshots_days=days))

    assert set(store.list_files()) == kept
    assert done.files["raw snapshots"] == len(expired)
    assert done.size_bytes["raw snapshots"] == 5 * len(expired)


def test_raw_snapshots_without_a_date_in_the_path_stay(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    kept = [put(store, key) for key in ("raw/snapshots/_imported/json/0001.parquet", "raw/snapshots/2019/13/40/x")]
    put(store, raw(ago(30)))
    run(store, Retention())
    assert store.list_files() == sorted(kept)


def test_raw_chat_is_pruned_by_the_age_of_its_files(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    kept = put(store, "raw/vod_chat/channel=a/vod=1/chat.json.gz", age=dt.timedelta(days=6, hours=23))
    put(store, "raw/vod_chat/channel=a/vod=2/chat.json.gz", age=dt.timedelta(days=7, minutes=1))
    done, unknown = run(store, Retention())
    assert store.list_files() == [kept]
    assert (done.files, unknown) == (Counter({"raw VOD chat": 1}), [])


def test_an_object_of_unknown_age_stays_and_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = LocalStore(tmp_path)
    key = put(store, "raw/vod_chat/channel=a/vod=1/chat.json.gz", age=dt.timedelta(days=99))
    ageless = [StoredObject(key, 5)]
    monkeypatch.setattr(store, "list_objects", lambda prefix, suffix="": ageless if key.startswith(prefix) else [])
    done, unknown = run(store, Retention())
    assert store.exists(key)
    assert not done.files
    assert unknown == [store.uri(key)]


def test_fragments_of_killed_processes_are_removed_after_a_day(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    (tmp_path / ".incoming").mkdir(parents=True)
    for name, hours in (("old", 25), ("new", 23)):
        (tmp_path / ".incoming" / name).write_bytes(b"half")
        os.utime(tmp_path / ".incoming" / name, ((NOW - dt.timedelta(hours=hours)).timestamp(),) * 2)
    done, _ = run(store, Retention())
    assert [path.name for path in (tmp_path / ".incoming").iterdir()] == ["new"]
    assert (done.files, done.size_bytes) == (Counter({"half-written files": 1}), Counter({"half-written files": 4}))


def test_presence_is_kept_forever_by_default(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    kept = put(store, lake.live_presence(ago(3000)), age=dt.timedelta(days=3000))
    run(store, Retention())
    assert store.list_files() == [kept]


def test_presence_is_pruned_by_the_day_of_the_minute_or_of_the_vod(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    old, new = ago(10), ago(9)
    for day in (old, new):
        store.upload_parquet(lake.live_presence(day), live_rows(day, {"a": [["ann"]]}), PRESENCE)
    put(store, lake.live_presence(old).replace("part-0000.parquet", "_live_presence.json"))
    put_vod(store, old, "1")
    kept = [put_vod(store, new, "2"), lake.live_presence(new)]
    # No catalog lists these two: their own age decides.
    put(store, lake.vod_presence("a", "3"), age=dt.timedelta(days=10))
    kept.append(put(store, lake.vod_presence("a", "4"), age=dt.timedelta(days=9)))
    seal_audience(store, old)
    atlas = put(store, lake.atlas_file(old, "graph_nodes.parquet"))

    done, _ = run(store, Retention(presence_days=10))

    assert store.list_files(f"{lake.PRESENCE}/") == sorted(kept)
    assert done.files == {"presence": 4}
    assert done.days == {old}
    assert store.exists(atlas)
    assert store.download_bytes(lake.channel_audience(old)) == b"pairs"
    assert done.without_audience == []
    assert is_pruned(SealedPartitions(store), old)
    assert len(store.list_files(f"{lake.VOD_CATALOG}/")) == 2


def test_a_day_without_an_audience_is_reported(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    put(store, lake.live_presence(ago(5)))
    for dry_run in (True, False):
        assert run(store, Retention(presence_days=5), dry_run=dry_run)[0].without_audience == [ago(5)]


def test_raw_snapshots_do_not_outlive_presence_which_would_be_rebuilt_from_them(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    put(store, raw(ago(5)))
    kept = put(store, raw(ago(4)))
    run(store, Retention(presence_days=5))
    assert store.list_files() == [kept]


def test_a_dry_run_reports_the_same_and_changes_nothing(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    old = ago(40)
    for key in (raw(old), lake.live_presence(old), "raw/vod_chat/channel=a/vod=1/chat.json.gz"):
        put(store, key, age=dt.timedelta(days=40))
    seal_audience(store, old)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    report, _ = run(store, Retention(presence_days=30), dry_run=True)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert report == run(store, Retention(presence_days=30))[0]
    assert sum(report.files.values()) == 3


def test_an_interrupted_run_has_marked_the_audience_before_it_removed_presence(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    old = ago(40)
    put(store, lake.live_presence(old))
    put_vod(store, old, "1")
    seal_audience(store, old)

    class Killed(BaseException):
        pass

    def stop(old: object) -> None:
        raise Killed

    expired, _ = find_expired(store, Retention(presence_days=30), now=NOW)
    with pytest.raises(Killed):
        prune(store, expired, on_object=stop)
    assert len(store.list_files(f"{lake.PRESENCE}/")) == 1
    assert is_pruned(SealedPartitions(store), old)
    run(store, Retention(presence_days=30))
    assert store.list_files(f"{lake.PRESENCE}/") == []
