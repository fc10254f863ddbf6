"""Live snapshots in JSON: one per file, or an array.

Belongs here: finding the snapshots in a file, and the names that their fields may have. Not here: what a field means
(snapshots).
"""

import io
import json
from collections.abc import Iterator
from typing import Any, BinaryIO

import ijson  # type: ignore[import-untyped]  # ships no annotations

from vieweratlas_assets.importers.documents import json_type
from vieweratlas_assets.importers.snapshots import Snapshot, SnapshotError, SnapshotFile

# Our name of a field -> the names it may have in the file; the first that is present and not null counts.
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
    """Read the snapshots of a file; an element that cannot be used is rejected with its number in the array.

    An array is streamed. If it breaks off, the snapshots before the break are read and the rest is rejected.

    Args:
        file: the file, with the report of its import.
        content: the file's bytes, if they were already read.
    """
    with io.BytesIO(content) if content is not None else file.path.open("rb") as handle:
        first = _first_byte(handle)
        if first == b"[":
            yield from _read_array(file, handle)
        elif first == b"{":
            yield from _read_object(file, handle)
        else:
            file.reject("is empty" if not first else "is neither a JSON object nor an array of objects")


def _first_byte(handle: BinaryIO) -> bytes:
    """Move the handle to the first byte that is not blank, and return that byte."""
    if handle.read(3) != _BYTE_ORDER_MARK:
        handle.seek(0)
    while (byte := handle.read(1)) and byte in _SPACE:
        pass
    handle.seek(-len(byte), io.SEEK_CUR)
    return byte


def _read_object(file: SnapshotFile, handle: BinaryIO) -> Iterator[Snapshot]:
    try:
        element = json.loads(handle.read().decode())
    except (ValueError, RecursionError) as error:
        file.reject(f"is not JSON: {error}")
        return
    yield from _valid_snapshots(file, element, None)


def _read_array(file: SnapshotFile, handle: BinaryIO) -> Iterator[Snapshot]:
    number = 0
    try:
        for number, element in enumerate(ijson.items(handle, "item", use_float=True), start=1):
            yield from _valid_snapshots(file, element, number)
    except ijson.JSONError as error:
        reason = str(error).partition("\n")[0]
        file.reject(
            f"is not JSON from here on; the {number} element(s) before it were read: {reason}", row=number + 1
        )


def _valid_snapshots(file: SnapshotFile, element: Any, row: int | None) -> Iterator[Snapshot]:
    try:
        yield _snapshot(file, element)
    except SnapshotError as error:
        file.reject(str(error), row=row)


def _snapshot(file: SnapshotFile, element: Any) -> Snapshot:
    if not isinstance(element, dict):
        raise SnapshotError(f"is {json_type(element)}, not a JSON object")
    if "chatters" not in element:
        raise SnapshotError(f"has no chatters; it has {', '.join(list(element)[:10]) or 'nothing'}")
    fields = {name: _first_value(element, aliases) for name, aliases in FIELDS.items()}
    return file.snapshot(fields, file.names(element["chatters"]))


def _first_value(element: dict[str, Any], aliases: tuple[str, ...]) -> Any:
    return next((value for alias in aliases if (value := element.get(alias)) is not None), None)
