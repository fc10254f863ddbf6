"""Erasing a viewer: every byte of the name is removed, also after an interruption; everything else stays."""

import datetime as dt
import gzip
import hashlib
import io
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.presence.names import PLAIN, ViewerNames
from vieweratlas_assets.domain.presence.records import complete_vod_presence
from vieweratlas_assets.domain.schemas import CHANNEL_ACTIVITY, CHANNEL_AUDIENCE, PRESENCE, VOD_CATALOG
from vieweratlas_assets.storage import parquet
from vieweratlas_assets.storage.audiences import is_pruned, mark_pruned
from vieweratlas_assets.storage.erasure import Erasure, atlas_days, erase, files_with_names
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_assets.storage.objects import ObjectStore
from vieweratlas_assets.storage.sealed import SealedPartitions
from vieweratlas_tests.lake_factories import DAY, live_rows, make_audience, put_live

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
NEXT = DAY + dt.timedelta(days=1)
KEY = b"a key of the tests, 32 bytes long"
KEYED = ViewerNames(pseudonymous=True, key=KEY)
RAW = "raw/snapshots/2026/03/10/12/collector-1.parquet"
CHAT = {"a": [["ann", "bob"], ["ann"], []], "b": [["bob", "anna"]], "ann": [["cy"]]}


class Killed(BaseException):
    """Simulates SIGKILL: nothing after it runs."""


class DyingStore(LocalStore):
    """A folder whose process is killed before its n-th change."""

    def __init__(self, root: Path, changes: int) -> None:
        super().__init__(root)
        self.left = changes

    def _spend(self) -> None:
        if not self.left:
            raise Killed
        self.left -= 1

    def upload_bytes(self, key: str, data: bytes) -> str:
        self._spend()
        return super().upload_bytes(key, data)

    def delete(self, key: str) -> None:
        self._spend()
        super().delete(key)


def run(store: ObjectStore, *viewers: str, names: ViewerNames = PLAIN, dry_run: bool = False) -> Erasure:
    return erase(store, names.forms(viewers), now=NOW, dry_run=dry_run, on_file=lambda key: None)


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def values(data: object) -> Iterator[str]:
    """Every text in a decoded document or table, without keys."""
    if isinstance(data, dict):
        for value in data.values():
            yield from values(value)
    elif isinstance(data, list | tuple):
        for value in data:
            yield from values(value)
    elif isinstance(data, str):
        yield data


def texts(data: bytes) -> Iterator[str]:
    if data.startswith(b"PAR1"):
        frame = pl.read_parquet(io.BytesIO(data))
        # The login of a channel stays when a viewer is erased.
        yield from values(frame.drop("channel", strict=False).rows())
    elif data.startswith(b"\x1f\x8b"):
        yield from values(json.loads(gzip.decompress(data)))
    else:
        yield from values(json.loads(data))


def files_naming(root: Path, *names: str) -> list[str]:
    return [
        key for key, data in contents(root).items() if set(names) & {text.strip().lower() for text in texts(data)}
    ]


def fill(root: Path, names: ViewerNames = PLAIN) -> LocalStore:
    """Live and VOD presence, raw snapshots, raw chat and audiences of two days."""
    store = LocalStore(root)
    store.upload_parquet(lake.live_presence(DAY), names.apply(live_rows(DAY, CHAT)), PRESENCE)
    put_live(store, NEXT, {"b": [["bob"]]})
    created = dt.datetime.combine(NEXT, dt.time(9), dt.UTC)
    rows = pl.DataFrame({"channel": "a", "content_id": "vod:7", "offset_s": [0, 60], "chatters": [["ann"], ["cy"]]})
    vod = complete_vod_presence(rows, created_at=created, names=names)
    store.upload_parquet(lake.vod_presence("a", "7"), vod, PRESENCE)
    catalog = {**dict.fromkeys(VOD_CATALOG.schema), "channel": "a", "vod_id": "7", "created_at": created}
    store.upload_parquet(lake.vod_catalog(NEXT), pl.DataFrame([catalog], schema=VOD_CATALOG.schema), VOD_CATALOG)
    raw = pl.DataFrame({"channel": ["a"], "chatters": [["Ann ", "bob"]], "viewer_count": [1234]})
    store.upload_bytes(RAW, parquet.encode(raw))
    for vod_id, chatter in (("7", "Ann"), ("8", "hannah")):
        chat = json.dumps({"comments": [{"commenter": {"name": chatter}}]}).encode()
        store.upload_bytes(f"raw/vod_chat/channel=a/vod={vod_id}/chat.json.gz", gzip.compress(chat, mtime=0))
    for day in (DAY, NEXT):
        make_audience(root, day, names)
    return store


@pytest.mark.parametrize("names", [PLAIN, ViewerNames(key=KEY), KEYED], ids=["plain", "plain and a key", "keyed"])
def test_the_name_is_removed_from_every_byte_and_other_names_stay(tmp_path: Path, names: ViewerNames) -> None:
    store = fill(tmp_path, names)
    forms = names.forms(["ann"])
    tables = [
        RAW,
        lake.live_presence(DAY),
        lake.live_presence(NEXT),
        lake.vod_presence("a", "7"),
        lake.vod_catalog(NEXT),
    ]
    before = {key: sorted(texts(store.download_bytes(key))) for key in tables}
    assert len(files_naming(tmp_path, *forms)) == 6

    done = run(store, " ANN", names=names)

    assert files_naming(tmp_path, *forms) == []
    assert dict(done.files) == {
        "live_presence": 1, "vod_presence": 1, "raw snapshots": 1, "raw VOD chat": 1, "audience": 2
    }  # fmt: skip
    assert dict(done.names) == {
        "live_presence": 2, "vod_presence": 1, "raw snapshots": 1, "raw VOD chat": 0, "audience": 2
    }  # fmt: skip
    assert done.days == {DAY, NEXT}
    assert dict(done.presence) == {("live_presence", DAY): 2, ("vod_presence", NEXT): 1}
    assert done.left == []
    for key, texts_before in before.items():
        left = sorted(texts(store.download_bytes(key)))
        assert left == [text for text in texts_before if text.strip().lower() not in forms], key
    assert (tmp_path / "raw/vod_chat/channel=a/vod=8/chat.json.gz").exists()
    assert not (tmp_path / "raw/vod_chat/channel=a/vod=7/chat.json.gz").exists()
    assert run(store, "ann", names=names) == Erasure()


def test_counts_are_updated_and_empty_rows_stay(tmp_path: Path) -> None:
    store = fill(tmp_path)
    run(store, "ann")
    rows = store.download_parquet(lake.live_presence(DAY), PRESENCE)
    PRESENCE.validate(rows)
    without = {"a": [["bob"], [], []], "b": [["bob", "anna"]], "ann": [["cy"]]}
    assert rows.equals(live_rows(DAY, without))
    # What Twitch reported is not the number of chatters.
    assert parquet.decode(store.download_bytes(RAW), uri=RAW).rows() == [("a", ["bob"], 1234)]


def test_an_audience_equals_one_without_the_viewer(tmp_path: Path) -> None:
    store = fill(tmp_path)
    run(store, "ann")
    sealed = SealedPartitions(store)
    for day in (DAY, NEXT):
        erased = sealed.record("channel_audience", day)
        assert erased is not None
        assert erased.made_from == ""
        tables = {table: sealed.table(erased, table) for table in (CHANNEL_AUDIENCE, CHANNEL_ACTIVITY)}
        report = sealed.file(erased, lake.atlas_file(day, "quality_report.json"))
        make_audience(tmp_path, day)
        recomputed = sealed.record("channel_audience", day)
        assert recomputed is not None
        assert recomputed.facts == erased.facts
        assert recomputed.files == erased.files
        assert all(sealed.table(recomputed, table).equals(rows) for table, rows in tables.items())
        assert json.loads(sealed.file(recomputed, lake.atlas_file(day, "quality_report.json"))) == json.loads(report)
    assert store.list_files(suffix="_erasing.json") == []


def test_a_dry_run_reports_the_same_and_changes_nothing(tmp_path: Path) -> None:
    store = fill(tmp_path)
    before = contents(tmp_path)
    report = run(store, "ann", "cy", dry_run=True)
    assert contents(tmp_path) == before
    assert report == run(store, "ann", "cy")
    assert contents(tmp_path) != before


def test_an_unknown_name_changes_nothing(tmp_path: Path) -> None:
    store = fill(tmp_path)
    before = contents(tmp_path)
    assert run(store, "nobody", "an", "anna_") == Erasure()
    assert contents(tmp_path) == before


@pytest.mark.parametrize("pruned", [False, True], ids=["with presence", "presence pruned"])
def test_an_erasure_interrupted_at_any_change_can_be_run_again(tmp_path: Path, pruned: bool) -> None:
    store = fill(tmp_path / "before")
    if pruned:
        for day in (DAY, NEXT):
            mark_pruned(SealedPartitions(store), day)
        for key in store.list_files(f"{lake.PRESENCE}/"):
            store.delete(key)
    expected = _erased(tmp_path / "whole", changes=None)
    changes = 0
    while (erased := _erased(tmp_path / str(changes), changes)) is None:
        root = tmp_path / str(changes)
        run(LocalStore(root), "ann")
        assert contents(root) == expected, f"interrupted before change {changes}"
        assert is_pruned(SealedPartitions(LocalStore(root)), DAY) == pruned
        changes += 1
    assert erased == expected
    assert changes > 10


def _erased(root: Path, changes: int | None) -> dict[str, bytes] | None:
    """The contents of a copy of the lake after an erasure, or None if it was killed before change `changes`."""
    shutil.copytree(root.parent / "before", root)
    try:
        run(LocalStore(root) if changes is None else DyingStore(root, changes), "ann")
    except Killed:
        return None
    return contents(root)


def test_an_audience_without_a_valid_record_is_removed(tmp_path: Path) -> None:
    store = fill(tmp_path)
    store.delete(lake.partition_record("channel_audience", DAY))
    changed = store.download_parquet(lake.channel_audience(NEXT), CHANNEL_AUDIENCE)
    store.upload_parquet(lake.channel_audience(NEXT), changed.filter(pl.col("viewer") == "ann"), CHANNEL_AUDIENCE)

    assert run(store, "ann").names["audience"] == 2

    assert files_naming(tmp_path, "ann") == []
    for day in (DAY, NEXT):
        assert SealedPartitions(store).record("channel_audience", day) is None
        assert not store.exists(lake.channel_audience(day))


def test_a_record_next_to_presence_seals_the_new_file(tmp_path: Path) -> None:
    store = fill(tmp_path)
    key = lake.live_presence(DAY)
    record = key.replace("part-0000.parquet", "_live_presence.json")
    store.upload_json(record, {"files": {key: "of an older file", "other": "stays"}, "facts": {"rows": 5}})
    run(store, "ann")
    digest = hashlib.sha256(store.download_bytes(key)).hexdigest()
    assert store.download_json(record) == {"files": {key: digest, "other": "stays"}, "facts": {"rows": 5}}


def test_viewers_are_removed_from_other_tables_too(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    key = f"curated/first_seen/date={DAY}/part-0000.parquet"
    store.upload_bytes(key, parquet.encode(pl.DataFrame({"viewer": ["ann", "bob"], "first": [1, 2]})))
    assert run(store, "ann").names == {"other tables": 1}
    assert parquet.decode(store.download_bytes(key), uri=key).rows() == [("bob", 2)]


def test_an_unreadable_file_is_reported_and_does_not_stop_the_rest(tmp_path: Path) -> None:
    store = fill(tmp_path)
    store.upload_bytes(lake.vod_presence("b", "9"), b"PAR1 cut off")
    store.upload_bytes("raw/snapshots/2026/03/10/12/old.json", b'{"chatters": ["ann"]}')
    store.upload_bytes("raw/snapshots/2026/03/10/12/other.json", b'{"chatters": ["hannah", "ann_"]}')
    broken = "raw/vod_chat/channel=a/vod=9/chat.json.gz"
    store.upload_bytes(broken, gzip.compress(b"somebody " * 99)[:-12])

    done = run(store, "ann")

    assert len(done.left) == 2
    assert any("vod=9/part-0000.parquet is cut off" in report for report in done.left)
    assert any("old.json holds the name and is not Parquet" in report for report in done.left)
    # A chat that cannot be read is deleted.
    assert not store.exists(broken)
    assert done.files["raw VOD chat"] == 2
    assert done.files["audience"] == 2


def test_a_name_on_the_edge_of_two_chunks_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vieweratlas_assets.storage.erasure._CHUNK_BYTES", 64)
    store = LocalStore(tmp_path)
    for offset in range(60, 68):
        store.upload_bytes(f"raw/vod_chat/channel=a/vod={offset}/chat.json", b" " * offset + b'"ann"' + b" " * 90)
    assert run(store, "ann").files["raw VOD chat"] == 8


def test_old_half_written_files_are_removed_and_new_ones_are_reported(tmp_path: Path) -> None:
    store = fill(tmp_path)
    old, new = (tmp_path / ".incoming" / name for name in ("old", "new"))
    for path, age in ((old, dt.timedelta(hours=1)), (new, dt.timedelta(minutes=1))):
        path.write_bytes(b"PAR1 ann")
        os.utime(path, ((NOW - age).timestamp(),) * 2)
    assert run(store, "ann", dry_run=True).files["half-written files"] == 1
    assert old.exists()
    done = run(store, "ann")
    assert not old.exists()
    assert new.exists()
    assert done.files["half-written files"] == 1
    (report,) = done.left
    assert f"{tmp_path}/.incoming/new may still be written" in report


def test_an_atlas_whose_window_has_the_day_still_counts_the_viewer(tmp_path: Path) -> None:
    sealed = SealedPartitions(LocalStore(tmp_path))
    for day, window, origin in (
        (DAY, [DAY], "computed"),
        (NEXT, [DAY, NEXT], "computed"),
        (NEXT + dt.timedelta(days=1), [NEXT], "computed"),
        (NEXT + dt.timedelta(days=2), [DAY], "import atlas"),
    ):
        facts = {"days": [str(date) for date in window]}
        sealed.seal("overlap_graph", day, {}, facts=facts, origin=origin)
    assert atlas_days(sealed, {DAY}) == [DAY, NEXT]
    assert atlas_days(sealed, set()) == []


NAMES = ["ann", "anna", "a", "nightbot", "bob", "한글"]
WORLD = st.dictionaries(
    st.sampled_from(["a", "b", "ann"]),
    st.lists(st.lists(st.sampled_from(NAMES), max_size=4), min_size=1, max_size=3),
    max_size=3,
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(WORLD, st.sets(st.sampled_from([*NAMES, "nobody"]), min_size=1), st.booleans())
def test_an_erased_lake_equals_one_that_never_stored_the_viewer(
    tmp_path_factory: pytest.TempPathFactory, chat: dict[str, list[list[str]]], viewers: set[str], keyed: bool
) -> None:
    names = KEYED if keyed else PLAIN
    root = tmp_path_factory.mktemp("lake")
    store = LocalStore(root)
    store.upload_parquet(lake.live_presence(DAY), names.apply(live_rows(DAY, chat)), PRESENCE)
    make_audience(root, DAY, names)

    done = run(store, *viewers, names=names)

    without = {c: [[name for name in row if name not in viewers] for row in rows] for c, rows in chat.items()}
    expected = names.apply(live_rows(DAY, without))
    assert store.download_parquet(lake.live_presence(DAY), PRESENCE).equals(expected)
    assert done.names["live_presence"] == sum(len(set(row) & viewers) for rows in chat.values() for row in rows)
    erased = _audience_tables(store)
    make_audience(root, DAY, names)
    assert all(one.equals(other) for one, other in zip(erased, _audience_tables(store), strict=True))


def _audience_tables(store: ObjectStore) -> list[pl.DataFrame]:
    sealed = SealedPartitions(store)
    record = sealed.record("channel_audience", DAY)
    assert record is not None
    return [sealed.table(record, table) for table in (CHANNEL_AUDIENCE, CHANNEL_ACTIVITY)]


def test_progress_counts_every_file(tmp_path: Path) -> None:
    store = fill(tmp_path)
    seen: list[str] = []
    erase(store, frozenset({"ann"}), now=NOW, on_file=seen.append)
    assert len(seen) == len(set(seen)) == 11
    assert set(seen) >= set(files_with_names(store))
