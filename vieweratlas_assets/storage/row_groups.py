"""Large tables as Parquet, one row group at a time, so that only one is in memory as a frame.

Belongs here: writing and reading row groups, with PyArrow. Not here: whole frames (parquet).
"""

import io
from collections.abc import Iterable, Iterator, Sequence

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from vieweratlas_assets.domain.tables import Table
from vieweratlas_assets.storage import parquet
from vieweratlas_assets.storage.errors import CorruptObjectError

# Small enough that a row group fits into any memory limit.
ROWS_PER_GROUP = 1 << 18


class EncodedTable:
    """A table of the lake as Parquet in memory, written and read one row group at a time.

    Equal rows of one PyArrow version give equal bytes, however they were split into frames.

    Attributes:
        table: its contract.
        data: the bytes of the file.
        rows: the number of rows.
    """

    def __init__(self, table: Table, frames: Iterable[pl.DataFrame]) -> None:
        """Encode frames that follow each other in the table's order.

        Raises:
            SchemaError: a frame does not match the table, or does not come after the previous one.
        """
        self.table = table
        self.rows = 0
        buffer = io.BytesIO()
        with pq.ParquetWriter(buffer, table.empty().to_arrow().schema, compression="zstd") as writer:
            for group in _regrouped(table, frames):
                # One chunk: otherwise pages end where the frames ended.
                writer.write_table(group.rechunk().to_arrow(), row_group_size=ROWS_PER_GROUP)
                self.rows += group.height
        self.data = buffer.getvalue()

    def __iter__(self) -> Iterator[pl.DataFrame]:
        return decode_row_groups(self.data, self.table, self.table.schema.names(), uri=f"table {self.table.name}")


def _regrouped(table: Table, frames: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    held = table.empty()
    for frame in table.conform_pieces(frames):
        held = pl.concat([held, frame])
        while held.height >= ROWS_PER_GROUP:
            yield held[:ROWS_PER_GROUP]
            held = held[ROWS_PER_GROUP:]
    if held.height:
        yield held


def decode_row_groups(data: bytes, table: Table, columns: Sequence[str], *, uri: str) -> Iterator[pl.DataFrame]:
    """Decode columns of a table's Parquet file one row group after another, so that only one is in memory.

    Raises:
        CorruptObjectError: as `parquet.decode_table`; a damaged row group raises it when it is reached.
    """
    parquet.refuse_other_formats(data, uri)
    try:
        metadata = pq.read_metadata(io.BytesIO(data))
    except (pa.ArrowException, OSError) as error:
        raise parquet.damage_error(uri, error) from error
    with parquet.reporting_damage(uri):
        schema = pl.read_parquet_schema(io.BytesIO(data))
    if differences := table.differences(pl.Schema(schema)):
        raise CorruptObjectError(f"{uri} is not a {table.name} table: {'; '.join(differences)}")
    rows = pl.scan_parquet(io.BytesIO(data), hive_partitioning=False).select(columns)
    begin = 0
    for number in range(metadata.num_row_groups):
        height = metadata.row_group(number).num_rows
        with parquet.reporting_damage(uri):
            group = rows.slice(begin, height).collect()
        yield group
        begin += height
