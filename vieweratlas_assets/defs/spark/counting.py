"""The overlap of a window counted on Spark.

Belongs here: a job's order, and its outcome read back. Not here: the job (spark.overlap_job), starting it (local,
emr_serverless), the graph of the counts (domain.overlap).
"""

import contextlib
import datetime as dt
import shutil
from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg
import polars as pl

from vieweratlas_assets.defs.spark.launching import SparkLauncher
from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.overlap.counting import SHARED, SIZES, Overlap
from vieweratlas_assets.storage import parquet
from vieweratlas_assets.storage.errors import CorruptObjectError
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_assets.storage.objects import ObjectStore
from vieweratlas_assets.storage.sealed import PartitionRecord

FIGURES = pl.Schema(
    {
        "rows_read": pl.Int64,
        "distinct_pairs": pl.Int64,
        "total_viewers": pl.Int64,
        "viewers_left_out": pl.Int64,
        "spark_version": pl.String,
    }
)


def count_on_spark(
    launcher: SparkLauncher,
    context: dg.AssetExecutionContext,
    store: ObjectStore,
    day: dt.date,
    window: Sequence[PartitionRecord],
    *,
    overlap_threshold: int,
    min_channel_viewers: int,
    max_channels_per_viewer: int | None,
) -> tuple[Overlap, dict[str, Any]]:
    """Count the overlap of the audiences of a window.

    Args:
        day: the last of the window.
        window: records of the audiences, at least one.
        max_channels_per_viewer: viewers of more channels of the window count nowhere; None keeps all.

    Returns:
        The overlap, and the job's figures (FIGURES) for the partition's facts.

    Raises:
        SparkError: see SparkLauncher.
        CorruptObjectError: Spark read other audiences than those that were sealed, or its output cannot be read.
    """
    root = launcher.root_of(store)
    with _work_folder(store, lake.work_folder("overlap_graph", day, context.run.run_id)) as work:
        order = {
            "inputs": [f"{root}/{lake.channel_audience(record.day)}" for record in window],
            "output": f"{root}/{work}counted",
            "overlap_threshold": overlap_threshold,
            "min_channel_viewers": min_channel_viewers,
            "max_channels_per_viewer": max_channels_per_viewer,
        }
        # Pipes reads deprecated attributes of an asset's context and warns; an op's context suffices.
        launcher.run(context.op_execution_context, store, work, order)
        counted = f"{work}counted/"
        rows = _read(store, f"{counted}figures/", FIGURES)
        if rows.height != 1:
            raise CorruptObjectError(
                f"{store.uri(counted + 'figures')} holds {rows.height} rows, not 1: run the day again"
            )
        figures = rows.row(0, named=True)
        sealed_rows = sum(record.facts["rows"] for record in window)
        if figures["rows_read"] != sealed_rows:
            raise CorruptObjectError(
                f"Spark read {figures['rows_read']} rows of audience and {sealed_rows} were sealed: materialize "
                f"channel_audience of {window[0].day} to {window[-1].day} again"
            )
        sizes, shared = _read(store, f"{counted}sizes/", SIZES), _read(store, f"{counted}shared/", SHARED)
    overlap = Overlap(sizes, shared, figures["total_viewers"], figures["viewers_left_out"])
    return overlap, {"engine": "spark", **figures}


@contextlib.contextmanager
def _work_folder(store: ObjectStore, folder: str) -> Iterator[str]:
    """A folder of the lake that is removed afterwards, whatever happens."""
    try:
        yield folder
    finally:
        for key in store.list_files(folder):
            store.delete(key)
        if isinstance(store, LocalStore):
            shutil.rmtree(store.uri(folder.rstrip("/")), ignore_errors=True)  # empty folders are left


def _read(store: ObjectStore, folder: str, schema: pl.Schema) -> pl.DataFrame:
    """Read the parts of a table that Spark wrote.

    Raises:
        CorruptObjectError: a part cannot be read, or has other columns.
    """
    parts = [schema.to_frame()]
    for key in store.list_files(folder, ".parquet"):
        part = parquet.decode(store.download_bytes(key), uri=store.uri(key))
        if part.schema != schema:
            raise CorruptObjectError(f"{store.uri(key)} has the columns {dict(part.schema)}, not {dict(schema)}")
        parts.append(part)
    return pl.concat(parts)
