"""A lake on any other service that fsspec knows: gs://, az://, memory:// and more.

Belongs here: fsspec, an optional extra. Not here: S3 (s3) and folders (local), the contract (objects).

Protocol: https://filesystem-spec.readthedocs.io/en/latest/api.html
"""

import contextlib
import datetime as dt
from collections.abc import Iterator
from typing import Any
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
    refuse_credentials,
)

# Services that make an object visible only when all of it has arrived.
_WHOLE_PUTS = frozenset({"abfs", "abfss", "az", "gcs", "gs", "memory"})


class FsspecStore(ObjectStore):
    """Objects on an fsspec filesystem.

    A write is atomic on Google Cloud Storage, Azure Blob Storage and memory://, whose puts are. Elsewhere
    it goes to `<root>/.incoming/` and is moved into place, which is as atomic as the backend's own move:
    on sftp:// and file:// it is, on one that moves by copying (ftp://, webdav://) it is not. There, folders
    are real; one that holds no object is not listed, as on S3.
    """

    def __init__(self, url: str) -> None:
        """Open the filesystem of a URL; whether that connects is up to the backend.

        Raises:
            StorageError: fsspec or the protocol's package is missing, the protocol is unknown, or the URL
                carries credentials, which belong in the backend's own environment.
        """
        refuse_credentials(url)
        try:
            import fsspec
        except ModuleNotFoundError as error:
            raise StorageError(
                f"{url} needs fsspec, which is not installed: pip install 'vieweratlas[fsspec]'"
            ) from error
        protocol = url.partition("://")[0].lower()
        try:
            fsspec.get_filesystem_class(protocol)
        except ValueError as error:
            raise StorageError(
                f"{url} has the unknown protocol {protocol!r}: use a folder, s3:// or a URL that fsspec knows"
            ) from error
        except ImportError as error:
            raise StorageError(f"{url} needs the package behind {protocol}://: {error}") from error
        with self._reporting("open", url):
            self._fs, path = fsspec.core.url_to_fs(url)
        self.root = url if url.endswith("://") else url.rstrip("/")
        self._base = f"{path.rstrip('/')}/"
        self._whole_puts = protocol in _WHOLE_PUTS

    def upload_bytes(self, key: str, data: bytes) -> str:
        uri, path = self.uri(key), self._path(key)
        with self._reporting("write", uri):
            if self._whole_puts:
                self._fs.pipe_file(path, data)
            else:
                self._move_in(path, data)
        return uri

    def download_bytes(self, key: str) -> bytes:
        uri, path = self.uri(key), self._path(key)
        with self._reporting("read", uri):
            try:
                data: bytes = self._fs.cat_file(path)
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
                raise ObjectNotFoundError(f"{uri} does not exist: write it first, or check the root") from error
        return data

    def delete(self, key: str) -> None:
        # Backends differ in what they say of a folder or of nothing, so look first; another may be faster.
        with self._reporting("delete", self.uri(key)), contextlib.suppress(FileNotFoundError):
            if self.exists(key):
                self._fs.rm_file(self._path(key))

    def exists(self, key: str) -> bool:
        with self._reporting("look for", self.uri(key)):
            self._fs.invalidate_cache()
            try:
                return bool(self._fs.info(self._path(key))["type"] == "file")
            except (FileNotFoundError, NotADirectoryError):
                return False

    def list_objects(self, prefix: str = "", suffix: str = "") -> list[StoredObject]:
        folder = check_prefix(prefix).rpartition("/")[0]
        with self._reporting("list", f"{self.root}/{prefix}"):
            found = self._find(self._base + folder)
        items = (
            StoredObject(path.removeprefix(self._base), int(info["size"]), _version(info), _modified(info))
            for path, info in found.items()
        )
        kept = (i for i in items if is_key(i.key) and i.key.startswith(prefix) and i.key.endswith(suffix))
        return sorted(kept, key=lambda item: item.key)

    def folders(self, prefix: str) -> list[str]:
        with self._reporting("list", f"{self.root}/{check_folder(prefix)}"):
            self._fs.invalidate_cache()
            try:
                entries = self._fs.ls((self._base + prefix).rstrip("/"), detail=True)
            except (FileNotFoundError, NotADirectoryError):
                return []
            paths = [entry["name"].rstrip("/") for entry in entries if entry["type"] == "directory"]
            held = [path for path in paths if self._whole_puts or self._find(path)]
        keys = (path.removeprefix(self._base) for path in held)
        return sorted(key.rpartition("/")[2] for key in keys if is_key(key))

    def fragments(self) -> list[StoredObject]:
        with self._reporting("list", f"{self.root}/{INCOMING}"):
            found = {} if self._whole_puts else self._find(self._base + INCOMING)
        return [
            StoredObject(path.removeprefix(self._base), int(info["size"]), _version(info), _modified(info))
            for path, info in sorted(found.items())
        ]

    def delete_fragment(self, fragment: StoredObject) -> None:
        uri = f"{self.root}/{fragment.key}"
        with self._reporting("delete", uri), contextlib.suppress(FileNotFoundError):
            self._fs.rm_file(self._base + fragment.key)

    def _path(self, key: str) -> str:
        return self._base + check_key(key)

    def _find(self, folder: str) -> dict[str, Any]:
        self._fs.invalidate_cache()  # another process may have written since
        try:
            found: dict[str, Any] = self._fs.find(folder.rstrip("/"), detail=True)
        except (FileNotFoundError, NotADirectoryError):
            return {}
        return found

    def _move_in(self, path: str, data: bytes) -> None:
        incoming = f"{self._base}{INCOMING}/{uuid4().hex}"
        self._fs.makedirs(incoming.rpartition("/")[0], exist_ok=True)
        self._fs.makedirs(path.rpartition("/")[0], exist_ok=True)
        try:
            self._fs.pipe_file(incoming, data)
            self._fs.mv(incoming, path)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                self._fs.rm_file(incoming)
            raise

    @contextlib.contextmanager
    def _reporting(self, what: str, uri: str) -> Iterator[None]:
        """Turn the errors of every backend, which share no class, into ours."""
        try:
            yield
        except StorageError:
            raise
        except Exception as error:
            raise StorageError(
                f"could not {what} {uri}: {type(error).__name__}; check the backend's credentials and the network"
            ) from error


def _version(info: dict[str, Any]) -> str:
    """What tells a new object from the old one; each backend calls it by another name."""
    return next((str(info[name]) for name in ("ETag", "etag", "mtime", "created") if info.get(name)), "")


def _modified(info: dict[str, Any]) -> dt.datetime | None:
    """When the object was written; each backend calls it by another name, and tells it in another form."""
    names = ("LastModified", "last_modified", "mtime", "updated", "created")
    told = next((info[name] for name in names if info.get(name)), None)
    match told:
        case int() | float():
            return dt.datetime.fromtimestamp(told, dt.UTC)
        case str():
            return _in_utc(dt.datetime.fromisoformat(told))
        case dt.datetime():
            return _in_utc(told)
        case _:
            return None


def _in_utc(time: dt.datetime) -> dt.datetime:
    return time.astimezone(dt.UTC) if time.tzinfo else time.replace(tzinfo=dt.UTC)
