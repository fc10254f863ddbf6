"""A silent S3 server: each request gives up after the stated timeouts."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from vieweratlas_assets.errors import StorageError
from vieweratlas_assets.storage import s3
from vieweratlas_assets.storage.objects import ObjectStore
from vieweratlas_assets.storage.s3 import S3Store
from vieweratlas_tests.storage.conftest import BUCKET, S3Server
from vieweratlas_tests.storage.faulty_s3 import every, faulty_s3

TIMEOUT_S = 0.5
CONTINUE_S = 1
"""How long boto3 waits for "100 Continue" before it sends the body, at each attempt."""
LONGEST_S = s3.ATTEMPTS * (TIMEOUT_S + CONTINUE_S) + 5
"""All attempts, and 5 s for boto3's pauses between them and a busy machine."""
DATA = bytes(7_000_000)
"""One piece for boto3, and more than the system buffers for a server that does not read."""
USES: dict[str, Callable[[ObjectStore], object]] = {
    "read": lambda store: store.download_bytes("one"),
    "look": lambda store: store.exists("one"),
    "list": lambda store: store.list_files(),
    "write": lambda store: store.upload_bytes("one", DATA),
    "create": lambda store: store.create_bytes("one", DATA),
    "delete": lambda store: store.delete("one"),
}
each_use = pytest.mark.parametrize("use", USES.values(), ids=USES.keys())
pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]


@pytest.fixture
def short_timeouts(s3_environment: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    s3_environment.setattr(s3, "CONNECT_TIMEOUT_S", TIMEOUT_S)
    s3_environment.setattr(s3, "READ_TIMEOUT_S", TIMEOUT_S)
    return s3_environment


@contextmanager
def silent_server(*, connects: bool) -> Iterator[str]:
    """A server that neither answers nor reads; without `connects`, its connection queue is full."""
    with ExitStack() as open_sockets, socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        server.bind(("127.0.0.1", 0))
        server.listen(128 if connects else 0)
        for _ in range(0 if connects else 3):
            waiting = open_sockets.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(server.getsockname())
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def assert_fails_in_time(use: Callable[[ObjectStore], object], store: ObjectStore) -> None:
    started = time.monotonic()
    with pytest.raises(StorageError, match=BUCKET):
        use(store)
    # Not at once either: the silence has to be the reason.
    assert TIMEOUT_S <= time.monotonic() - started < LONGEST_S


@each_use
def test_requests_give_up_on_a_server_that_accepts_no_connection(
    short_timeouts: pytest.MonkeyPatch, use: Callable[[ObjectStore], object]
) -> None:
    with silent_server(connects=False) as url:
        assert_fails_in_time(use, S3Store(BUCKET, "lake", endpoint_url=url))


@each_use
def test_requests_give_up_on_a_server_that_neither_answers_nor_reads(
    short_timeouts: pytest.MonkeyPatch, use: Callable[[ObjectStore], object]
) -> None:
    with silent_server(connects=True) as url:
        assert_fails_in_time(use, S3Store(BUCKET, "lake", endpoint_url=url))


@pytest.mark.parametrize("use", [USES["read"], USES["list"]], ids=["read", "list"])
def test_requests_give_up_on_an_answer_that_stalls(
    short_timeouts: pytest.MonkeyPatch, s3_server: S3Server, use: Callable[[ObjectStore], object]
) -> None:
    S3Store(BUCKET, "lake", endpoint_url=s3_server.url).upload_bytes("one", DATA[:1000])
    with faulty_s3(s3_server.url, every(1, ("stall",))) as proxy:
        assert_fails_in_time(use, S3Store(BUCKET, "lake", endpoint_url=proxy.url))


def test_the_client_uses_the_stated_timeouts(s3_environment: pytest.MonkeyPatch) -> None:
    config = S3Store(BUCKET)._client.meta.config
    assert (config.connect_timeout, config.read_timeout) == (s3.CONNECT_TIMEOUT_S, s3.READ_TIMEOUT_S)
    assert config.retries["total_max_attempts"] == s3.ATTEMPTS
