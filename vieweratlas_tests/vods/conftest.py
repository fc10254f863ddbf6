"""Databases for the tests of the queue: SQLite, and a real Postgres for the slow tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from vieweratlas_tests.vods.postgres import Postgres, postgres


@pytest.fixture(scope="session")
def server() -> Iterator[Postgres]:
    with postgres() as running:
        yield running


SLOW = (pytest.mark.slow, pytest.mark.xdist_group("postgres"))


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=SLOW)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without a queue."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/queue.db"
    server: Postgres = request.getfixturevalue("server")
    engine = sa.create_engine(server.url)
    with engine.begin() as connection:
        for table in ("vod_queue", "vod_requests", "vod_queue_version"):
            connection.execute(sa.text(f"DROP TABLE IF EXISTS {table}"))
    engine.dispose()
    return server.url
