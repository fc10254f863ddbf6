"""What a table of the lake is: columns with types and meanings, and the check of a frame against them.

Belongs here: classes that describe and check tables. Not here: the tables themselves (schemas), writing (storage).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from vieweratlas_assets.errors import InputError

TIMESTAMP = pl.Datetime("us", "UTC")


class SchemaError(InputError):
    """A frame does not match its table's schema; the message names the table and the columns."""


@dataclass(frozen=True)
class Column:
    """One column: its Polars type, a description, and whether it may be null.

    Attributes:
        is_later: the column was added to an existing table; it reads as null from older files.
    """

    name: str
    dtype: pl.DataType | type[pl.DataType]
    description: str
    nullable: bool = False
    is_later: bool = False


@dataclass(frozen=True)
class Table:
    """One table of the lake.

    Attributes:
        name: as used in the catalog and in error messages.
        columns: in stored order.
        key: columns that identify a row.
        order: columns by which stored tables are sorted; empty means the key.
    """

    name: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    order: tuple[str, ...] = ()

    @property
    def schema(self) -> pl.Schema:
        """Column names and types, in order."""
        return pl.Schema({column.name: column.dtype for column in self.columns})

    def empty(self) -> pl.DataFrame:
        """Return a frame with this table's columns and no rows."""
        return pl.DataFrame(schema=self.schema)

    def conform(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return the frame with exactly this table's columns and types, in its order.

        Raises:
            SchemaError: a column is missing, cannot be cast without loss, or holds nulls although it must not.
        """
        missing = [column.name for column in self.columns if column.name not in frame.columns]
        if missing:
            raise SchemaError(f"table {self.name}: missing column(s) {', '.join(missing)}")
        try:
            cast = frame.select(pl.col(column.name).cast(column.dtype) for column in self.columns)
        except pl.exceptions.PolarsError as error:
            raise SchemaError(f"table {self.name}: a column has the wrong type: {_first_line(error)}") from error
        # Polars casts 1.7 to 1 without an error.
        cut = [
            column.name
            for column in self.columns
            if column.dtype.is_integer()
            and not frame.schema[column.name].is_integer()
            and frame.schema[column.name].is_numeric()
            and (frame[column.name] != cast[column.name]).any()
        ]
        if cut:
            raise SchemaError(f"table {self.name}: not whole numbers in {', '.join(cut)}")
        self.validate(cast)
        order = self.order or self.key
        return cast if _ascends(cast, order) else cast.sort(order, maintain_order=True)

    def conform_pieces(self, frames: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
        """Conform the consecutive pieces of a table; empty pieces are skipped.

        Raises:
            SchemaError: as `conform`, or a piece does not sort after the previous one.
        """
        return self._in_order(map(self.conform, frames))

    def validate_pieces(self, frames: Iterable[pl.DataFrame]) -> int:
        """Check the consecutive pieces of a table that is sorted by its key, as `validate` does; returns its rows.

        Raises:
            SchemaError: as `validate`, or a piece does not sort after the previous one.
        """
        return sum(frame.height for frame in self._in_order(map(self._validated, frames)))

    def _validated(self, frame: pl.DataFrame) -> pl.DataFrame:
        self.validate(frame)
        return frame

    def _in_order(self, frames: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
        order = self.order or self.key
        last: tuple[Any, ...] = ()
        rows = 0
        for frame in filter(len, frames):
            ends = frame.select(order)
            if last and not last < ends.row(0):
                # Without the values, because they may be viewers' names.
                raise SchemaError(
                    f"table {self.name}: row {rows} does not come after the previous row by {', '.join(order)}"
                )
            last = ends.row(-1)
            rows += frame.height
            yield frame

    def validate(self, frame: pl.DataFrame) -> None:
        """Check names, types and order of the columns, nulls, and that the key is unique.

        Raises:
            SchemaError: with every difference.
        """
        problems = self.differences(frame.schema)
        if not problems:
            nulls = [c.name for c in self.columns if not c.nullable and frame[c.name].null_count()]
            problems += [f"nulls in {name}" for name in nulls]
            if not _ascends(frame, self.key) and frame.select(self.key).is_duplicated().any():
                problems.append(f"more than one row with the same ({', '.join(self.key)})")
        if problems:
            raise SchemaError(f"table {self.name}: {'; '.join(problems)}")

    def upgraded(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Add the columns that an older file lacks (`is_later`), as nulls."""
        later = [column for column in self.columns if column.is_later and column.name not in frame.columns]
        if not later:
            return frame
        added = frame.with_columns(pl.lit(None, column.dtype).alias(column.name) for column in later)
        known = [name for name in self.schema if name in added.columns]
        return added.select(*known, *(name for name in added.columns if name not in known))

    def differences(self, schema: pl.Schema) -> list[str]:
        """How a schema differs from this table's, one phrase per difference; empty if it does not."""
        problems = [f"missing column {name}" for name in self.schema if name not in schema]
        problems += [f"unknown column {name}" for name in schema if name not in self.schema]
        problems += [
            f"column {name} is {schema[name]}, not {dtype}"
            for name, dtype in self.schema.items()
            if name in schema and schema[name] != dtype
        ]
        if not problems and list(schema) != list(self.schema):
            problems.append(f"columns in the order {', '.join(schema)}")
        return problems


def _ascends(frame: pl.DataFrame, columns: Sequence[str]) -> bool:
    """Whether each row is strictly greater than the previous one; far cheaper than sorting a large frame.

    False if one of the columns contains a null.
    """
    greater = pl.lit(False)
    for name in reversed(columns):
        before = pl.col(name).shift(1)
        greater = (pl.col(name) > before) | ((pl.col(name) == before) & greater)
    return not any(frame[name].null_count() for name in columns) and bool(frame.select(greater.slice(1).all()).item())


def _first_line(error: Exception) -> str:
    """The first line of a Polars error; hints about code follow it."""
    return str(error).partition("\n")[0]
