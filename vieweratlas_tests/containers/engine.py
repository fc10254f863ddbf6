"""Podman and Compose for the deployment tests: as root, without systemd and without a registry."""

import contextlib
import itertools
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
IMAGES = Path(__file__).parent / "images"
CONTAINERS_CONF = """
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
log_driver = "k8s-file"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
helper_binaries_dir = ["/usr/lib/podman"]
[network]
network_backend = "netavark"
"""
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"


class Engine:
    """A storage of images and containers, kept between runs, and the service that Compose uses."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "containers.conf").write_text(CONTAINERS_CONF)
        storage = f'[storage]\ndriver = "overlay"\ngraphroot = "{folder}/graph"\nrunroot = "{folder}/run"\n'
        (folder / "storage.conf").write_text(storage)
        self.environment = os.environ | {
            "CONTAINERS_CONF": str(folder / "containers.conf"),
            "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
            "DOCKER_HOST": f"unix://{folder}/podman.sock",
            "DOCKER_BUILDKIT": "0",
        }

    def podman(self, *arguments: str, **options: Any) -> str:
        """Run podman and return what it printed.

        Raises:
            AssertionError: It failed. The message has both streams.
        """
        return self.run(["podman", *arguments], **options)

    def run(self, command: list[str], **options: Any) -> str:
        """Run any command with this engine's environment; otherwise like `podman`."""
        done: subprocess.CompletedProcess[str] = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False, **options
        )
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-3000:]}\n{done.stderr[-6000:]}"
        return done.stdout

    def has_image(self, name: str) -> bool:
        """Return whether an image of this name exists."""
        command = ["podman", "image", "exists", name]
        return subprocess.run(command, env=self.environment, check=False).returncode == 0

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Serve Compose, and run health checks, because podman needs systemd for them."""
        socket = self.folder / "podman.sock"
        socket.unlink(missing_ok=True)
        with (self.folder / "service.log").open("wb") as log:
            command = ["podman", "system", "service", "--time=0", f"unix://{socket}"]
            service = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)
        ended = threading.Event()
        checks = threading.Thread(target=self._check_health, args=(ended,))
        try:
            while not socket.exists():
                assert service.poll() is None, (self.folder / "service.log").read_text()
                time.sleep(0.1)
            checks.start()
            yield
        finally:
            ended.set()
            if checks.is_alive():
                checks.join()
            service.terminate()
            service.wait()

    def _check_health(self, ended: threading.Event) -> None:
        for number in itertools.count():
            if ended.wait(3):
                return
            with contextlib.suppress(AssertionError):
                for container in json.loads(self.podman("ps", "--format", "json")):
                    # A check takes CPU time, so healthy containers are checked only once per minute.
                    if "(healthy)" not in container["Status"] or number % 20 == 0:
                        command = ["podman", "healthcheck", "run", container["Id"]]
                        subprocess.run(command, env=self.environment, capture_output=True, check=False)

    def build_images(self) -> None:
        """Build the images: Debian with Python, a substitute for the images of others, and the product."""
        bases = {
            "localhost/python:3.11-slim": "python3,python3-pip,python3-venv,ca-certificates",
            "localhost/services": "postgresql-15,nginx-light,wget,ca-certificates",
        }
        for name, packages in bases.items():
            if not self.has_image(name):
                self._bootstrap(name, packages)
        context = self.folder / "context"
        shutil.rmtree(context, ignore_errors=True)
        shutil.copytree(IMAGES, context)
        (context / "start-postgres.sh").chmod(0o755)
        shutil.copy(Path(sys.executable).parent / "weed", context / "weed")
        options = ["build", "--format", "docker", "--network", "host", "--quiet"]
        self.podman(*options, "-t", "localhost/service", "-f", str(context / "service.Dockerfile"), str(context))
        self.podman(
            *options, "--build-arg", "BASE=localhost/python:3.11-slim", "-t", "localhost/vieweratlas", str(REPOSITORY)
        )

    def _bootstrap(self, name: str, packages: str) -> None:
        tar = self.folder / "base.tar"
        command = ["mmdebstrap", "--variant=minbase", "--mode=root", f"--include={packages}"]
        # This machine's certificates, because it may reach PyPI through a proxy.
        command += [f"--customize-hook=upload {CERTIFICATES} {CERTIFICATES}", "bookworm", str(tar)]
        self.run(command)
        self.podman(
            "import", "--change", f"ENV PIP_CERT={CERTIFICATES}", "--change", "ENV LANG=C.UTF-8", str(tar), name
        )
        tar.unlink()
