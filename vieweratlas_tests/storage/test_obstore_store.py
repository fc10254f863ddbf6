"""Stores through obstore: gs:// on a fake server, az:// without one, and errors without secrets."""

import json
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import obstore
import pytest
from obstore.exceptions import GenericError

from vieweratlas_assets.errors import StorageError
from vieweratlas_assets.storage import obstore_store
from vieweratlas_assets.storage.contract import check_store
from vieweratlas_assets.storage.errors import ObjectNotFoundError
from vieweratlas_assets.storage.objects import ObjectStore
from vieweratlas_assets.storage.obstore_store import ObstoreStore
from vieweratlas_tests.storage.fake_gcs import BUCKET, FakeGcs, fake_gcs

USES: dict[str, Callable[[ObjectStore], object]] = {
    "read": lambda store: store.download_bytes("one"),
    "look": lambda store: store.exists("one"),
    "list": lambda store: store.list_files(),
    "folders": lambda store: store.folders(""),
    "write": lambda store: store.upload_bytes("one", b"x"),
    "create": lambda store: store.create_bytes("one", b"x"),
    "delete": lambda store: store.delete("one"),
}


@pytest.fixture
def gcs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGcs]:
    """A running fake, and the environment of its user."""
    with fake_gcs() as server:
        account = {"gcs_base_url": server.url, "disable_oauth": True, "client_email": "", "private_key": ""}
        (tmp_path / "account.json").write_text(json.dumps({**account, "private_key_id": ""}))
        monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT", str(tmp_path / "account.json"))
        monkeypatch.setitem(obstore_store._TIMEOUTS, "allow_http", True)
        yield server


@pytest.mark.parametrize("root", [f"gs://{BUCKET}", f"gs://{BUCKET}/a/my lake%20/"])
def test_a_lake_on_gcs_keeps_every_promise(gcs: FakeGcs, root: str) -> None:
    assert check_store(ObstoreStore(root)) == []


def test_the_first_of_many_creators_of_one_object_wins(gcs: FakeGcs) -> None:
    store = ObstoreStore(f"gs://{BUCKET}/lake")
    contents = [str(number).encode() for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda data: store.create_bytes("claimed", data), contents))
    assert answers.count(True) == 1
    assert store.download_bytes("claimed") == contents[answers.index(True)]


def test_folder_markers_of_other_tools_are_not_objects(gcs: FakeGcs) -> None:
    gcs.objects = {"lake/": b"", "lake/raw/": b"", "lake/raw/one": b"x", "lake/empty": b""}
    store = ObstoreStore(f"gs://{BUCKET}/lake")
    assert store.list_files() == ["empty", "raw/one"]
    assert store.list_files("raw/") == ["raw/one"]


def test_lakes_in_one_bucket_are_separate(gcs: FakeGcs) -> None:
    one, longer = ObstoreStore(f"gs://{BUCKET}/lake/"), ObstoreStore(f"gs://{BUCKET}/lake2")
    one.upload_bytes("a", b"1")
    longer.upload_bytes("b", b"2")
    assert gcs.objects == {"lake/a": b"1", "lake2/b": b"2"}
    assert (one.list_files(), longer.list_files()) == (["a"], ["b"])
    assert ObstoreStore(f"GS://{BUCKET}").folders("") == ["lake", "lake2"]


@pytest.mark.parametrize("name", ["read", "list", "folders", "write", "create"])
def test_a_missing_bucket_is_not_a_missing_object(gcs: FakeGcs, name: str) -> None:
    with pytest.raises(
        StorageError, match=r"gs://no-such-bucket/.*: NoSuchBucket; check the root, GOOGLE_"
    ) as raised:
        USES[name](ObstoreStore("gs://no-such-bucket/lake"))
    assert not isinstance(raised.value, ObjectNotFoundError)


@pytest.mark.parametrize("use", USES.values(), ids=USES.keys())
def test_the_errors_of_obstore_become_ours_without_their_texts(
    monkeypatch: pytest.MonkeyPatch, use: Callable[[ObjectStore], object]
) -> None:
    def fail(*args: object, **options: object) -> None:
        raise GenericError("GET https://host/?sig=hunter2 - status code: 403 Forbidden: hunter2")

    store = ObstoreStore(f"memory://{uuid4().hex}")
    for name in ("get", "put", "head", "list", "list_with_delimiter", "delete"):
        monkeypatch.setattr(obstore, name, fail)
    with pytest.raises(StorageError, match=r"could not .* memory://.*: 403 Forbidden; check the root$") as raised:
        use(store)
    assert not isinstance(raised.value, ObjectNotFoundError)
    assert "hunter2" not in "".join(traceback.format_exception_only(raised.value))
    assert raised.value.__suppress_context__


def test_azure_without_an_account_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME", raising=False)
    with pytest.raises(StorageError, match="az://box/lake: Account must be specified; check the root, AZURE_"):
        ObstoreStore("az://box/lake")


@pytest.mark.parametrize("scheme", ["az", "azure", "adl", "abfs", "abfss"])
def test_azure_has_several_schemes(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")
    assert ObstoreStore(f"{scheme}://box/lake/").uri("a") == f"{scheme}://box/lake/a"
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME")
    if scheme.startswith("abfs"):
        ObstoreStore(f"{scheme}://box@account.dfs.core.windows.net/lake")


@pytest.mark.parametrize("scheme", ["sftp", "ftp", "webdav", "http", "https", "file"])
def test_other_schemes_are_unknown(scheme: str) -> None:
    with pytest.raises(StorageError, match=f"has the unknown scheme '{scheme}': use a folder, s3://, gs://"):
        ObstoreStore(f"{scheme}://host/lake")


def test_an_invalid_prefix_is_reported() -> None:
    with pytest.raises(StorageError, match="gs://bucket/a//b has an invalid prefix"):
        ObstoreStore("gs://bucket/a//b")
