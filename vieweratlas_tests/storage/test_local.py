"""A lake in a folder: killed writers, full disks, missing permissions, and files of others."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from vieweratlas_assets.errors import StorageError
from vieweratlas_assets.storage.local import LocalStore

SIZE = 16_000_000
NOBODY = 65_534

# Writes two contents in turn, and prints one line per write, forever.
OVERWRITE = f"""
import itertools, sys
from vieweratlas_assets.storage.local import LocalStore
store = LocalStore(sys.argv[1])
for letter in itertools.cycle((b"a", b"b")):
    store.upload_bytes("folder/one", letter * {SIZE})
    print("written", flush=True)
"""

# The limit on a file's size simulates a full disk: the write fails halfway.
FILL = """
import resource, sys
from vieweratlas_assets.errors import StorageError
from vieweratlas_assets.storage.local import LocalStore
store = LocalStore(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
try:
    store.upload_bytes("one", b"x" * 2_000_000)
except StorageError as error:
    print(error)
"""


@contextmanager
def another_user() -> Iterator[None]:
    """Root may write anywhere, so tests of permissions run as another user."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)


def incoming(root: Path) -> list[Path]:
    return list((root / ".incoming").glob("*"))


def has_half_a_file(root: Path) -> bool:
    for path in root.rglob("*"):
        try:
            if path.is_file() and path.stat().st_size < SIZE:
                return True
        except FileNotFoundError:
            continue  # moved into place since the folder was read
    return False


@pytest.mark.slow
def test_a_killed_writer_leaves_one_whole_version(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    versions = [b"a" * SIZE, b"b" * SIZE]
    for _ in range(10):
        shutil.rmtree(tmp_path / ".incoming", ignore_errors=True)
        with subprocess.Popen([sys.executable, "-c", OVERWRITE, str(tmp_path)], stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            assert writer.stdout.readline() == b"written\n"
            while not has_half_a_file(tmp_path):
                assert writer.poll() is None
            writer.kill()

        assert store.download_bytes("folder/one") in versions
        assert store.list_files() == ["folder/one"]


def test_files_of_a_killed_writer_are_not_listed(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    (tmp_path / ".incoming").mkdir()
    (tmp_path / ".incoming" / "left").write_bytes(b"half")

    assert store.list_objects() == store.list_objects(".inc") == []
    assert store.folders("") == []


def test_half_written_files_are_listed_and_can_be_removed(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
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


def test_a_full_disk_is_reported_and_nothing_is_left(tmp_path: Path) -> None:
    LocalStore(tmp_path).upload_bytes("one", b"before")

    done = subprocess.run([sys.executable, "-c", FILL, str(tmp_path)], check=True, capture_output=True, text=True)

    assert str(tmp_path / "one") in done.stdout
    assert "free space" in done.stdout
    assert incoming(tmp_path) == []
    assert LocalStore(tmp_path).download_bytes("one") == b"before"


def test_missing_permissions_are_reported_with_the_path(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.upload_bytes("a/one", b"before")
    for path in (tmp_path / "a/one", tmp_path / "a", tmp_path / ".incoming"):
        path.chmod(0o000)

    with another_user():
        transfers: list[Callable[[str], object]] = [
            lambda key: store.upload_bytes(key, b"after"),
            store.download_bytes,
        ]
        for use in transfers:
            with pytest.raises(StorageError, match="give this user permission") as raised:
                use("a/one")
            assert str(tmp_path / "a/one") in str(raised.value)
        others: list[Callable[[str], object]] = [store.exists, store.delete, lambda key: store.list_objects("a/")]
        for use in others:
            with pytest.raises(StorageError, match="give this user permission"):
                use("a/one")

    for path in (tmp_path / ".incoming", tmp_path / "a", tmp_path / "a/one"):
        path.chmod(0o700)
    assert incoming(tmp_path) == []
    assert store.download_bytes("a/one") == b"before"


def test_a_file_in_place_of_a_folder_is_reported_and_nothing_is_left(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.upload_bytes("a", b"a file")

    with pytest.raises(StorageError, match="a/b"):
        store.upload_bytes("a/b", b"below a file")
    assert incoming(tmp_path) == []

    store.upload_bytes("c/d", b"")
    with pytest.raises(StorageError, match="/c: "):
        store.upload_bytes("c", b"over a folder")
    assert incoming(tmp_path) == []
    assert store.list_files() == ["a", "c/d"]


def test_a_name_that_is_too_long_is_a_storage_error(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)

    for use in (store.exists, store.download_bytes, lambda key: store.upload_bytes(key, b"x")):
        with pytest.raises(StorageError, match="too long"):
            use("x" * 300)


def test_the_disk_is_not_touched_before_the_first_write(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "new" / "lake")
    store.list_objects()
    store.exists("a")
    store.delete("a")
    assert list(tmp_path.iterdir()) == []

    store.upload_bytes("a/b", b"x")

    assert (tmp_path / "new/lake/a/b").read_bytes() == b"x"
    assert incoming(tmp_path / "new/lake") == []


def test_files_get_the_permissions_of_the_umask(tmp_path: Path) -> None:
    LocalStore(tmp_path).upload_bytes("one", b"x")
    (tmp_path / "two").touch()

    assert (tmp_path / "one").stat().st_mode == (tmp_path / "two").stat().st_mode


def test_percent_signs_stay_in_file_names(tmp_path: Path) -> None:
    LocalStore(tmp_path).upload_bytes("channel=a%2Fb/100%.txt", b"x")

    assert (tmp_path / "channel=a%2Fb" / "100%.txt").read_bytes() == b"x"


def test_a_folder_without_objects_is_not_listed(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.upload_bytes("day/hour/part", b"x")
    store.upload_bytes("other/part", b"x")

    store.delete("day/hour/part")

    assert store.folders("") == ["other"]
    assert store.folders("day/") == []


def test_linked_folders_are_not_entered(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.upload_bytes("a/one", b"x")
    (tmp_path / "a/round").symlink_to(tmp_path)
    (tmp_path / "a/gone").symlink_to(tmp_path / "nothing")
    (tmp_path / "a/two").symlink_to(tmp_path / "a/one")

    assert store.list_files() == ["a/one", "a/two"]
    assert store.folders("a/") == []
