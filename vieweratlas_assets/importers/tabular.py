"""CSV rows as others write them: any case in the header, any line end, row numbers for messages.

Belongs here: reading rows and naming bad ones. Not here: what the columns mean (vod_lake, atlas).
"""

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path

from vieweratlas_assets.errors import InputError

# One field of a CSV file; a name or a title is far shorter, a stray quote swallows the rest of the file.
FIELD_LIMIT = 1_000_000


class TableError(InputError):
    """A CSV file as a whole cannot be used; the message names the file and what is wrong."""


def read_rows(
    path: Path,
    columns: Mapping[str, tuple[str, ...]],
    required: tuple[str, ...],
    *,
    beyond: str | None = None,
    field_limit: int = FIELD_LIMIT,
) -> Iterator[tuple[int, dict[str, str]]]:
    """Read a CSV file row by row.

    Args:
        path: UTF-8, with or without a byte order mark, with a header.
        columns: our name of a column -> the names it may bear, lowercase; the first that is there is taken.
        required: our names that must be there.
        beyond: our name for what a row has beyond the header's columns, joined by commas, "" where it has nothing;
            None passes it over.
        field_limit: characters of the longest field.

    Yields:
        (line on which the row ends, the header's first line being 1; values by our names, stripped). A column that
        a row is too short for is "".

    Raises:
        TableError: no such file, empty, not UTF-8, not CSV, or a required column is missing.
    """
    csv.field_size_limit(field_limit)
    reader = None
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            # Strict: a stray quote must not swallow the rows that follow it without a word.
            reader = csv.reader(handle, strict=True)
            header = [name.strip().lower() for name in next(reader, [])]
            places = _places(path, header, columns, required)
            for values in reader:
                if values:
                    row = {
                        name: values[place].strip() if place < len(values) else "" for name, place in places.items()
                    }
                    if beyond is not None:
                        row[beyond] = ",".join(values[len(header) :])
                    yield reader.line_num, row
    except OSError as error:
        raise TableError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise TableError(f"{path}: is not UTF-8: {error.reason} at byte {error.start}") from error
    except csv.Error as error:
        raise TableError(f"{path}: is not CSV at line {reader.line_num if reader else 1}: {error}") from error


def _places(
    path: Path, header: list[str], columns: Mapping[str, tuple[str, ...]], required: tuple[str, ...]
) -> dict[str, int]:
    if not header:
        raise TableError(f"{path}: is empty")
    places = {}
    for name, aliases in columns.items():
        found = next((alias for alias in aliases if alias in header), None)
        if found is not None:
            places[name] = header.index(found)
    missing = [" or ".join(columns[name]) for name in required if name not in places]
    if missing:
        raise TableError(f"{path}: missing column(s) {', '.join(missing)}; the header has {', '.join(header)}")
    return places
