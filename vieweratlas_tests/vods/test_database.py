"""Connecting to the queue's database: migrations, and URLs that never show their password."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from vieweratlas_assets.vods.database import Database, QueueUnavailableError


def test_a_database_that_is_opened_several_times_at_once_is_migrated_once(url: str) -> None:
    with ThreadPoolExecutor(6) as pool:
        databases = list(pool.map(lambda _: Database(url), range(6)))
    tables = databases[0].transaction(lambda connection: sa.inspect(connection).get_table_names())
    assert {"vod_queue", "vod_requests", "vod_queue_version"} <= set(tables)
    for database in databases:
        database.close()


@pytest.mark.parametrize("url", ["", "nonsense", "mongodb://user:secret@host/name", "sqlite:"])
def test_an_invalid_url_is_refused_without_showing_its_password(url: str) -> None:
    with pytest.raises(QueueUnavailableError) as raised:
        Database(url, retry_for_s=0)
    assert "vod.queue_url" in str(raised.value)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://127.0.0.1:1/name?password=s3cret",
        "postgresql://bob:s3@cret@127.0.0.1/name",
        "postgresql://bob:s3cret@127.0.0.1:port/name",
        "sqlite:///{}/queue.db?password=s3cret",
    ],
)
def test_a_password_is_never_shown_wherever_it_stands_in_the_url(url: str, tmp_path: Path) -> None:
    with pytest.raises(QueueUnavailableError) as raised:
        Database(url.format(tmp_path), retry_for_s=0)
    assert "s3cret" not in str(raised.value)
    assert "bob" not in str(raised.value)
    assert "@cret" not in str(raised.value)


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("file/queue.db", "the folder of sqlite:///.*file/queue.db cannot be used: File exists; see vod.queue_url"),
        ("folder", "folder.* cannot be used: unable to open database file; see vod.queue_url"),
        ("file", "file.* cannot be used: file is not a database; see vod.queue_url"),
    ],
)
def test_a_file_that_cannot_be_a_queue_is_refused_with_its_path(place: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("neither a folder nor a database")
    (tmp_path / "folder").mkdir()
    with pytest.raises(QueueUnavailableError, match=message):
        Database(f"sqlite:///{tmp_path}/{place}", retry_for_s=0)


def test_a_password_is_not_shown_if_the_server_does_not_answer() -> None:
    with pytest.raises(QueueUnavailableError) as raised:
        Database("postgresql://user:secret@127.0.0.1:1/name", retry_for_s=0)
    assert "secret" not in str(raised.value)
    assert "secret" not in repr(raised.value.__cause__)
