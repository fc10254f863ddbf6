"""deploy/deploy.sh builds an image and brings it to a real registry, Debian's docker-registry."""

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from vieweratlas_tests.containers.engine import REPOSITORY, Engine

CONFIG = """
version: 0.1
storage:
  filesystem:
    rootdirectory: {folder}
http:
  addr: {address}
"""
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(Path(os.environ["TEST_CONTAINERS"]).absolute())


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    """The address of a registry that is empty."""
    program = shutil.which("docker-registry")
    assert program, "docker-registry is not there: apt-get install docker-registry"
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    config = tmp_path / "registry.yaml"
    config.write_text(CONFIG.format(folder=tmp_path / "registry", address=address))
    with (tmp_path / "registry.log").open("wb") as log:
        server = subprocess.Popen([program, "serve", str(config)], stdout=log, stderr=log)
    try:
        for _ in range(100):
            assert server.poll() is None, (tmp_path / "registry.log").read_text()
            with socket.socket() as asking:
                if asking.connect_ex(("127.0.0.1", int(address.rpartition(":")[2]))) == 0:
                    break
            time.sleep(0.1)
        yield address
    finally:
        server.terminate()
        server.wait()


@pytest.fixture
def tag(engine: Engine, tmp_path: Path) -> Iterator[str]:
    """The tag of a small project's only commit; its images are gone afterwards."""
    root = tmp_path / "project"
    (root / "deploy").mkdir(parents=True)
    shutil.copy(REPOSITORY / "deploy/deploy.sh", root / "deploy")
    (root / "Dockerfile").write_text('FROM scratch\nCOPY deploy/deploy.sh /\nHEALTHCHECK CMD ["true"]\n')
    git = ["git", "-C", str(root), "-c", "user.name=A", "-c", "user.email=a@example.org"]
    for arguments in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "one"]):
        engine.run([*git, *arguments])
    tag = engine.run([*git, "rev-parse", "HEAD"])[:12]
    yield tag
    images = [name for name in engine.podman("images", "--format", "{{.Repository}}:{{.Tag}}").split() if tag in name]
    engine.podman("rmi", "--force", *images)


def deploy(engine: Engine, folder: Path, command: str, registry: str) -> str:
    environment = engine.environment | {"REGISTRY": f"{registry}/atlas/image", "CONTAINER_ENGINE": "podman"}
    script = folder / "project/deploy/deploy.sh"
    done = subprocess.run([script, command], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr


def digest_in(registry: str, tag: str) -> str:
    request = urllib.request.Request(
        f"http://{registry}/v2/atlas/image/manifests/{tag}", headers={"Accept": MANIFEST}
    )
    with urllib.request.urlopen(request) as answer:
        found: str = answer.headers["Docker-Content-Digest"]
    return found


def test_an_image_is_pushed_once_and_comes_back_the_same(
    engine: Engine, registry: str, tag: str, tmp_path: Path
) -> None:
    assert "podman build" in deploy(engine, tmp_path, "build", registry)
    assert "podman build" not in deploy(engine, tmp_path, "build", registry)
    assert "podman push" in deploy(engine, tmp_path, "push", registry)
    digest = digest_in(registry, tag)
    log = tmp_path / "registry.log"
    before = log.read_text().count("http.request.method=PUT")
    assert before > 0
    assert "podman push" not in deploy(engine, tmp_path, "push", registry)
    assert log.read_text().count("http.request.method=PUT") == before
    assert digest_in(registry, tag) == digest

    built = json.loads(engine.podman("image", "inspect", f"vieweratlas:{tag}"))[0]
    assert built["HealthCheck"] if "HealthCheck" in built else built["Healthcheck"]
    assert built["Labels"]["org.opencontainers.image.revision"].startswith(tag)
    name = f"{registry}/atlas/image:{tag}"
    engine.podman("rmi", name, f"vieweratlas:{tag}")
    engine.podman("pull", "--quiet", "--tls-verify=false", name)
    pulled = json.loads(engine.podman("image", "inspect", name))[0]
    assert (pulled["Digest"], pulled["Id"]) == (digest, built["Id"])
