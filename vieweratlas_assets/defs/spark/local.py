"""Spark on this machine.

Belongs here: starting the job as a process through Dagster Pipes. Not here: the job itself (spark.overlap_job, which
alone loads pyspark), the order and its outcome (counting).

Protocol: https://docs.dagster.io/guides/build/external-pipelines
"""

import contextlib
import importlib.util
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg

# Raised by a public client, and not public itself.
from dagster._core.errors import DagsterPipesExecutionError

from vieweratlas_assets.defs.spark.launching import JOB, SparkError
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_assets.storage.objects import ObjectStore

# Bound to this machine: no port is open to others, and no page is served.
LOCAL_PARAMETERS = (
    "--master local[*] --conf spark.driver.host=127.0.0.1 --conf spark.driver.bindAddress=127.0.0.1 "
    "--conf spark.ui.enabled=false --conf spark.ui.showConsoleProgress=false"
)


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
        raise SparkError(f"Spark cannot read the lake at {store.root}: it reads a folder or s3://bucket/prefix/")

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
            reasons = [message["failed"] for message in messages.custom() if "failed" in message]
            raise SparkError(
                f"the Spark job failed: {reasons[0] if reasons else error}; its own log is in the step's stdout and "
                "stderr. Java must be 17 or newer; memory is raised by engine.spark_submit_parameters, such as "
                "--driver-memory 4g"
            ) from error


def _require_spark() -> None:
    if importlib.util.find_spec("pyspark") is None:
        raise SparkError("engine.overlap_engine is spark, and pyspark is missing: pip install 'vieweratlas[spark]'")
    home = os.environ.get("JAVA_HOME")
    if shutil.which("java", path=f"{home}/bin" if home else None) is None:
        where = f"JAVA_HOME={home} has no bin/java" if home else "there is no java on the PATH"
        raise SparkError(
            f"Spark needs Java 17 or newer, and {where}: install it (apt-get install openjdk-17-jre-headless), or "
            "set JAVA_HOME"
        )


class _RememberingReader(dg.PipesTempFileMessageReader):
    """Keeps the messages of a failed job: the client returns only those of a successful one."""

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
