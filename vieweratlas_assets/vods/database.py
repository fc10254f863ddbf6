"""The queue's database: SQLite in a file or Postgres by URL, migrated to the current schema.

Belongs here: connecting, transactions that survive a restart of the server, migrations. Not here: the tables
(tables), their rows (queue, limits).

We begin SQLite's transactions ourselves and take the write lock at once: of two transactions that read first and then
write, one would fail. https://docs.sqlalchemy.org/en/20/dialects/sqlite.html#pysqlite-serializable
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

RETRY_FOR_S = 90.0
LONGEST_PAUSE_S = 5.0
BUSY_S = 30.0
# Any numbers that no other lock of the database uses.
MIGRATION_LOCK, CATALOG_LOCK = 5_184_320_971, 5_184_320_972
CONNECTIONS = 80
LOG = logging.getLogger("vieweratlas.vods")
Result = TypeVar("Result")


class QueueUnavailableError(StorageError):
    """The queue's database does not answer, or refuses; the message has no password."""


class Database:
    """A database with the current schema.

    >>> database = Database("sqlite:///vod_queue.db")  # doctest: +SKIP
    """

    def __init__(
        self, url: str, *, retry_for_s: float = RETRY_FOR_S, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        """Connect, and migrate an older or empty database.

        Args:
            url: sqlite:///path or postgresql://user:password@host/name.
            retry_for_s: how long to try again while the database does not answer.

        Raises:
            QueueUnavailableError: the URL is not valid, its driver is not installed, or the database does not answer
                or cannot be written.
        """
        self._retry_for_s, self._sleep = retry_for_s, sleep
        try:
            parsed = sa.make_url(url)
            self.is_sqlite = parsed.get_backend_name() == "sqlite"
            self._public_url = _public_url(parsed)
            self._engine = _engine(parsed, is_sqlite=self.is_sqlite)
        except (ArgumentError, NoSuchModuleError, ValueError):
            # SQLAlchemy's own message repeats the URL with its password.
            raise QueueUnavailableError(
                "vod.queue_url is not a URL such as sqlite:///path or postgresql://user:password@host/name; "
                "write @ in a password as %40"
            ) from None
        except ImportError as error:
            raise QueueUnavailableError(
                f"the driver of vod.queue_url is not installed ({error.name}); for Postgres run "
                "pip install 'vieweratlas[postgres]'"
            ) from error
        except OSError as error:
            raise QueueUnavailableError(
                f"the folder of {self._public_url} cannot be used: {error.strerror}; see vod.queue_url"
            ) from error
        try:
            self.transaction(self._migrate)
        except DBAPIError as error:
            self.close()
            raise QueueUnavailableError(f"{self!r} cannot be used: {_reason(error)}; see vod.queue_url") from error

    def __repr__(self) -> str:
        return f"Database({self._public_url})"

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    def transaction(self, do: Callable[[sa.Connection], Result]) -> Result:
        """Run a function in one transaction; if the database goes away meanwhile, run it again.

        Args:
            do: may be called several times. Its earlier changes are rolled back, unless only the answer to the commit
                was lost.

        Raises:
            QueueUnavailableError: the database does not come back.
        """
        deadline = time.monotonic() + self._retry_for_s
        pause_s = 0.1
        while True:
            try:
                with self._engine.begin() as connection:
                    return do(connection)
            except (DBAPIError, PoolTimeout) as error:
                if isinstance(error, DBAPIError) and not _is_temporary(error):
                    raise
                reason = _reason(error) if isinstance(error, DBAPIError) else "no connection is free"
                if time.monotonic() >= deadline:
                    raise QueueUnavailableError(f"{self!r} does not answer: {reason}") from error
                LOG.warning("%r: %s; trying again", self, reason)
                self._sleep(random.uniform(pause_s / 2, pause_s))
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def now(self, connection: sa.Connection) -> float:
        """The time, s since 1970: the server's if there is a server, because the clocks of machines differ."""
        if self.is_sqlite:
            return time.time()
        return float(connection.scalar(sa.select(sa.extract("epoch", sa.func.clock_timestamp()))) or 0)

    def insert(self, table: sa.Table) -> Any:
        """An INSERT that supports ON CONFLICT."""
        return (sqlite if self.is_sqlite else postgresql).insert(table)

    def lock(self, connection: sa.Connection, number: int) -> None:
        """Hold a lock until the transaction ends; in SQLite every transaction locks the whole database."""
        if not self.is_sqlite:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(number)))

    def _migrate(self, connection: sa.Connection) -> None:
        # Imported here, so that processes without a queue start sooner.
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


def _public_url(url: sa.URL) -> str:
    """A URL without its user, password and query."""
    if "password" in url.query:
        raise ValueError("a password in the query")
    return f"{url.get_backend_name()}://{url.host or ''}{f':{url.port}' if url.port else ''}/{url.database or ''}"


def _reason(error: DBAPIError) -> str:
    """The first line of the database's own message."""
    return str(error.orig).strip().partition("\n")[0]


def _is_temporary(error: DBAPIError) -> bool:
    """Whether the database is away or busy, so that the same statement may succeed later."""
    if error.connection_invalidated:
        return True
    message = str(error.orig).lower()
    if "sqlite" in type(error.orig).__module__:
        return "locked" in message or "busy" in message
    # Without a connection, psycopg2 has no code.
    code = getattr(error.orig, "pgcode", None)
    return code is None or code.startswith(("08", "57P", "40"))
