"""Dagster runs as ECS tasks: the launcher of deploy/aws/dagster.yaml with the resources that Terraform created."""

import json
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import boto3
import dagster as dg
import pytest
import yaml  # type: ignore[import-untyped]
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.launcher.base import LaunchRunContext
from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin
from dagster._core.remote_origin import (
    GrpcServerCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)

from vieweratlas_assets.defs.jobs import JOBS
from vieweratlas_tests.aws.conftest import FARGATE_GB, SOURCE, Aws

CODE = ModuleCodePointer("vieweratlas_assets.definitions", "defs")


@pytest.fixture(scope="module")
def daemon(applied: Aws) -> Iterator[dict[str, str]]:
    """Start a task of the daemon; yield the environment from which it learns its task."""
    ecs, ec2 = applied.client("ecs"), applied.client("ec2")
    service = ecs.describe_services(cluster="vieweratlas", services=["daemon"])["services"][0]
    # moto needs a machine in the cluster, even for Fargate tasks.
    machine = ec2.run_instances(ImageId="ami-12345678", MinCount=1, MaxCount=1)["Instances"][0]
    document = {"instanceId": machine["InstanceId"], "region": "eu-central-1"}
    ecs.register_container_instance(cluster="vieweratlas", instanceIdentityDocument=json.dumps(document))
    task = ecs.run_task(
        cluster="vieweratlas",
        taskDefinition="vieweratlas-daemon",
        launchType="FARGATE",
        networkConfiguration=service["networkConfiguration"],
    )["tasks"][0]

    class Metadata(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            metadata = {"Cluster": "vieweratlas", "TaskARN": task["taskArn"], "DockerName": "main", "Name": "main"}
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(metadata).encode())

        def log_message(self, *_: Any) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Metadata) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield {"ECS_CONTAINER_METADATA_URI_V4": f"http://127.0.0.1:{server.server_port}"}
        server.shutdown()


@pytest.fixture
def instance(applied: Aws, daemon: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """Create an instance with the launcher of AWS, in the environment of the daemon."""
    # The launcher uses boto3's default session, which would keep these keys for later tests.
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    for name, value in (applied.environment | daemon).items():
        monkeypatch.setenv(name, value)
    containers = applied.client("ecs").describe_task_definition(taskDefinition="vieweratlas-daemon")
    for variable in containers["taskDefinition"]["containerDefinitions"][0]["environment"]:
        if variable["name"].startswith("DAGSTER_RUN"):
            monkeypatch.setenv(variable["name"], variable["value"])
    launcher = yaml.safe_load((SOURCE / "dagster.yaml").read_text())["run_launcher"]
    with dg.instance_for_test(overrides={"run_launcher": launcher}) as instance:
        yield instance


def launch(instance: dg.DagsterInstance, job: str, tags: dict[str, str]) -> dg.DagsterRun:
    """Launch a run of a job, as the daemon does."""
    location = GrpcServerCodeLocationOrigin(host="code", port=4000, location_name="vieweratlas")
    origin = RemoteJobOrigin(RemoteRepositoryOrigin(location, "__repository__"), job)
    code = JobPythonOrigin(job, RepositoryPythonOrigin(sys.executable, CODE, entry_point=["dagster"]))
    run = instance.create_run_for_job(_empty_job(job), remote_job_origin=origin, tags=tags, job_code_origin=code)
    instance.run_launcher.launch_run(LaunchRunContext(run, workspace=None))
    launched = instance.get_run_by_id(run.run_id)
    assert launched is not None
    return launched


def _empty_job(name: str) -> dg.JobDefinition:
    """Create a job with this name that does nothing."""

    @dg.op
    def nothing() -> None:
        """Do nothing."""

    @dg.job(name=name)
    def job() -> None:
        nothing()

    return job


def test_each_job_runs_in_a_task_of_its_size(applied: Aws, instance: dg.DagsterInstance) -> None:
    for job in JOBS:
        assert job.tags is not None
        size = {name: job.tags[name] for name in ("ecs/cpu", "ecs/memory")}
        cpu, memory = size.values()
        assert int(memory) / 1024 in FARGATE_GB[cpu], f"Fargate does not offer the size of {job.name}"
        run = launch(instance, job.name, size)
        [task] = applied.client("ecs").describe_tasks(cluster="vieweratlas", tasks=[run.tags["ecs/task_arn"]])[
            "tasks"
        ]
        assert task["taskDefinitionArn"].rpartition("/")[2].startswith("vieweratlas-run:")
        assert (task["overrides"]["cpu"], task["overrides"]["memory"]) == (cpu, memory), job.name
        [container] = task["overrides"]["containerOverrides"]
        assert container["memory"] == int(memory), "otherwise the container keeps the limit of its definition"
        assert container["name"] == "run"
        assert container["command"][:3] == ["dagster", "api", "execute_run"]
        # The limit of ECS.
        assert len(json.dumps(task["overrides"])) < 8192


def test_a_run_without_a_size_gets_the_default_size_and_can_be_stopped(
    applied: Aws, instance: dg.DagsterInstance
) -> None:
    run = launch(instance, "__ASSET_JOB", {})
    arn = run.tags["ecs/task_arn"]
    [task] = applied.client("ecs").describe_tasks(cluster="vieweratlas", tasks=[arn])["tasks"]
    assert (task["overrides"]["cpu"], task["overrides"]["memory"]) == ("2048", "8192")
    assert instance.run_launcher.terminate(run.run_id)
    [task] = applied.client("ecs").describe_tasks(cluster="vieweratlas", tasks=[arn])["tasks"]
    assert "STOPPED" in (task["lastStatus"], task["desiredStatus"])
