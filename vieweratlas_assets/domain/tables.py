"""What a table of the lake is: columns with types and meanings, and the test whether a frame keeps to them.

Belongs here: the machinery of contracts. Not here: the contracts (schemas), how tables are written (storage).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from vieweratlas_assets.errors import InputError

TIMESTAMP = pl.Datetime("us", "UTC")


class SchemaError(InputError):
    """A frame does not keep to its table's contract; the message names the table and the columns."""


@dataclass(frozen=True)
class Column:
    """One column: its Polars type, what it holds, and whether it may be null.

    Attributes:
        is_later: the table was without it once; of files from then it reads as null.
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
        columns: in the order in which they are stored.
        key: columns that identify a row.
        order: columns by which stored tables are sorted; the key where there are none.
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
            SchemaError: a column is missing, cannot be cast without loss, or holds nulls that it must not.
        """
        missing = [column.name for column in self.columns if column.name not in frame.columns]
        if missing:
            raise SchemaError(f"table {self.name}: missing column(s) {', '.join(missing)}")
        try:
            cast = frame.select(pl.col(column.name).cast(column.dtype) for column in self.columns)
        except pl.exceptions.PolarsError as error:
            raise SchemaError(f"table {self.name}: a column has the wrong type: {_first_line(error)}") from error
        # Polars casts 1.7 to 1 without a word.
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
        """Conform frames that make up a table one below the other; those without rows are left out.

        Raises:
            SchemaError: as `conform`, or a frame does not come after the one before in the table's order.
        """
        return self._in_order(map(self.conform, frames))

    def validate_pieces(self, frames: Iterable[pl.DataFrame]) -> int:
        """Check a table that is sorted by its key, piece by piece as `validate` does; returns its rows.

        Raises:
            SchemaError: as `validate`, or a piece does not come after the one before.
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
                # Without the values: they may be viewers' names.
                raise SchemaError(f"table {self.name}: row {rows} does not come after the one before by {order}")
            last = ends.row(-1)
            rows += frame.height
            yield frame

    def validate(self, frame: pl.DataFrame) -> None:
        """Check names, types, order of columns, nulls and uniqueness of the key.

        Raises:
            SchemaError: with every difference found.
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
        """Give a frame that was written before the table had all its columns the later ones, as nulls."""
        later = [column for column in self.columns if column.is_later and column.name not in frame.columns]
        if not later:
            return frame
        added = frame.with_columns(pl.lit(None, column.dtype).alias(column.name) for column in later)
        known = [name for name in self.schema if name in added.columns]
        return added.select(*known, *(name for name in added.columns if name not in known))

    def differences(self, schema: pl.Schema) -> list[str]:
        """Say how a schema differs from this table's, one phrase a difference; empty when it does not."""
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
    """Whether each row is truly greater than the one before it; a fraction of the cost of sorting large frames.

    With a null in one of the columns the answer is False.
    """
    greater = pl.lit(False)
    for name in reversed(columns):
        before = pl.col(name).shift(1)
        greater = (pl.col(name) > before) | ((pl.col(name) == before) & greater)
    return not any(frame[name].null_count() for name in columns) and bool(frame.select(greater.slice(1).all()).item())


def _first_line(error: Exception) -> str:
    """What Polars says, without the hints about code that follow."""
    return str(error).partition("\n")[0]
