"""Parquet: frames to bytes and back.

Belongs here: how a table is encoded, and telling a sound file from a broken one. Not here: large tables piece by
piece (row_groups), where the bytes go (objects), which columns a table has (domain.schemas).
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
    # One chunk: how a frame was put together must not show in the bytes.
    frame.rechunk().write_parquet(buffer, compression="zstd")
    return buffer.getvalue()


def decode(data: bytes, *, uri: str) -> pl.DataFrame:
    """Decode the bytes of a Parquet file.

    Args:
        data: the whole file.
        uri: where it came from, for the error.

    Raises:
        CorruptObjectError: no bytes, not Parquet, or cut off or damaged where it shows.
    """
    refuse_other_formats(data, uri)
    with telling_damage(uri):
        # Polars would take folders such as vod=123 of a path for columns; the columns are in the file.
        return pl.read_parquet(io.BytesIO(data), hive_partitioning=False)


def row_count(data: bytes) -> int:
    """The rows of a sound Parquet file, by its footer."""
    return int(pq.read_metadata(io.BytesIO(data)).num_rows)


def refuse_other_formats(data: bytes, uri: str) -> None:
    """Look at a file's first and last bytes.

    Raises:
        CorruptObjectError: they are not Parquet's.
    """
    if not data:
        raise CorruptObjectError(f"{uri} is empty, not a Parquet file: write it again")
    if not data.startswith(_MAGIC):
        raise CorruptObjectError(f"{uri} is not a Parquet file: it does not begin with PAR1")
    if len(data) < 12 or not data.endswith(_MAGIC):
        raise CorruptObjectError(f"{uri} is cut off after {len(data)} bytes: write it again")


@contextmanager
def telling_damage(uri: str) -> Iterator[None]:
    """Tell of damage that a reader meets as CorruptObjectError."""
    try:
        yield
    # A damaged page can make Polars panic, which is no Exception and would pass every other handler.
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise damaged(uri, error) from error


def damaged(uri: str, error: BaseException) -> CorruptObjectError:
    """What is told of a file that a reader gave up on."""
    reason = str(error).partition("\n")[0][:_REASON_CHARACTERS]
    return CorruptObjectError(f"{uri} is a damaged Parquet file, write it again: {reason}")


def decode_table(data: bytes, table: Table, *, uri: str) -> pl.DataFrame:
    """Decode the bytes of a Parquet file that has the columns and types of a table, or had them in its time.

    Nulls and unique keys are checked when writing only: on a large read they cost more than the read.

    Raises:
        CorruptObjectError: as `decode`, or other columns.
    """
    frame = table.upgraded(decode(data, uri=uri))
    if differences := table.differences(frame.schema):
        raise CorruptObjectError(f"{uri} is not a {table.name} table: {'; '.join(differences)}")
    return frame
