"""The live collector: from a source of chat to sealed minutes in the lake.

Belongs here: closing minutes, updating the watched channels, continuing despite failures, stopping without loss. Not
here: reading chat (clients), counting (minutes), files (spool), Dagster (defs).
"""

import asyncio
import contextlib
import logging
import math
import resource
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import polars as pl

from vieweratlas_assets.clients.chat import ChatSource
from vieweratlas_assets.collector.health import Metrics
from vieweratlas_assets.collector.minutes import MAX_OFF_S, MinuteBook
from vieweratlas_assets.collector.spool import Spool
from vieweratlas_assets.collector.wanted import RosterUnavailableError, Wanted
from vieweratlas_assets.domain.presence.records import BUCKET_LEN_S
from vieweratlas_assets.errors import StorageError

HOUR_S = 3600
KIB_PER_MIB = 1024
LOG = logging.getLogger("vieweratlas.collector")
Hours = dict[int, dict[str, int]]
"""Per hour (s since 1970): rows, messages, dropped ones, unreadable lines, channel-minutes, seconds of coverage."""


@dataclass(frozen=True)
class Pace:
    """The timing of a collector, in s.

    The first two are in s of the collector's clock; the others, except file_s, in s of real time.

    Attributes:
        lateness_s: a minute is closed this long after its end. Must be longer than it takes to detect a dead
            connection, and than messages take to arrive.
        settle_s: wait for late messages when collecting ends at a fixed moment.
        tick_s: between two looks at the clock.
        roster_s: between two updates of the channels to watch.
        retry_s, longest_retry_s: pause before the next attempt to reach the lake; doubled each time.
        metrics_s: between two metrics.
        file_s: the time that a file covers: whole minutes that divide an hour.
    """

    lateness_s: float = 75.0
    settle_s: float = 2.0
    tick_s: float = 1.0
    roster_s: float = 600.0
    retry_s: float = 5.0
    longest_retry_s: float = 60.0
    metrics_s: float = 60.0
    file_s: int = BUCKET_LEN_S


PACE = Pace()


@dataclass(frozen=True)
class Listeners:
    """Functions that a collector calls, each in a thread of its own.

    Attributes:
        on_hour: called with an hour (s since 1970) that is over and whose files the lake has, and with its figures.
            If it raises, the error is logged and it is called again a minute later.
        on_metrics: called with the collector's metrics.
    """

    on_hour: Callable[[int, dict[str, int]], None] = lambda *_: None
    on_metrics: Callable[[Metrics], None] = lambda _: None


NO_LISTENERS = Listeners()


@dataclass
class _Totals:
    """Totals since the start, for the difference between two metrics."""

    at: float = field(default_factory=time.monotonic)
    messages: int = 0
    covered_s: int = 0
    wanted_s: int = 0
    cpu_s: float = field(default_factory=time.process_time)


class Collector:
    """Collects until it is stopped. Used once."""

    def __init__(
        self,
        source: ChatSource,
        book: MinuteBook,
        spool: Spool,
        wanted: Callable[[], Wanted],
        *,
        name: str,
        clock: Callable[[], float] = time.time,
        pace: Pace = PACE,
        listeners: Listeners = NO_LISTENERS,
    ) -> None:
        """Prepare to collect.

        Args:
            wanted: returns the channels to watch; called in a thread. While it raises RosterUnavailableError, the
                previous channels stay watched.
            name: of the collector; part of the names of its files.
            clock: s since 1970.
        """
        self.hours: Hours = {}
        self._source, self._book, self._spool, self._wanted = source, book, spool, wanted
        self._name, self._clock, self._pace, self._listeners = name, clock, pace, listeners
        self._now_wanted = Wanted(())
        self._next_minute_s = 0
        self._stopping = asyncio.Event()
        self._spooled = asyncio.Event()
        self._reported: set[int] = set()
        self._totals = _Totals()

    def stop(self) -> None:
        """Seal the open minutes and stop; call this in the loop that runs the collector."""
        self._stopping.set()

    async def run(self, until: float = math.inf, *, hours: float = math.inf) -> Hours:
        """Collect.

        Args:
            until: s since 1970, by the server's clock.
            hours: stop after this many hours were reported; a first hour that is not whole counts too.

        Returns:
            The figures of each hour in which something was collected.

        Raises:
            RosterUnavailableError: the first request for the channels to watch failed.
            StorageError: the lake did not take all files at the end; the spool still has them.
        """
        try:
            return await self._run(until, hours)
        except Exception:
            # Files that the disk did not take are only in memory.
            with contextlib.suppress(StorageError):
                await asyncio.to_thread(self._spool.deliver)
            raise

    async def _run(self, until: float, hours: float) -> Hours:
        self._now_wanted = await asyncio.to_thread(self._wanted)
        # The server's clock may be behind ours; minutes without a wanted channel produce no rows.
        self._next_minute_s = _minute(self._clock() - MAX_OFF_S)
        end_s, proven = math.inf, self._source.proven_until
        try:
            async with self._source:
                self._source.watch(self._now_wanted.channels)
                try:
                    await self._work(until, hours)
                    end_s = self._server_now()
                    # Otherwise the time since the last sign of life would be a gap.
                    await self._source.prove()
                finally:
                    end_s = min(until, end_s, self._server_now())
                    # A closed source no longer knows.
                    proven = partial(_moment_of, {channel: proven(channel) for channel in self._book.watched})
            await self._listening
        finally:
            # Includes messages that came while the source was closing.
            self._put_until(end_s, proven)
        newest_s = math.nextafter(self._book.newest_ms / 1000, math.inf)
        self._put(min(until, max(self._next_minute_s, newest_s)), proven)
        await asyncio.to_thread(self._spool.deliver)
        await self._report_hours(before=math.inf)
        await self._report_metrics()
        return self.hours

    async def _work(self, until: float, hours: float) -> None:
        """Run all tasks of the collector side by side, until the end."""
        self._listening = asyncio.create_task(self._listen())
        jobs = (self._close_minutes, self._deliver, self._keep_updating, self._keep_reporting)
        tasks = [asyncio.create_task(job()) for job in jobs]
        ending = asyncio.create_task(self._end(until, hours))
        try:
            await asyncio.wait([ending, self._listening, *tasks], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (ending, *tasks):
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        if self._listening.done():
            self._listening.result()
        for result in results:
            if isinstance(result, Exception):
                raise result

    def _server_now(self) -> float:
        return self._clock() + self._book.skew_s

    async def _end(self, until: float, hours: float) -> None:
        """Wait until collecting must end."""
        latest = until + self._pace.settle_s
        while not self._stopping.is_set() and self._server_now() < latest and len(self._reported) < hours:
            try:
                await asyncio.wait_for(self._stopping.wait(), self._pace.tick_s)
            except TimeoutError:
                continue

    async def _listen(self) -> None:
        async for events in self._source.events():
            self._book.take(events, self._clock())

    async def _close_minutes(self) -> None:
        """Close each minute long enough after its end that no message of it can still come."""
        # By then enough messages came to know the skew of our clock.
        begin = self._clock() + self._pace.lateness_s
        while True:
            await asyncio.sleep(self._pace.tick_s)
            if self._clock() < begin:
                continue
            over = self._server_now() - self._pace.lateness_s
            self._put_until(over // self._pace.file_s * self._pace.file_s, self._source.proven_until)

    def _put_until(self, end_s: float, proven_until: Callable[[str], float]) -> None:
        """Put the minutes until end_s into the spool, file by file."""
        while self._next_minute_s < end_s:
            file_ends_s = (self._next_minute_s // self._pace.file_s + 1) * self._pace.file_s
            self._put(min(end_s, file_ends_s), proven_until)

    def _put(self, end_s: float, proven_until: Callable[[str], float]) -> None:
        """Put what was counted until end_s, and is not in the spool yet, into the spool."""
        rows = self._book.close(self._next_minute_s, end_s, proven_until, self._now_wanted.roster)
        self._next_minute_s = math.ceil(end_s / BUCKET_LEN_S) * BUCKET_LEN_S
        if rows.height:
            add_figures(self.hours, rows)
            self._spool.put(rows, self._name)
        self._spooled.set()

    async def _deliver(self) -> None:
        """Deliver the spool's files to the lake; retry until it takes them."""
        retry_s = self._pace.retry_s
        while True:
            self._spooled.clear()
            # A file that is put during the delivery may not be part of it.
            before = self._next_minute_s
            try:
                await asyncio.to_thread(self._spool.deliver)
            except StorageError as error:
                LOG.warning("files could not be delivered, trying again in %.0f s: %s", retry_s, error)
                await asyncio.sleep(retry_s)
                retry_s = min(2 * retry_s, self._pace.longest_retry_s)
                continue
            retry_s = self._pace.retry_s
            await self._report_hours(before=before)
            await self._spooled.wait()

    async def _report_hours(self, before: float) -> None:
        """Report the hours that ended before a moment, each once."""
        for hour in sorted(self.hours.keys() - self._reported):
            if hour + HOUR_S > before and before < math.inf:
                continue
            try:
                await asyncio.to_thread(self._listeners.on_hour, hour, dict(self.hours[hour]))
            # Collecting continues whatever the listener raises.
            except Exception:
                LOG.exception("a sealed hour could not be reported, trying again later")
            else:
                self._reported.add(hour)

    async def _keep_updating(self) -> None:
        """Update the channels to watch, again and again."""
        while True:
            await asyncio.sleep(self._pace.roster_s)
            try:
                self._now_wanted = await asyncio.to_thread(self._wanted)
            except RosterUnavailableError as error:
                LOG.warning("the previous channels stay watched: %s", error)
            else:
                self._source.watch(self._now_wanted.channels)

    async def _keep_reporting(self) -> None:
        while True:
            await asyncio.sleep(self._pace.metrics_s)
            await self._report_metrics()

    async def _report_metrics(self) -> None:
        try:
            metrics = self._metrics()
            LOG.info("metrics %s", metrics.line())
            await asyncio.to_thread(self._listeners.on_metrics, metrics)
        # For example because the disk with the health file is full; collecting continues.
        except Exception:
            LOG.exception("metrics could not be reported")

    def _metrics(self) -> Metrics:
        book, previous = self._book, self._totals
        self._totals = _Totals(
            messages=book.messages + book.dropped_mirrors + book.dropped_bots,
            covered_s=sum(figures["coverage_s"] for figures in self.hours.values()),
            wanted_s=BUCKET_LEN_S * sum(figures["channel_minutes"] for figures in self.hours.values()),
        )
        passed_s = max(self._totals.at - previous.at, 1e-9)
        wanted_s = self._totals.wanted_s - previous.wanted_s
        pending, oldest = self._spool.pending(), self._spool.oldest_minute()
        return Metrics(
            at=time.time(),
            channels_wanted=len(self._now_wanted.channels),
            channels_joined=self._source.joined_channels,
            connections=self._source.connections_made,
            reconnects=self._source.reconnects,
            messages=book.messages,
            dropped_mirrors=book.dropped_mirrors,
            dropped_bots=book.dropped_bots,
            unreadable_lines=book.unreadable_lines,
            messages_per_s=round((self._totals.messages - previous.messages) / passed_s, 1),
            coverage=round((self._totals.covered_s - previous.covered_s) / wanted_s, 4) if wanted_s else None,
            lag_s=round(self._server_now() - book.newest_ms / 1000, 1) if book.newest_ms else None,
            skew_s=round(book.skew_s, 1),
            closed_until=self._next_minute_s,
            pending_files=len(pending),
            pending_s=0.0 if oldest is None else round(self._server_now() - oldest, 1),
            lost_files=self._spool.lost,
            peak_memory_mib=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KIB_PER_MIB, 1),
            cpu_share=round((self._totals.cpu_s - previous.cpu_s) / passed_s, 3),
        )


def add_figures(hours: Hours, rows: pl.DataFrame) -> None:
    """Add rows of RAW_SNAPSHOTS to the figures of their hours."""
    sums = ("messages", "dropped_mirrors", "dropped_bots", "unreadable_lines", "coverage_s")
    # The minute of a late message was counted before.
    is_minute = (pl.col("coverage_s") > 0) | pl.col("gap_reasons").is_not_null()
    by_hour = rows.group_by(pl.col("bucket_start").dt.truncate("1h").dt.epoch("s").alias("hour")).agg(
        pl.len().alias("rows"), pl.col(*sums).sum(), is_minute.sum().alias("channel_minutes")
    )
    for row in by_hour.iter_rows(named=True):
        hour = row.pop("hour")
        figures = hours.setdefault(hour, dict.fromkeys(row, 0))
        for name, number in row.items():
            figures[name] += int(number)


def _moment_of(moments: Mapping[str, float], channel: str) -> float:
    """The moment of a channel; 0 if it has none."""
    return moments.get(channel, 0.0)


def _minute(moment_s: float) -> int:
    """The start of a moment's minute."""
    return int(moment_s) // BUCKET_LEN_S * BUCKET_LEN_S
