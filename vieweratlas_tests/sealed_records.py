"""Sealed partitions that a test expects to exist."""

import datetime as dt
from typing import Any

import polars as pl

from vieweratlas_assets.domain.tables import Table
from vieweratlas_assets.storage.objects import ObjectStore
from vieweratlas_assets.storage.sealed import PartitionRecord, SealedPartitions


def sealed_record(sealed: SealedPartitions, asset: str, day: dt.date) -> PartitionRecord:
    """Return the record of a partition.

    Raises:
        AssertionError: there is no whole partition.
    """
    record = sealed.record(asset, day)
    assert record is not None, f"{asset} of {day} is not sealed"
    return record


def sealed_table(sealed: SealedPartitions, asset: str, day: dt.date, table: Table) -> pl.DataFrame:
    """Read a table of a partition; raises as `sealed_record`."""
    return sealed.table(sealed_record(sealed, asset, day), table)


def stored_table(store: ObjectStore, asset: str, day: dt.date, table: Table) -> pl.DataFrame:
    """Read a table of a partition of a store; raises as `sealed_record`."""
    return sealed_table(SealedPartitions(store), asset, day, table)


def stored_facts(store: ObjectStore, asset: str, day: dt.date) -> dict[str, Any]:
    """The facts of a partition of a store; raises as `sealed_record`."""
    return sealed_record(SealedPartitions(store), asset, day).facts
