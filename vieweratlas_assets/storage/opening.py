"""Opening the store of a root, such as a folder or s3://bucket/prefix/.

Belongs here: parsing a root, registering stores of plug-ins. Not here: where the root comes from (settings), what a
store does (objects).
"""

import re
from collections.abc import Callable
from urllib.parse import unquote, urlsplit

from vieweratlas_assets.errors import StorageError
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_assets.storage.objects import ObjectStore, refuse_credentials

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):(/+)")

StoreOpener = Callable[[str], ObjectStore]
_registry: dict[str, StoreOpener] = {}


def register_store(scheme: str, opener: StoreOpener, *, replaces: StoreOpener | None = None) -> None:
    """Register a store of your own for the scheme of its roots; it replaces obstore's store of that scheme.

    Args:
        scheme: the text before `://`, lowercase.
        opener: takes the whole root and opens the store.
        replaces: an opener that may already be registered for the scheme.

    Raises:
        ValueError: the scheme is taken or not valid.
    """
    if not _SCHEME.fullmatch(f"{scheme}://") or scheme != scheme.lower():
        raise ValueError(f"{scheme!r} is not a valid scheme: write lowercase letters and digits")
    if scheme in ("file", "s3") or _registry.get(scheme, replaces) is not replaces:
        raise ValueError(f"a store for {scheme}:// is registered already")
    _registry[scheme] = opener


def open_store(root: str, *, region: str | None = None) -> ObjectStore:
    """Open the lake at a root; nothing is read or written yet.

    Args:
        root: a folder (`./data`, `~/lake`, `file:///srv/lake`), `s3://bucket/prefix/`, a URL of a registered
            store, or `gs://bucket/prefix`, `az://container/prefix` or `memory://name`, which need
            `pip install 'vieweratlas[obstore]'`.
        region: region of an S3 bucket; None leaves it to AWS_DEFAULT_REGION. AWS_ENDPOINT_URL names another S3
            server.

    Raises:
        StorageError: the root is empty, has an unknown scheme or no bucket, or carries credentials.

    >>> open_store("/srv/lake").uri("atlas/latest/layout.parquet")
    '/srv/lake/atlas/latest/layout.parquet'
    """
    if not root.strip():
        raise StorageError("the root is empty: set VIEWERATLAS_ROOT to a folder or s3://bucket/prefix/")
    refuse_credentials(root)
    match = _SCHEME.match(root)
    if match is None and "://" in root:
        raise StorageError(f"{root} does not start with a scheme: write a folder, s3://… or another URL")
    if match is None:
        return LocalStore(root)
    scheme, slashes = match[1].lower(), match[2]
    if scheme == "file":
        return LocalStore(_folder_of(root))
    if len(slashes) < 2:
        # As a folder, it would be a lake in a place that nobody expects.
        raise StorageError(f"{root} is neither a folder nor a URL: write {scheme}://, or ./{root}")
    if scheme == "s3":
        return _open_s3(root, region)
    if scheme in _registry:
        return _registry[scheme](root)
    return _open_with_obstore(root)


def _open_s3(root: str, region: str | None) -> ObjectStore:
    bucket, _, prefix = root.partition("://")[2].partition("/")
    if not bucket:
        raise StorageError(f"{root} names no bucket: write s3://bucket/prefix/")
    from vieweratlas_assets.storage.s3 import S3Store

    try:
        return S3Store(bucket, prefix, region=region)
    except ValueError as error:
        raise StorageError(f"{root} has an invalid prefix: {error}") from error


def _open_with_obstore(root: str) -> ObjectStore:
    try:
        from vieweratlas_assets.storage.obstore_store import ObstoreStore
    except ModuleNotFoundError as error:
        if error.name != "obstore":
            raise
        raise StorageError(
            f"{root} needs obstore, which is not installed: pip install 'vieweratlas[obstore]'"
        ) from error
    return ObstoreStore(root)


def _folder_of(url: str) -> str:
    parts = urlsplit(url)
    if parts.netloc not in ("", "localhost") or not parts.path:
        raise StorageError(f"{url} is not a folder of this machine: write file:///absolute/path")
    return unquote(parts.path)
