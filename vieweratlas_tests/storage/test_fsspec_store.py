"""The fsspec backend without atomic puts, and backends that fail in their own words."""

from pathlib import Path
from uuid import uuid4

import pytest
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from vieweratlas_assets.storage.fsspec_store import FsspecStore
from vieweratlas_assets.storage.objects import ObjectNotFound, StorageError


def test_a_failed_move_leaves_the_old_object_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = FsspecStore(tmp_path.as_uri())
    store.upload_bytes("a/one", b"before")

    def refuse(*args: object, **options: object) -> None:
        raise PermissionError("no")

    monkeypatch.setattr(LocalFileSystem, "mv", refuse)

    with pytest.raises(StorageError, match="a/one: PermissionError"):
        store.upload_bytes("a/one", b"after")
    assert store.download_bytes("a/one") == b"before"
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["one"]


def test_half_written_files_are_not_listed(tmp_path: Path) -> None:
    (tmp_path / ".incoming").mkdir()
    (tmp_path / ".incoming" / "left").write_bytes(b"half")
    store = FsspecStore(tmp_path.as_uri())

    assert store.list_objects() == []
    assert store.folders("") == []


def test_a_folder_without_objects_is_none(tmp_path: Path) -> None:
    store = FsspecStore(tmp_path.as_uri())
    store.upload_bytes("day/hour/part", b"x")

    store.delete("day/hour/part")

    assert store.folders("") == []


def test_a_backends_own_error_becomes_ours_without_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **options: object) -> None:
        raise RuntimeError("GET https://host/?sig=hunter2 failed")

    store = FsspecStore(f"memory://{uuid4().hex}")
    for name in ("cat_file", "pipe_file", "info", "find", "ls"):
        monkeypatch.setattr(MemoryFileSystem, name, fail)

    uses = (store.download_bytes, store.exists, store.delete, store.list_objects, lambda key: store.folders(""))
    for use in (*uses, lambda key: store.upload_bytes(key, b"x")):
        with pytest.raises(StorageError, match=r"could not .*RuntimeError") as raised:
            use("one")
        assert not isinstance(raised.value, ObjectNotFound)
        assert "hunter2" not in str(raised.value)
