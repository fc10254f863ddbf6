"""What the platform tells about itself: the name, unit and dimension of every metric.

Belongs here: metrics, and from what is known to their values. Not here: how they are written (formats), who is asked
(commands.metrics), which alarms read them (deploy/aws/alarms.json).
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from vieweratlas_assets.collector.health import Metrics as CollectorMetrics
from vieweratlas_assets.collector.health import staleness
from vieweratlas_assets.vods.stats import QueueStats


class Unit(StrEnum):
    """Units, as CloudWatch names them."""

    COUNT = "Count"
    SECONDS = "Seconds"
    PERCENT = "Percent"
    COUNT_A_SECOND = "Count/Second"


@dataclass(frozen=True)
class Metric:
    """Something that is measured.

    Attributes:
        name: in CloudWatch; formats makes Prometheus's of it.
        dimension: what its values are told by, such as the state of VODs; None: there is one.
    """

    name: str
    unit: Unit
    meaning: str
    dimension: str | None = None

    def of(self, value: float, by: str | None = None) -> "Measurement":
        """A value of it."""
        return Measurement(self, value, {} if self.dimension is None else {self.dimension: str(by)})


@dataclass(frozen=True)
class Measurement:
    """A metric's value at the moment, with the value of its dimension."""

    metric: Metric
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


QUEUE_VODS = Metric("QueueVods", Unit.COUNT, "VODs of the queue by state.", "State")
QUEUE_ATTEMPTS = Metric("QueueAttempts", Unit.COUNT, "VODs that were tried, by their number of attempts.", "Attempts")
QUEUE_OLDEST = Metric("QueueOldestSeconds", Unit.SECONDS, "How long the oldest VOD has waited; 0: none waits.")
QUEUE_STALLED = Metric(
    "QueueStalledSeconds",
    Unit.SECONDS,
    "How long VODs have been due without one being completed; 0: none is due.",
)
VODS_COMPLETED = Metric("VodsCompleted", Unit.COUNT, "VODs that were completed in the last hour.")
VODS_FAILED = Metric("VodsFailed", Unit.COUNT, "VODs that were given up in the last hour.")
VOD_FAILURE_RATE = Metric(
    "VodFailureRate", Unit.PERCENT, "Of the VODs that were completed or given up in the last hour, those given up."
)
VOD_SECONDS = Metric("VodSeconds", Unit.SECONDS, "Mean time of the attempts that completed a VOD in the last hour.")

RUNS = Metric("Runs", Unit.COUNT, "Runs of Dagster that wait, start or are under way, by state.", "State")
RUNS_FAILED = Metric("RunsFailed", Unit.COUNT, "Runs of Dagster that failed in the last hour.")
ASSET_FRESHNESS = Metric(
    "AssetFreshnessSeconds", Unit.SECONDS, "Time since the end of the newest partition of an asset.", "Asset"
)

CHANNELS_WANTED = Metric("ChannelsWanted", Unit.COUNT, "Channels that a collector is to watch.", "Collector")
CHANNELS_JOINED = Metric("ChannelsJoined", Unit.COUNT, "Channels that it watches.", "Collector")
MESSAGES_PER_SECOND = Metric("MessagesPerSecond", Unit.COUNT_A_SECOND, "Messages that it hears.", "Collector")
COVERAGE = Metric(
    "Coverage", Unit.PERCENT, "Of the seconds of its channels that were to be watched, those that were.", "Collector"
)
RECONNECTS = Metric("Reconnects", Unit.COUNT, "Connections that replaced another, since it began.", "Collector")
CHAT_LAG = Metric("ChatLagSeconds", Unit.SECONDS, "How old the newest message is.", "Collector")
SNAPSHOT_AGE = Metric("SnapshotAgeSeconds", Unit.SECONDS, "Time since the last minute that it sealed.", "Collector")
SNAPSHOTS_PENDING = Metric("SnapshotsPending", Unit.COUNT, "Minutes that the lake does not have yet.", "Collector")
SNAPSHOTS_PENDING_AGE = Metric("SnapshotsPendingSeconds", Unit.SECONDS, "Age of the oldest of them.", "Collector")
SNAPSHOTS_LOST = Metric("SnapshotsLost", Unit.COUNT, "Minutes that nobody had room for, since it began.", "Collector")


def of_queue(stats: QueueStats, now: dt.datetime) -> Iterator[Measurement]:
    """What a queue of VODs tells."""
    for state, count in stats.states.items():
        yield QUEUE_VODS.of(count, state)
    for attempts, count in stats.attempts.items():
        yield QUEUE_ATTEMPTS.of(count, str(attempts))
    yield QUEUE_OLDEST.of(_seconds(stats.oldest_pending, now))
    last = max(filter(None, (stats.oldest_due, stats.last_completed)), default=None)
    yield QUEUE_STALLED.of(_seconds(last, now) if stats.oldest_due else 0)
    ended = stats.completed_last_hour + stats.failed_last_hour
    yield VODS_COMPLETED.of(stats.completed_last_hour)
    yield VODS_FAILED.of(stats.failed_last_hour)
    yield VOD_FAILURE_RATE.of(round(100 * stats.failed_last_hour / ended, 2) if ended else 0)
    if stats.seconds_a_vod_last_hour is not None:
        yield VOD_SECONDS.of(stats.seconds_a_vod_last_hour)


def of_runs(counts: Mapping[str, int], failed: int) -> Iterator[Measurement]:
    """What Dagster's runs tell.

    Args:
        counts: runs that are not over, by state.
        failed: runs that failed in the last hour.
    """
    for state, count in counts.items():
        yield RUNS.of(count, state)
    yield RUNS_FAILED.of(failed)


def of_assets(ends: Mapping[str, dt.datetime], now: dt.datetime) -> Iterator[Measurement]:
    """How fresh assets are.

    Args:
        ends: when the newest partition of each ended, or will end.
    """
    for asset, end in ends.items():
        yield ASSET_FRESHNESS.of(_seconds(end, now), asset)


def of_collector(metrics: CollectorMetrics, name: str, now: float) -> Iterator[Measurement]:
    """What a collector tells; of one that has fallen silent only how long ago it sealed a minute.

    Args:
        name: of the collector.
        now: s since 1970, by the machine's clock.
    """
    age = round(max(0.0, now + metrics.skew_s - metrics.closed_until), 1)
    if staleness(metrics, now):
        yield SNAPSHOT_AGE.of(age, name)
        return
    told: Iterable[tuple[Metric, float | None]] = (
        (CHANNELS_WANTED, metrics.channels_wanted),
        (CHANNELS_JOINED, metrics.channels_joined),
        (MESSAGES_PER_SECOND, metrics.messages_per_s),
        (COVERAGE, None if metrics.coverage is None else round(100 * metrics.coverage, 2)),
        (RECONNECTS, metrics.reconnects),
        (CHAT_LAG, metrics.lag_s),
        (SNAPSHOT_AGE, age),
        (SNAPSHOTS_PENDING, metrics.pending_files),
        (SNAPSHOTS_PENDING_AGE, metrics.pending_s),
        (SNAPSHOTS_LOST, metrics.lost_files),
    )
    for metric, value in told:
        if value is not None:
            yield metric.of(value, name)


def _seconds(since: dt.datetime | None, now: dt.datetime) -> float:
    return 0 if since is None else round(max(0.0, (now - since).total_seconds()), 1)
