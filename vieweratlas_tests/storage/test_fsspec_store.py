"""The fsspec backend without atomic puts, and backends that fail in their own words."""

import datetime as dt
from pathlib import Path
from uuid import uuid4

import pytest
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from vieweratlas_assets.errors import StorageError
from vieweratlas_assets.storage.errors import ObjectNotFoundError
from vieweratlas_assets.storage.fsspec_store import FsspecStore
from vieweratlas_assets.storage.local import LocalStore


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


@pytest.mark.parametrize("kind", ["local", "moved"])
def test_half_written_files_are_told_apart_and_can_be_removed(tmp_path: Path, kind: str) -> None:
    store = LocalStore(tmp_path) if kind == "local" else FsspecStore(tmp_path.as_uri())
    store.upload_bytes("a/one", b"x")
    for name in ("left", "other"):
        (tmp_path / ".incoming" / name).write_bytes(b"half")

    left, other = store.fragments()
    assert (left.key, left.size_bytes) == (".incoming/left", 4)
    assert left.modified is not None
    store.delete_fragment(left)
    store.delete_fragment(left)
    assert store.fragments() == [other]
    assert store.list_files() == ["a/one"]


@pytest.mark.parametrize(
    ("told", "modified"),
    [
        ({"LastModified": dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)}, dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)),
        ({"updated": "2026-03-01T12:00:00.000Z"}, dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)),
        ({"mtime": 86400.5}, dt.datetime(1970, 1, 2, 0, 0, 0, 500000, dt.UTC)),
        ({"created": dt.datetime(2026, 3, 1)}, dt.datetime(2026, 3, 1, tzinfo=dt.UTC)),
        ({"mtime": None}, None),
        ({}, None),
    ],
)
def test_every_backend_tells_the_age_of_an_object_in_its_own_way(
    monkeypatch: pytest.MonkeyPatch, told: dict[str, object], modified: dt.datetime | None
) -> None:
    store = FsspecStore(f"memory://{uuid4().hex}/lake")
    found = {f"{store._base}a": {"size": 1, "type": "file", **told}}
    monkeypatch.setattr(MemoryFileSystem, "find", lambda *args, **options: found)
    assert [item.modified for item in store.list_objects()] == [modified]


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
        assert not isinstance(raised.value, ObjectNotFoundError)
        assert "hunter2" not in str(raised.value)
