"""What the image is made with, apart from building it (containers.test_stack)."""

import hashlib
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
PROGRAM = REPOSITORY / "deploy/fetch_twitchdownloader.py"


def example() -> dict[str, str]:
    """What deploy/.env.example sets."""
    lines = (REPOSITORY / "deploy/.env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """A release as it is published: a zip that holds the program."""
    file = tmp_path / "release.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.write("/bin/echo", "TwitchDownloaderCLI")
        archive.writestr("COPYRIGHT.txt", "MIT")
    return file


def fetched(folder: Path, url: str, checksum: str) -> subprocess.CompletedProcess[str]:
    folder.mkdir()
    command = [sys.executable, str(PROGRAM), str(folder), url, checksum]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_twitchdownloader_comes_in_with_its_checksum_alone(release: Path, tmp_path: Path) -> None:
    checksum = hashlib.sha256(release.read_bytes()).hexdigest()
    done = fetched(tmp_path / "bin", release.as_uri(), checksum.upper())
    assert done.returncode == 0, done.stderr
    assert [each.name for each in (tmp_path / "bin").iterdir()] == ["TwitchDownloaderCLI"]
    assert subprocess.check_output([tmp_path / "bin/TwitchDownloaderCLI", "fetched"], text=True) == "fetched\n"


@pytest.mark.parametrize("program", [b"MZ of Windows", Path("/bin/echo").read_bytes()[:18] + b"\xff\xff"])
def test_a_program_for_another_machine_ends_the_build(tmp_path: Path, program: bytes) -> None:
    release = tmp_path / "release.zip"
    with zipfile.ZipFile(release, "w") as archive:
        archive.writestr("TwitchDownloaderCLI", program)
    done = fetched(tmp_path / "bin", release.as_uri(), hashlib.sha256(release.read_bytes()).hexdigest())
    assert done.returncode == 1
    assert "is not for Linux on" in done.stderr
    assert not list((tmp_path / "bin").iterdir())


@pytest.mark.parametrize(("checksum", "told"), [("0" * 64, "has the SHA-256"), ("", "is not set")])
def test_another_file_ends_the_build(release: Path, tmp_path: Path, checksum: str, told: str) -> None:
    done = fetched(tmp_path / "bin", release.as_uri(), checksum)
    assert done.returncode == 1
    assert told in done.stderr
    assert not list((tmp_path / "bin").iterdir())


def test_without_an_address_nothing_is_fetched(tmp_path: Path) -> None:
    assert fetched(tmp_path / "bin", "", "").returncode == 0
    assert not list((tmp_path / "bin").iterdir())


def test_the_instance_of_a_deployment_is_that_of_a_laptop_but_for_what_it_says() -> None:
    laptop, deployed = (
        yaml.safe_load((REPOSITORY / name).read_text()) for name in ("dagster.yaml", "deploy/dagster.yaml")
    )
    assert set(deployed) - set(laptop) == {"storage", "compute_logs"}
    of_runs = laptop["concurrency"].pop("runs"), deployed["concurrency"].pop("runs")
    assert of_runs[0]["max_concurrent_runs"] < of_runs[1]["max_concurrent_runs"]
    assert {name: deployed[name] for name in laptop} == laptop


def test_the_instance_on_aws_is_that_of_one_machine_but_for_where_runs_are() -> None:
    machine, aws = (
        yaml.safe_load((REPOSITORY / name).read_text()) for name in ("deploy/dagster.yaml", "deploy/aws/dagster.yaml")
    )
    assert aws.pop("run_launcher")["class"] == "EcsRunLauncher"
    assert "run_launcher" not in machine
    # A task takes minutes to start, and a new account has 6 vCPU: a heavy run takes 2, the services 1.75.
    assert aws["run_monitoring"].pop("start_timeout_seconds") > machine["run_monitoring"].pop("start_timeout_seconds")
    assert aws["concurrency"].pop("runs")["max_concurrent_runs"] * 2 + 1.75 <= 6
    del machine["concurrency"]["runs"]
    assert aws == machine


@pytest.mark.parametrize("address", ["0.0.0.0", "192.168.1.5", ""])
def test_the_proxy_opens_to_nobody_else_with_the_password_of_the_example(address: str) -> None:
    environment = {"UI_USER": "atlas", "UI_PASSWORD": example()["UI_PASSWORD"], "UI_ADDRESS": address}
    command = ["sh", str(REPOSITORY / "deploy/proxy/start.sh")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "set one of your own" in done.stderr


def test_the_example_has_a_value_for_all_that_must_have_one() -> None:
    wanted = set(re.findall(r"\$\{(\w+):\?", (REPOSITORY / "deploy/compose.yaml").read_text()))
    assert wanted
    assert all(example()[name] for name in wanted)
