"""The contract of every store that can hold a lake.

Belongs here: the methods of a store, the keys that it accepts, JSON and Parquet on top of bytes.
Not here: how bytes reach a disk or a bucket (local, s3, obstore_store), which store a root opens (opening),
which key a table has (domain.lake), the errors (errors).
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
        version: changes when the object is overwritten: the ETag on S3, the time of the last change in a folder.
        modified: when it was written, UTC; None if the backend does not report it.
    """

    key: str
    size_bytes: int
    version: str = field(default="", compare=False)
    modified: dt.datetime | None = field(default=None, compare=False)


def is_key(key: str) -> bool:
    """Whether a store accepts this key; objects of other tools under other names are never listed."""
    return _objection(key) is None


def check_key(key: str) -> str:
    """Return the key if it is valid.

    Raises:
        ValueError: the key is empty, absolute, not in plain '/'-separated segments, or under `.incoming/`.
    """
    if objection := _objection(key):
        raise ValueError(f"{key!r} is not a key of the lake: {objection}")
    return key


def check_prefix(prefix: str) -> str:
    """Return the prefix if its folders are valid in a key; the text after the last slash is free.

    Raises:
        ValueError: as check_key.
    """
    folder, slash, name = prefix.rpartition("/")
    objection = _objection(folder) if slash else None
    if objection or "\\" in name or "\0" in name:
        raise ValueError(f"{prefix!r} is not a prefix of keys: {objection or 'it has a backslash or NUL'}")
    return prefix


def check_folder(prefix: str) -> str:
    """Return the prefix if it is "" or ends in a slash.

    Raises:
        ValueError: it does not name a folder, or as check_prefix.
    """
    if prefix and not prefix.endswith("/"):
        raise ValueError(f"{prefix!r} is not a folder: end it with '/'")
    return check_prefix(prefix)


def refuse_credentials(url: str) -> None:
    """Refuse a URL that carries a password or a signed query, without repeating it.

    Raises:
        StorageError: the URL carries one. Roots are shown in logs and in the UI.
    """
    scheme, _, rest = url.partition("://")
    user = rest.partition("/")[0].rpartition("@")[0]  # az://container@account names no user
    if ":" in user or "?" in rest or (user and scheme.lower() == "s3"):
        raise StorageError(
            f"the root {scheme}://… carries credentials or a query: remove them from VIEWERATLAS_ROOT "
            "and set them in the environment variables of its service"
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
    """Encode a JSON object; equal data gives equal bytes.

    Raises:
        ValueError: a number is NaN or infinite, or a text is not valid Unicode.
        TypeError: JSON cannot represent a value.
    """
    text = json.dumps(data, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False)
    return f"{text}\n".encode()


class ObjectStore(ABC):
    """Objects under one root, each read and written whole.

    Keys are relative and '/'-separated. Every method that takes a key raises ValueError for an invalid one
    (`check_key`, `check_prefix`), and StorageError if the disk or the service refuses.

    A store of your own needs `upload_bytes`, `download_bytes`, `list_objects` and `delete`. The other methods are
    built on these four; override one if the backend has a faster way. `contract.check_store` reports the promises
    that a store does not keep.

    Attributes:
        root: the root as shown to users, without credentials.
    """

    root: str

    def __init__(self, root: str) -> None:
        """Keep the root; nothing is read or written yet."""
        self.root = root if root.endswith("://") else root.rstrip("/")

    def uri(self, key: str) -> str:
        """Return the full address of a key, as shown to users and as other readers accept it."""
        separator = "" if self.root.endswith("/") else "/"
        return f"{self.root}{separator}{check_key(key)}"

    @abstractmethod
    def upload_bytes(self, key: str, data: bytes) -> str:
        """Write an object whole, replacing an existing one, and return its uri.

        Atomic: a reader sees the old object or the new one, never a part or a mixture.
        """

    def create_bytes(self, key: str, data: bytes) -> bool:
        """Write an object if the key is free; return whether the object now holds these bytes.

        If several writers create one key at once, the first wins in every store of this package. This default
        looks before it writes, so two writers at the same moment may both write.
        """
        if self.exists(key):
            return self.download_bytes(key) == data
        self.upload_bytes(key, data)
        return True

    @abstractmethod
    def download_bytes(self, key: str) -> bytes:
        """Read an object whole.

        Raises:
            ObjectNotFoundError: there is no object with this key.
        """

    @abstractmethod
    def delete(self, key: str) -> None:
        """Remove an object; nothing happens if there is no object with this key."""

    def exists(self, key: str) -> bool:
        """Whether there is an object with this key; a folder is not an object."""
        return any(item.key == key for item in self.list_objects(check_key(key)))

    @abstractmethod
    def list_objects(self, prefix: str = "", suffix: str = "") -> list[StoredObject]:
        """List the objects whose keys have this prefix and suffix, sorted by key.

        Args:
            prefix: plain text, as on S3: "a/b" matches a/b.txt and a/b/c.txt.
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
        """Files in `.incoming/`: being written now, or left by a killed process. Their keys are not valid keys.

        Empty for a store whose writes need no such folder.
        """
        return []

    def delete_fragment(self, fragment: StoredObject) -> None:
        """Remove one of `fragments`; nothing happens if it is gone already."""
        raise NotImplementedError(f"{type(self).__name__} has no fragments")

    def list_files(self, prefix: str = "", suffix: str = "") -> list[str]:
        """List the keys that list_objects finds."""
        return [item.key for item in self.list_objects(prefix, suffix)]

    def upload_json(self, key: str, data: dict[str, Any]) -> str:
        """Write a JSON object and return its uri; raises as `to_json`."""
        return self.upload_bytes(key, to_json(data))

    def download_json(self, key: str) -> dict[str, Any]:
        """Read a JSON object.

        Raises:
            ObjectNotFoundError: there is no object with this key.
            CorruptObjectError: it is not UTF-8, not JSON, or not a JSON object at the top level.
        """
        data = self.download_bytes(key)
        try:
            document = json.loads(data.decode(), parse_constant=_refuse_constant)
        except ValueError as error:
            raise CorruptObjectError(f"{self.uri(key)} is not JSON: {error}") from error
        if not isinstance(document, dict):
            raise CorruptObjectError(f"{self.uri(key)} holds a JSON {type(document).__name__}, not an object")
        return document

    def upload_parquet(self, key: str, frame: pl.DataFrame, table: Table) -> str:
        """Write a frame as Parquet with the table's columns, types and order; return its uri.

        Raises:
            SchemaError: the frame does not match the table.
        """
        from vieweratlas_assets.storage import parquet  # the codec needs this module's errors

        return self.upload_bytes(key, parquet.encode(table.conform(frame)))

    def download_parquet(self, key: str, table: Table) -> pl.DataFrame:
        """Read a Parquet object that has the table's columns and types (see `parquet.decode_table`).

        Raises:
            ObjectNotFoundError: there is no object with this key.
            CorruptObjectError: it is cut off, not Parquet, or has other columns.
        """
        from vieweratlas_assets.storage import parquet

        return parquet.decode_table(self.download_bytes(key), table, uri=self.uri(key))


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")
