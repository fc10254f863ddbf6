"""deploy/deploy.sh builds an image and pushes it to a real registry, Debian's docker-registry.

Terraform and aws are fakes: Terraform's output is the address of the registry, and aws asks it which tags it has.
"""

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
TERRAFORM = """#!/bin/sh
case "$*" in
  *"output -json") echo '{{"repository_url": {{"value": "{address}/atlas/image"}}}}' ;;
esac
"""
AWS = """#!/bin/sh
case "$*" in
  *describe-images*)
    exec curl --fail --silent --output /dev/null --header 'Accept: {manifest}' \\
      "http://{address}/v2/atlas/image/manifests/${{*##*imageTag=}}" ;;
  *get-login-password) echo secret ;;
esac
"""
# The registry speaks HTTP.
REGISTRIES_CONF = """
[[registry]]
location = "{address}"
insecure = true
"""


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(Path(os.environ["TEST_CONTAINERS"]).absolute())


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    """Start an empty registry, and yield its address."""
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
    """Commit a small project, and yield the commit's tag; its images are removed afterwards."""
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
    commands = folder / "bin"
    commands.mkdir(exist_ok=True)
    for name, text in {"terraform": TERRAFORM, "aws": AWS}.items():
        (commands / name).write_text(text.format(address=registry, manifest=MANIFEST))
        (commands / name).chmod(0o755)
    (folder / "registries.conf").write_text(REGISTRIES_CONF.format(address=registry))
    environment = engine.environment | {
        "PATH": f"{commands}:{os.environ['PATH']}",
        "CONTAINERS_REGISTRIES_CONF": str(folder / "registries.conf"),
        "CONTAINER_ENGINE": "podman",
    }
    script = folder / "project/deploy/deploy.sh"
    done = subprocess.run([script, command], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr


def digest_in(registry: str, tag: str) -> str:
    request = urllib.request.Request(
        f"http://{registry}/v2/atlas/image/manifests/{tag}", headers={"Accept": MANIFEST}
    )
    with urllib.request.urlopen(request) as answer:
        digest: str = answer.headers["Docker-Content-Digest"]
    return digest


def test_an_image_is_pushed_once_and_pulled_unchanged(
    engine: Engine, registry: str, tag: str, tmp_path: Path
) -> None:
    for _ in range(2):
        assert "podman build" in deploy(engine, tmp_path, "build", registry)
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
