"""Parquet: frames to bytes and back.

Belongs here: how a table is encoded, and detecting damaged files. Not here: large tables in row groups
(row_groups), where the bytes go (objects), which columns a table has (domain.schemas).
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager

import polars as pl
import pyarrow.parquet as pq

from vieweratlas_assets.domain.tables import Table
from vieweratlas_assets.storage.errors import CorruptObjectError

_MAGIC = b"PAR1"
_REASON_CHARACTERS = 200


def encode(frame: pl.DataFrame) -> bytes:
    """Encode a frame as Parquet with zstd; equal frames of one Polars version give equal bytes."""
    buffer = io.BytesIO()
    # One chunk: how a frame was built must not change the bytes.
    frame.rechunk().write_parquet(buffer, compression="zstd")
    return buffer.getvalue()


def decode(data: bytes, *, uri: str) -> pl.DataFrame:
    """Decode the bytes of a Parquet file.

    Args:
        data: the whole file.
        uri: its address, for the error.

    Raises:
        CorruptObjectError: the file is empty, not Parquet, cut off or visibly damaged.
    """
    refuse_other_formats(data, uri)
    with reporting_damage(uri):
        # Without this option, Polars reads folders such as vod=123 of a path as columns; the columns are in the file.
        return pl.read_parquet(io.BytesIO(data), hive_partitioning=False)


def row_count(data: bytes) -> int:
    """The number of rows of a sound Parquet file, from its footer."""
    return int(pq.read_metadata(io.BytesIO(data)).num_rows)


def refuse_other_formats(data: bytes, uri: str) -> None:
    """Check a file's first and last bytes.

    Raises:
        CorruptObjectError: they are not those of a Parquet file.
    """
    if not data:
        raise CorruptObjectError(f"{uri} is empty, not a Parquet file: write it again")
    if not data.startswith(_MAGIC):
        raise CorruptObjectError(f"{uri} is not a Parquet file: it does not start with PAR1")
    if len(data) < 12 or not data.endswith(_MAGIC):
        raise CorruptObjectError(f"{uri} is cut off after {len(data)} bytes: write it again")


@contextmanager
def reporting_damage(uri: str) -> Iterator[None]:
    """Raise the errors of a reader as CorruptObjectError."""
    try:
        yield
    # A damaged page can make Polars panic. A panic is not an Exception and would pass every other handler.
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise damage_error(uri, error) from error


def damage_error(uri: str, error: BaseException) -> CorruptObjectError:
    """The error to raise for a file that a reader could not read."""
    reason = str(error).partition("\n")[0][:_REASON_CHARACTERS]
    return CorruptObjectError(f"{uri} is a damaged Parquet file, write it again: {reason}")


def decode_table(data: bytes, table: Table, *, uri: str) -> pl.DataFrame:
    """Decode the bytes of a Parquet file that has the columns and types of a table, or of an earlier version of it.

    Nulls and unique keys are only checked on write: checking a large table takes longer than reading it.

    Raises:
        CorruptObjectError: as `decode`, or the file has other columns.
    """
    frame = table.upgraded(decode(data, uri=uri))
    if differences := table.differences(frame.schema):
        raise CorruptObjectError(f"{uri} is not a {table.name} table: {'; '.join(differences)}")
    return frame
