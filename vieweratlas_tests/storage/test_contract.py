"""`check_store` accepts stores that keep their promises, and names each broken promise."""

from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from vieweratlas_assets.errors import StorageError
from vieweratlas_assets.storage.contract import check_store
from vieweratlas_assets.storage.errors import ObjectNotFoundError
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_assets.storage.objects import ObjectStore, StoredObject, check_key
from vieweratlas_tests.sample_plugins import KeptLake


def test_our_stores_keep_their_promises(store: ObjectStore) -> None:
    # The test server may not have its bucket before the first write.
    store.upload_bytes("first", b"")
    store.delete("first")
    assert check_store(store) == []
    assert store.list_objects() == []


def test_a_store_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.upload_bytes("mine", b"x")
    with pytest.raises(StorageError, match="is not empty: check a store on a root of its own"):
        check_store(store)
    assert store.list_files() == ["mine"]


class Sound(LocalStore):
    """A store whose methods a test breaks."""


def truncate(store: Sound, key: str, data: bytes) -> str:
    return LocalStore.upload_bytes(store, key, data[:1_000_000])


def first_wins(store: Sound, key: str, data: bytes) -> str:
    return LocalStore.upload_bytes(store, key, LocalStore.download_bytes(store, key) if store.exists(key) else data)


def empty_if_missing(store: Sound, key: str) -> bytes:
    try:
        return LocalStore.download_bytes(store, key)
    except ObjectNotFoundError:
        return b""


def unsorted(store: Sound, prefix: str = "", suffix: str = "") -> list[StoredObject]:
    return LocalStore.list_objects(store, prefix, suffix)[::-1]


def by_folder(store: Sound, prefix: str = "", suffix: str = "") -> list[StoredObject]:
    return LocalStore.list_objects(store, prefix.rpartition("/")[0], suffix)


def without_time(store: Sound, prefix: str = "", suffix: str = "") -> list[StoredObject]:
    return [
        StoredObject(item.key, item.size_bytes, item.version)
        for item in LocalStore.list_objects(store, prefix, suffix)
    ]


def without_version(store: Sound, prefix: str = "", suffix: str = "") -> list[StoredObject]:
    objects = LocalStore.list_objects(store, prefix, suffix)
    return [StoredObject(item.key, item.size_bytes, "", item.modified) for item in objects]


def strict_delete(store: Sound, key: str) -> None:
    if not store.exists(key):
        raise KeyError(key)
    LocalStore.delete(store, key)


def quoted(store: Sound, key: str) -> Path:
    return store._folder / check_key(key).replace("%2F", "_")


def unchecked(store: Sound, key: str) -> bool:
    return (store._folder / key).is_file() if "\0" not in key else False


def whole_paths(store: Sound, prefix: str) -> list[str]:
    return [f"{prefix}{name}" for name in LocalStore.folders(store, prefix)]


@pytest.mark.parametrize(
    ("method", "broken", "report"),
    [
        ("upload_bytes", truncate, "An object of 20 MB survives: got 1000000, expected 20000000"),
        ("upload_bytes", first_wins, "Writing again replaces the object, and no other: got (b'a longer"),
        ("download_bytes", empty_if_missing, "Reading a missing object raises ObjectNotFoundError"),
        ("list_objects", unsorted, "A listing takes prefix and suffix as plain text, and is sorted"),
        ("list_objects", by_folder, "A listing takes prefix and suffix as plain text"),
        ("list_objects", without_time, "A listing has the time of each write"),
        ("list_objects", without_version, "A listing has a version that changes"),
        (
            "delete",
            strict_delete,
            "deleting a missing object or a folder raises nothing and changes nothing: KeyError",
        ),
        ("_path", quoted, "Keys are kept verbatim: "),
        ("exists", unchecked, "An invalid key raises ValueError in every method"),
        ("folders", whole_paths, "Folders are the names directly below"),
    ],
)
def test_a_broken_promise_is_named(
    method: str, broken: Callable[..., object], report: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert check_store(Sound(tmp_path / "sound")) == []
    monkeypatch.setattr(Sound, method, broken)
    reports = check_store(Sound(tmp_path / "broken"))
    assert any(report in text for text in reports), reports


def test_the_check_writes_nothing_outside_the_root_of_a_store_that_checks_no_key() -> None:
    touched: list[str] = []

    class Trusting(KeptLake):
        """Accepts any key, and writes only to a dictionary."""

        def upload_bytes(self, key: str, data: bytes) -> str:
            touched.append(key)
            self._objects[key] = data
            return f"{self.root}/{key}"

        def delete(self, key: str) -> None:
            touched.append(key)
            self._objects.pop(key, None)

    reports = check_store(Trusting(f"kept://{uuid4().hex}"))

    assert any("not refused: upload_bytes('a/./b')" in text for text in reports)
    assert touched
    for key in touched:
        assert key
        assert not key.startswith("/")
        assert not key.endswith("/")
        assert ".." not in key.split("/")


def test_a_minimal_store_lacks_only_versions_and_times() -> None:
    reports = check_store(KeptLake(f"kept://{uuid4().hex}"))
    assert [text.partition(":")[0][:36] for text in reports] == [
        "A listing has a version that changes",
        "A listing has the time of each write",
    ]
