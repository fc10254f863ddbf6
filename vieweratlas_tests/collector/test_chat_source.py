"""The source of chat that the settings name, as the collector uses it."""

import asyncio
import datetime as dt
from pathlib import Path

import polars as pl
import pytest

from vieweratlas_assets.domain.presence.coverage import chat_coverage_of
from vieweratlas_assets.wiring.twitch import chat_source
from vieweratlas_tests.clients.chatting import QUICK, START, SteadyFeed, of_world, until
from vieweratlas_tests.collector.test_collector import collect_during, collecting
from vieweratlas_tests.wiring.test_twitch import settings_for

MESSAGES_PER_S = 10
"""Messages per second and channel."""


@pytest.mark.parametrize("collection", [{"chat_source": "eventsub"}, {"chat_account": "token"}], ids=str)
def test_messages_that_an_account_hears_are_in_the_lake(tmp_path: Path, collection: dict[str, str]) -> None:
    # Across the end of a minute.
    start = START + dt.timedelta(seconds=55)
    with collecting(
        tmp_path, feed=SteadyFeed(of_world(12), 1000 // MESSAGES_PER_S), start=start, speed=1.0
    ) as at_work:

        async def wait() -> None:
            await until(lambda: at_work.minute() > 1.07, "nine seconds")

        async def collect() -> None:
            settings = settings_for(at_work.twitch, **collection)
            at_work.source = chat_source(settings, clock=at_work.clock, retry_policy=QUICK)
            await collect_during(at_work.collector(), wait())

        asyncio.run(collect())
    coverage = chat_coverage_of(at_work.raw())
    assert coverage["messages"].sum() == at_work.book.messages
    assert coverage.filter(pl.col("bucket_start") > START).select(pl.col("coverage_s").min() >= 2).item()
    # Coverage is rounded to whole seconds, and 0.3 s of messages are on their way at its ends.
    off = pl.col("messages") - pl.col("coverage_s") * MESSAGES_PER_S
    assert coverage.select(off.abs().max() <= MESSAGES_PER_S * (0.5 + 0.3)).item()
