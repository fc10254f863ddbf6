"""The queue of VODs: which are to be fetched, which worker holds them, and how the attempts ended.

Belongs here: the states of a VOD and who may change them. Not here: fetching (worker), the database (database).

A worker holds a VOD by a lease, and only the worker that began an attempt may end it. A worker that was taken for
dead but still runs gets LeaseLostError and changes nothing.
"""

import datetime as dt
from collections.abc import Callable, Collection, Iterable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, TypeVar

import sqlalchemy as sa

from vieweratlas_assets.errors import VieweratlasError
from vieweratlas_assets.vods.database import CATALOG_LOCK, Database
from vieweratlas_assets.vods.stats import QueueStats, read_stats
from vieweratlas_assets.vods.tables import VOD_QUEUE, State

LEASE_S = 900.0
MOST_ATTEMPTS = 5
FIRST_BACKOFF_S = 30.0
LONGEST_BACKOFF_S = 480.0
CLOCKS_APART_S = 120.0
"""If a lease ends later than any lease can, or a row changed later than now, by more than this: a clock was set back.

A smaller difference is the time between two transactions, or between the clocks of two machines: SQLite has none.
"""
LONGEST_REASON = 400
ROWS_AT_ONCE = 500
DIED = "its worker died or lost its machine"

_QUEUE = VOD_QUEUE.c
Result = TypeVar("Result")


class LeaseLostError(VieweratlasError):
    """This worker no longer holds the VOD: its lease ran out and another worker took it, or somebody skipped it."""


@dataclass(frozen=True)
class QueuedVod:
    """A VOD to fetch.

    Attributes:
        channel: login, lowercase.
        created_at: start of the recording, UTC.
        due_at: do not fetch it earlier, because it may still grow; None: fetch it at once.
    """

    vod_id: str
    channel: str
    created_at: dt.datetime
    due_at: dt.datetime | None = None

    @property
    def day(self) -> dt.date:
        """The UTC day of its partition."""
        return self.created_at.astimezone(dt.UTC).date()


@dataclass(frozen=True)
class OlderEntry:
    """A VOD of another queue.

    Attributes:
        state: any but processing, because its worker belonged to that queue.
    """

    vod: QueuedVod
    state: State
    attempts: int
    reason: str | None = None


@dataclass(frozen=True)
class Claim:
    """A VOD that a worker holds.

    Attributes:
        attempt: 1 for the first.
    """

    vod: QueuedVod
    worker: str
    attempt: int


@dataclass(frozen=True)
class Figures:
    """Figures of a completed attempt.

    Attributes:
        buckets: rows of presence.
        chatters: distinct people who wrote.
        seconds: duration of the attempt.
        sampled: only some of the comments were requested.
    """

    comments: int
    buckets: int
    chatters: int
    seconds: float
    sampled: bool = False


def backoff_s(attempts: int) -> float:
    """How long a VOD rests after its 1st, 2nd, ... failed attempt: 30, 60, 120, 240, 480 s."""
    return min(FIRST_BACKOFF_S * 2.0 ** (attempts - 1), LONGEST_BACKOFF_S)


class VodQueue:
    """VODs and their states; any number of workers on any number of machines may share it."""

    def __init__(self, database: Database, *, clock: Callable[[], float] | None = None) -> None:
        """Use a database.

        Args:
            clock: s since 1970; None uses the database's.
        """
        self._database = database
        self._clock = clock

    def add(self, vods: Iterable[QueuedVod], *, state: State = State.PENDING) -> int:
        """Add the VODs that the queue does not have; the others stay unchanged. Returns how many are new."""
        rows = [_row(vod) for vod in vods]
        added = 0
        for begin in range(0, len(rows), ROWS_AT_ONCE):
            add = partial(self._add, rows=rows[begin : begin + ROWS_AT_ONCE], state=state)
            added += self._database.transaction(add)
        return added

    def add_older(self, entries: Iterable[OlderEntry]) -> int:
        """Add VODs in their states of another queue; VODs that we have stay unchanged. Returns how many are new."""
        by_vod = {entry.vod.vod_id: entry for entry in entries}
        added = 0
        for entry in by_vod.values():
            row = {**_row(entry.vod), "attempts": entry.attempts, "reason": entry.reason}
            added += self._database.transaction(partial(self._add, rows=[row], state=entry.state))
        return added

    def add_completed(self, vods: Collection[QueuedVod]) -> int:
        """Mark VODs that the lake has, such as imported ones, as completed. Returns how many were not yet."""
        added = self.add(vods, state=State.COMPLETED)
        ids = [vod.vod_id for vod in vods]

        waiting = _QUEUE.state.in_([State.PENDING, State.FAILED, State.SKIPPED])
        for begin in range(0, len(ids), ROWS_AT_ONCE):
            added += self._set(
                _QUEUE.vod_id.in_(ids[begin : begin + ROWS_AT_ONCE]) & waiting,
                lambda now: {"state": State.COMPLETED, "reason": None, "completed_at": now},
            )
        return added

    def claim(self, worker: str, days: Collection[dt.date] | None = None) -> Claim | None:
        """Claim the VOD that has been due for longest; None if none is due.

        Args:
            worker: a unique name; a worker holds one VOD at a time.
            days: only VODs of these days; None for all.
        """
        return self._database.transaction(lambda connection: self._claim(connection, worker, days))

    def renew(self, claim: Claim) -> None:
        """Extend the lease: hold the VOD for another 15 minutes.

        Raises:
            LeaseLostError: the VOD is no longer this worker's.
        """
        self._end(claim, lambda now: {"lease_expires_at": now + dt.timedelta(seconds=LEASE_S)})

    def complete(self, claim: Claim, figures: Figures) -> None:
        """Mark a VOD as completed: the lake has all of it.

        Raises:
            LeaseLostError: the VOD is no longer this worker's.
        """
        columns = asdict(figures)
        self._end(claim, lambda now: columns | {"state": State.COMPLETED, "completed_at": now, "reason": None})

    def fail(self, claim: Claim, reason: str) -> State:
        """Record a failed attempt: the VOD rests, or fails after its last attempt. Returns its state.

        Raises:
            LeaseLostError: the VOD is no longer this worker's.
        """
        state = State.FAILED if claim.attempt >= MOST_ATTEMPTS else State.PENDING
        rest = dt.timedelta(seconds=backoff_s(claim.attempt))
        self._end(
            claim,
            lambda now: {"state": state, "next_attempt_at": now + rest, "reason": storable(reason)},
        )
        return state

    def skip(self, claim: Claim, reason: str) -> None:
        """Skip a VOD that can never be fetched.

        Raises:
            LeaseLostError: the VOD is no longer this worker's.
        """
        self._end(claim, lambda _: {"state": State.SKIPPED, "reason": storable(reason)})

    def release(self, claim: Claim) -> None:
        """Return a VOD to the queue as if it had not been claimed.

        Raises:
            LeaseLostError: the VOD is no longer this worker's.
        """
        self._end(
            claim,
            lambda now: {"state": State.PENDING, "next_attempt_at": now, "attempts": claim.attempt - 1},
        )

    def retry(self, vod_ids: Collection[str] | None = None) -> int:
        """Make failed and skipped VODs pending again, with all their attempts. Returns how many changed.

        Args:
            vod_ids: None for all that failed. A named VOD that waits for its next attempt becomes due at once.
        """
        chosen = (
            _QUEUE.state == State.FAILED
            if vod_ids is None
            else _QUEUE.vod_id.in_(vod_ids) & _QUEUE.state.in_([State.PENDING, State.FAILED, State.SKIPPED])
        )
        fresh = {"state": State.PENDING, "attempts": 0, "worker": None, "reason": None}
        return self._set(chosen, lambda now: fresh | {"next_attempt_at": now})

    def skip_vods(self, vod_ids: Collection[str], reason: str) -> int:
        """Skip VODs of any state but completed; the lake keeps what it has. Returns how many changed."""
        return self._set(
            _QUEUE.vod_id.in_(vod_ids) & (_QUEUE.state != State.COMPLETED),
            lambda _: {"state": State.SKIPPED, "reason": storable(reason), "lease_expires_at": None},
        )

    def exclusively(self, do: Callable[[], Result]) -> Result:
        """Run a function while no other process that shares the queue runs one.

        Args:
            do: must not use the queue itself; may be called several times if the database goes away.
        """

        def locked(connection: sa.Connection) -> Result:
            self._database.lock(connection, CATALOG_LOCK)
            return do()

        return self._database.transaction(locked)

    def rows(self, days: Collection[dt.date] | None = None) -> list[dict[str, Any]]:
        """The rows of the queue, oldest VOD first: the columns of VOD_QUEUE.

        Args:
            days: only VODs of these days; None for all.
        """
        chosen = sa.true() if days is None else _QUEUE.day.in_(days)
        query = sa.select(VOD_QUEUE).where(chosen).order_by(_QUEUE.vod_created_at, _QUEUE.vod_id)
        return self._database.transaction(lambda at: [dict(row) for row in at.execute(query).mappings()])

    def counts(self, days: Collection[dt.date] | None = None) -> dict[dt.date, dict[State, int]]:
        """The number of VODs per day and state."""
        chosen = sa.true() if days is None else _QUEUE.day.in_(days)
        query = sa.select(_QUEUE.day, _QUEUE.state, sa.func.count()).where(chosen).group_by(_QUEUE.day, _QUEUE.state)
        counts: dict[dt.date, dict[State, int]] = {}
        for day, state, count in self._database.transaction(lambda connection: connection.execute(query).all()):
            counts.setdefault(day, {})[State(state)] = count
        return dict(sorted(counts.items()))

    def stats(self, *, by_whole_days: bool = False) -> QueueStats:
        """The figures of the queue.

        Args:
            by_whole_days: VODs are fetched once their day is over, as Dagster's runs do.
        """
        return self._database.transaction(lambda at: read_stats(at, self._now(at), by_whole_days=by_whole_days))

    def due(self) -> dict[QueuedVod, int]:
        """The VODs that a worker could claim now, with their attempts; the one due for longest comes first."""

        def read(connection: sa.Connection) -> dict[QueuedVod, int]:
            now = self._now(connection)
            return {_vod(row): row["attempts"] for row in connection.execute(_due(now, None)).mappings()}

        return self._database.transaction(read)

    def _add(self, connection: sa.Connection, rows: list[dict[str, Any]], state: State) -> int:
        now = self._now(connection)
        known = set(
            connection.scalars(sa.select(_QUEUE.vod_id).where(_QUEUE.vod_id.in_([row["vod_id"] for row in rows])))
        )
        fresh = {row["vod_id"]: row for row in rows if row["vod_id"] not in known}
        common = {"state": state, "attempts": 0, "added_at": now, "updated_at": now}
        if state == State.COMPLETED:
            common["completed_at"] = now
        insert = self._database.insert(VOD_QUEUE).values(
            [{**common, **row, "next_attempt_at": row["next_attempt_at"] or now} for row in fresh.values()]
        )
        # Another process may have added the same VOD since the SELECT.
        return connection.execute(insert.on_conflict_do_nothing()).rowcount if fresh else 0

    def _claim(self, connection: sa.Connection, worker: str, days: Collection[dt.date] | None) -> Claim | None:
        now = self._now(connection)
        mine = sa.select(VOD_QUEUE).where(_QUEUE.worker == worker, _QUEUE.state == State.PROCESSING)
        if (row := connection.execute(mine).mappings().one_or_none()) is not None:
            # The answer to an earlier claim was lost, or the end of an attempt could not be recorded.
            renewed = {"lease_expires_at": now + dt.timedelta(seconds=LEASE_S), "updated_at": now}
            connection.execute(sa.update(VOD_QUEUE).where(_QUEUE.vod_id == row["vod_id"]), renewed)
            return Claim(_vod(row), worker, row["attempts"])
        exhausted = _abandoned(now) & (_QUEUE.attempts >= MOST_ATTEMPTS)
        failed = {"state": State.FAILED, "reason": DIED, "updated_at": now}
        connection.execute(sa.update(VOD_QUEUE).where(exhausted), failed)
        first = _due(now, days).limit(1).with_for_update(skip_locked=True)
        row = connection.execute(first).mappings().one_or_none()
        if row is None:
            return None
        attempt = row["attempts"] + 1
        claimed = {
            "state": State.PROCESSING,
            "attempts": attempt,
            "worker": worker,
            "lease_expires_at": now + dt.timedelta(seconds=LEASE_S),
            "updated_at": now,
        }
        connection.execute(sa.update(VOD_QUEUE).where(_QUEUE.vod_id == row["vod_id"]), claimed)
        return Claim(_vod(row), worker, attempt)

    def _end(self, claim: Claim, change: Callable[[dt.datetime], dict[str, Any]]) -> None:
        """Change the row of a VOD that this worker holds."""
        own = (
            (_QUEUE.vod_id == claim.vod.vod_id)
            & (_QUEUE.worker == claim.worker)
            & (_QUEUE.attempts == claim.attempt)
            & (_QUEUE.state == State.PROCESSING)
        )
        was_tried = False

        def end(connection: sa.Connection) -> int:
            nonlocal was_tried
            is_retry, was_tried = was_tried, True
            now = self._now(connection)
            changed = connection.execute(sa.update(VOD_QUEUE).where(own), {"updated_at": now, **change(now)}).rowcount
            if changed or not is_retry:
                return changed
            # The first try may have succeeded, with only its answer lost.
            done = sa.select(sa.func.count()).where(
                _QUEUE.vod_id == claim.vod.vod_id, _QUEUE.worker == claim.worker, _QUEUE.state != State.PROCESSING
            )
            return int(connection.scalar(done) or 0)

        if not self._database.transaction(end):
            raise LeaseLostError(f"VOD {claim.vod.vod_id} of {claim.vod.channel} is no longer held by {claim.worker}")

    def _set(self, chosen: sa.ColumnElement[bool], change: Callable[[dt.datetime], dict[str, Any]]) -> int:
        def change_all(connection: sa.Connection) -> int:
            now = self._now(connection)
            return connection.execute(sa.update(VOD_QUEUE).where(chosen), {"updated_at": now, **change(now)}).rowcount

        return self._database.transaction(change_all)

    def _now(self, connection: sa.Connection) -> dt.datetime:
        now = self._database.now(connection) if self._clock is None else self._clock()
        return dt.datetime.fromtimestamp(now, dt.UTC)


def _row(vod: QueuedVod) -> dict[str, Any]:
    return {
        "vod_id": vod.vod_id,
        "channel": vod.channel,
        "vod_created_at": vod.created_at,
        "day": vod.day,
        "next_attempt_at": vod.due_at,
    }


def storable(reason: str) -> str:
    """A reason, perhaps from a program's output, in a form that every database and log accepts."""
    return reason.replace("\0", "").encode("utf-8", "replace").decode()[:LONGEST_REASON]


def _abandoned(now: dt.datetime) -> sa.ColumnElement[bool]:
    """VODs whose lease is over, or longer than any lease, which happens after a clock was set back."""
    expires = _QUEUE.lease_expires_at
    too_long = now + dt.timedelta(seconds=LEASE_S + CLOCKS_APART_S)
    return (_QUEUE.state == State.PROCESSING) & ((expires <= now) | (expires > too_long))


def _due(now: dt.datetime, days: Collection[dt.date] | None) -> sa.Select[Any]:
    future = now + dt.timedelta(seconds=CLOCKS_APART_S)
    rested = (_QUEUE.next_attempt_at <= now) | (_QUEUE.updated_at > future)
    waiting = (_QUEUE.state == State.PENDING) & rested
    abandoned = _abandoned(now) & (_QUEUE.attempts < MOST_ATTEMPTS)
    in_days = sa.true() if days is None else _QUEUE.day.in_(days)
    chosen = sa.select(VOD_QUEUE).where(waiting | abandoned, in_days)
    return chosen.order_by(_QUEUE.next_attempt_at, _QUEUE.vod_created_at, _QUEUE.vod_id)


def _vod(row: sa.RowMapping) -> QueuedVod:
    return QueuedVod(row["vod_id"], row["channel"], row["vod_created_at"])
