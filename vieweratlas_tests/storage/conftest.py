"""An empty store of every kind, and a real S3 server behind one of them."""

import json
import os
import random
import runpy
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen
from uuid import uuid4

import boto3
import pytest
from botocore.exceptions import BotoCoreError, ClientError

from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_assets.storage.objects import ObjectStore
from vieweratlas_assets.storage.opening import open_store
from vieweratlas_tests.pages import write_modules

BUCKET = "atlas-test"
GRPC_OFFSET = 10_000


@dataclass(frozen=True)
class S3Server:
    """A running SeaweedFS, the folder that it writes to, and its two identities."""

    url: str
    folder: Path
    admin: tuple[str, str] = ("test-admin", "admin-secret-7f3a")
    reader: tuple[str, str] = ("test-reader", "reader-secret-91bc")


def _free_ports(count: int) -> list[int]:
    """Ports below the ephemeral range that are free together with the gRPC port that belongs to each."""
    ports: list[int] = []
    for port in random.sample(range(11_000, 22_000), 2_000):
        if all(_is_free(p) for p in (port, port + GRPC_OFFSET)):
            ports.append(port)
        if len(ports) == count:
            return ports
    raise RuntimeError("no free ports for SeaweedFS")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def _start(folder: Path) -> tuple[subprocess.Popen[bytes], S3Server]:
    s3, master, volume, filer, admin = _free_ports(5)
    server = S3Server(f"http://127.0.0.1:{s3}", folder)
    identities = [
        {
            "name": "admin",
            "credentials": [{"accessKey": server.admin[0], "secretKey": server.admin[1]}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        },
        {
            "name": "reader",
            "credentials": [{"accessKey": server.reader[0], "secretKey": server.reader[1]}],
            "actions": ["Read", "List"],
        },
    ]
    config = folder / "s3.json"
    config.write_text(json.dumps({"identities": identities}))
    (folder / "data").mkdir()
    command = [str(Path(sys.executable).parent / "weed"), "mini", f"-dir={folder / 'data'}"]
    command += ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-s3.port={s3}", f"-master.port={master}"]
    command += [f"-volume.port={volume}", f"-filer.port={filer}", f"-admin.port={admin}", "-admin.ui=false"]
    command += ["-webdav=false", "-s3.port.iceberg=0", "-s3.port.lance=0", f"-bucket={BUCKET}"]
    with (folder / "weed.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, f"-s3.config={config}"],
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={**os.environ, "HOME": str(folder), "WEED_S3_SSE_KEY": "test-only"},
        )
    return process, server


def _is_ready(server: S3Server) -> bool:
    """Whether the server answers and has its bucket, which it creates a moment later."""
    try:
        with urlopen(f"{server.url}/healthz", timeout=5):
            pass
        key, secret = server.admin
        login = {"aws_access_key_id": key, "aws_secret_access_key": secret, "region_name": "us-east-1"}
        client = boto3.Session().client("s3", endpoint_url=server.url, **login)
        try:
            client.head_bucket(Bucket=BUCKET)
        finally:
            client.close()
    except (URLError, OSError, BotoCoreError, ClientError):
        return False
    return True


def _kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """SeaweedFS with an empty bucket; killed at the end, because a graceful stop is slow."""
    folder = Path(tempfile.mkdtemp(prefix="weed-"))
    process, server = _start(folder)
    try:
        while not _is_ready(server):
            if process.poll() is not None:
                pytest.fail(f"SeaweedFS ended at its start:\n{(folder / 'weed.log').read_text()[-2000:]}")
            time.sleep(0.05)  # leave the processor to the server
        yield server
    finally:
        _kill(process)
        shutil.rmtree(folder)


@pytest.fixture
def bare_aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """An environment in which boto3 finds only what a test sets."""
    for name in [name for name in os.environ if name.startswith("AWS_") or name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no-credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return monkeypatch


@pytest.fixture
def s3_environment(bare_aws: pytest.MonkeyPatch, s3_server: S3Server) -> pytest.MonkeyPatch:
    """The environment of an administrator of the test server."""
    bare_aws.setenv("AWS_ENDPOINT_URL", s3_server.url)
    bare_aws.setenv("AWS_DEFAULT_REGION", "us-east-1")
    bare_aws.setenv("AWS_ACCESS_KEY_ID", s3_server.admin[0])
    bare_aws.setenv("AWS_SECRET_ACCESS_KEY", s3_server.admin[1])
    return bare_aws


@pytest.fixture
def s3_store(s3_environment: pytest.MonkeyPatch) -> ObjectStore:
    """An empty lake on the test server."""
    return open_store(f"s3://{BUCKET}/{uuid4().hex}/lake/")


@pytest.fixture(params=["local", "memory", "of_the_docs", pytest.param("s3", marks=pytest.mark.slow)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    """An empty lake of every kind; "of_the_docs" is the minimal backend of docs/plugins.md."""
    if request.param == "local":
        return LocalStore(tmp_path / "lake")
    if request.param == "memory":
        return open_store(f"memory://{uuid4().hex}/lake")
    if request.param == "of_the_docs":
        write_modules("plugins.md", tmp_path)
        module = runpy.run_path(str(tmp_path / "my_atlas/sqlite_lake.py"))
        lake: ObjectStore = module["SqliteLake"](f"sqlite://{tmp_path}/lake.db")
        return lake
    s3_store: ObjectStore = request.getfixturevalue("s3_store")
    return s3_store
