"""The rate and the daily budget that all workers share."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from vieweratlas_assets.vods.database import Database
from vieweratlas_assets.vods.limits import BudgetSpentError, SharedRequests


def test_turns_are_given_one_after_another_from_the_first_on(url: str) -> None:
    """Several threads ask for the very first turn at the same time."""
    database = Database(url)
    waits: list[float] = []
    begin = threading.Barrier(4)

    def ask(_: int) -> None:
        # One turn per 50 s, without waiting for it: no machine is as slow as that.
        shared = SharedRequests(database, per_s=0.02, per_day=40, sleep=waits.append)
        begin.wait()
        for _ in range(10):
            shared.turn()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(ask, range(4)))
    with pytest.raises(BudgetSpentError):
        SharedRequests(database, per_s=0.02, per_day=40).turn()
    assert len(waits) == 39
    database.close()


def test_a_new_day_and_a_clock_that_was_set_back_give_turns_again(tmp_path: Path) -> None:
    database, now, waits = Database(f"sqlite:///{tmp_path}/queue.db"), [1_791_300_000.0], list[float]()
    shared = SharedRequests(database, per_s=0.01, per_day=2, clock=lambda: now[0], sleep=waits.append)
    shared.turn()
    shared.turn()
    with pytest.raises(BudgetSpentError, match=r"2 requests .* vod\.requests_a_day"):
        shared.turn()
    now[0] += 86_400
    shared.turn()
    now[0] -= 86_400 * 30
    shared.turn()
    assert waits == [100.0]
    database.close()
