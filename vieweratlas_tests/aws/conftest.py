"""Applies the Terraform of deploy/aws to a moto server, which answers like AWS."""

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
from vieweratlas_tests.integration.dg_dev import free_port

SOURCE = REPOSITORY / "deploy/aws"
TAG = "0123456789ab"
REGION = "eu-central-1"
TASKS = ("webserver", "daemon", "code", "collector", "vods", "run")
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html#fargate-tasks-size
FARGATE_GB: dict[str, set[float]] = {
    "256": {0.5, 1, 2},
    "512": set(range(1, 5)),
    "1024": set(range(2, 9)),
    "2048": set(range(4, 17)),
    "4096": set(range(8, 31)),
}
VARIABLES = f"""
image_tag = "{TAG}"
protect = false
# moto does not support subscribers of a budget and tags of a workgroup.
monthly_budget_usd = null
athena_workgroup = false
eventbridge_schedules = true
eventbridge_vods = true
schedules = "channel_roster_schedule"
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep all of these tests in one worker, because they share one moto and one apply."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("aws"))
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.timeout(600))


@dataclass(frozen=True)
class Aws:
    """A moto server, and a Terraform folder that uses it."""

    url: str
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """Return the variables that point every client to it."""
        return os.environ | {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client(self, service: str, **credentials: str) -> Any:
        """Create a boto3 client."""
        keys = credentials or {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        return boto3.client(service, endpoint_url=self.url, region_name=REGION, **keys)

    def terraform(self, *arguments: str, fails: bool = False) -> str:
        """Run Terraform.

        Returns:
            What it printed.

        Raises:
            AssertionError: It failed, or did not fail although `fails` is set.
        """
        command = ["terraform", *arguments]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        printed = f"{done.stdout}\n{done.stderr}" if fails else done.stdout
        assert (done.returncode != 0) == fails, f"{' '.join(command)}\n{printed[-4000:]}\n{done.stderr[-4000:]}"
        return printed


def providers() -> list[Path]:
    """Find folders with Terraform providers on this machine. Without one, Terraform downloads them."""
    folder = os.environ.get("TERRAFORM_PLUGINS")
    return [Path(folder)] if folder else sorted(each.parent for each in Path("/opt").glob("*/registry.terraform.io"))


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    """Start an empty moto server and initialize Terraform."""
    if shutil.which("terraform") is None:
        pytest.skip("SKIPPED, NOT PROVEN HERE: deploy/aws needs terraform, which is not on this machine")
    folder = tmp_path_factory.mktemp("terraform") / "aws"
    shutil.copytree(SOURCE, folder, ignore=shutil.ignore_patterns(".terraform*", "terraform.tf*", "backend.tf"))
    runpy.run_path(str(folder / "athena/tables.py"), run_name="__main__")
    port = free_port()
    command = [str(Path(sys.executable).parent / "moto_server"), "-H", "127.0.0.1", "-p", str(port)]
    with (folder / "moto.log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    (folder / "test.tfvars").write_text(VARIABLES)
    aws = Aws(f"http://127.0.0.1:{port}", folder)
    try:
        _wait(aws.url, server)
        aws.terraform("init", *(f"-plugin-dir={folder}" for folder in providers()))
        yield aws
    finally:
        server.terminate()
        server.wait()


@pytest.fixture(scope="session")
def applied(aws: Aws) -> Aws:
    """Apply everything to the moto server."""
    aws.terraform("apply", "-auto-approve", "-var-file=test.tfvars")
    return aws


def _wait(url: str, server: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        assert server.poll() is None, "moto stopped"
        try:
            urllib.request.urlopen(f"{url}/moto-api/", timeout=5).close()
        except urllib.error.URLError:
            time.sleep(0.2)
        else:
            return
    raise AssertionError("moto did not start")
