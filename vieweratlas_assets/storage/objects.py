"""What every store of the lake can do, whatever lies below it.

Belongs here: the contract of a store, its errors, the keys it accepts, JSON and Parquet on top of bytes.
Not here: how bytes reach a disk or a bucket (local, s3, fsspec_store), which store a root means (opening),
where a table lies (domain.lake).
"""

import datetime as dt
import json
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, NoReturn

import polars as pl

from vieweratlas_assets.domain.tables import Table
from vieweratlas_assets.errors import StorageError
from vieweratlas_assets.storage.errors import CorruptObjectError

# Holds half-written files where a backend needs them; reserved in every store, so that a lake can be copied.
INCOMING = ".incoming"


@dataclass(frozen=True)
class StoredObject:
    """One object of a store.

    Attributes:
        key: relative to the root.
        version: changes when the object is written anew: the ETag on S3, the time of the last change in a folder.
        modified: when it was written, UTC; None where the backend does not tell.
    """

    key: str
    size_bytes: int
    version: str = field(default="", compare=False)
    modified: dt.datetime | None = field(default=None, compare=False)


def is_key(key: str) -> bool:
    """Tell whether a store accepts this key; objects of other tools under other names are never listed."""
    return _objection(key) is None


def check_key(key: str) -> str:
    """Return the key if it is one.

    Raises:
        ValueError: the key is empty, absolute, not in plain '/'-separated segments, or under `.incoming/`.
    """
    if objection := _objection(key):
        raise ValueError(f"{key!r} is not a key of the lake: {objection}")
    return key


def check_prefix(prefix: str) -> str:
    """Return the prefix if its folders are those of a key; what follows the last slash is plain text.

    Raises:
        ValueError: as check_key.
    """
    folder, slash, name = prefix.rpartition("/")
    objection = _objection(folder) if slash else None
    if objection or "\\" in name or "\0" in name:
        raise ValueError(f"{prefix!r} is not a prefix of keys: {objection or 'it has a backslash or NUL'}")
    return prefix


def check_folder(prefix: str) -> str:
    """Return the prefix if it is "" or names a folder by a trailing slash.

    Raises:
        ValueError: otherwise.
    """
    if prefix and not prefix.endswith("/"):
        raise ValueError(f"{prefix!r} is not a folder: end it with '/'")
    return check_prefix(prefix)


def refuse_credentials(url: str) -> None:
    """Refuse a URL that carries a password or a signed query, without repeating it.

    Raises:
        StorageError: it does. Roots are shown in logs and in the UI.
    """
    scheme, _, rest = url.partition("://")
    user = rest.partition("/")[0].rpartition("@")[0]  # az://container@account names no user
    if ":" in user or "?" in rest or (user and scheme.lower() == "s3"):
        raise StorageError(
            f"the root {scheme}://… carries credentials or a query: leave them out of VIEWERATLAS_ROOT "
            "and set them in the environment of its protocol"
        )


def _objection(key: str) -> str | None:
    segments = key.split("/")
    objections = (
        (not key, "it is empty"),
        ("\\" in key or "\0" in key, "it has a backslash or NUL"),
        (key.startswith("/"), "it is absolute"),
        ("" in segments, "it has an empty segment"),
        ("." in segments or ".." in segments, "it has a '.' or '..' segment"),
        (segments[0] == INCOMING, f"{INCOMING}/ is for half-written files"),
    )
    return next((text for applies, text in objections if applies), None)


def to_json(data: dict[str, Any]) -> bytes:
    """Encode a JSON object, the same bytes for the same data.

    Raises:
        ValueError: a number is NaN or infinite, or a text is not Unicode.
        TypeError: a value has no form in JSON.
    """
    text = json.dumps(data, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False)
    return f"{text}\n".encode()


class ObjectStore(ABC):
    """Objects under one root, each read and written whole.

    Keys are relative and '/'-separated. Every method that takes a key raises ValueError for one that is
    not (`check_key`, `check_prefix`), and StorageError where the disk or the service refuses.

    A store of your own needs `upload_bytes`, `download_bytes`, `list_objects` and `delete`; the other methods are
    built on them, and worth writing anew where the backend has a faster way. `contract.check_store` tells what it
    still owes.

    Attributes:
        root: the root as shown to people, without credentials.
    """

    root: str

    def __init__(self, root: str) -> None:
        """Keep the root; nothing is read or written yet."""
        self.root = root if root.endswith("://") else root.rstrip("/")

    def uri(self, key: str) -> str:
        """Return the full address of a key, as shown to people and as other readers take it."""
        separator = "" if self.root.endswith("/") else "/"
        return f"{self.root}{separator}{check_key(key)}"

    @abstractmethod
    def upload_bytes(self, key: str, data: bytes) -> str:
        """Write an object whole, over an older one if there is one, and return its uri.

        Atomic: a reader sees the old object or the new one, never a part or a mixture.
        """

    def create_bytes(self, key: str, data: bytes) -> bool:
        """Write an object only where there is none, and tell whether the one that is there now holds these bytes.

        Of several who create one key at once, the first wins in a folder and on S3. This one looks before it writes,
        so that two at the same moment may both write.
        """
        if self.exists(key):
            return self.download_bytes(key) == data
        self.upload_bytes(key, data)
        return True

    @abstractmethod
    def download_bytes(self, key: str) -> bytes:
        """Read an object whole.

        Raises:
            ObjectNotFoundError: there is none.
        """

    @abstractmethod
    def delete(self, key: str) -> None:
        """Remove an object; one that is not there is as good as removed."""

    def exists(self, key: str) -> bool:
        """Tell whether there is an object under this key; a folder is none."""
        return any(item.key == key for item in self.list_objects(check_key(key)))

    @abstractmethod
    def list_objects(self, prefix: str = "", suffix: str = "") -> list[StoredObject]:
        """List the objects whose key starts and ends so, sorted by key.

        Args:
            prefix: plain text, as on S3: "a/b" finds a/b.txt and a/b/c.txt.
            suffix: plain text, such as ".parquet".
        """

    def folders(self, prefix: str) -> list[str]:
        """List the names of the folders directly below a folder, sorted, without slashes.

        Args:
            prefix: "" for the root, or a folder that ends in "/".
        """
        below = (item.key.removeprefix(prefix) for item in self.list_objects(check_folder(prefix)))
        return sorted({key.partition("/")[0] for key in below if "/" in key})

    def fragments(self) -> list[StoredObject]:
        """Files in `.incoming/`: being written now, or left by a process that was killed. Their keys are no keys.

        A store whose writes need no such place has none.
        """
        return []

    def delete_fragment(self, fragment: StoredObject) -> None:
        """Remove one of `fragments`; one that is gone already is as good as removed."""
        raise NotImplementedError(f"{type(self).__name__} has no fragments")

    def list_files(self, prefix: str = "", suffix: str = "") -> list[str]:
        """List the keys of list_objects."""
        return [item.key for item in self.list_objects(prefix, suffix)]

    def upload_json(self, key: str, data: dict[str, Any]) -> str:
        """Write a JSON object and return its uri; raises as `to_json`."""
        return self.upload_bytes(key, to_json(data))

    def download_json(self, key: str) -> dict[str, Any]:
        """Read a JSON object.

        Raises:
            ObjectNotFoundError: there is none.
            CorruptObjectError: it is not UTF-8, not JSON, or not an object at its top.
        """
        data = self.download_bytes(key)
        try:
            found = json.loads(data.decode(), parse_constant=_refuse_constant)
        except ValueError as error:
            raise CorruptObjectError(f"{self.uri(key)} is not JSON: {error}") from error
        if not isinstance(found, dict):
            raise CorruptObjectError(f"{self.uri(key)} holds a JSON {type(found).__name__}, not an object")
        return found

    def upload_parquet(self, key: str, frame: pl.DataFrame, table: Table) -> str:
        """Write a frame as Parquet, brought into the table's columns, types and order; return its uri.

        Raises:
            SchemaError: the frame does not keep to the table.
        """
        from vieweratlas_assets.storage import parquet  # the codec needs this module's errors

        return self.upload_bytes(key, parquet.encode(table.conform(frame)))

    def download_parquet(self, key: str, table: Table) -> pl.DataFrame:
        """Read a Parquet object that has the table's columns and types (see `parquet.decode_table`).

        Raises:
            ObjectNotFoundError: there is none.
            CorruptObjectError: it is cut off, not Parquet, or has other columns.
        """
        from vieweratlas_assets.storage import parquet

        return parquet.decode_table(self.download_bytes(key), table, uri=self.uri(key))


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")
