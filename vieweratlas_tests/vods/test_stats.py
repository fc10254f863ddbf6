"""The figures of the queue: counts, durations, and since when VODs have been due."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest

from vieweratlas_assets.vods.database import Database
from vieweratlas_assets.vods.queue import Claim, Figures, QueuedVod, VodQueue

NOW = dt.datetime(2026, 3, 10, 12, tzinfo=dt.UTC)


def test_the_statistics_match_the_rows_of_the_queue(tmp_path: Path) -> None:
    database, moment = Database(f"sqlite:///{tmp_path}/queue.db"), [NOW.timestamp()]
    queue = VodQueue(database, clock=lambda: moment[0])
    queue.add([QueuedVod(str(number), f"channel{number}", NOW) for number in range(6)])

    def claim() -> Claim:
        claimed = queue.claim("worker")
        assert claimed is not None
        return claimed

    queue.complete(claim(), Figures(comments=5, buckets=1, chatters=2, seconds=10.0))
    moment[0] += 7200
    queue.complete(claim(), Figures(comments=5, buckets=1, chatters=2, seconds=4.0))
    queue.skip(claim(), "gone")
    queue.fail(claim(), "refused")
    claim()
    stats = queue.stats()
    rows = queue.rows()
    database.close()
    assert (
        stats.states
        == {state: sum(row["state"] == state for row in rows) for state in stats.states}
        == {"pending": 2, "processing": 1, "completed": 2, "failed": 0, "skipped": 1}
    )
    assert (stats.completed_last_hour, stats.failed_last_hour) == (1, 0)
    assert (stats.seconds_a_vod, stats.seconds_a_vod_last_hour) == (7.0, 4.0)
    assert stats.oldest_pending == NOW
    assert stats.last_completed == NOW + dt.timedelta(hours=2)
    assert stats.reasons == {"gone": 1}
    assert stats.attempts == {1: 5}


Timed = tuple[VodQueue, list[float]]


@pytest.fixture
def timed(tmp_path: Path) -> Iterator[Timed]:
    """A queue, and the time of its clock, s since 1970."""
    database, moment = Database(f"sqlite:///{tmp_path}/queue.db"), [NOW.timestamp()]
    yield VodQueue(database, clock=lambda: moment[0]), moment
    database.close()


def test_a_vod_is_due_once_it_is_complete_and_for_runs_once_its_day_is_over(timed: Timed) -> None:
    queue, moment = timed
    complete = NOW + dt.timedelta(hours=2)
    queue.add([QueuedVod("1", "ann", NOW, due_at=complete)])
    midnight = dt.datetime(2026, 3, 11, tzinfo=dt.UTC)
    for hours, due, due_by_days in (
        (1, None, None),
        (3, complete, None),
        (12, complete, midnight),
        (20, complete, midnight),
    ):
        moment[0] = (NOW + dt.timedelta(hours=hours)).timestamp()
        assert queue.stats().oldest_due == due
        assert queue.stats(by_whole_days=True).oldest_due == due_by_days


def test_a_vod_that_is_released_several_times_has_been_due_since_it_was_added(timed: Timed) -> None:
    queue, moment = timed
    queue.add([QueuedVod("1", "ann", NOW), QueuedVod("2", "bob", NOW + dt.timedelta(hours=1))])
    for _ in range(10):
        moment[0] += 3600
        claim = queue.claim("worker")
        assert claim is not None
        queue.release(claim)
    assert queue.stats().oldest_due == NOW
    queue.skip_vods(["1", "2"], "by hand")
    assert queue.stats().oldest_due is None
    queue.retry(["1"])
    assert queue.stats().oldest_due == dt.datetime.fromtimestamp(moment[0], dt.UTC), "it waits since the retry"


def test_a_vod_that_rests_after_a_failure_is_not_due(timed: Timed) -> None:
    queue, moment = timed
    queue.add([QueuedVod("1", "ann", NOW)])
    claim = queue.claim("worker")
    assert claim is not None
    queue.fail(claim, "refused")
    assert queue.stats().oldest_due is None
    moment[0] += 60
    assert queue.stats().oldest_due == NOW
