"""What goes into the image, and how the stack is configured; containers.test_stack builds and runs them."""

import hashlib
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]

from vieweratlas_tests.conftest import REPOSITORY

PROGRAM = REPOSITORY / "deploy/fetch_twitchdownloader.py"


def example() -> dict[str, str]:
    """Read the variables of deploy/.env.example."""
    lines = (REPOSITORY / "deploy/.env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """Write a release as it is published: a zip with the program."""
    file = tmp_path / "release.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.write("/bin/echo", "TwitchDownloaderCLI")
        archive.writestr("COPYRIGHT.txt", "MIT")
    return file


def fetch(folder: Path, url: str, checksum: str) -> subprocess.CompletedProcess[str]:
    folder.mkdir()
    command = [sys.executable, str(PROGRAM), str(folder), url, checksum]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_twitchdownloader_is_unpacked_if_its_checksum_matches(release: Path, tmp_path: Path) -> None:
    checksum = hashlib.sha256(release.read_bytes()).hexdigest()
    done = fetch(tmp_path / "bin", release.as_uri(), checksum.upper())
    assert done.returncode == 0, done.stderr
    assert [each.name for each in (tmp_path / "bin").iterdir()] == ["TwitchDownloaderCLI"]
    assert subprocess.check_output([tmp_path / "bin/TwitchDownloaderCLI", "fetched"], text=True) == "fetched\n"


@pytest.mark.parametrize("program", [b"MZ of Windows", Path("/bin/echo").read_bytes()[:18] + b"\xff\xff"])
def test_a_program_for_another_machine_fails_the_build(tmp_path: Path, program: bytes) -> None:
    release = tmp_path / "release.zip"
    with zipfile.ZipFile(release, "w") as archive:
        archive.writestr("TwitchDownloaderCLI", program)
    done = fetch(tmp_path / "bin", release.as_uri(), hashlib.sha256(release.read_bytes()).hexdigest())
    assert done.returncode == 1
    assert "is not for Linux on" in done.stderr
    assert not list((tmp_path / "bin").iterdir())


@pytest.mark.parametrize(("checksum", "message"), [("0" * 64, "has the SHA-256"), ("", "is not set")])
def test_a_wrong_or_missing_checksum_fails_the_build(
    release: Path, tmp_path: Path, checksum: str, message: str
) -> None:
    done = fetch(tmp_path / "bin", release.as_uri(), checksum)
    assert done.returncode == 1
    assert message in done.stderr
    assert not list((tmp_path / "bin").iterdir())


def test_without_a_url_nothing_is_downloaded(tmp_path: Path) -> None:
    assert fetch(tmp_path / "bin", "", "").returncode == 0
    assert not list((tmp_path / "bin").iterdir())


def test_the_compose_instance_differs_from_the_laptop_only_in_storage_logs_and_number_of_runs() -> None:
    laptop, deployed = (
        yaml.safe_load((REPOSITORY / name).read_text()) for name in ("dagster.yaml", "deploy/dagster.yaml")
    )
    assert set(deployed) - set(laptop) == {"storage", "compute_logs"}
    laptop_runs, deployed_runs = laptop["concurrency"].pop("runs"), deployed["concurrency"].pop("runs")
    assert laptop_runs["max_concurrent_runs"] < deployed_runs["max_concurrent_runs"]
    assert {name: deployed[name] for name in laptop} == laptop


def test_the_aws_instance_differs_from_the_compose_instance_only_in_where_runs_are() -> None:
    machine, aws = (
        yaml.safe_load((REPOSITORY / name).read_text()) for name in ("deploy/dagster.yaml", "deploy/aws/dagster.yaml")
    )
    assert aws.pop("run_launcher")["class"] == "EcsRunLauncher"
    assert "run_launcher" not in machine
    # A task takes minutes to start. A new account may use 6 vCPU: a heavy run takes 2, the services take 1.75.
    assert aws["run_monitoring"].pop("start_timeout_seconds") > machine["run_monitoring"].pop("start_timeout_seconds")
    assert aws["concurrency"].pop("runs")["max_concurrent_runs"] * 2 + 1.75 <= 6
    del machine["concurrency"]["runs"]
    assert aws == machine


@pytest.mark.parametrize("address", ["0.0.0.0", "192.168.1.5", ""])
def test_the_proxy_refuses_to_open_to_others_with_the_example_password(address: str) -> None:
    environment = {"UI_USER": "atlas", "UI_PASSWORD": example()["UI_PASSWORD"], "UI_ADDRESS": address}
    command = ["sh", str(REPOSITORY / "deploy/proxy/start.sh")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "set your own" in done.stderr


def test_the_example_sets_every_required_variable() -> None:
    required = set(re.findall(r"\$\{(\w+):\?", (REPOSITORY / "deploy/compose.yaml").read_text()))
    assert required
    assert all(example()[name] for name in required)
