"""JSON and XML files as others write them: compressed or not, with or without a byte order mark, of any size.

Belongs here: opening such a file, finding them in a folder, reading JSON as a stream, and naming a fault without
repeating what the file says. Not here: what the fields mean (vod_json, twitchdownloader, gexf).
"""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import ijson  # type: ignore[import-untyped]

from vieweratlas_assets.errors import InputError

_GZIP = b"\x1f\x8b"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class DocumentError(InputError):
    """A file as a whole cannot be used; the message says what is wrong, and where in the file."""


def find_documents(path: Path, suffixes: tuple[str, ...]) -> dict[str, Path]:
    """A file itself, or the files of a folder at any depth that end in one of the suffixes, sorted.

    Args:
        suffixes: such as ".json"; the same with .gz behind are found too.

    Returns:
        The file by its name as it is told to people: relative to the folder, else its bare name. Names that begin
        with a dot or an underscore are passed over: systems put such files beside others, as macOS its ._chat.json.
    """
    if path.is_file():
        return {path.name: path}
    return {
        found.relative_to(path).as_posix(): found
        for found in sorted(path.rglob("*"))
        if found.name.lower().removesuffix(".gz").endswith(suffixes)
        and not found.name.startswith((".", "_"))
        and found.is_file()
    }


@contextmanager
def open_document(path: Path) -> Iterator[IO[bytes]]:
    """Open a file, uncompressed and behind its byte order mark.

    Raises:
        DocumentError: it cannot be read, its compression is damaged, or what the body reads from it is no JSON. What
            a JSON parser says of the place is left out: it would repeat what somebody wrote.
    """
    try:
        with path.open("rb") as raw:
            packed = raw.read(len(_GZIP)) == _GZIP
            raw.seek(0)
            handle: IO[bytes] = gzip.GzipFile(fileobj=raw) if packed else raw  # type: ignore[assignment]
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
    """The first line of what the parser says; the next ones show the text around the fault."""
    told = str(error).removeprefix("b'").removeprefix('b"').partition("\n")[0].partition("\\n")[0].strip()
    return f"{told}, the file is cut off" if "premature EOF" in told else told


def json_events(handle: IO[bytes]) -> Iterator[tuple[str, Any]]:
    """The parts of one or more JSON values, one below the other, as (event, value); see ijson.basic_parse."""
    return iter(ijson.basic_parse(handle, use_float=True, multiple_values=True))


def json_items(handle: IO[bytes], path: str) -> Iterator[Any]:
    """The values under a path such as "comments.item", one at a time; see ijson.items."""
    return iter(ijson.items(handle, path, use_float=True))


def json_value(event: str, value: Any, events: Iterator[tuple[str, Any]]) -> Any:
    """Build the value that begins with this event from those that follow it."""
    builder = ijson.ObjectBuilder()
    builder.event(event, value)
    depth = 1 if event in ("start_map", "start_array") else 0
    while depth:
        event, value = next(events)
        depth += (event in ("start_map", "start_array")) - (event in ("end_map", "end_array"))
        builder.event(event, value)
    return builder.value
