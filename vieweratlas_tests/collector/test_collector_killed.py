"""A collector that is killed: its closed minutes are on disk, and the next collector delivers them."""

import asyncio
import multiprocessing
import time
from pathlib import Path

import polars as pl

from vieweratlas_assets.clients.irc.connection import Address
from vieweratlas_assets.clients.irc.reader import IrcReader
from vieweratlas_assets.collector.collector import Collector
from vieweratlas_assets.collector.minutes import MinuteBook
from vieweratlas_assets.collector.spool import Spool
from vieweratlas_assets.collector.wanted import Wanted
from vieweratlas_assets.domain.presence.coverage import chat_coverage_of
from vieweratlas_assets.domain.presence.names import ViewerNames
from vieweratlas_tests.clients.chatting import HASTE, QUICK, START, until
from vieweratlas_tests.collector.test_collector import QUICK as PACE
from vieweratlas_tests.collector.test_collector import SPEED, Unreachable, collecting


def collect(folder: Path, url: str, channels: tuple[str, ...], began: float) -> None:
    """Collect in another process, with a lake that is down, until killed.

    Args:
        began: the moment of START on the monotonic clock that all processes share.
    """

    def now() -> float:
        return START.timestamp() + (time.monotonic() - began) * SPEED

    lake = Unreachable(folder / "lake")
    lake.is_down = True
    collector = Collector(
        IrcReader(Address(url), profile=HASTE, retry_policy=QUICK, clock=now, channels_per_connection=5),
        MinuteBook("killed", ViewerNames(), frozenset()),
        Spool(folder / "spool", lake),
        lambda: Wanted(channels),
        name="killed",
        clock=now,
        pace=PACE,
    )
    asyncio.run(collector.run())


def test_a_killed_collector_loses_only_open_minutes(tmp_path: Path) -> None:
    with collecting(tmp_path) as at_work:
        began = time.monotonic() - (at_work.clock() - START.timestamp()) / SPEED
        channels = tuple(at_work.twitch.feed.room_ids)
        arguments = (tmp_path, at_work.twitch.server.chat_url, channels, began)
        process = multiprocessing.get_context("spawn").Process(target=collect, args=arguments)
        process.start()
        spooled = tmp_path / "spool"

        async def files() -> None:
            await until(lambda: len(list(spooled.rglob("*.parquet"))) >= 3, "three files on the disk")

        asyncio.run(files())
        closed = len(list(spooled.rglob("*.parquet")))
        process.kill()
        process.join(60)
        assert not (tmp_path / "lake").exists() or not list((tmp_path / "lake").rglob("*.parquet"))
        Spool(spooled, at_work.store).deliver()
        coverage = chat_coverage_of(at_work.raw())
    # The collector started during the first minute; the others are whole.
    minutes = coverage["bucket_start"].unique().sort()
    whole = coverage.filter(pl.col("bucket_start") > minutes[0])
    assert whole.height == 12 * (minutes.len() - 1)
    assert whole.select("coverage_s", "messages", "gap_reasons").unique().rows() == [(60, 60, None)]
    assert minutes.len() >= closed >= 3
