"""Spark on EMR Serverless.

Belongs here: what the service is asked for, and its refusals in our words. Not here: the order and its outcome
(counting). Imported only where the settings name this launcher: it needs dagster_aws.

Protocol: https://docs.aws.amazon.com/emr-serverless/latest/APIReference/API_StartJobRun.html
"""

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import dagster as dg
import dagster_pipes
from botocore.exceptions import BotoCoreError, ClientError
from dagster_aws.pipes import PipesCloudWatchMessageReader, PipesEMRServerlessClient

from vieweratlas_assets.defs.spark.launching import JOB, SparkError
from vieweratlas_assets.storage.objects import ObjectStore
from vieweratlas_assets.storage.s3 import client_config


@dataclass(frozen=True)
class EmrServerless:
    """Spark on an EMR Serverless application; the lake must be on S3.

    The job and `dagster_pipes` are uploaded to the lake's work folder, so that nothing has to be installed there and
    both have this version.

    Attributes:
        parameters: parameters of spark-submit, in addition to ours.
    """

    application_id: str
    role_arn: str
    parameters: str = ""

    def root_of(self, store: ObjectStore) -> str:
        """See SparkLauncher. EMR reads s3:// by its own file system."""
        if not store.root.startswith("s3://"):
            raise SparkError(
                f"EMR Serverless cannot read the lake at {store.root}: put it on s3://bucket/prefix/, or set "
                "engine.spark_launcher to local"
            )
        return store.root

    def run(
        self, context: dg.OpExecutionContext, store: ObjectStore, work_folder: str, order: dict[str, Any], /
    ) -> None:
        """See SparkLauncher."""
        job_run: dict[str, Any] = {}
        params = self._start_job_run(store, work_folder)
        try:
            session = boto3.session.Session()
            emr = session.client("emr-serverless", config=client_config())
            # The client writes the reason of a failed job only to the log.
            emr.meta.events.register(
                "after-call.emr-serverless.GetJobRun", lambda parsed, **_: job_run.update(parsed.get("jobRun", {}))
            )
            client = PipesEMRServerlessClient(
                client=emr, message_reader=_MessagesAlone(client=session.client("logs", config=client_config()))
            )
            client.run(context=context, start_job_run_params=params, extras=order)
        except (BotoCoreError, ClientError) as error:
            raise SparkError(
                f"EMR Serverless could not run the Spark job: {error}; check the AWS credentials and region, "
                "engine.emr_serverless_application_id, engine.emr_serverless_role_arn and the rights in docs/spark.md"
            ) from error
        except RuntimeError as error:
            raise SparkError(
                f"{error}: job {job_run.get('jobRunId')} of application {self.application_id} is "
                f"{job_run.get('state')}: {job_run.get('stateDetails')}; its log is in CloudWatch, by default in the "
                "group /aws/emr-serverless"
            ) from error

    def _start_job_run(self, store: ObjectStore, work_folder: str) -> Any:
        """Upload the job, and the parameters of StartJobRun for it; Pipes adds tags and environment."""
        job = store.upload_bytes(f"{work_folder}{JOB.name}", JOB.read_bytes())
        pipes = store.upload_bytes(f"{work_folder}dagster_pipes.zip", _zipped_dagster_pipes())
        return {
            "applicationId": self.application_id,
            "executionRoleArn": self.role_arn,
            "name": f"vieweratlas {work_folder.rstrip('/')}",
            "jobDriver": {
                "sparkSubmit": {
                    "entryPoint": job,
                    "sparkSubmitParameters": f"--py-files {pipes} {self.parameters}".strip(),
                }
            },
            # The job's messages come back through its log.
            "configurationOverrides": {
                "monitoringConfiguration": {"cloudWatchLoggingConfiguration": {"enabled": True}}
            },
        }


class _MessagesAlone(PipesCloudWatchMessageReader):
    """Reads what the job reports and leaves its log in CloudWatch.

    The readers of the log itself ask CloudWatch without a pause and never end, so that neither does the process
    (https://github.com/dagster-io/dagster/issues/31226).
    """

    def add_log_reader(self, log_reader: dg.PipesLogReader) -> None:
        """Take no reader of the log."""


def _zipped_dagster_pipes() -> bytes:
    """The installed dagster_pipes, which is pure Python and needs only the standard library, for --py-files."""
    package = Path(dagster_pipes.__file__).parent
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for module in sorted(package.glob("*.py")):
            archive.write(module, f"{package.name}/{module.name}")
    return buffer.getvalue()
