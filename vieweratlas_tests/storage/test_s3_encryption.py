"""A bucket with default encryption, as AWS has: the store sends no encryption headers, and reads as usual."""

import random
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import boto3
import pytest

from vieweratlas_assets.storage.objects import ObjectStore
from vieweratlas_assets.storage.opening import open_store
from vieweratlas_tests.storage.conftest import BUCKET, S3Server

SMALL, LARGE = 5_000, 20_000_000
"""Size of an object that is sent in one piece, and of one that boto3 sends in parts of 8 MiB."""
AES256 = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
pytestmark = pytest.mark.slow


@pytest.fixture
def client(s3_environment: pytest.MonkeyPatch) -> Iterator[Any]:
    client = boto3.client("s3")
    yield client
    client.close()


@pytest.fixture
def encrypting_bucket(client: Any) -> str:
    """A new bucket whose default is SSE-S3."""
    name = f"encrypted-{uuid4().hex}"
    client.create_bucket(Bucket=name)
    client.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration=AES256)
    return name


def write_each_way(store: ObjectStore) -> dict[str, bytes]:
    """Write an object in each way that the store has; return their contents by key."""
    contents = {key: random.Random(key).randbytes(size) for key, size in (("small", SMALL), ("large", LARGE))}
    for key, data in contents.items():
        store.upload_bytes(key, data)
    contents["created"] = random.Random("created").randbytes(SMALL)
    assert store.create_bytes("created", contents["created"])
    return contents


def is_on_disk(server: S3Server, data: bytes) -> bool:
    """Whether the server's files hold these bytes unencrypted."""
    return any(data in file.read_bytes() for file in server.folder.rglob("*") if file.is_file())


def test_written_objects_are_encrypted_and_read_back(
    client: Any, encrypting_bucket: str, s3_server: S3Server
) -> None:
    store = open_store(f"s3://{encrypting_bucket}/lake/")
    contents = write_each_way(store)
    for key, data in contents.items():
        head = client.head_object(Bucket=encrypting_bucket, Key=f"lake/{key}")
        assert head["ServerSideEncryption"] == "AES256", key
        assert head["ETag"].endswith('-3"') == (key == "large"), "the large one was sent in parts"
        assert not is_on_disk(s3_server, data[1_000:1_100])
        assert not is_on_disk(s3_server, data[-100:])
        assert store.download_bytes(key) == data
    assert {item.key: item.size_bytes for item in store.list_objects()} == {
        key: len(data) for key, data in contents.items()
    }
    assert not store.create_bytes("created", b"other")
    assert store.create_bytes("created", contents["created"])


def test_nothing_is_encrypted_without_the_default_of_the_bucket(client: Any, s3_server: S3Server) -> None:
    prefix = uuid4().hex
    data = random.Random(prefix).randbytes(SMALL)
    open_store(f"s3://{BUCKET}/{prefix}").upload_bytes("one", data)
    assert "ServerSideEncryption" not in client.head_object(Bucket=BUCKET, Key=f"{prefix}/one")
    assert is_on_disk(s3_server, data[1_000:1_100]), "the test can detect what is not encrypted"
