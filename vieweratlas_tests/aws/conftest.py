"""The Terraform of deploy/aws, applied into a moto server: an AWS that is not there, but answers."""

import os
import runpy
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from vieweratlas_tests.conftest import REPOSITORY
from vieweratlas_tests.integration.dagster_dev import free_port

SOURCE = REPOSITORY / "deploy/aws"
TAG = "0123456789ab"
REGION = "eu-central-1"
TASKS = ("webserver", "daemon", "code", "collector", "vods", "run")
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html#fargate-tasks-size
FARGATE_GB = {
    "256": {0.5, 1, 2},
    "512": set(range(1, 5)),
    "1024": set(range(2, 9)),
    "2048": set(range(4, 17)),
    "4096": set(range(8, 31)),
}
VARIABLES = f"""
image_tag = "{TAG}"
protect = false
# What moto does not know: subscribers of a budget, and the tags of a workgroup.
monthly_budget_usd = null
athena_workgroup = false
eventbridge_schedules = true
eventbridge_vods = true
schedules = "channel_roster_schedule"
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One moto and one apply for all of them: they stay in one worker."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("aws"))
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.timeout(600))


@dataclass(frozen=True)
class Aws:
    """A moto server, and Terraform beside it."""

    url: str
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """What leads every client to it."""
        return os.environ | {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client(self, service: str, **credentials: str) -> Any:
        """A client of boto3."""
        keys = credentials or {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        return boto3.client(service, endpoint_url=self.url, region_name=REGION, **keys)

    def terraform(self, *arguments: str) -> str:
        """Run Terraform, and return what it printed."""
        command = ["terraform", *arguments]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        return done.stdout


def providers() -> list[Path]:
    """Folders of this machine that hold providers; where there is none, Terraform asks its registry."""
    told = os.environ.get("TERRAFORM_PLUGINS")
    return [Path(told)] if told else sorted(each.parent for each in Path("/opt").glob("*/registry.terraform.io"))


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    """Terraform initialised, and a moto server that knows nothing yet."""
    if shutil.which("terraform") is None:
        pytest.skip("SKIPPED, NOT PROVEN HERE: there is no terraform on this machine, so deploy/aws is not tried")
    folder = tmp_path_factory.mktemp("terraform") / "aws"
    shutil.copytree(SOURCE, folder, ignore=shutil.ignore_patterns(".terraform*", "terraform.tf*", "backend.tf"))
    runpy.run_path(str(folder / "athena/tables.py"), run_name="__main__")
    port = free_port()
    command = [str(Path(sys.executable).parent / "moto_server"), "-H", "127.0.0.1", "-p", str(port)]
    with (folder / "moto.log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    (folder / "test.tfvars").write_text(VARIABLES)
    made = Aws(f"http://127.0.0.1:{port}", folder)
    try:
        _wait(made.url, server)
        made.terraform("init", *(f"-plugin-dir={folder}" for folder in providers()))
        yield made
    finally:
        server.terminate()
        server.wait()


@pytest.fixture(scope="session")
def applied(aws: Aws) -> Aws:
    """The same, with everything that Terraform makes."""
    aws.terraform("apply", "-auto-approve", "-var-file=test.tfvars")
    return aws


def _wait(url: str, server: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        assert server.poll() is None, "moto ended"
        try:
            urllib.request.urlopen(f"{url}/moto-api/", timeout=5).close()
        except urllib.error.URLError:
            time.sleep(0.2)
        else:
            return
    raise AssertionError("moto did not come up")
