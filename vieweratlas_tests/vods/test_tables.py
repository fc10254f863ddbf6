"""The tables of the queue: migrations lead to exactly these, and times are in UTC on every database."""

import datetime as dt
from collections.abc import Iterator
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from vieweratlas_assets.vods.database import Database
from vieweratlas_assets.vods.tables import METADATA, VOD_QUEUE, State

MOMENT = dt.datetime(2026, 10, 25, 0, 30, tzinfo=dt.UTC)


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    opened = Database(url)
    yield opened
    opened.close()


def test_a_migrated_database_has_these_tables_and_no_other_columns(database: Database) -> None:
    def differences(connection: sa.Connection) -> list[object]:
        options = {"include_name": lambda name, kind, _: kind != "table" or name in METADATA.tables}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), METADATA))

    assert database.transaction(differences) == []


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Asia/Kathmandu"])
def test_a_time_of_any_zone_comes_back_in_utc(database: Database, zone: str) -> None:
    times = dict.fromkeys(("vod_created_at", "next_attempt_at", "added_at", "updated_at"), MOMENT)
    row = {"vod_id": "7", "channel": "ann", "day": MOMENT.date(), "state": State.PENDING, "attempts": 0, **times}
    row["vod_created_at"] = MOMENT.astimezone(ZoneInfo(zone))

    def write_and_read(connection: sa.Connection) -> sa.Row[tuple[dt.datetime, dt.datetime | None]]:
        connection.execute(VOD_QUEUE.insert().values(row))
        return connection.execute(sa.select(VOD_QUEUE.c.vod_created_at, VOD_QUEUE.c.completed_at)).one()

    created, completed = database.transaction(write_and_read)
    assert (created, created.tzinfo, completed) == (MOMENT, dt.UTC, None)
