"""A check of every promise that a store makes, for the author of a store.

Belongs here: the checks. Not here: the promises themselves (objects.ObjectStore).
"""

from collections.abc import Callable

from vieweratlas_assets.errors import StorageError
from vieweratlas_assets.storage.errors import ObjectNotFoundError
from vieweratlas_assets.storage.objects import ObjectStore, StoredObject, is_key

# A store under test may take any key as a path. Keys that could lead out of its root, or mean the whole root, are
# only read, never written or deleted, and name nothing that exists on any machine.
NOWHERE = "vieweratlas-check-of-a-store"
READ_ONLY_BAD_KEYS = ("", "a/", f"/{NOWHERE}", f"../{NOWHERE}", f"a/../../{NOWHERE}")
BAD_KEYS = ("a/./b", "a//b", "a\\b", ".incoming/x", "a\0b")
ODD_KEYS = ("a/it's here.txt", "a/ünï/日本語 🎮.txt", "a/channel=x%2Fy/%41.txt", "a/star*[x]?.txt")
LARGE_BYTES = 20_000_000


def check_store(store: ObjectStore) -> list[str]:
    """Check each promise of `ObjectStore` on an empty store, and delete all objects afterwards.

    The checks use different keys, because a store of files may keep an empty folder.

    Not checked: whether a write is atomic, and whether it survives a crash.

    Returns:
        The broken promises in plain words; empty if the store keeps all of them.

    Raises:
        StorageError: the store is not empty, or cannot list.
    """
    if store.list_objects():
        raise StorageError(f"{store.root} is not empty: check a store on a root of its own")
    broken = []
    for promise in _PROMISES:
        try:
            objection = promise(store)
        except (StorageError, ValueError, TypeError, LookupError, OSError) as error:
            objection = f"{type(error).__name__}: {error}"
        if objection:
            broken.append(f"{(promise.__doc__ or '').rstrip('.')}: {objection}")
        for item in store.list_objects():
            if is_key(item.key):
                store.delete(item.key)
    if store.list_objects():
        broken.append("A deleted object is gone: the store is not empty after everything was deleted")
    return broken


def _differs(actual: object, expected: object) -> str:
    return "" if actual == expected else f"got {actual!r}, expected {expected!r}"


def _bytes_come_back(store: ObjectStore) -> str:
    """Any bytes are read back as they were written, and the uri names the key."""
    data = bytes(range(256))
    uri = store.upload_bytes("deep/er/one.bin", data)
    store.upload_bytes("empty", b"")
    actual = (uri, store.download_bytes("deep/er/one.bin"), store.download_bytes("empty"))
    return _differs(actual, (store.uri("deep/er/one.bin"), data, b""))


def _a_large_object_survives(store: ObjectStore) -> str:
    """An object of 20 MB survives."""
    store.upload_bytes("large", b"x" * LARGE_BYTES)
    return _differs(len(store.download_bytes("large")), LARGE_BYTES)


def _writing_again_replaces(store: ObjectStore) -> str:
    """Writing again replaces the object, and no other."""
    store.upload_bytes("a/kept", b"kept")
    for data in (b"a longer first version", b"second"):
        store.upload_bytes("a/one", data)
    listed = [StoredObject("a/kept", 4), StoredObject("a/one", 6)]
    return _differs((store.download_bytes("a/one"), store.list_objects()), (b"second", listed))


def _creating_overwrites_nothing(store: ObjectStore) -> str:
    """Creating overwrites no existing object, and returns whether the object holds these bytes."""
    answers = [store.create_bytes("created/one", data) for data in (b"first", b"other", b"first")]
    return _differs((answers, store.download_bytes("created/one")), ([True, False, True], b"first"))


def _a_new_object_has_a_new_version(store: ObjectStore) -> str:
    """A listing has a version that changes when an object is overwritten with other bytes."""
    versions = []
    for data in (b"first", b"other"):
        store.upload_bytes("overwritten", data)
        versions += [item.version for item in store.list_objects()]
    return "" if versions[0] != versions[1] else f"both times it was {versions[0]!r}"


def _a_listing_has_times(store: ObjectStore) -> str:
    """A listing has the time of each write, in UTC; without it `vieweratlas prune` keeps raw VOD chat."""
    store.upload_bytes("written", b"")
    modified = store.list_objects()[0].modified
    return "" if modified is not None and modified.utcoffset() is not None else f"it was {modified!r}"


def _a_missing_object_is_reported(store: ObjectStore) -> str:
    """Reading a missing object raises ObjectNotFoundError with its uri; a folder is not an object."""
    store.upload_bytes("folder/file", b"x")
    for key in ("nothing", "folder", "folder/file/below"):
        if store.exists(key):
            return f"{key!r} exists"
        try:
            store.download_bytes(key)
        except ObjectNotFoundError as error:
            if store.uri(key) not in str(error):
                return f"the message {str(error)!r} lacks {store.uri(key)}"
        else:
            return f"{key!r} could be read"
    return ""


def _deleting_again_changes_nothing(store: ObjectStore) -> str:
    """A deleted object is gone; deleting a missing object or a folder raises nothing and changes nothing."""
    store.upload_bytes("some/one", b"kept")
    store.upload_bytes("some/one.more", b"goes")
    for key in ("some/one.more", "some/one.more", "nothing", "some"):
        store.delete(key)
    return _differs((store.exists("some/one.more"), store.list_files()), (False, ["some/one"]))


def _a_prefix_is_plain_text(store: ObjectStore) -> str:
    """A listing takes prefix and suffix as plain text, and is sorted by the whole key."""
    keys = ["a/b/z", "a/b-c", "a/b c", "a/B", "a_b/c", "a%b/c", "aXb/c", "a/é", "b.parquet"]
    for key in keys:
        store.upload_bytes(key, b"x")
    listings = [(prefix, "") for prefix in ("", "a/", "a/b", "a_b", "a%", "x", "a/b/z/")]
    for prefix, suffix in (*listings, ("a", "c")):
        expected = sorted(key for key in keys if key.startswith(prefix) and key.endswith(suffix))
        if objection := _differs(store.list_files(prefix, suffix), expected):
            return f"prefix {prefix!r}, suffix {suffix!r}: {objection}"
    return ""


def _folders_are_the_names_below(store: ObjectStore) -> str:
    """Folders are the names directly below a folder that hold an object, sorted."""
    for key in ("vod/channel=b/vod=1/p", "vod/channel=a/vod=2/p", "vod/channel=a/vod=3/p", "vod/file", "top"):
        store.upload_bytes(key, b"")
    names = [store.folders(prefix) for prefix in ("", "vod/", "vod/channel=a/", "vod/channel=a/vod=2/", "none/")]
    return _differs(names, [["vod"], ["channel=a", "channel=b"], ["vod=2", "vod=3"], [], []])


def _odd_names_are_kept(store: ObjectStore) -> str:
    """Keys are kept verbatim."""
    for key in ODD_KEYS:
        store.upload_bytes(key, key.encode())
    contents = {key: store.download_bytes(key).decode() for key in store.list_files("a/")}
    return _differs(contents, {key: key for key in ODD_KEYS})


def _an_invalid_key_is_refused(store: ObjectStore) -> str:
    """An invalid key raises ValueError in every method (`check_key`, `check_prefix`)."""
    reads: dict[str, Callable[[str], object]] = {"download_bytes": store.download_bytes, "exists": store.exists}
    writes: dict[str, Callable[[str], object]] = {
        "upload_bytes": lambda key: store.upload_bytes(key, b"x"),
        "delete": store.delete,
    }
    listings: dict[str, Callable[[str], object]] = {"list_objects": store.list_objects, "folders": store.folders}
    calls = [(name, use, key) for name, use in reads.items() for key in (*READ_ONLY_BAD_KEYS, *BAD_KEYS)]
    calls += [(name, use, key) for name, use in writes.items() for key in BAD_KEYS]
    calls += [(name, use, f"../{NOWHERE}/") for name, use in listings.items()] + [("folders", store.folders, "a")]
    accepted = [f"{name}({key!r})" for name, use, key in calls if not _refuses(use, key)]
    return f"not refused: {', '.join(accepted)}" if accepted else ""


def _refuses(use: Callable[[str], object], key: str) -> bool:
    try:
        use(key)
    except ValueError:
        return True
    except StorageError:
        return False
    return False


_PROMISES: tuple[Callable[[ObjectStore], str], ...] = (
    # First: an S3 server on files (SeaweedFS) lists an emptied folder for a while.
    _folders_are_the_names_below,
    _bytes_come_back,
    _a_large_object_survives,
    _writing_again_replaces,
    _creating_overwrites_nothing,
    _a_new_object_has_a_new_version,
    _a_listing_has_times,
    _a_missing_object_is_reported,
    _deleting_again_changes_nothing,
    _a_prefix_is_plain_text,
    _odd_names_are_kept,
    _an_invalid_key_is_refused,
)
