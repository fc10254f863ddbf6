"""JSON and XML files of other programs: compressed or not, with or without a byte order mark, of any size.

Belongs here: finding such files in a folder, opening them, streaming JSON, and errors that do not repeat the file's
content. Not here: what the fields mean (vod_json, twitchdownloader, gexf).
"""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

import ijson  # type: ignore[import-untyped]  # ships no annotations

from vieweratlas_assets.errors import InputError

_GZIP = b"\x1f\x8b"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_JSON_TYPES = {
    dict: "an object",
    list: "an array",
    str: "a string",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    type(None): "null",
}


class DocumentError(InputError):
    """A whole file cannot be used; the message says what is wrong, and where in the file."""


def find_documents(path: Path, suffixes: tuple[str, ...]) -> dict[str, Path]:
    """Find the files of a folder, at any depth, that end in one of the suffixes; a path to a file is that file.

    Args:
        path: a folder or a file.
        suffixes: such as ".json"; the same names with .gz appended match too.

    Returns:
        Path by display name, sorted: relative to the folder, or the bare name of a single file. Names that begin
        with a dot or an underscore are skipped: systems leave such files next to others (macOS: ._chat.json).
    """
    if path.is_file():
        return {path.name: path}
    return {
        file.relative_to(path).as_posix(): file
        for file in sorted(path.rglob("*"))
        if file.name.lower().removesuffix(".gz").endswith(suffixes)
        and not file.name.startswith((".", "_"))
        and file.is_file()
    }


@contextmanager
def open_document(path: Path) -> Iterator[IO[bytes]]:
    """Open a file, uncompress it and skip its byte order mark.

    Raises:
        DocumentError: it cannot be read, its compression is damaged, or the body reads invalid JSON from it. The
            parser's excerpt of the file is left out: it would repeat what somebody wrote.
    """
    try:
        with path.open("rb") as raw:
            is_compressed = raw.read(len(_GZIP)) == _GZIP
            raw.seek(0)
            handle = cast(IO[bytes], gzip.GzipFile(fileobj=raw) if is_compressed else raw)
            if handle.read(len(_BYTE_ORDER_MARK)) != _BYTE_ORDER_MARK:
                handle.seek(0)
            try:
                yield handle
            except ijson.JSONError as error:
                raise DocumentError(f"is not JSON near byte {handle.tell()}: {_reason(error)}") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DocumentError(f"is a damaged gzip file: {error}") from error
    except OSError as error:
        raise DocumentError(f"cannot be read: {error.strerror or error}") from error


def _reason(error: ijson.JSONError) -> str:
    """Return the first line of the parser's message; the next lines show the text around the fault."""
    reason = str(error).removeprefix("b'").removeprefix('b"').partition("\n")[0].partition("\\n")[0].strip()
    return f"{reason}, the file is cut off" if "premature EOF" in reason else reason


def json_type(value: Any) -> str:
    """Return the JSON type of a parsed value, for messages that must not repeat the value."""
    return _JSON_TYPES[type(value)]


def json_events(handle: IO[bytes]) -> Iterator[tuple[str, Any]]:
    """Stream one or more concatenated JSON values as (event, value) pairs; see ijson.basic_parse."""
    return iter(ijson.basic_parse(handle, use_float=True, multiple_values=True))


def json_items(handle: IO[bytes], path: str) -> Iterator[Any]:
    """Stream the values at a path such as "comments.item"; see ijson.items."""
    return iter(ijson.items(handle, path, use_float=True))


def json_value(event: str, value: Any, events: Iterator[tuple[str, Any]]) -> Any:
    """Build the value that begins with this event from the events that follow."""
    builder = ijson.ObjectBuilder()
    builder.event(event, value)
    depth = 1 if event in ("start_map", "start_array") else 0
    while depth:
        event, value = next(events)
        depth += (event in ("start_map", "start_array")) - (event in ("end_map", "end_array"))
        builder.event(event, value)
    return builder.value
