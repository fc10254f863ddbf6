"""The server of the site: it serves files of the site with type, ETag and caching time, and no other file."""

import http.client
import socket
import struct
from collections.abc import Iterator

import pytest

from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_tests.commands.site import Place, served

Answer = tuple[int, dict[str, str], bytes]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    store = LocalStore(str(tmp_path_factory.mktemp("lake")))
    for key in ("site/index.html", "site/manifest.json", "site/days/2026-11-22-abc.bin", "site/channels/a%3C.json"):
        store.upload_bytes(key, key.encode())
    store.upload_bytes("curated/secret.parquet", b"viewers")
    with served(store) as address:
        yield address


def request(place: Place, path: str, method: str = "GET", **headers: str) -> Answer:
    connection = http.client.HTTPConnection(*place, timeout=10)
    connection.request(method, path, headers=headers)
    response = connection.getresponse()
    answer = response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
    connection.close()
    return answer


@pytest.mark.parametrize(
    ("path", "key", "kind", "cached"),
    [
        ("/", "site/index.html", "text/html; charset=utf-8", "max-age=60"),
        ("/index.html?x=1", "site/index.html", "text/html; charset=utf-8", "max-age=60"),
        ("/manifest.json", "site/manifest.json", "application/json", "max-age=60"),
        ("/days/2026-11-22-abc.bin", "site/days/2026-11-22-abc.bin", "application/octet-stream", "immutable"),
        ("/channels/a%253C.json", "site/channels/a%3C.json", "application/json", "max-age=60"),
    ],
)
def test_files_have_their_type_and_caching_time(place: Place, path: str, key: str, kind: str, cached: str) -> None:
    status, headers, body = request(place, path)
    assert (status, body, headers["content-type"]) == (200, key.encode(), kind)
    assert cached in headers["cache-control"]
    assert request(place, path, "HEAD")[::2] == (200, b"")


def test_an_unchanged_file_is_not_sent_again(place: Place) -> None:
    etag = request(place, "/manifest.json")[1]["etag"]
    status, headers, body = request(place, "/manifest.json", **{"If-None-Match": f'"other", W/{etag}'})
    assert (status, headers["etag"], body) == (304, etag, b"")
    assert request(place, "/index.html", **{"If-None-Match": etag})[0] == 200


@pytest.mark.parametrize(
    "path",
    [
        "/none.json",
        "/../curated/secret.parquet",
        "/%2e%2e/curated/secret.parquet",
        "//curated/secret.parquet",
        "/days/",
        "/%ff%00",
    ],
)
def test_no_other_file_is_served(place: Place, path: str) -> None:
    status, headers, body = request(place, path)
    assert (status, headers["cache-control"]) == (404, "no-store")
    assert b"viewers" not in body


def test_other_methods_are_refused(place: Place) -> None:
    assert request(place, "/manifest.json", "PUT")[0] == 405


def test_clients_that_leave_early_or_send_nonsense_are_not_logged(
    place: Place, capfd: pytest.CaptureFixture[str]
) -> None:
    with socket.create_connection(place) as nonsense:
        nonsense.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\nConnection: close\r\n\r\n")
        assert nonsense.recv(100).startswith(b"HTTP/1.1 400")
    with socket.create_connection(place) as gone:
        gone.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert request(place, "/")[0] == 200
    assert "127.0.0.1" not in "".join(capfd.readouterr())
