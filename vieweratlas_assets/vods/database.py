"""The queue's database: SQLite in a file, or Postgres by URL, and its schema brought up to date.

Belongs here: connecting, transactions that outlast a restart of the server, migrations. Not here: the tables
(tables), what is done in them (queue, limits).

SQLite's transactions are begun by us, and take the write lock at once: begun with a read, two that then write would
break each other. https://docs.sqlalchemy.org/en/20/dialects/sqlite.html#pysqlite-serializable
"""

import logging
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from vieweratlas_assets.errors import StorageError

PATIENCE_S = 90.0
LONGEST_PAUSE_S = 5.0
BUSY_S = 30.0
# Any numbers that nobody else locks by.
MIGRATION_LOCK, CATALOG_LOCK = 5_184_320_971, 5_184_320_972
CONNECTIONS = 80
LOG = logging.getLogger("vieweratlas.vods")
Result = TypeVar("Result")


class QueueUnavailableError(StorageError):
    """The queue's database does not answer or refuses; the message holds no password."""


class Database:
    """A database whose schema is up to date.

    >>> database = Database("sqlite:///vod_queue.db")  # doctest: +SKIP
    """

    def __init__(
        self, url: str, *, patience_s: float = PATIENCE_S, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        """Connect, and migrate where that is needed.

        Args:
            url: sqlite:///path or postgresql://user:password@host/name.
            patience_s: how long a database that does not answer is waited for.

        Raises:
            QueueUnavailableError: the URL is none, its driver is not installed, or the database does not answer.
        """
        self._patience_s, self._sleep = patience_s, sleep
        try:
            found = sa.make_url(url)
            self.is_sqlite = found.get_backend_name() == "sqlite"
            self._told = _told(found)
            self._engine = _engine(found, is_sqlite=self.is_sqlite)
        except (ArgumentError, NoSuchModuleError, ValueError):
            # SQLAlchemy's own text repeats the URL, password included.
            raise QueueUnavailableError(
                "vod.queue_url is no sqlite:///… or postgresql://… URL; in a password, @ is written %40"
            ) from None
        except ImportError as error:
            raise QueueUnavailableError(
                f"the driver of vod.queue_url is not installed ({error.name}); for Postgres: "
                "pip install 'vieweratlas[postgres]'"
            ) from error
        self.transaction(self._migrate)

    def __repr__(self) -> str:
        return f"Database({self._told})"

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    def transaction(self, do: Callable[[sa.Connection], Result]) -> Result:
        """Do something in one transaction, again from its beginning where the database went away meanwhile.

        Args:
            do: may be called several times; what it did before is undone, unless only the answer to the commit was
                lost.

        Raises:
            QueueUnavailableError: the database does not come back.
        """
        deadline = time.monotonic() + self._patience_s
        pause_s = 0.1
        while True:
            try:
                with self._engine.begin() as connection:
                    return do(connection)
            except (DBAPIError, PoolTimeout) as error:
                if isinstance(error, DBAPIError) and not _is_passing(error):
                    raise
                told = error.orig if isinstance(error, DBAPIError) else "no connection is free"
                reason = str(told).strip().partition("\n")[0]
                if time.monotonic() >= deadline:
                    raise QueueUnavailableError(f"{self!r} does not answer: {reason}") from error
                LOG.warning("%r: %s; trying again", self, reason)
                self._sleep(random.uniform(pause_s / 2, pause_s))
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def now(self, connection: sa.Connection) -> float:
        """The time, s since 1970: the server's where there is one, as the clocks of several machines differ."""
        if self.is_sqlite:
            return time.time()
        return float(connection.scalar(sa.select(sa.extract("epoch", sa.func.clock_timestamp()))) or 0)

    def insert(self, table: sa.Table) -> Any:
        """An INSERT that can say what to do about rows that are there."""
        return (sqlite if self.is_sqlite else postgresql).insert(table)

    def lock(self, connection: sa.Connection, number: int) -> None:
        """Keep others from the same lock until the transaction is over; SQLite does so with every transaction."""
        if not self.is_sqlite:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(number)))

    def _migrate(self, connection: sa.Connection) -> None:
        # Imported here: what opens no queue loads a good deal sooner.
        from alembic import command
        from alembic.config import Config

        self.lock(connection, MIGRATION_LOCK)
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        command.upgrade(config, "head")


def _engine(url: sa.URL, *, is_sqlite: bool) -> sa.Engine:
    if not is_sqlite:
        return sa.create_engine(url, pool_pre_ping=True, max_overflow=CONNECTIONS)
    if url.database:
        Path(url.database).absolute().parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(url, connect_args={"timeout": BUSY_S})

    @event.listens_for(engine, "connect")
    def _leave_transactions_to_us(connection: Any, _: Any) -> None:
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _told(url: sa.URL) -> str:
    """A URL without anything that may be secret."""
    if "password" in url.query:
        raise ValueError("a password in the query")
    return f"{url.get_backend_name()}://{url.host or ''}{f':{url.port}' if url.port else ''}/{url.database or ''}"


def _is_passing(error: DBAPIError) -> bool:
    """Whether the database is away or busy, rather than asked for something impossible."""
    if error.connection_invalidated:
        return True
    told = str(error.orig).lower()
    if "sqlite" in type(error.orig).__module__:
        return "locked" in told or "busy" in told
    # psycopg2 has no code where there is no connection.
    code = getattr(error.orig, "pgcode", None)
    return code is None or code.startswith(("08", "57P", "40"))
