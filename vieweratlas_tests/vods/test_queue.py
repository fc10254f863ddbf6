"""The queue: who holds a VOD, how attempts end, and that no VOD is lost or completed twice."""

import datetime as dt
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vieweratlas_assets.vods.database import Database, QueueUnavailableError
from vieweratlas_assets.vods.queue import (
    DIED,
    LEASE_S,
    MOST_ATTEMPTS,
    Figures,
    LeaseLostError,
    QueuedVod,
    VodQueue,
    backoff_s,
)
from vieweratlas_assets.vods.tables import State
from vieweratlas_tests.vods.conditions import wait_for
from vieweratlas_tests.vods.postgres import PASSWORD, postgres

CREATED = dt.datetime(2026, 10, 5, 18, tzinfo=dt.UTC)
FIGURES = Figures(comments=100, buckets=10, chatters=20, seconds=1.5)


class Clock:
    """Time that moves when a test says so."""

    def __init__(self) -> None:
        self.now = 1_791_300_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue(url: str, clock: Clock) -> Iterator[VodQueue]:
    database = Database(url)
    yield VodQueue(database, clock=clock)
    database.close()


def vods(number: int, days: int = 1) -> list[QueuedVod]:
    return [
        QueuedVod(str(1000 + each), f"channel_{each % 7}", CREATED + dt.timedelta(days=each % days, minutes=each))
        for each in range(number)
    ]


def states(queue: VodQueue) -> dict[str, str]:
    return {row["vod_id"]: row["state"] for row in queue.rows()}


def test_each_vod_is_added_once_and_claimed_once(queue: VodQueue) -> None:
    assert queue.add(vods(3)) == 3
    assert queue.add(vods(5)) == 2
    claims = [queue.claim(f"worker {number}") for number in range(6)]
    assert [claim.vod.vod_id for claim in claims if claim] == ["1000", "1001", "1002", "1003", "1004"]
    assert claims[5] is None
    assert {claim.attempt for claim in claims if claim} == {1}


def test_a_vod_is_completed_by_its_worker_with_its_figures(queue: VodQueue) -> None:
    queue.add(vods(1))
    claim = queue.claim("one")
    assert claim is not None
    queue.complete(claim, FIGURES)
    (row,) = queue.rows()
    assert (row["state"], row["comments"], row["chatters"], row["attempts"]) == (State.COMPLETED, 100, 20, 1)
    assert row["completed_at"] is not None
    assert row["vod_created_at"] == CREATED
    with pytest.raises(LeaseLostError):
        queue.fail(claim, "too late")
    assert queue.claim("two") is None


def test_failed_attempts_rest_longer_each_time_and_end_after_the_fifth(queue: VodQueue, clock: Clock) -> None:
    assert [backoff_s(attempts) for attempts in range(1, 7)] == [30, 60, 120, 240, 480, 480]
    queue.add(vods(1))
    for attempt in range(1, MOST_ATTEMPTS + 1):
        claim = queue.claim("one")
        assert claim is not None
        assert claim.attempt == attempt
        state = queue.fail(claim, "HTTP 500")
        if attempt < MOST_ATTEMPTS:
            assert state == State.PENDING
            clock.now += backoff_s(attempt) - 1
            assert queue.claim("one") is None
            assert queue.due() == {}
            clock.now += 1
            assert list(queue.due().values()) == [attempt]
    assert state == State.FAILED
    clock.now += 1e6
    assert queue.claim("one") is None
    assert queue.rows()[0]["reason"] == "HTTP 500"
    assert queue.retry() == 1
    again = queue.claim("one")
    assert again is not None
    assert again.attempt == 1


def test_another_worker_claims_the_vod_of_a_dead_one_which_then_changes_nothing(
    queue: VodQueue, clock: Clock
) -> None:
    queue.add(vods(1))
    dead = queue.claim("dead")
    assert dead is not None
    clock.now += LEASE_S - 1
    assert queue.claim("other") is None
    clock.now += 1
    other = queue.claim("other")
    assert other is not None
    assert other.attempt == 2
    for end in (
        lambda: queue.complete(dead, FIGURES),
        lambda: queue.fail(dead, "late"),
        lambda: queue.skip(dead, "late"),
        lambda: queue.release(dead),
        lambda: queue.renew(dead),
    ):
        with pytest.raises(LeaseLostError, match="no longer held by dead"):
            end()
    queue.complete(other, FIGURES)
    assert states(queue) == {"1000": State.COMPLETED}


def test_a_lease_that_is_renewed_lasts(queue: VodQueue, clock: Clock) -> None:
    queue.add(vods(1))
    claim = queue.claim("one")
    assert claim is not None
    for _ in range(10):
        clock.now += LEASE_S - 1
        queue.renew(claim)
        assert queue.claim("other") is None
    queue.complete(claim, FIGURES)


def test_a_vod_that_kills_its_workers_fails_in_the_end(queue: VodQueue, clock: Clock) -> None:
    queue.add(vods(2))
    for _ in range(MOST_ATTEMPTS):
        assert queue.claim(f"worker at {clock.now}") is not None
        clock.now += LEASE_S
    # The second VOD has been due for longer than the abandoned first one.
    assert queue.claim("last") is not None
    clock.now += LEASE_S
    queue.claim("sweeper")
    assert State.FAILED in states(queue).values()
    assert DIED in {row["reason"] for row in queue.rows()}


def test_a_vod_that_is_released_loses_no_attempt(queue: VodQueue) -> None:
    queue.add(vods(1))
    for _ in range(MOST_ATTEMPTS + 2):
        claim = queue.claim("one")
        assert claim is not None
        assert claim.attempt == 1
        queue.release(claim)


@pytest.mark.parametrize("jump_s", [-86_400.0 * 30, -3600.0, 3600.0, 86_400.0 * 30])
def test_after_a_jump_of_the_clock_every_vod_is_still_completed(queue: VodQueue, clock: Clock, jump_s: float) -> None:
    queue.add(vods(2))
    held, failed = queue.claim("one"), queue.claim("two")
    assert held is not None
    assert failed is not None
    queue.fail(failed, "HTTP 500")
    clock.now += jump_s
    taken = []
    for _ in range(3):
        clock.now += LEASE_S
        while (claim := queue.claim("three")) is not None:
            taken.append(claim.vod.vod_id)
            queue.complete(claim, FIGURES)
    assert sorted(taken) == ["1000", "1001"]


def test_a_worker_that_claims_twice_gets_the_same_vod(queue: VodQueue) -> None:
    queue.add(vods(2))
    first, second = queue.claim("one"), queue.claim("one")
    assert first == second
    assert first is not None
    assert first.attempt == 1


def test_days_are_claimed_and_counted_separately(queue: VodQueue) -> None:
    queue.add(vods(6, days=3))
    second = CREATED.date() + dt.timedelta(days=1)
    taken = []
    while (claim := queue.claim("one", [second])) is not None:
        taken.append(claim.vod.day)
        queue.skip(claim, "gone")
    assert taken == [second, second]
    counts = queue.counts()
    assert counts[second] == {State.SKIPPED: 2}
    assert counts[CREATED.date()] == {State.PENDING: 2}
    assert queue.counts([second]) == {second: {State.SKIPPED: 2}}
    assert [row["vod_id"] for row in queue.rows([second])] == ["1001", "1004"]


def test_imported_vods_are_completed_from_any_state(queue: VodQueue) -> None:
    queue.add(vods(2))
    held = queue.claim("one")
    assert held is not None
    assert queue.add_completed(vods(4)) == 3
    assert states(queue) == {"1000": "processing", "1001": "completed", "1002": "completed", "1003": "completed"}
    assert queue.add_completed(vods(4)) == 0


def test_a_worker_loses_a_vod_that_is_skipped_by_hand(queue: VodQueue) -> None:
    queue.add(vods(3))
    done = queue.claim("one")
    assert done is not None
    queue.complete(done, FIGURES)
    held = queue.claim("one")
    assert held is not None
    assert queue.skip_vods(["1000", "1001", "1002", "9999"], "by hand") == 2
    with pytest.raises(LeaseLostError):
        queue.complete(held, FIGURES)
    assert states(queue) == {"1000": "completed", "1001": "skipped", "1002": "skipped"}
    assert queue.retry(["1001"]) == 1
    assert queue.retry() == 0


def test_workers_racing_for_500_vods_complete_each_once(url: str) -> None:
    databases = [Database(url) for _ in range(4)]
    queues = [VodQueue(database) for database in databases]
    queues[0].add(vods(500))
    begin = threading.Barrier(4)

    def work(number: int) -> list[str]:
        taken = []
        begin.wait()
        while (claim := queues[number].claim(f"worker {number}")) is not None:
            taken.append(claim.vod.vod_id)
            queues[number].complete(claim, FIGURES)
        return taken

    with ThreadPoolExecutor(4) as pool:
        taken = Counter(vod_id for vod_ids in pool.map(work, range(4)) for vod_id in vod_ids)
    assert taken == dict.fromkeys((vod.vod_id for vod in vods(500)), 1)
    assert [*queues[0].counts().values()] == [{State.COMPLETED: 360}, {State.COMPLETED: 140}]
    for database in databases:
        database.close()


def test_a_vod_that_may_still_grow_waits_until_it_is_complete(queue: VodQueue, clock: Clock) -> None:
    whole = dt.datetime.fromtimestamp(clock.now + 48 * 3600, dt.UTC)
    queue.add([QueuedVod("1", "ann", CREATED, due_at=whole)])
    clock.now += 48 * 3600 - 1
    assert queue.claim("one") is None
    clock.now += 1
    assert queue.claim("one") is not None


def test_a_worker_that_claims_its_vod_again_gets_a_whole_lease(queue: VodQueue, clock: Clock) -> None:
    queue.add(vods(1))
    queue.claim("one")
    clock.now += LEASE_S + 1
    assert queue.claim("one") is not None
    assert queue.claim("two") is None


def test_exclusive_functions_never_run_at_the_same_time(url: str) -> None:
    databases = [Database(url) for _ in range(3)]
    inside: list[int] = []
    most: list[int] = []

    def alone() -> None:
        inside.append(1)
        most.append(len(inside))
        time.sleep(0.01)
        inside.pop()

    with ThreadPoolExecutor(3) as pool:
        futures = [pool.submit(VodQueue(databases[number % 3]).exclusively, alone) for number in range(12)]
        for future in futures:
            future.result()
    assert most == [1] * 12
    for database in databases:
        database.close()


@pytest.mark.slow
@pytest.mark.xdist_group("postgres")
def test_a_database_that_is_restarted_loses_nothing() -> None:
    with postgres() as server:
        database = Database(server.url)
        queue = VodQueue(database)
        queue.add(vods(300))
        taken: list[str] = []

        def are_taken(count: int) -> bool:
            return len(taken) >= count

        def work(number: int) -> None:
            while (claim := queue.claim(f"worker {number}")) is not None:
                taken.append(claim.vod.vod_id)
                queue.renew(claim)
                queue.complete(claim, FIGURES)

        with ThreadPoolExecutor(3) as pool:
            futures = [pool.submit(work, number) for number in range(3)]
            for reached in (50, 120, 200):
                wait_for(partial(are_taken, reached))
                server.stop()
                server.start()
            for future in futures:
                future.result()
        assert set(states(queue).values()) == {State.COMPLETED}
        # A VOD whose completion was not confirmed may have been claimed again: it is done twice, not lost.
        assert len(set(taken)) == 300
        assert len(taken) <= 309
        assert {row["attempts"] for row in queue.rows()} <= {1, 2}
        server.stop()
        with pytest.raises(QueueUnavailableError) as raised:
            Database(server.url, retry_for_s=0)
        assert PASSWORD not in str(raised.value)
        assert "does not answer" in str(raised.value)
        server.start()
        database.close()


@given(st.lists(st.sampled_from(["claim", "complete", "fail", "skip", "release", "die", "wait"]), max_size=60))
def test_in_any_order_of_steps_each_vod_has_one_state_and_is_completed_at_most_once(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str]
) -> None:
    clock = Clock()
    database = Database(f"sqlite:///{tmp_path_factory.mktemp('queue')}/queue.db")
    queue = VodQueue(database, clock=clock)
    queue.add(vods(3))
    held = []
    completed: Counter[str] = Counter()
    for number, step in enumerate(steps):
        clock.now += 1
        if step == "claim" and (claim := queue.claim(f"worker {number}")) is not None:
            held.append(claim)
        elif step == "wait":
            clock.now += LEASE_S
        elif step == "die" and held:
            held.pop()
        elif held and step in ("complete", "fail", "skip", "release"):
            claim = held.pop(0)
            try:
                match step:
                    case "complete":
                        queue.complete(claim, FIGURES)
                        completed[claim.vod.vod_id] += 1
                    case "fail":
                        queue.fail(claim, "trouble")
                    case "skip":
                        queue.skip(claim, "gone")
                    case _:
                        queue.release(claim)
            except LeaseLostError:
                pass
    final = states(queue)
    assert final.keys() == {"1000", "1001", "1002"}
    assert set(completed.values()) <= {1}
    assert {vod_id for vod_id, state in final.items() if state == State.COMPLETED} == set(completed)
    assert all(
        1 <= row["attempts"] <= MOST_ATTEMPTS or row["state"] in ("pending", "skipped") for row in queue.rows()
    )
    database.close()
