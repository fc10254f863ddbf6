"""CSV files of other programs: headers in any case, any line ending, line numbers for messages.

Belongs here: reading rows, and errors that name the line. Not here: what the columns mean (vod_import, atlas,
percentages, snapshot_csv).
"""

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path

from vieweratlas_assets.errors import InputError

# Characters of one field. A name or a title is far shorter; a stray quote would swallow the rest of the file.
FIELD_LIMIT = 1_000_000


class TableError(InputError):
    """A whole CSV file cannot be used; the message names the file and what is wrong."""


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
        columns: our name of a column -> the names it may have in the file, lowercase; the first match counts.
        required: our names of the columns that the file must have.
        beyond: our name for the fields of a row beyond the header's columns, joined by commas ("" if there are
            none); None ignores them.
        field_limit: characters that a field may have.

    Yields:
        (line on which the row ends, the header starts on line 1; stripped values by our names). A row that is too
        short has "" in its missing columns.

    Raises:
        TableError: the file does not exist, is empty, is not UTF-8, is not CSV or lacks a required column.
    """
    csv.field_size_limit(field_limit)
    reader = None
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            # Strict: a stray quote must not silently swallow the rows that follow it.
            reader = csv.reader(handle, strict=True)
            header = [name.strip().lower() for name in next(reader, [])]
            positions = _column_positions(path, header, columns, required)
            for values in reader:
                if values:
                    row = {
                        name: values[position].strip() if position < len(values) else ""
                        for name, position in positions.items()
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


def _column_positions(
    path: Path, header: list[str], columns: Mapping[str, tuple[str, ...]], required: tuple[str, ...]
) -> dict[str, int]:
    if not header:
        raise TableError(f"{path}: is empty")
    positions = {}
    for name, aliases in columns.items():
        alias = next((alias for alias in aliases if alias in header), None)
        if alias is not None:
            positions[name] = header.index(alias)
    missing = [" or ".join(columns[name]) for name in required if name not in positions]
    if missing:
        raise TableError(f"{path}: missing column(s) {', '.join(missing)}; the header has {', '.join(header)}")
    return positions
