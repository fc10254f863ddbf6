"""A lake on Google Cloud Storage (gs://), on Azure Blob Storage (az://) or in memory (memory://), through obstore.

Belongs here: obstore, an optional extra, and its errors in our words. Not here: S3 (s3) and folders (local), the
contract (objects).

Library: https://developmentseed.org/obstore/
"""

import contextlib
import datetime as dt
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import MemoryStore, from_url

from vieweratlas_assets.errors import StorageError
from vieweratlas_assets.storage.errors import ObjectNotFoundError
from vieweratlas_assets.storage.objects import (
    ObjectStore,
    StoredObject,
    check_folder,
    check_key,
    check_prefix,
    is_key,
    refuse_credentials,
)

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig
    from obstore.store import ObjectStore as Client

LONGEST_S = 300
_TIMEOUTS: "ClientConfig" = {"connect_timeout": "10s", "read_timeout": "60s", "timeout": f"{LONGEST_S}s"}
_RETRIES: "RetryConfig" = {"max_retries": 4, "retry_timeout": dt.timedelta(seconds=LONGEST_S)}
_CREDENTIALS = {
    "gs": "GOOGLE_APPLICATION_CREDENTIALS",
    **dict.fromkeys(
        ("abfs", "abfss", "adl", "az", "azure"), "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY"
    ),
}
# obstore's own texts have whole URLs, signatures included. Only the first of these parts is shown.
_REASONS = tuple(
    re.compile(text)
    for text in (
        r"<Code>(\w+)</Code>",
        r"status code: (\d+ [A-Za-z ]+)",
        r"(HTTP error: [a-z ]+)",
        r"(Account must be \w+)",
    )
)
_NO_BUCKET = ("NoSuchBucket", "ContainerNotFound")
# Shared by all memory:// roots of this process, as a bucket is.
_MEMORY = MemoryStore()


class ObstoreStore(ObjectStore):
    """Objects in a bucket, a container or the memory of this process, below a prefix.

    The services make a put visible at once and whole.
    """

    def __init__(self, url: str) -> None:
        """Create a client; the network is not used yet.

        Raises:
            StorageError: the scheme is unknown, the prefix is not valid in a key, the environment lacks the account,
                or the URL carries credentials, which belong in the environment.
        """
        refuse_credentials(url)
        super().__init__(url)
        scheme, _, rest = url.partition("://")
        self._scheme = scheme.lower()
        if self._scheme not in ("memory", *_CREDENTIALS):
            raise StorageError(
                f"{url} has the unknown scheme {scheme!r}: use a folder, s3://, gs://, az:// or a plug-in's scheme"
            )
        bucket, _, folder = ("", "", rest) if self._scheme == "memory" else rest.partition("/")
        folder = folder.strip("/")
        try:
            self._prefix = f"{check_key(folder)}/" if folder else ""
        except ValueError as error:
            raise StorageError(f"{url} has an invalid prefix: {error}") from error
        with self._reporting("open", url):
            self._client = self._new_client(bucket)

    def _new_client(self, bucket: str) -> "Client":
        if self._scheme == "memory":
            return _MEMORY
        return from_url(f"{self._scheme}://{bucket}", client_options=_TIMEOUTS, retry_config=_RETRIES)

    def upload_bytes(self, key: str, data: bytes) -> str:
        """Put an object in one request: on Azure, two writers of one large object in parts refuse each other."""
        uri = self.uri(key)
        with self._reporting("write", uri):
            obstore.put(self._client, self._prefix + key, data, use_multipart=False)
        return uri

    def create_bytes(self, key: str, data: bytes) -> bool:
        """Put an object only if the key is free: of several writers, the first wins."""
        uri = self.uri(key)
        with self._reporting("write", uri):
            try:
                obstore.put(self._client, self._prefix + key, data, mode="create")
            except AlreadyExistsError:
                # The object may still be ours: from an attempt whose answer was lost.
                return self.download_bytes(key) == data
        return True

    def download_bytes(self, key: str) -> bytes:
        """Get an object."""
        with self._reporting("read", self.uri(key)):
            data: bytes = obstore.get(self._client, self._prefix + key).bytes().to_bytes()
        return data

    def delete(self, key: str) -> None:
        """Delete an object, in one request."""
        name = self._prefix + check_key(key)
        with self._reporting("delete", self.uri(key)), contextlib.suppress(FileNotFoundError):
            obstore.delete(self._client, name)

    def exists(self, key: str) -> bool:
        """Ask for the metadata of an object."""
        with self._reporting("look for", self.uri(key)):
            return self._has(self._prefix + check_key(key))

    def list_objects(self, prefix: str = "", suffix: str = "") -> list[StoredObject]:
        """List the folder of the prefix, page by page."""
        folder = check_prefix(prefix).rpartition("/")[0]
        with self._reporting("list", f"{self.root}/{prefix}"):
            # obstore lists "folder/" markers of other tools without the slash: empty objects that do not exist.
            objects = [
                StoredObject(
                    item["path"].removeprefix(self._prefix), item["size"], item["e_tag"] or "", item["last_modified"]
                )
                for item in obstore.list(self._client, self._prefix + folder).collect()
                if item["size"] or self._has(item["path"])
            ]
        kept = (i for i in objects if is_key(i.key) and i.key.startswith(prefix) and i.key.endswith(suffix))
        return sorted(kept, key=lambda item: item.key)

    def folders(self, prefix: str) -> list[str]:
        """List common prefixes, without the objects below them."""
        with self._reporting("list", f"{self.root}/{check_folder(prefix)}"):
            folders = obstore.list_with_delimiter(self._client, self._prefix + prefix)["common_prefixes"]
        keys = (folder.removeprefix(self._prefix) for folder in folders)
        return sorted(key.rpartition("/")[2] for key in keys if is_key(key))

    def _has(self, name: str) -> bool:
        try:
            obstore.head(self._client, name)
        except FileNotFoundError:
            return False
        return True

    @contextlib.contextmanager
    def _reporting(self, what: str, uri: str) -> Iterator[None]:
        """Raise obstore's errors as ours, without the original in their chain."""
        try:
            yield
        except (BaseError, OSError, ValueError) as error:
            matches = (pattern.search(str(error)) for pattern in _REASONS)
            reason = next((match[1] for match in matches if match), type(error).__name__)
            if isinstance(error, FileNotFoundError) and what == "read" and reason not in _NO_BUCKET:
                raise ObjectNotFoundError(f"{uri} does not exist: write it first, or check the root") from None
            credentials = _CREDENTIALS.get(self._scheme)
            remedy = f"check the root, {credentials} and the network" if credentials else "check the root"
            raise StorageError(f"could not {what} {uri}: {reason}; {remedy}") from None
