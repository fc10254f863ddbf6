"""A lake in a folder.

Belongs here: atomic, durable files. Not here: the contract (objects).
"""

import datetime as dt
import errno
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

from vieweratlas_assets.errors import StorageError
from vieweratlas_assets.storage.errors import ObjectNotFoundError
from vieweratlas_assets.storage.objects import (
    INCOMING,
    ObjectStore,
    StoredObject,
    check_folder,
    check_key,
    check_prefix,
    is_key,
)


class LocalStore(ObjectStore):
    """Objects as files below one folder; the path of a file is its key.

    A file is written in `<root>/.incoming/`, flushed to the disk and renamed into place, so a reader or a
    crash finds the old file or the new one. A killed process may leave its file in `.incoming/`; you can delete
    such files while nothing writes to the lake. The first write creates the folder. Linked files are listed,
    linked folders are not entered.

    A file cannot be a folder too: if `a` is an object, `a/b` cannot be written (on S3 it can).
    """

    def __init__(self, root: Path | str) -> None:
        """Resolve `~` and relative paths; the disk is not touched."""
        self._folder = Path(root).expanduser().absolute()
        self.root = str(self._folder)

    def upload_bytes(self, key: str, data: bytes) -> str:
        """Write a file aside, flush it and rename it into place."""
        target = self._path(key)
        self._write(target, data, lambda incoming: incoming.replace(target))
        return str(target)

    def create_bytes(self, key: str, data: bytes) -> bool:
        """Write a file aside and link it into place: of several writers, the first wins."""
        target = self._path(key)
        try:
            # A hard link fails if the name is taken.
            self._write(target, data, target.hardlink_to)
        except StorageError:
            # The name is taken, the file system has no hard links, or nothing can be written: the call below decides.
            return super().create_bytes(key, data)
        return True

    def _write(self, target: Path, data: bytes, put: Callable[[Path], object]) -> None:
        incoming = self._folder / INCOMING / uuid4().hex
        try:
            _make_folder(incoming.parent)
            _make_folder(target.parent)
            try:
                with incoming.open("xb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                put(incoming)
            finally:
                incoming.unlink(missing_ok=True)
            _sync_folder(target.parent)
        except OSError as error:
            raise _failure("write", target, error) from error

    def download_bytes(self, key: str) -> bytes:
        """Read a file."""
        path = self._path(key)
        try:
            return path.read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            raise ObjectNotFoundError(f"{path} does not exist: write it first, or check the root") from error
        except OSError as error:
            raise _failure("read", path, error) from error

    def delete(self, key: str) -> None:
        """Remove a file, and flush its folder."""
        path = self._path(key)
        if not self.exists(key):
            return
        try:
            path.unlink(missing_ok=True)
            _sync_folder(path.parent)
        except OSError as error:
            raise _failure("delete", path, error) from error

    def exists(self, key: str) -> bool:
        """Whether there is a regular file under this key."""
        path = self._path(key)
        try:
            return stat.S_ISREG(path.stat().st_mode)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            raise _failure("look at", path, error) from error

    def list_objects(self, prefix: str = "", suffix: str = "") -> list[StoredObject]:
        """Walk the folder of the prefix."""
        folder, _, name = check_prefix(prefix).rpartition("/")
        objects = []
        for entry in self._files(self._folder / folder, name):
            key = Path(entry.path).relative_to(self._folder).as_posix()
            if not is_key(key) or not key.endswith(suffix):
                continue
            try:
                objects.append(_stored_object(key, entry.stat()))
            except FileNotFoundError:
                continue  # deleted since the folder was read
        return sorted(objects, key=lambda item: item.key)

    def folders(self, prefix: str) -> list[str]:
        """List the folders that hold a file at any depth."""
        parent = self._folder / check_folder(prefix)
        # As on S3, a folder exists only while it holds an object.
        return sorted(
            entry.name
            for entry in _entries(parent)
            if entry.is_dir(follow_symlinks=False)
            and is_key(f"{prefix}{entry.name}")
            and any(True for _ in self._files(Path(entry.path)))
        )

    def fragments(self) -> list[StoredObject]:
        """List the files in `.incoming/`."""
        return [_stored_object(f"{INCOMING}/{path.name}", path.stat()) for path in self._incoming()]

    def delete_fragment(self, fragment: StoredObject) -> None:
        """Remove a file of `.incoming/`."""
        for path in self._incoming():
            if fragment.key == f"{INCOMING}/{path.name}":
                try:
                    path.unlink(missing_ok=True)
                except OSError as error:
                    raise _failure("delete", path, error) from error

    def _incoming(self) -> list[Path]:
        return sorted(Path(entry.path) for entry in self._files(self._folder / INCOMING))

    def _path(self, key: str) -> Path:
        return self._folder / check_key(key)

    def _files(self, folder: Path, name_start: str = "") -> Iterator[os.DirEntry[str]]:
        for entry in _entries(folder):
            if not entry.name.startswith(name_start):
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from self._files(Path(entry.path))
            elif entry.is_file():
                yield entry


def _stored_object(key: str, status: os.stat_result) -> StoredObject:
    written = dt.datetime.fromtimestamp(status.st_mtime, dt.UTC)
    return StoredObject(key, status.st_size, str(status.st_mtime_ns), written)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return []  # a missing folder is a folder without objects
    except OSError as error:
        raise _failure("list", folder, error) from error


def _make_folder(folder: Path) -> None:
    """Create a folder and its parents so that they survive a power cut."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    """Flush a folder's names to the disk: only then is a rename durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _failure(what: str, path: Path, error: OSError) -> StorageError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        remedy = "free space, or set VIEWERATLAS_ROOT to a larger disk"
    elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        remedy = "give this user permission, or set VIEWERATLAS_ROOT to a folder that the user owns"
    else:
        remedy = "check the disk and VIEWERATLAS_ROOT"
    return StorageError(f"could not {what} {path}: {error.strerror}; {remedy}")
