"""Parquet: frames to bytes and back.

Belongs here: how a table is encoded, and telling a sound file from a broken one.
Not here: where the bytes go (objects), which columns a table has (domain.schemas).
"""

import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from vieweratlas_assets.domain.tables import Table
from vieweratlas_assets.storage.objects import CorruptObject

# Of tables that are written piece by piece: few enough that a row group is small beside any limit of memory.
ROWS_A_GROUP = 1 << 18
_MAGIC = b"PAR1"
_REASON_CHARACTERS = 200


def encode(frame: pl.DataFrame) -> bytes:
    """Encode a frame as Parquet with zstd; equal frames of one Polars version give equal bytes."""
    buffer = io.BytesIO()
    # One chunk: how a frame was put together must not show in the bytes.
    frame.rechunk().write_parquet(buffer, compression="zstd")
    return buffer.getvalue()


class EncodedTable:
    """A table of the lake as Parquet in memory, written and read a row group at a time.

    Equal rows of one PyArrow version give equal bytes, however they were cut into frames.

    Attributes:
        table: its contract.
        data: the file.
        rows: how many it has.
    """

    def __init__(self, table: Table, frames: Iterable[pl.DataFrame]) -> None:
        """Encode frames, the rows of each after those of the one before in the table's order.

        Raises:
            SchemaError: a frame does not keep to the table, or does not come after the one before.
        """
        self.table = table
        self.rows = 0
        buffer = io.BytesIO()
        with pq.ParquetWriter(buffer, table.empty().to_arrow().schema, compression="zstd") as writer:
            for group in _regrouped(table, frames):
                # One chunk: where pages end would tell how the rows were cut.
                writer.write_table(group.rechunk().to_arrow(), row_group_size=ROWS_A_GROUP)
                self.rows += group.height
        self.data = buffer.getvalue()

    def __iter__(self) -> Iterator[pl.DataFrame]:
        return decode_row_groups(self.data, self.table, self.table.schema.names(), uri=f"table {self.table.name}")


def _regrouped(table: Table, frames: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    held = table.empty()
    for frame in table.conform_pieces(frames):
        held = pl.concat([held, frame])
        while held.height >= ROWS_A_GROUP:
            yield held[:ROWS_A_GROUP]
            held = held[ROWS_A_GROUP:]
    if held.height:
        yield held


def decode(data: bytes, *, uri: str) -> pl.DataFrame:
    """Decode the bytes of a Parquet file.

    Args:
        data: the whole file.
        uri: where it came from, for the error.

    Raises:
        CorruptObject: no bytes, not Parquet, or cut off or damaged where it shows.
    """
    _refuse_other_formats(data, uri)
    with _telling_damage(uri):
        # Polars would take folders such as vod=123 of a path for columns; the columns are in the file.
        return pl.read_parquet(io.BytesIO(data), hive_partitioning=False)


def decode_row_groups(data: bytes, table: Table, columns: Sequence[str], *, uri: str) -> Iterator[pl.DataFrame]:
    """Decode columns of a Parquet file of a table one row group after another, so that only one is in memory.

    Raises:
        CorruptObject: as `decode_table`; damage shows when its row group is reached.
    """
    _refuse_other_formats(data, uri)
    with _telling_damage(uri):
        metadata = pq.read_metadata(io.BytesIO(data))
        schema = pl.read_parquet_schema(io.BytesIO(data))
    if differences := table.differences(pl.Schema(schema)):
        raise CorruptObject(f"{uri} is not a {table.name} table: {'; '.join(differences)}")
    rows = pl.scan_parquet(io.BytesIO(data), hive_partitioning=False).select(columns)
    begin = 0
    for number in range(metadata.num_row_groups):
        height = metadata.row_group(number).num_rows
        with _telling_damage(uri):
            group = rows.slice(begin, height).collect()
        yield group
        begin += height


def _refuse_other_formats(data: bytes, uri: str) -> None:
    if not data:
        raise CorruptObject(f"{uri} is empty, not a Parquet file: write it again")
    if not data.startswith(_MAGIC):
        raise CorruptObject(f"{uri} is not a Parquet file: it does not begin with PAR1")
    if len(data) < 12 or not data.endswith(_MAGIC):
        raise CorruptObject(f"{uri} is cut off after {len(data)} bytes: write it again")


@contextmanager
def _telling_damage(uri: str) -> Iterator[None]:
    try:
        yield
    # A damaged page can make Polars panic, which is no Exception and would pass every other handler.
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, pa.ArrowException, OSError) as error:
        reason = str(error).partition("\n")[0][:_REASON_CHARACTERS]
        raise CorruptObject(f"{uri} is a damaged Parquet file, write it again: {reason}") from error


def decode_table(data: bytes, table: Table, *, uri: str) -> pl.DataFrame:
    """Decode the bytes of a Parquet file that has the columns and types of a table, or had them in its time.

    Nulls and unique keys are checked when writing only: on a large read they cost more than the read.

    Raises:
        CorruptObject: as `decode`, or other columns.
    """
    frame = table.upgraded(decode(data, uri=uri))
    if differences := table.differences(frame.schema):
        raise CorruptObject(f"{uri} is not a {table.name} table: {'; '.join(differences)}")
    return frame
