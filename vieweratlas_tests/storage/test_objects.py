"""The promises of a store, checked for every store."""

import datetime as dt
import io
import json
import math
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pytest

from vieweratlas_assets.domain.schemas import LAYOUT, PRESENCE
from vieweratlas_assets.domain.tables import SchemaError
from vieweratlas_assets.storage import parquet
from vieweratlas_assets.storage.errors import CorruptObjectError, ObjectNotFoundError
from vieweratlas_assets.storage.objects import ObjectStore, StoredObject

ODD_NAMES = [
    "a/it's here.txt",
    'a/"quoted".txt',
    "a/ünï/日本語 🎮.txt",
    "a/channel=x%2Fy/%41.txt",
    "a/plus+and&hash#.txt",
    "a/star*[x]?.txt",
    "a/..almost/...txt",
]
BAD_KEYS = ["", "/no-such-folder/up", "../up", "a/../../up", "a/./b", "a//b", "a/", "a\\..\\b", ".incoming/x", "a\0b"]
PLACES = pl.DataFrame({"channel": ["beta", "alpha"], "x": [0.25, 0.5], "y": [1.0, 0.0]})


def test_bytes_come_back_and_the_uri_names_the_key(store: ObjectStore) -> None:
    data = bytes(range(256)) * 5

    uri = store.upload_bytes("deep/er/one.bin", data)

    assert uri == store.uri("deep/er/one.bin") == f"{store.root}/deep/er/one.bin"
    assert store.download_bytes("deep/er/one.bin") == data


def test_writing_again_replaces_and_changes_nothing_else(store: ObjectStore) -> None:
    store.upload_bytes("a/kept", b"kept")
    for data in (b"a longer first version", b"second", b"second", b""):
        store.upload_bytes("a/one", data)
        assert store.download_bytes("a/one") == data

    assert store.list_objects() == [StoredObject("a/kept", 4), StoredObject("a/one", 0)]


def test_a_large_object_survives(store: ObjectStore) -> None:
    data = b"0123456789abcdef" * 1_300_000  # 20.8 MB: three parts of a multipart upload

    store.upload_bytes("large", data)

    assert store.download_bytes("large") == data
    assert store.list_objects() == [StoredObject("large", len(data))]


def test_the_error_of_a_missing_object_has_its_uri(store: ObjectStore) -> None:
    store.upload_bytes("folder/file", b"x")

    for key in ("nothing", "folder", "folder/file/below", "no/folder/at/all"):
        assert not store.exists(key)
        with pytest.raises(ObjectNotFoundError) as raised:
            store.download_bytes(key)
        assert store.uri(key) in str(raised.value)


def test_exists_follows_writes_and_deletes(store: ObjectStore) -> None:
    store.upload_bytes("a/one", b"1")
    store.upload_bytes("a/one.more", b"2")
    assert store.exists("a/one")

    store.delete("a/one")

    assert not store.exists("a/one")
    assert store.list_files() == ["a/one.more"]


def test_deleting_a_missing_object_changes_nothing(store: ObjectStore) -> None:
    store.upload_bytes("a/b/c", b"kept")

    for key in ("nothing", "no/folder/here", "a", "a/b", "a/b/c/d"):
        store.delete(key)

    assert store.download_bytes("a/b/c") == b"kept"


def test_a_prefix_is_plain_text(store: ObjectStore) -> None:
    keys = ["atlas/date=2026-01-02/x.csv", "atlas/date=2026-01-10/x.csv", "atlas/latest/x.csv", "atlas2/x.csv"]
    for key in [*keys, "b.parquet"]:
        store.upload_bytes(key, b"xyz")

    assert store.list_files() == sorted([*keys, "b.parquet"])
    assert store.list_files("atlas") == sorted(keys)
    assert store.list_files("atlas/") == keys[:3]
    assert store.list_files("atlas/date=2026-01-") == keys[:2]
    assert store.list_files("atlas/date=2026-01-10") == [keys[1]]
    assert store.list_files("atlas/latest/x.csv") == [keys[2]]
    assert store.list_files("b", ".parquet") == ["b.parquet"]
    assert store.list_files("atlas", "/x.csv") == sorted(keys)
    assert store.list_files("atlas/latest/x.csv/") == store.list_files("none/") == store.list_files("x") == []


def test_a_listing_has_the_time_of_each_write(store: ObjectStore) -> None:
    # Services count whole seconds, and their clock is not ours.
    before = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=5)
    store.upload_bytes("a/one", b"x")
    [item] = store.list_objects()
    assert item.modified is not None
    assert before <= item.modified <= dt.datetime.now(dt.UTC) + dt.timedelta(seconds=5)


def test_nothing_is_left_half_written(store: ObjectStore) -> None:
    assert store.fragments() == []
    store.upload_bytes("a/one", b"x")
    assert store.fragments() == []


def test_listings_are_sorted_by_the_whole_key(store: ObjectStore) -> None:
    keys = ["a/b/z", "a/b-c", "a/b c", "a/B", "a/b/c/d", "a/é"]
    for key in keys:
        store.upload_bytes(key, key.encode())

    assert store.list_objects() == [StoredObject(key, len(key.encode())) for key in sorted(keys)]


def test_folders_are_the_names_directly_below(store: ObjectStore) -> None:
    for key in ("vod/channel=b/vod=1/p", "vod/channel=a/vod=2/p", "vod/channel=a/vod=3/p", "vod/file", "top"):
        store.upload_bytes(key, b"")

    assert store.folders("") == ["vod"]
    assert store.folders("vod/") == ["channel=a", "channel=b"]
    assert store.folders("vod/channel=a/") == ["vod=2", "vod=3"]
    assert store.folders("vod/channel=a/vod=2/") == store.folders("none/") == []
    with pytest.raises(ValueError, match="'vod'"):
        store.folders("vod")


def test_an_empty_lake_lists_nothing(store: ObjectStore) -> None:
    assert store.list_objects() == []
    assert store.folders("") == []


@pytest.mark.parametrize("key", ODD_NAMES)
def test_odd_names_are_kept_verbatim(store: ObjectStore, key: str) -> None:
    store.upload_bytes(key, key.encode())

    assert store.download_bytes(key) == key.encode()
    assert store.exists(key)
    assert store.list_files() == store.list_files(key) == [key]
    assert store.folders("a/") == ([key.split("/")[1]] if key.count("/") == 2 else [])
    store.delete(key)
    assert store.list_files() == []


@pytest.mark.parametrize("key", BAD_KEYS)
def test_an_invalid_key_is_refused(store: ObjectStore, key: str) -> None:
    message = re.escape(f"{key!r} is not a key of the lake")
    for use in (store.uri, store.download_bytes, store.exists, store.delete):
        with pytest.raises(ValueError, match=message):
            use(key)
    with pytest.raises(ValueError, match=message):
        store.upload_bytes(key, b"x")
    with pytest.raises(ValueError, match=message):
        store.create_bytes(key, b"x")
    assert store.list_objects() == []


@pytest.mark.parametrize("prefix", ["../", "/etc/", "a/../b", "a\\", ".incoming/"])
def test_a_listing_stays_in_the_lake(store: ObjectStore, prefix: str) -> None:
    with pytest.raises(ValueError, match="is not a prefix of keys"):
        store.list_objects(prefix)
    with pytest.raises(ValueError, match="is not a prefix of keys"):
        store.folders(f"{prefix}/")


def test_a_reader_never_sees_a_mixture(store: ObjectStore) -> None:
    versions = [b"a" * 3_000_000, b"b" * 2_000_000]
    store.upload_bytes("one", versions[0])

    def overwrite() -> None:
        for turn in range(20):
            store.upload_bytes("one", versions[turn % 2])

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(overwrite)
        while not writing.done():
            assert store.download_bytes("one") in versions
        writing.result()


def test_json_comes_back_in_one_form(store: ObjectStore) -> None:
    uri = store.upload_json("a.json", {"b": [1, 2.5, None], "a": "ü"})

    assert uri == store.uri("a.json")
    assert store.download_bytes("a.json").decode() == '{\n  "a": "ü",\n  "b": [\n    1,\n    2.5,\n    null\n  ]\n}\n'
    assert store.download_json("a.json") == {"a": "ü", "b": [1, 2.5, None]}


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_json_has_no_nan(store: ObjectStore, number: float) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        store.upload_json("a.json", {"a": number})
    assert not store.exists("a.json")


@pytest.mark.parametrize("data", [b"", b'{"a": 1', b'{"a": "\xff"}', b"[1]", b'{"a": NaN}'])
def test_broken_json_is_named(store: ObjectStore, data: bytes) -> None:
    store.upload_bytes("broken.json", data)

    with pytest.raises(CorruptObjectError) as raised:
        store.download_json("broken.json")
    assert store.uri("broken.json") in str(raised.value)


def test_a_table_comes_back_in_its_own_form(store: ObjectStore) -> None:
    uri = store.upload_parquet("layout.parquet", PLACES.with_columns(extra=pl.lit(1)), LAYOUT)

    assert uri == store.uri("layout.parquet")
    assert store.download_parquet("layout.parquet", LAYOUT).equals(PLACES.sort("channel"))


def test_an_empty_table_keeps_its_types(store: ObjectStore) -> None:
    store.upload_parquet("source=vod/channel=a/vod=123/part.parquet", PRESENCE.empty(), PRESENCE)

    frame = store.download_parquet("source=vod/channel=a/vod=123/part.parquet", PRESENCE)

    assert frame.schema == PRESENCE.schema
    assert frame.is_empty()


def test_a_frame_that_breaks_its_contract_is_not_written(store: ObjectStore) -> None:
    with pytest.raises(SchemaError, match="missing column"):
        store.upload_parquet("layout.parquet", PLACES.drop("y"), LAYOUT)
    assert store.list_objects() == []


def test_a_table_of_other_columns_is_named(store: ObjectStore) -> None:
    store.upload_bytes("layout.parquet", parquet.encode(PLACES.select("channel", pl.col("x").cast(pl.Int64))))

    with pytest.raises(CorruptObjectError) as raised:
        store.download_parquet("layout.parquet", LAYOUT)

    for words in (store.uri("layout.parquet"), "layout", "missing column y", "column x is Int64, not Float64"):
        assert words in str(raised.value)


@pytest.mark.parametrize("keep", [0, 3, 4, 11, 12, 100, -8, -1])
def test_a_table_that_is_cut_off_is_named(store: ObjectStore, keep: int) -> None:
    store.upload_bytes("layout.parquet", parquet.encode(PLACES)[:keep])

    with pytest.raises(CorruptObjectError) as raised:
        store.download_parquet("layout.parquet", LAYOUT)
    assert store.uri("layout.parquet") in str(raised.value)


def test_other_readers_can_read_a_written_table(store: ObjectStore) -> None:
    import pyarrow.parquet as pq

    store.upload_parquet("layout.parquet", PLACES, LAYOUT)

    file = pq.ParquetFile(io.BytesIO(store.download_bytes("layout.parquet")))
    assert file.read().column_names == ["channel", "x", "y"]
    assert file.metadata.row_group(0).column(0).compression == "ZSTD"


def test_a_copy_between_stores_needs_no_translation(store: ObjectStore, tmp_path: Path) -> None:
    from vieweratlas_assets.storage.local import LocalStore

    store.upload_json("a/b.json", {"a": 1})
    copy = LocalStore(tmp_path / "copy")

    for key in store.list_files():
        copy.upload_bytes(key, store.download_bytes(key))

    assert json.loads((tmp_path / "copy/a/b.json").read_text()) == {"a": 1}
    assert copy.list_objects() == store.list_objects()
