"""Runs of VODs on a made-up Twitch, for the tests of their assets and of their sensor."""

import datetime as dt
from collections import Counter

import dagster as dg

from vieweratlas_assets.wiring.vod_workers import open_queue
from vieweratlas_tests.lake_factories import run
from vieweratlas_tests.vods.made_up import MadeUpTwitch

FIRST, LAST = dt.date(2026, 10, 5), dt.date(2026, 10, 6)


def fetch(
    twitch: MadeUpTwitch, first: dt.date, last: dt.date | None = None, **environment: str
) -> dg.ExecuteInProcessResult:
    """Run the job of VODs for a day or a range of days."""
    with dg.DagsterInstance.ephemeral() as instance:
        return run(twitch.settings(**environment), "vods", first, last, instance=instance)


def states(twitch: MadeUpTwitch) -> Counter[str]:
    """How many VODs of the queue are in each state."""
    with open_queue(twitch.settings()) as queue:
        return Counter(row["state"] for row in queue.rows())
