"""What every store promises, asked of one: for the author of a store.

Belongs here: the questions. Not here: the promises themselves (objects.ObjectStore).
"""

from collections.abc import Callable
from typing import Any

from vieweratlas_assets.errors import StorageError
from vieweratlas_assets.storage.errors import ObjectNotFoundError
from vieweratlas_assets.storage.objects import ObjectStore, StoredObject, is_key

# A store under trial may take any key as a path. Keys that could lead out of its root, or mean all of it, are only
# read, never written or deleted, and name nothing that any machine has.
NOWHERE = "vieweratlas-check-of-a-store"
READ_ONLY_BAD_KEYS = ("", "a/", f"/{NOWHERE}", f"../{NOWHERE}", f"a/../../{NOWHERE}")
BAD_KEYS = ("a/./b", "a//b", "a\\b", ".incoming/x", "a\0b")
ODD_KEYS = ("a/it's here.txt", "a/ünï/日本語 🎮.txt", "a/channel=x%2Fy/%41.txt", "a/star*[x]?.txt")
LARGE_BYTES = 20_000_000


def check_store(store: ObjectStore) -> list[str]:
    """Ask an empty store for each promise of `ObjectStore`; what it was made to hold is deleted again.

    The promises use different keys, as a store of files may keep a folder that is empty.

    Not asked: whether a write is atomic, and whether what is written outlives a crash.

    Returns:
        Broken promises in plain words, none where the store keeps all.

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
        told = (promise.__doc__ or "").rstrip(".")
        if objection:
            broken.append(f"{told}: {objection}")
        for item in store.list_objects():
            if is_key(item.key):
                store.delete(item.key)
    if store.list_objects():
        broken.append("A deleted object is gone: the store is not empty after all was deleted")
    return broken


def _differs(found: Any, expected: Any) -> str:
    return "" if found == expected else f"found {found!r}, expected {expected!r}"


def _bytes_come_back(store: ObjectStore) -> str:
    """Bytes come back as they were written, whatever they are, and the uri names the key."""
    data = bytes(range(256))
    uri = store.upload_bytes("deep/er/one.bin", data)
    store.upload_bytes("empty", b"")
    found = (uri, store.download_bytes("deep/er/one.bin"), store.download_bytes("empty"))
    return _differs(found, (store.uri("deep/er/one.bin"), data, b""))


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


def _what_is_there_is_not_created_again(store: ObjectStore) -> str:
    """Creating writes nothing over what is there, and tells whether the object holds these bytes."""
    told = [store.create_bytes("made/one", data) for data in (b"first", b"other", b"first")]
    return _differs((told, store.download_bytes("made/one")), ([True, False, True], b"first"))


def _a_new_object_has_a_new_version(store: ObjectStore) -> str:
    """A listing tells a version that changes when an object is written anew with other bytes."""
    versions = []
    for data in (b"first", b"other"):
        store.upload_bytes("anew", data)
        versions += [item.version for item in store.list_objects()]
    return "" if versions[0] != versions[1] else f"both times it was {versions[0]!r}"


def _a_listing_tells_when(store: ObjectStore) -> str:
    """A listing tells when an object was written, in UTC; without it `vieweratlas prune` keeps raw snapshots."""
    store.upload_bytes("written", b"")
    modified = store.list_objects()[0].modified
    return "" if modified is not None and modified.utcoffset() is not None else f"it was {modified!r}"


def _what_is_not_there_is_said(store: ObjectStore) -> str:
    """What is not there raises ObjectNotFoundError with its uri; a folder is no object."""
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


def _deleting_is_enough_once(store: ObjectStore) -> str:
    """A deleted object is gone; deleting what is not there, or a folder, is fine and changes nothing."""
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
    asked = [(prefix, "") for prefix in ("", "a/", "a/b", "a_b", "a%", "x", "a/b/z/")]
    for prefix, suffix in (*asked, ("a", "c")):
        expected = sorted(key for key in keys if key.startswith(prefix) and key.endswith(suffix))
        if objection := _differs(store.list_files(prefix, suffix), expected):
            return f"prefix {prefix!r}, suffix {suffix!r}: {objection}"
    return ""


def _folders_are_the_names_below(store: ObjectStore) -> str:
    """Folders are the names directly below a folder that holds an object, sorted."""
    for key in ("vod/channel=b/vod=1/p", "vod/channel=a/vod=2/p", "vod/channel=a/vod=3/p", "vod/file", "top"):
        store.upload_bytes(key, b"")
    found = [store.folders(prefix) for prefix in ("", "vod/", "vod/channel=a/", "vod/channel=a/vod=2/", "none/")]
    return _differs(found, [["vod"], ["channel=a", "channel=b"], ["vod=2", "vod=3"], [], []])


def _odd_names_are_kept(store: ObjectStore) -> str:
    """Keys are kept verbatim."""
    for key in ODD_KEYS:
        store.upload_bytes(key, key.encode())
    found = {key: store.download_bytes(key).decode() for key in store.list_files("a/")}
    return _differs(found, {key: key for key in ODD_KEYS})


def _what_is_no_key_is_refused(store: ObjectStore) -> str:
    """What is no key raises ValueError in every method (`check_key`, `check_prefix`)."""
    readings: dict[str, Callable[[str], object]] = {"download_bytes": store.download_bytes, "exists": store.exists}
    writings: dict[str, Callable[[str], object]] = {
        "upload_bytes": lambda key: store.upload_bytes(key, b"x"),
        "delete": store.delete,
    }
    listings: dict[str, Callable[[str], object]] = {"list_objects": store.list_objects, "folders": store.folders}
    asked = [(name, use, key) for name, use in readings.items() for key in (*READ_ONLY_BAD_KEYS, *BAD_KEYS)]
    asked += [(name, use, key) for name, use in writings.items() for key in BAD_KEYS]
    asked += [(name, use, f"../{NOWHERE}/") for name, use in listings.items()] + [("folders", store.folders, "a")]
    wrong = [f"{name}({key!r})" for name, use, key in asked if not _refuses(use, key)]
    return f"not refused: {', '.join(wrong)}" if wrong else ""


def _refuses(use: Callable[[str], object], key: str) -> bool:
    try:
        use(key)
    except ValueError:
        return True
    except StorageError:
        return False
    return False


_PROMISES: tuple[Callable[[ObjectStore], str], ...] = (
    # First: an S3 server over files (SeaweedFS) tells of an emptied folder for a while.
    _folders_are_the_names_below,
    _bytes_come_back,
    _a_large_object_survives,
    _writing_again_replaces,
    _what_is_there_is_not_created_again,
    _a_new_object_has_a_new_version,
    _a_listing_tells_when,
    _what_is_not_there_is_said,
    _deleting_is_enough_once,
    _a_prefix_is_plain_text,
    _odd_names_are_kept,
    _what_is_no_key_is_refused,
)
