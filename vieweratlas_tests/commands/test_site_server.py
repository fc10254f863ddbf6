"""The server of the site: what lies there is served with its type and time, and nothing else is."""

import http.client
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from vieweratlas_assets.commands.site_server import site_server
from vieweratlas_assets.storage.local import LocalStore


@pytest.fixture
def place(tmp_path: Path) -> Iterator[tuple[str, int]]:
    store = LocalStore(str(tmp_path / "lake"))
    for key in ("site/index.html", "site/manifest.json", "site/days/2026-11-22-abc.bin", "site/channels/a%3C.json"):
        store.upload_bytes(key, key.encode())
    store.upload_bytes("curated/secret.parquet", b"viewers")
    with site_server(store, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield "127.0.0.1", server.server_address[1]
        server.shutdown()
        thread.join()


def ask(place: tuple[str, int], path: str, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection(*place, timeout=10)
    connection.request(method, path)
    answer = connection.getresponse()
    told = answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    connection.close()
    return told


@pytest.mark.parametrize(
    ("path", "key", "kind", "kept"),
    [
        ("/", "site/index.html", "text/html; charset=utf-8", "max-age=60"),
        ("/index.html?x=1", "site/index.html", "text/html; charset=utf-8", "max-age=60"),
        ("/manifest.json", "site/manifest.json", "application/json", "max-age=60"),
        ("/days/2026-11-22-abc.bin", "site/days/2026-11-22-abc.bin", "application/octet-stream", "immutable"),
        ("/channels/a%253C.json", "site/channels/a%3C.json", "application/json", "max-age=60"),
    ],
)
def test_files_have_their_type_and_time(place: tuple[str, int], path: str, key: str, kind: str, kept: str) -> None:
    status, headers, body = ask(place, path)
    assert (status, body, headers["content-type"]) == (200, key.encode(), kind)
    assert kept in headers["cache-control"]
    assert ask(place, path, "HEAD")[::2] == (200, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/none.json",
        "/../curated/secret.parquet",
        "/%2e%2e/curated/secret.parquet",
        "//curated/secret.parquet",
        "/days/",
    ],
)
def test_nothing_else_is_served(place: tuple[str, int], path: str) -> None:
    status, headers, body = ask(place, path)
    assert (status, headers["cache-control"]) == (404, "no-store")
    assert b"viewers" not in body


def test_who_leaves_early_or_asks_for_nonsense_is_in_no_log(
    place: tuple[str, int], capfd: pytest.CaptureFixture[str]
) -> None:
    with socket.create_connection(place) as nonsense:
        nonsense.sendall(b"GET http://[::1/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert nonsense.recv(100).startswith(b"HTTP/1.1 400")
    with socket.create_connection(place) as gone:
        gone.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert ask(place, "/")[0] == 200
    assert "127.0.0.1" not in "".join(capfd.readouterr())
