"""Behavior of S3 alone: pages, identities, buckets, bodies that break off."""

import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from uuid import uuid4

import boto3
import pytest

from vieweratlas_assets.errors import StorageError
from vieweratlas_assets.storage.errors import ObjectNotFoundError
from vieweratlas_assets.storage.objects import ObjectStore
from vieweratlas_assets.storage.opening import open_store
from vieweratlas_assets.storage.s3 import S3Store
from vieweratlas_tests.storage.conftest import BUCKET, S3Server

BODY = b"0123456789" * 20_000


class BreakingS3(ThreadingHTTPServer):
    """Answers every GET with BODY; the first `breaks` answers break off halfway."""

    daemon_threads = False

    def __init__(self, breaks: int) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.breaks = breaks
        self.requests = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Answer(BaseHTTPRequestHandler):
    server: BreakingS3

    def do_GET(self) -> None:
        self.server.requests += 1
        whole = self.server.requests > self.server.breaks
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(BODY if whole else BODY[: len(BODY) // 2])

    def log_message(self, format: str, *args: object) -> None:
        """Keep the test's output clean."""


@contextmanager
def breaking_s3(breaks: int) -> Iterator[BreakingS3]:
    with BreakingS3(breaks) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def credentials(bare_aws: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    bare_aws.setenv("AWS_ACCESS_KEY_ID", "some-id")
    bare_aws.setenv("AWS_SECRET_ACCESS_KEY", "some-secret")
    return bare_aws


def test_a_body_that_breaks_off_is_read_again(credentials: pytest.MonkeyPatch) -> None:
    with breaking_s3(breaks=3) as server:
        store = S3Store("any", endpoint_url=server.url)
        assert store.download_bytes("one") == BODY
        assert server.requests == 4


def test_a_body_that_always_breaks_off_is_an_error(credentials: pytest.MonkeyPatch) -> None:
    with breaking_s3(breaks=100) as server:
        store = S3Store("any", "lake", endpoint_url=server.url)
        with pytest.raises(StorageError, match="s3://any/lake/one: the answer of bucket 'any' broke off 5 times"):
            store.download_bytes("one")
        assert server.requests == 5


def test_a_short_body_without_an_error_is_read_again() -> None:
    class Body:
        def __init__(self, data: bytes) -> None:
            self.data = data

        def read(self) -> bytes:
            return self.data

        def close(self) -> None:
            pass

    class Client:
        bodies = [b"ab", b"", b"abcd"]  # noqa: RUF012

        def get_object(self, Bucket: str, Key: str) -> dict[str, object]:
            return {"ContentLength": 4, "Body": Body(self.bodies.pop(0))}

    assert S3Store("any", client=Client()).download_bytes("one") == b"abcd"


def test_the_error_for_missing_credentials_says_what_to_set(bare_aws: pytest.MonkeyPatch) -> None:
    store = open_store("s3://some-bucket/lake/", region="eu-central-1")

    for use in (store.exists, store.download_bytes, store.list_files, lambda key: store.upload_bytes(key, b"x")):
        with pytest.raises(StorageError, match="no credentials for bucket 'some-bucket'; set AWS_ACCESS_KEY_ID"):
            use("one")


def test_an_unknown_profile_is_reported(bare_aws: pytest.MonkeyPatch) -> None:
    bare_aws.setenv("AWS_PROFILE", "no-such-profile")

    with pytest.raises(StorageError, match="no-such-profile"):
        open_store("s3://some-bucket/")


def test_an_unreachable_server_is_reported(credentials: pytest.MonkeyPatch) -> None:
    credentials.setenv("AWS_MAX_ATTEMPTS", "1")
    with breaking_s3(breaks=0) as server:
        url = server.url

    with pytest.raises(StorageError, match="AWS_ENDPOINT_URL"):
        S3Store("any", endpoint_url=url).exists("one")


@pytest.mark.slow
def test_the_error_for_a_wrong_secret_does_not_repeat_it(s3_environment: pytest.MonkeyPatch) -> None:
    secret = "wrong-secret-e5d1"
    s3_environment.setenv("AWS_SECRET_ACCESS_KEY", secret)
    store = open_store(f"s3://{BUCKET}/lake/")

    for use in (store.exists, store.download_bytes, store.list_files, lambda key: store.upload_bytes(key, b"x")):
        with pytest.raises(StorageError) as raised:
            use("one")
        assert BUCKET in str(raised.value)
        assert "AWS_SECRET_ACCESS_KEY" in str(raised.value)
        assert secret not in "".join(traceback.format_exception(raised.value))
    assert secret not in f"{store!r} {vars(store)}"


@pytest.mark.slow
def test_the_error_for_missing_permissions_names_them(
    s3_environment: pytest.MonkeyPatch, s3_server: S3Server
) -> None:
    key = f"{uuid4().hex}/one"
    open_store(f"s3://{BUCKET}").upload_bytes(key, b"x")
    s3_environment.setenv("AWS_ACCESS_KEY_ID", s3_server.reader[0])
    s3_environment.setenv("AWS_SECRET_ACCESS_KEY", s3_server.reader[1])
    reader = open_store(f"s3://{BUCKET}")

    assert reader.download_bytes(key) == b"x"
    for use in (reader.delete, lambda key: reader.upload_bytes(key, b"y")):
        with pytest.raises(StorageError, match=f"{BUCKET}.*AccessDenied.*s3:PutObject"):
            use(key)
    assert reader.download_bytes(key) == b"x"


@pytest.mark.slow
def test_a_missing_bucket_is_not_a_missing_object(s3_environment: pytest.MonkeyPatch) -> None:
    store = open_store("s3://no-such-bucket/lake/")

    for use in (store.exists, store.download_bytes, store.list_files, lambda key: store.folders("")):
        with pytest.raises(StorageError, match="'no-such-bucket' answered NoSuchBucket; create it") as raised:
            use("a")
        assert not isinstance(raised.value, ObjectNotFoundError)


@pytest.mark.slow
def test_a_listing_has_more_than_one_page(s3_store: ObjectStore) -> None:
    keys = [f"part/{number:04d}/one" for number in range(1_005)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: s3_store.upload_bytes(key, b""), keys))

    assert s3_store.list_files("part/") == keys
    assert s3_store.folders("part/") == [key.split("/")[1] for key in keys]


@pytest.mark.slow
def test_lakes_in_one_bucket_are_separate(s3_environment: pytest.MonkeyPatch) -> None:
    prefix = uuid4().hex
    one, longer = open_store(f"s3://{BUCKET}/{prefix}/lake/"), open_store(f"s3://{BUCKET}/{prefix}/lake2")
    one.upload_bytes("a", b"1")
    longer.upload_bytes("b", b"2")

    assert one.list_files() == ["a"]
    assert longer.list_files() == ["b"]
    assert open_store(f"s3://{BUCKET}/{prefix}").folders("") == ["lake", "lake2"]


@pytest.mark.slow
def test_folder_markers_of_other_tools_are_not_objects(s3_store: ObjectStore) -> None:
    s3_store.upload_bytes("a/one", b"x")
    prefix = s3_store.root.removeprefix(f"s3://{BUCKET}/")
    client = boto3.client("s3")
    client.put_object(Bucket=BUCKET, Key=f"{prefix}/a/", Body=b"")

    assert s3_store.list_files() == ["a/one"]
    client.close()


@pytest.mark.slow
def test_pages_of_the_site_have_their_content_type(s3_store: ObjectStore) -> None:
    prefix = s3_store.root.removeprefix(f"s3://{BUCKET}/")
    client = boto3.client("s3")
    for name in ("index.html", "chat.json.gz"):
        s3_store.upload_bytes(name, b"x")
    kinds = [
        client.head_object(Bucket=BUCKET, Key=f"{prefix}/{name}").get("ContentType", "")
        for name in ("index.html", "chat.json.gz")
    ]
    client.close()

    assert kinds[0] == "text/html"
    assert kinds[1] != "application/json"
