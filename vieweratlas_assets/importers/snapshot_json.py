"""Live snapshots in JSON: one to a file, or an array of them.

Belongs here: finding the snapshots in a file, and the names that their fields may bear. Not here: what a field means
(snapshots).
"""

import io
import json
from collections.abc import Iterator
from typing import Any, BinaryIO

import ijson  # type: ignore[import-untyped]

from vieweratlas_assets.importers.snapshots import Snapshot, SnapshotError, SnapshotFile

# Our name of a field -> the names it may bear; the first that is there and not null is taken.
FIELDS = {
    "channel": ("channel", "channel_login"),
    "channel_id": ("channel_id",),
    "stream_id": ("stream_id",),
    "timestamp": ("timestamp",),
    "viewer_count": ("viewer_count", "viewers"),
    "game_name": ("game_name", "game"),
    "language": ("language", "broadcaster_language"),
    "title": ("title",),
    "started_at": ("started_at", "uptime"),
}
_SPACE = b" \t\r\n"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def read_json(file: SnapshotFile, content: bytes | None = None) -> Iterator[Snapshot]:
    """Read the snapshots of a file; what cannot be used is rejected with its place in the array.

    An array is streamed. Where it breaks off, the snapshots before the break are taken and the rest is rejected.

    Args:
        content: the file's bytes, where they were read already.
    """
    with io.BytesIO(content) if content is not None else file.path.open("rb") as handle:
        first = _first_byte(handle)
        if first == b"[":
            yield from _of_array(file, handle)
        elif first == b"{":
            yield from _of_object(file, handle)
        else:
            file.reject("is empty" if not first else "is neither a JSON object nor an array of them")


def _first_byte(handle: BinaryIO) -> bytes:
    """The first byte that is not blank, to which the handle is moved."""
    if handle.read(3) != _BYTE_ORDER_MARK:
        handle.seek(0)
    while (byte := handle.read(1)) and byte in _SPACE:
        pass
    handle.seek(-len(byte), io.SEEK_CUR)
    return byte


def _of_object(file: SnapshotFile, handle: BinaryIO) -> Iterator[Snapshot]:
    try:
        found = json.loads(handle.read().decode())
    except (ValueError, RecursionError) as error:
        file.reject(f"is not JSON: {error}")
        return
    yield from _usable(file, found, None)


def _of_array(file: SnapshotFile, handle: BinaryIO) -> Iterator[Snapshot]:
    number = 0
    try:
        for number, found in enumerate(ijson.items(handle, "item", use_float=True), start=1):
            yield from _usable(file, found, number)
    except ijson.JSONError as error:
        reason = str(error).partition("\n")[0]
        file.reject(f"is not JSON from here on, {number} element(s) before were read: {reason}", row=number + 1)


def _usable(file: SnapshotFile, found: Any, row: int | None) -> Iterator[Snapshot]:
    try:
        yield _snapshot(file, found)
    except SnapshotError as error:
        file.reject(str(error), row=row)


def _snapshot(file: SnapshotFile, found: Any) -> Snapshot:
    if not isinstance(found, dict):
        raise SnapshotError(f"is a JSON {type(found).__name__}, not an object")
    if "chatters" not in found:
        raise SnapshotError(f"has no chatters; it has {', '.join(list(found)[:10]) or 'nothing'}")
    fields = {name: _first_of(found, aliases) for name, aliases in FIELDS.items()}
    return file.snapshot(fields, file.names(found["chatters"]))


def _first_of(found: dict[str, Any], aliases: tuple[str, ...]) -> Any:
    return next((value for alias in aliases if (value := found.get(alias)) is not None), None)
