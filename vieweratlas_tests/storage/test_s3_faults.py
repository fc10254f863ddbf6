"""A failing S3 server: nothing is lost or duplicated, and no request waits forever."""

import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest

from vieweratlas_assets.collector.spool import Spool
from vieweratlas_assets.domain.schemas import RAW_SNAPSHOTS
from vieweratlas_assets.errors import StorageError
from vieweratlas_assets.storage import s3
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_assets.storage.objects import ObjectStore
from vieweratlas_assets.storage.opening import open_store
from vieweratlas_tests.lake_factories import at, raw_rows
from vieweratlas_tests.storage.conftest import BUCKET, S3Server
from vieweratlas_tests.storage.faulty_s3 import FAULTS, every, faulty_s3
from vieweratlas_tests.storage.test_s3_chain import analyzed

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.fixture
def short_timeout(s3_environment: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The environment of an administrator, with a timeout of 1 s."""
    s3_environment.setattr(s3, "READ_TIMEOUT_S", 1)
    return s3_environment


def lake_behind(proxy_url: str, environment: pytest.MonkeyPatch) -> ObjectStore:
    environment.setenv("AWS_ENDPOINT_URL", proxy_url)
    return open_store(f"s3://{BUCKET}/{uuid4().hex}/lake/")


def test_faults_do_not_change_an_atlas(
    short_timeout: pytest.MonkeyPatch, s3_server: S3Server, tmp_path: Path
) -> None:
    expected = analyzed(LocalStore(tmp_path), str(tmp_path))
    with faulty_s3(s3_server.url, every(13)) as proxy:
        store = lake_behind(proxy.url, short_timeout)
        atlas = analyzed(store, store.root)
        assert min(proxy.done[fault] for fault in FAULTS) >= 4, proxy.done
    assert atlas == expected


def test_minutes_of_a_collector_arrive_once_each(
    short_timeout: pytest.MonkeyPatch, s3_server: S3Server, tmp_path: Path
) -> None:
    minutes = 30
    with faulty_s3(s3_server.url, every(3)) as proxy:
        store = lake_behind(proxy.url, short_timeout)
        spool = Spool(tmp_path, store)
        for minute in range(minutes):
            spool.put(raw_rows(at(12, minute), {"ann_tv": [["bob", "eve"]]}), "collector-1")
        while spool.pending():
            try:
                spool.deliver()
            except StorageError:
                continue
        assert proxy.done["lost answer"] >= 3
    short_timeout.setenv("AWS_ENDPOINT_URL", s3_server.url)
    store = open_store(store.root)
    frames = [store.download_parquet(key, RAW_SNAPSHOTS) for key in store.list_files("raw/")]
    assert sorted(rows["bucket_start"][0].minute for rows in frames) == list(range(minutes))
    assert spool.lost == 0


def test_a_large_object_survives_faults_in_its_parts(short_timeout: pytest.MonkeyPatch, s3_server: S3Server) -> None:
    data = random.Random(7).randbytes(40_000_000)
    with faulty_s3(s3_server.url, every(3)) as proxy:
        store = lake_behind(proxy.url, short_timeout)
        store.upload_bytes("large", data)
        assert proxy.done.total() >= 3
        assert store.download_bytes("large") == data


@pytest.mark.parametrize("fault", FAULTS)
def test_a_server_that_always_fails_is_reported(
    short_timeout: pytest.MonkeyPatch, s3_server: S3Server, fault: str
) -> None:
    short_timeout.setattr(s3, "READ_TIMEOUT_S", 0.3)
    lake_behind(s3_server.url, short_timeout).upload_bytes("one", b"x" * 1000)
    with faulty_s3(s3_server.url, every(1, (fault,))) as proxy:
        store = lake_behind(proxy.url, short_timeout)
        for use in (
            lambda: store.download_bytes("one"),
            lambda: store.create_bytes("two", b"x"),
            store.list_files,
        ):
            with pytest.raises(StorageError, match=f"{BUCKET}"):
                use()


def test_the_first_of_many_creators_of_one_object_wins(s3_store: ObjectStore) -> None:
    contents = [str(number).encode() for number in range(16)]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda data: s3_store.create_bytes("claimed", data), contents))
    assert answers.count(True) == 1
    assert s3_store.download_bytes("claimed") == contents[answers.index(True)]


def test_a_reader_cannot_write_and_changes_nothing(
    short_timeout: pytest.MonkeyPatch, s3_server: S3Server, s3_store: ObjectStore
) -> None:
    s3_store.upload_bytes("one", b"kept")
    short_timeout.setenv("AWS_ACCESS_KEY_ID", s3_server.reader[0])
    short_timeout.setenv("AWS_SECRET_ACCESS_KEY", s3_server.reader[1])
    reading = open_store(s3_store.root)
    for use in (
        lambda: reading.upload_bytes("one", b"other"),
        lambda: reading.create_bytes("two", b"new"),
        lambda: reading.delete("one"),
    ):
        with pytest.raises(StorageError, match="AccessDenied; allow s3:ListBucket"):
            use()
    assert reading.download_bytes("one") == b"kept"
    assert reading.list_files() == ["one"]
