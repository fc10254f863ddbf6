"""What the image is made with, apart from building it (containers.test_stack)."""

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
PROGRAM = REPOSITORY / "deploy/fetch_twitchdownloader.py"


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """A release as it is published: a zip that holds the program."""
    file = tmp_path / "release.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("TwitchDownloaderCLI", "#!/bin/sh\necho fetched\n")
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
    assert subprocess.check_output([tmp_path / "bin/TwitchDownloaderCLI"], text=True) == "fetched\n"


@pytest.mark.parametrize(("checksum", "told"), [("0" * 64, "has the SHA-256"), ("", "is not set")])
def test_another_file_ends_the_build(release: Path, tmp_path: Path, checksum: str, told: str) -> None:
    done = fetched(tmp_path / "bin", release.as_uri(), checksum)
    assert done.returncode == 1 and told in done.stderr
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
