"""The command `serve`: it needs a site and a free port, and serves until it is interrupted."""

import os
import signal
import socket
import threading
import urllib.request
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from vieweratlas_assets.commands import display
from vieweratlas_assets.commands.serve import serve
from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.atlas import site
from vieweratlas_assets.errors import InputError, LakeStateError
from vieweratlas_assets.settings import Settings
from vieweratlas_assets.storage.local import LocalStore


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A lake with a site, in a folder whose name looks like markup."""
    root = tmp_path / "[lake]"
    for name in (site.MANIFEST, site.PAGE):
        LocalStore(root).upload_bytes(lake.site_file(name), name.encode())
    return Settings(root=str(root))


def test_a_lake_without_a_site_is_not_served(tmp_path: Path) -> None:
    result = CliRunner().invoke(serve, ["--port", "0"], obj=Settings(root=str(tmp_path)))
    assert isinstance(result.exception, LakeStateError)
    assert str(result.exception) == f"{tmp_path} has no site yet: `vieweratlas analyze` builds it"


def test_a_port_that_is_taken_is_refused_with_the_remedy(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = CliRunner().invoke(serve, ["--port", str(port)], obj=settings)
    assert isinstance(result.exception, InputError)
    assert f"cannot listen on 127.0.0.1:{port}: " in str(result.exception)
    assert "--port 0 takes a free port" in str(result.exception)


def test_the_site_is_served_until_an_interrupt(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    read: dict[str, bytes] = {}

    def visit(address: str) -> None:
        try:
            with urllib.request.urlopen(address, timeout=10) as answer:
                read[address] = answer.read()
        finally:
            os.kill(os.getpid(), signal.SIGINT)

    visitors: list[threading.Thread] = []

    def launch(address: str) -> None:
        # The browser: the socket listens already, so a request waits until the server answers.
        visitors.append(threading.Thread(target=visit, args=[address]))
        visitors[0].start()

    monkeypatch.setattr(click, "launch", launch)
    with display.console.capture() as capture:
        CliRunner().invoke(serve, ["--port", "0", "--open"], obj=settings)
    visitors[0].join()
    [(address, page)] = read.items()
    assert page == site.PAGE.encode()
    assert capture.get() == f"Serving the site of {settings.root} on {address}; stop with Ctrl-C\n"
