"""Large tables as Parquet, a row group at a time, so that only one is in memory as a frame.

Belongs here: writing and reading in pieces. Not here: whole files (parquet), which does without PyArrow.
"""

import io
from collections.abc import Iterable, Iterator, Sequence

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from vieweratlas_assets.domain.tables import Table
from vieweratlas_assets.storage import parquet
from vieweratlas_assets.storage.errors import CorruptObjectError

# Few enough that a row group is small beside any limit of memory.
ROWS_A_GROUP = 1 << 18


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


def decode_row_groups(data: bytes, table: Table, columns: Sequence[str], *, uri: str) -> Iterator[pl.DataFrame]:
    """Decode columns of a Parquet file of a table one row group after another, so that only one is in memory.

    Raises:
        CorruptObjectError: as `decode_table`; damage shows when its row group is reached.
    """
    parquet.refuse_other_formats(data, uri)
    try:
        metadata = pq.read_metadata(io.BytesIO(data))
    except (pa.ArrowException, OSError) as error:
        raise parquet.damaged(uri, error) from error
    with parquet.telling_damage(uri):
        schema = pl.read_parquet_schema(io.BytesIO(data))
    if differences := table.differences(pl.Schema(schema)):
        raise CorruptObjectError(f"{uri} is not a {table.name} table: {'; '.join(differences)}")
    rows = pl.scan_parquet(io.BytesIO(data), hive_partitioning=False).select(columns)
    begin = 0
    for number in range(metadata.num_row_groups):
        height = metadata.row_group(number).num_rows
        with parquet.telling_damage(uri):
            group = rows.slice(begin, height).collect()
        yield group
        begin += height
