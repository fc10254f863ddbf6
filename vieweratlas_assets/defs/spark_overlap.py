"""The overlap of a window counted on Spark, launched through Dagster Pipes.

Belongs here: a job's order, Spark on this machine, the outcome read back. Not here: the counting
(spark.overlap_job), the graph of the counts (domain.overlap), Spark on AWS (spark_emr). Never loads pyspark itself.

Protocol: https://docs.dagster.io/guides/build/external-pipelines
"""

import contextlib
import datetime as dt
import importlib.util
import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import dagster as dg
import polars as pl

# Raised by a public client, and not public itself.
from dagster._core.errors import DagsterPipesExecutionError

from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.overlap.counting import SHARED, SIZES, Overlap
from vieweratlas_assets.settings import EngineSettings, SettingsError
from vieweratlas_assets.storage import parquet
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_assets.storage.objects import CorruptObject, ObjectStore
from vieweratlas_assets.storage.sealed import PartitionRecord

JOB = Path(__file__).parents[1] / "spark" / "overlap_job.py"

# Of this machine alone: no port is open to others, and no page is served.
LOCAL_PARAMETERS = (
    "--master local[*] --conf spark.driver.host=127.0.0.1 --conf spark.driver.bindAddress=127.0.0.1 "
    "--conf spark.ui.enabled=false --conf spark.ui.showConsoleProgress=false"
)

FIGURES = pl.Schema(
    {
        "rows_read": pl.Int64,
        "distinct_pairs": pl.Int64,
        "total_viewers": pl.Int64,
        "viewers_left_out": pl.Int64,
        "spark_version": pl.String,
    }
)


class SparkFailed(RuntimeError):
    """The Spark job could not be run or failed; the message says why and what to do."""


class SparkLauncher(Protocol):
    """Runs the overlap job somewhere."""

    def root_of(self, store: ObjectStore) -> str:
        """The lake's root as Spark reads it there.

        Raises:
            SparkFailed: that Spark cannot read this lake.
        """

    def run(
        self, context: dg.OpExecutionContext, store: ObjectStore, work_folder: str, order: dict[str, Any], /
    ) -> None:
        """Run the job to its end; `order` holds the fields of `overlap_job.Order`.

        Args:
            work_folder: of the lake, for what a cluster must read; the caller removes it.

        Raises:
            SparkFailed: the job was not started, or did not succeed.
        """


def spark_launcher(engine: EngineSettings) -> SparkLauncher | None:
    """The launcher that the settings name; None where this machine counts.

    Raises:
        SettingsError: the launcher's package is missing.
    """
    if engine.overlap_engine == "local":
        return None
    if engine.spark_launcher == "local":
        return LocalSpark(engine.spark_submit_parameters)
    if importlib.util.find_spec("dagster_aws") is None:
        raise SettingsError(
            "setting engine.spark_launcher: emr_serverless needs dagster-aws, which is missing: "
            "pip install 'vieweratlas[spark]'"
        )
    from vieweratlas_assets.defs.spark_emr import EmrServerless

    return EmrServerless(
        engine.emr_serverless_application_id, engine.emr_serverless_role_arn, engine.spark_submit_parameters
    )


def count_on_spark(
    context: dg.AssetExecutionContext,
    spark: SparkLauncher,
    store: ObjectStore,
    day: dt.date,
    window: Sequence[PartitionRecord],
    *,
    overlap_threshold: int,
    min_channel_viewers: int,
    max_channels_per_viewer: int | None,
) -> tuple[Overlap, dict[str, Any]]:
    """Count the overlap of the audiences of a window, and tell the job's figures (FIGURES).

    Args:
        day: that the window ends with.
        window: records of the audiences, at least one.
        max_channels_per_viewer: viewers in more channels of the window are left out of all counts; None keeps all.

    Raises:
        SparkFailed: see SparkLauncher.
        CorruptObject: the audiences that Spark read are not those that were sealed, or its output cannot be read.
    """
    root = spark.root_of(store)
    with _work_folder(store, lake.work_folder("overlap_graph", day, context.run.run_id)) as work:
        order = {
            "inputs": [f"{root}/{lake.channel_audience(record.day)}" for record in window],
            "output": f"{root}/{work}counted",
            "overlap_threshold": overlap_threshold,
            "min_channel_viewers": min_channel_viewers,
            "max_channels_per_viewer": max_channels_per_viewer,
        }
        # Pipes reads what is deprecated in an asset's context, and warns of itself; an op's has all that it needs.
        spark.run(context.op_execution_context, store, work, order)
        counted = f"{work}counted/"
        found = _read(store, f"{counted}figures/", FIGURES)
        if found.height != 1:
            raise CorruptObject(
                f"{store.uri(counted + 'figures')} holds {found.height} rows, not 1: run the day again"
            )
        figures = found.row(0, named=True)
        sealed_rows = sum(record.facts["rows"] for record in window)
        if figures["rows_read"] != sealed_rows:
            raise CorruptObject(
                f"Spark read {figures['rows_read']} rows of audience and {sealed_rows} were sealed: materialise "
                f"channel_audience of {window[0].day} to {window[-1].day} again"
            )
        sizes, shared = _read(store, f"{counted}sizes/", SIZES), _read(store, f"{counted}shared/", SHARED)
    overlap = Overlap(sizes, shared, figures["total_viewers"], figures["viewers_left_out"])
    return overlap, {"engine": "spark", **figures}


@contextlib.contextmanager
def _work_folder(store: ObjectStore, folder: str) -> Iterator[str]:
    """A folder of the lake that is gone afterwards, whatever happens."""
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
        CorruptObject: a part cannot be read, or has other columns.
    """
    parts = [schema.to_frame()]
    for key in store.list_files(folder, ".parquet"):
        part = parquet.decode(store.download_bytes(key), uri=store.uri(key))
        if part.schema != schema:
            raise CorruptObject(f"{store.uri(key)} has the columns {dict(part.schema)}, not {dict(schema)}")
        parts.append(part)
    return pl.concat(parts)


@dataclass(frozen=True)
class LocalSpark:
    """Spark started here, on this machine's cores or whatever master the parameters name.

    Attributes:
        parameters: of spark-submit; empty is LOCAL_PARAMETERS.
    """

    parameters: str = ""

    def root_of(self, store: ObjectStore) -> str:
        """See SparkLauncher. Spark itself knows S3 as s3a://, which needs the package hadoop-aws."""
        if isinstance(store, LocalStore):
            return f"file://{store.root}"
        if store.root.startswith("s3://"):
            return f"s3a://{store.root.removeprefix('s3://')}"
        raise SparkFailed(f"Spark cannot read the lake at {store.root}: it takes a folder or s3://bucket/prefix/")

    def run(
        self, context: dg.OpExecutionContext, _store: ObjectStore, _work_folder: str, order: dict[str, Any], /
    ) -> None:
        """See SparkLauncher."""
        _require_spark()
        messages = _RememberingReader()
        client = dg.PipesSubprocessClient(message_reader=messages)
        env = {"PYSPARK_SUBMIT_ARGS": f"{self.parameters or LOCAL_PARAMETERS} pyspark-shell"}
        try:
            client.run(context=context, command=[sys.executable, str(JOB)], extras=order, env=env)
        except DagsterPipesExecutionError as error:
            told = [message["failed"] for message in messages.custom() if "failed" in message]
            raise SparkFailed(
                f"the Spark job failed: {told[0] if told else error}; its own log is in the step's stdout and "
                "stderr. Java must be 17 or newer; memory is raised by engine.spark_submit_parameters, such as "
                "--driver-memory 4g"
            ) from error


def _require_spark() -> None:
    if importlib.util.find_spec("pyspark") is None:
        raise SparkFailed("engine.overlap_engine is spark, and pyspark is missing: pip install 'vieweratlas[spark]'")
    home = os.environ.get("JAVA_HOME")
    if shutil.which("java", path=f"{home}/bin" if home else None) is None:
        where = f"JAVA_HOME={home} has no bin/java" if home else "there is no java on the PATH"
        raise SparkFailed(
            f"Spark needs Java 17 or newer, and {where}: install it (apt-get install openjdk-17-jre-headless), or "
            "set JAVA_HOME"
        )


class _RememberingReader(dg.PipesTempFileMessageReader):
    """Keeps the messages of a job that fails: the client returns them only of one that succeeds."""

    def __init__(self) -> None:
        super().__init__()
        self._handler: dg.PipesMessageHandler | None = None

    @contextlib.contextmanager
    def read_messages(self, handler: dg.PipesMessageHandler) -> Iterator[Mapping[str, Any]]:
        self._handler = handler
        with super().read_messages(handler) as params:
            yield params

    def custom(self) -> list[dict[str, Any]]:
        """What the job reported by `report_custom_message`."""
        return [] if self._handler is None else list(self._handler.get_custom_messages())
