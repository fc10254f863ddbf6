"""The collector: every message is in the lake, or in a gap that the lake reports."""

import asyncio
import contextlib
import dataclasses
import datetime as dt
import shutil
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from vieweratlas_assets.clients.chat import CONNECTION_LOST, CONNECTION_SILENT, ChatSource
from vieweratlas_assets.collector.collector import Collector, Hours, Listeners, Pace
from vieweratlas_assets.collector.health import Metrics, write_health
from vieweratlas_assets.collector.minutes import NOT_WANTED, MinuteBook
from vieweratlas_assets.collector.spool import Spool
from vieweratlas_assets.collector.wanted import RosterUnavailableError, Wanted
from vieweratlas_assets.domain.presence.coverage import chat_coverage_of
from vieweratlas_assets.domain.presence.names import ViewerNames
from vieweratlas_assets.errors import StorageError
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_assets.storage.objects import ObjectStore
from vieweratlas_assets.storage.raw_snapshots import find_raw_day, read_raw_hours
from vieweratlas_tests.clients.chatting import START, Chatting, SteadyFeed, chatting, numbered, until

SPEED = 30.0
"""Speed of the sandbox's clock: its minute takes 2 s."""
EVERY_MS = 1000
LATE = START + dt.timedelta(seconds=5)
"""Late enough that the first minute never counts as whole: a missing part of a second would be rounded away."""
QUICK = Pace(
    lateness_s=45.0, settle_s=15.0, tick_s=0.05, roster_s=0.5, retry_s=0.2, longest_retry_s=0.4, metrics_s=0.5
)
EDGE = 2 * SPEED * 0.15
"""Messages that may be on either side of a gap's edges, because they are on their way."""


@dataclasses.dataclass
class Collecting:
    """A sandbox, a lake, and a collector for them; the reports of the collector."""

    twitch: Chatting
    store: ObjectStore
    spool: Spool
    wanted: Callable[[], Wanted]
    clock: Callable[[], float]
    source: ChatSource | None = None
    hours: dict[int, dict[str, int]] = dataclasses.field(default_factory=dict)
    metrics: list[Metrics] = dataclasses.field(default_factory=list)

    def collector(self, *, on_metrics: Callable[[Metrics], None] | None = None, **settings: Any) -> Collector:
        self.book = MinuteBook("test", ViewerNames(), frozenset())
        return Collector(
            self.source or self.twitch.reader(clock=self.clock, **settings),
            self.book,
            self.spool,
            self.wanted,
            name="test",
            clock=self.clock,
            pace=QUICK,
            listeners=Listeners(on_hour=self.hours.__setitem__, on_metrics=on_metrics or self.metrics.append),
        )

    def raw(self) -> pl.DataFrame:
        """All rows of the day in the lake."""
        return pl.concat([hour.rows for hour in read_raw_hours(self.store, find_raw_day(self.store, START.date()))])

    def minute(self) -> float:
        """Minutes since START."""
        return (self.twitch.clock.now() - START).total_seconds() / 60


@contextlib.contextmanager
def collecting(
    folder: Path,
    *,
    feed: SteadyFeed | None = None,
    start: dt.datetime = LATE,
    speed: float = SPEED,
    store: ObjectStore | None = None,
    ahead_s: float = 0.0,
) -> Iterator[Collecting]:
    """Serve steady talk, for a collector whose clock is `ahead_s` behind the sandbox's."""
    with chatting(feed or SteadyFeed(numbered(12), EVERY_MS), speed=speed, start=start) as twitch:
        lake = store or LocalStore(folder / "lake")
        channels = Wanted(tuple(twitch.feed.room_ids))
        yield Collecting(
            twitch,
            lake,
            Spool(folder / "spool", lake),
            lambda: channels,
            lambda: twitch.now() - ahead_s,
        )


async def collect_during(collector: Collector, scenario: Awaitable[None]) -> Hours:
    """Collect while a scenario runs, and stop after it."""
    running = asyncio.create_task(collector.run())
    working = asyncio.ensure_future(scenario)
    await asyncio.wait([running, working], return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        running.result()
    await working
    collector.stop()
    return await running


def account_for(collected: Collecting, *, first_minute_off: float = 0.0) -> pl.DataFrame:
    """Check that each minute counts the messages of its seconds of coverage, except those on their way.

    A gap of less than half a second is rounded away, so a minute that counts as whole may lack messages at the edge
    of a gap in the next or previous minute.

    Args:
        first_minute_off: messages that a whole first minute may lack: its start is known only by our clock, whose
            skew is known only as exactly as messages are fast.
    """
    raw = collected.raw()
    coverage = chat_coverage_of(raw)
    assert not coverage.is_empty()
    gaps = set(coverage.filter(pl.col("coverage_s") < 60).select("channel", "bucket_start").iter_rows())
    for row in coverage.iter_rows(named=True):
        where = f"{row['channel']} at {row['bucket_start']:%H:%M}: {row}"
        if row["coverage_s"] == 60:
            neighbors = {(row["channel"], row["bucket_start"] + dt.timedelta(minutes=step)) for step in (-1, 1)}
            off = first_minute_off if row["bucket_start"] == START else EDGE if neighbors & gaps else 0
            assert 60 - off <= row["messages"] <= 60, where
            assert row["gap_reasons"] is None, where
        else:
            assert row["gap_reasons"], where
            assert row["coverage_s"] - EDGE <= row["messages"] <= row["coverage_s"] + EDGE, where
    return coverage


def test_messages_are_in_the_lake_minute_by_minute(tmp_path: Path) -> None:
    with collecting(tmp_path) as at_work:

        async def wait() -> None:
            await until(lambda: at_work.minute() > 3.2, "three minutes")

        hours = asyncio.run(collect_during(at_work.collector(), wait()))
        coverage = account_for(at_work)
        assert CONNECTION_SILENT not in "+".join(coverage["gap_reasons"].drop_nulls())
        assert at_work.raw()["messages"].sum() == at_work.book.messages == coverage["messages"].sum()
        assert coverage.filter(coverage_s=60)["channel"].value_counts()["count"].to_list() == [2] * 12
        files = sorted(path.name for path in (tmp_path / "lake").rglob("*.parquet"))
        assert [name.split("-")[1] for name in files] == ["00", "01", "02", "03"]
        assert not at_work.spool.pending()
        assert not list((tmp_path / "spool").rglob("*.parquet"))
        assert hours == at_work.hours
        (figures,) = hours.values()
        assert figures["messages"] == at_work.book.messages
        assert figures["channel_minutes"] == 4 * 12
        last = at_work.metrics[-1]
        assert last.channels_wanted == 12
        assert last.messages == at_work.book.messages
        assert last.lost_files == 0
        assert max(metrics.channels_joined for metrics in at_work.metrics) == 12


def test_an_hour_is_reported_when_its_files_are_in_the_lake(tmp_path: Path) -> None:
    hour_s = round(START.timestamp())
    with collecting(tmp_path, start=START + dt.timedelta(minutes=58, seconds=30)) as at_work:

        async def wait() -> None:
            await until(lambda: hour_s in at_work.hours, "the hour is reported")
            assert not at_work.spool.pending()

        asyncio.run(collect_during(at_work.collector(), wait()))
        account_for(at_work)
        assert set(at_work.hours) == {hour_s, hour_s + 3600}
        assert set(find_raw_day(at_work.store, START.date()).hours) == {START, START + dt.timedelta(hours=1)}
    with collecting(tmp_path / "bounded", start=START + dt.timedelta(minutes=58, seconds=30)) as at_work:
        hours = asyncio.run(at_work.collector().run(hour_s + 3600))
        coverage = account_for(at_work)
        assert set(hours) == {hour_s} == set(at_work.hours)
        assert coverage["bucket_start"].max() == START + dt.timedelta(minutes=59)
        assert (
            coverage.filter(pl.col("bucket_start") == coverage["bucket_start"].max())["coverage_s"].to_list()
            == [60] * 12
        )


def test_it_ends_after_a_number_of_reported_hours(tmp_path: Path) -> None:
    with collecting(tmp_path, start=START + dt.timedelta(minutes=58, seconds=30)) as at_work:
        hours = asyncio.run(at_work.collector().run(hours=1))
        first = int(START.timestamp())
        assert at_work.hours.keys() == hours.keys() == {first, first + 3600}
        # The first hour has its last 90 s; the next one has the messages until the first was reported.
        assert at_work.hours[first]["channel_minutes"] == 2 * 12
        account_for(at_work)


def test_a_lost_connection_is_a_gap_and_not_a_quiet_chat(tmp_path: Path) -> None:
    with collecting(tmp_path) as at_work:

        async def lose() -> None:
            await until(lambda: at_work.minute() > 1.5, "a minute")
            at_work.twitch.server.call(at_work.twitch.chat.reset)
            await until(lambda: at_work.minute() > 3, "another minute")
            at_work.twitch.server.call(at_work.twitch.chat.freeze)
            await until(lambda: at_work.minute() > 5.5, "two more")

        asyncio.run(collect_during(at_work.collector(), lose()))
        coverage = account_for(at_work)
        reasons = set("+".join(coverage["gap_reasons"].drop_nulls()).split("+"))
        assert {CONNECTION_LOST, CONNECTION_SILENT} <= reasons
        assert at_work.metrics[-1].reconnects >= 6


@pytest.mark.parametrize("ahead_s", [-300.0, 240.0])
def test_a_wrong_clock_puts_no_message_into_another_minute(tmp_path: Path, ahead_s: float) -> None:
    with collecting(tmp_path, ahead_s=ahead_s) as at_work:

        async def wait() -> None:
            await until(lambda: at_work.minute() > 3.2, "three minutes")

        asyncio.run(collect_during(at_work.collector(), wait()))
        coverage = account_for(at_work, first_minute_off=EDGE)
        assert coverage.filter(coverage_s=60).height >= 12
        assert abs(at_work.metrics[-1].skew_s - ahead_s) < EDGE


class Unreachable(LocalStore):
    """A lake that is down while `is_down`."""

    is_down = False

    def create_bytes(self, key: str, data: bytes) -> bool:
        if self.is_down:
            raise StorageError(f"{self.uri(key)} cannot be reached")
        return super().create_bytes(key, data)


def test_minutes_wait_on_the_disk_while_the_lake_is_down(tmp_path: Path) -> None:
    lake = Unreachable(tmp_path / "lake")
    with collecting(tmp_path, store=lake) as at_work:

        async def down() -> None:
            await until(lambda: at_work.minute() > 1, "a minute")
            lake.is_down = True
            await until(lambda: at_work.minute() > 5.2, "four minutes")
            # Nothing was delivered in the last three minutes; the files are on the disk.
            waiting = at_work.spool.pending()
            assert len(waiting) >= 3
            assert all((tmp_path / "spool" / key).exists() for key in waiting)
            assert at_work.metrics[-1].pending_s > 100
            lake.is_down = False
            await until(lambda: not at_work.spool.pending(), "all files are delivered")

        asyncio.run(collect_during(at_work.collector(), down()))
        account_for(at_work)


def test_undelivered_files_are_delivered_by_the_next_collector(tmp_path: Path) -> None:
    lake = Unreachable(tmp_path / "lake")
    with collecting(tmp_path, store=lake) as at_work:
        lake.is_down = True

        async def wait() -> None:
            await until(lambda: at_work.minute() > 2.2, "two minutes")

        with pytest.raises(StorageError, match="cannot be reached"):
            asyncio.run(collect_during(at_work.collector(), wait()))
        first = at_work.book.messages
        lake.is_down = False
        at_work.spool = Spool(tmp_path / "spool", lake)
        asyncio.run(collect_during(at_work.collector(), wait()))
        assert at_work.raw()["messages"].sum() == first + at_work.book.messages
        coverage = chat_coverage_of(at_work.raw())
        assert coverage.filter(pl.col("coverage_s") > 60).is_empty()
        assert NOT_WANTED in "+".join(coverage["gap_reasons"].drop_nulls())


def test_files_stay_in_memory_while_the_disk_is_full(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    lake = Unreachable(tmp_path / "lake")
    with collecting(tmp_path, store=lake) as at_work:
        # A file instead of the folder: nothing can be written there, as on a full disk.
        shutil.rmtree(tmp_path / "spool", ignore_errors=True)
        (tmp_path / "spool").write_text("")

        async def down() -> None:
            lake.is_down = True
            await until(lambda: len(at_work.spool.pending()) >= 2, "two files in memory")
            lake.is_down = False

        def on_metrics(metrics: Metrics) -> None:
            at_work.metrics.append(metrics)
            # Fails too: the health file is on the same disk.
            write_health(tmp_path / "spool", metrics)

        asyncio.run(collect_during(at_work.collector(on_metrics=on_metrics), down()))
        account_for(at_work)
        assert "kept in memory" in caplog.text
        assert at_work.metrics[-1].lost_files == 0
        assert len(at_work.metrics) > 1
        assert "metrics could not be reported" in caplog.text


def test_an_error_that_ends_it_still_delivers_files_in_memory(tmp_path: Path) -> None:
    with collecting(tmp_path) as at_work:
        shutil.rmtree(tmp_path / "spool", ignore_errors=True)
        (tmp_path / "spool").write_text("")
        names = at_work.wanted()

        def wanted() -> Wanted:
            if at_work.minute() > 2:
                raise ZeroDivisionError("a bug")
            return names

        at_work.wanted = wanted
        with pytest.raises(ZeroDivisionError):
            asyncio.run(at_work.collector().run())
        assert at_work.raw()["messages"].sum() > 0
        assert not at_work.spool.pending()


def test_channels_follow_the_roster(tmp_path: Path) -> None:
    with collecting(tmp_path) as at_work:
        names = list(at_work.twitch.feed.room_ids)
        answer = Wanted(tuple(names[:4]))
        fails = threading.Event()

        def wanted() -> Wanted:
            if fails.is_set():
                raise RosterUnavailableError("Twitch does not answer")
            return answer

        at_work.wanted = wanted

        async def change() -> None:
            nonlocal answer
            await until(lambda: at_work.minute() > 1.5, "a minute")
            fails.set()
            await until(lambda: at_work.minute() > 2.5, "a minute without a roster")
            answer = Wanted(tuple(names[2:6]))
            fails.clear()
            await until(lambda: at_work.minute() > 4.5, "another")

        asyncio.run(collect_during(at_work.collector(), change()))
        coverage = account_for(at_work)
        covered_s = dict(coverage.group_by("channel").agg(pl.col("coverage_s").sum()).iter_rows())
        assert set(covered_s) == set(names[:6])
        removed, kept, added = names[:2], names[2:4], names[4:6]
        assert min(covered_s[name] for name in kept) > 240
        assert all(130 < covered_s[name] < 200 for name in removed)
        assert all(80 < covered_s[name] < 140 for name in added)
        assert set(coverage.filter(channel=names[0])["gap_reasons"].drop_nulls()) <= {
            NOT_WANTED,
            "connecting+joining+not_wanted",
            "connecting+not_wanted",
        }


def test_without_a_first_roster_nothing_is_collected(tmp_path: Path) -> None:
    with collecting(tmp_path) as at_work:

        def unknown() -> Wanted:
            raise RosterUnavailableError("Twitch does not answer")

        at_work.wanted = unknown
        with pytest.raises(RosterUnavailableError, match="does not answer"):
            asyncio.run(at_work.collector().run())


def test_an_hour_that_could_not_be_reported_is_reported_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with collecting(tmp_path, start=START + dt.timedelta(minutes=58, seconds=30)) as at_work:
        collector = at_work.collector()
        reports: list[int] = []

        def on_hour(hour: int, figures: dict[str, int]) -> None:
            reports.append(hour)
            if len(reports) == 1:
                raise ConnectionError("the database cannot be reached")
            at_work.hours[hour] = figures

        collector._listeners = Listeners(on_hour=on_hour)

        async def wait() -> None:
            await until(lambda: bool(at_work.hours), "the hour is reported")

        asyncio.run(collect_during(collector, wait()))
        assert reports[:2] == [round(START.timestamp())] * 2
        assert "the database cannot be reached" in caplog.text
