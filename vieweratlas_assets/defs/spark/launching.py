"""What every launcher of the Spark job promises.

Belongs here: the protocol, its error, the job's file. Not here: launchers (local, emr_serverless), counting.
"""

from pathlib import Path
from typing import Any, Protocol

import dagster as dg

from vieweratlas_assets.errors import VieweratlasError
from vieweratlas_assets.storage.objects import ObjectStore

JOB = Path(__file__).parents[2] / "spark" / "overlap_job.py"


class SparkError(VieweratlasError, RuntimeError):
    """The Spark job could not be started or failed; the message says why and what to do."""


class SparkLauncher(Protocol):
    """Runs the overlap job somewhere."""

    def root_of(self, store: ObjectStore) -> str:
        """The lake's root as Spark reads it there.

        Raises:
            SparkError: this Spark cannot read the lake.
        """

    def run(
        self, context: dg.OpExecutionContext, store: ObjectStore, work_folder: str, order: dict[str, Any], /
    ) -> None:
        """Run the job to its end.

        Args:
            work_folder: folder of the lake for what a cluster must read; the caller removes it.
            order: the fields of `overlap_job.Order`.

        Raises:
            SparkError: the job could not be started, or failed.
        """
