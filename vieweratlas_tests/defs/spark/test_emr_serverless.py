"""EMR Serverless: the real AWS clients and the real job, against a stand-in for the service."""

import shlex
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from vieweratlas_assets.defs.io_managers import LakeIOManager
from vieweratlas_assets.defs.spark.emr_serverless import _zipped_dagster_pipes
from vieweratlas_assets.domain import lake
from vieweratlas_assets.settings import Settings
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_tests.dagster_results import step_failure
from vieweratlas_tests.defs.spark.emr_server import EmrServer, S3Folder, serving
from vieweratlas_tests.defs.spark.test_counting import EMR, SMALL_SPARK, graph_bytes, logged
from vieweratlas_tests.lake_factories import DAY, put_live, run, settings_for, two_groups


class S3LakeIOManager(LakeIOManager):
    """The lake in a folder whose URIs name a bucket."""

    folder: str

    @property
    def store(self) -> S3Folder:
        return S3Folder(Path(self.folder))


@pytest.fixture
def server(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[EmrServer]:
    server = EmrServer(tmp_path, tmp_path_factory.mktemp("logs"), SMALL_SPARK)
    with serving(server) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
        yield server


@pytest.fixture
def audience(tmp_path: Path, instance: dg.DagsterInstance) -> Settings:
    put_live(LocalStore(tmp_path), DAY, two_groups())
    settings = settings_for(tmp_path)
    assert run(settings, "audience", DAY, instance=instance).success
    return settings


def run_on_emr(settings: Settings, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    lake_on_s3 = S3LakeIOManager(root="s3://lake", folder=settings.root)
    on_emr = settings.model_copy(update={"engine": EMR})
    return run(on_emr, "overlap_and_atlas", DAY, instance=instance, assets=["overlap_graph"], lake=lake_on_s3)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_job_on_emr_serverless_builds_the_same_graph(
    audience: Settings, server: EmrServer, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    store = LocalStore(tmp_path)
    assert run(audience, "overlap_and_atlas", DAY, instance=instance, assets=["overlap_graph"]).success
    local = graph_bytes(store, DAY)
    store.delete(lake.atlas_file(DAY, "graph_edges.parquet"))

    threads = {thread.name for thread in threading.enumerate()}
    result = run_on_emr(audience, instance)

    # A thread that polls CloudWatch forever would keep the process of the run alive.
    assert {thread.name for thread in threading.enumerate() if not thread.daemon} <= threads
    assert result.success, step_failure(result)
    assert graph_bytes(store, DAY) == local
    (request,) = server.requests
    work = f"s3://lake/work/overlap_graph/date={DAY}/run={result.run_id}"
    submit = request["jobDriver"]["sparkSubmit"]
    assert submit["entryPoint"] == f"{work}/overlap_job.py"
    words = shlex.split(submit["sparkSubmitParameters"])
    assert words[:4] == ["--py-files", f"{work}/dagster_pipes.zip", "--conf", "spark.executor.memory=8g"]
    assert request["executionRoleArn"] == EMR.emr_serverless_role_arn
    logging = request["configurationOverrides"]["monitoringConfiguration"]["cloudWatchLoggingConfiguration"]
    assert logging == {"enabled": True}
    assert request["tags"]["dagster/run-id"] == result.run_id
    # The log of the job carries its messages.
    assert "37 rows, 6 channels" in logged(instance, result)
    assert not store.list_files("work/")


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(600)
def test_the_message_of_a_job_that_fails_on_emr_is_emr_s_message(
    audience: Settings, server: EmrServer, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    (tmp_path / lake.channel_audience(DAY)).write_bytes(b"no Parquet at all")

    failure = step_failure(run_on_emr(audience, instance))

    assert (
        "job 00job1 of application 00fabc is FAILED: Job failed, please check complete logs. ExitCode: 1" in failure
    )
    assert "/aws/emr-serverless" in failure
    assert not LocalStore(tmp_path).list_files("work/")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_refusal_of_aws_is_reported_with_what_to_check(
    audience: Settings, server: EmrServer, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    server.refusal = "not authorized to perform: iam:PassRole"
    failure = step_failure(run_on_emr(audience, instance))
    assert "AccessDeniedException" in failure
    assert "iam:PassRole" in failure
    assert "docs/spark.md" in failure
    assert not LocalStore(tmp_path).list_files("work/")


def test_the_uploaded_packages_are_enough(tmp_path: Path) -> None:
    archive = tmp_path / "dagster_pipes.zip"
    archive.write_bytes(_zipped_dagster_pipes())
    assert zipfile.ZipFile(archive).testzip() is None
    code = "import dagster_pipes; print(dagster_pipes.__file__); dagster_pipes.open_dagster_pipes"
    # -S: no site-packages, as on a cluster.
    ran = subprocess.run(
        [sys.executable, "-S", "-c", code],
        env={"PYTHONPATH": str(archive)},
        check=True,
        capture_output=True,
        text=True,
    )
    assert ran.stdout.startswith(str(archive))
