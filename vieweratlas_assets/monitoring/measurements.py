"""The metrics of the platform: name, unit, dimension and value of each.

Belongs here: defining metrics, and computing their values. Not here: output formats (formats), reading the queue,
Dagster and the collector (commands.metrics), alarms (deploy/aws/alarms.json).
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from vieweratlas_assets.collector.health import Metrics as CollectorMetrics
from vieweratlas_assets.collector.health import staleness
from vieweratlas_assets.vods.stats import QueueStats


class Unit(StrEnum):
    """Units, by their names in CloudWatch."""

    COUNT = "Count"
    SECONDS = "Seconds"
    PERCENT = "Percent"
    COUNT_PER_SECOND = "Count/Second"


@dataclass(frozen=True)
class Metric:
    """A metric.

    Attributes:
        name: in CloudWatch; formats derives the name in Prometheus.
        meaning: shown as help in Prometheus.
        dimension: what distinguishes its values, such as the state of VODs; None: there is one value.
    """

    name: str
    unit: Unit
    meaning: str
    dimension: str | None = None

    def measured(self, value: float, label: str | None = None) -> "Measurement":
        """A value of the metric; `label` is the value of its dimension."""
        return Measurement(self, value, {} if self.dimension is None else {self.dimension: str(label)})


@dataclass(frozen=True)
class Measurement:
    """The current value of a metric, and the value of its dimension."""

    metric: Metric
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


QUEUE_VODS = Metric("QueueVods", Unit.COUNT, "VODs in the queue by state.", "State")
QUEUE_ATTEMPTS = Metric(
    "QueueAttempts", Unit.COUNT, "VODs with at least one attempt, by number of attempts.", "Attempts"
)
QUEUE_OLDEST = Metric(
    "QueueOldestSeconds", Unit.SECONDS, "Time that the oldest pending VOD has waited; 0: no VOD is pending."
)
QUEUE_STALLED = Metric(
    "QueueStalledSeconds",
    Unit.SECONDS,
    "Time for which VODs have been due and none was completed; 0: no VOD is due.",
)
VODS_COMPLETED = Metric("VodsCompleted", Unit.COUNT, "VODs completed in the last hour.")
VODS_FAILED = Metric("VodsFailed", Unit.COUNT, "VODs given up in the last hour.")
VOD_FAILURE_RATE = Metric(
    "VodFailureRate", Unit.PERCENT, "Share given up of the VODs that were completed or given up in the last hour."
)
VOD_SECONDS = Metric(
    "VodSeconds", Unit.SECONDS, "Mean duration of the attempts that completed a VOD in the last hour."
)

RUNS = Metric("Runs", Unit.COUNT, "Dagster runs that are queued, starting or running, by state.", "State")
RUNS_FAILED = Metric("RunsFailed", Unit.COUNT, "Dagster runs that failed in the last hour.")
ASSET_FRESHNESS = Metric(
    "AssetFreshnessSeconds", Unit.SECONDS, "Time since the end of an asset's newest partition.", "Asset"
)

CHANNELS_WANTED = Metric("ChannelsWanted", Unit.COUNT, "Channels that a collector should watch.", "Collector")
CHANNELS_JOINED = Metric("ChannelsJoined", Unit.COUNT, "Channels that a collector watches.", "Collector")
MESSAGES_PER_SECOND = Metric(
    "MessagesPerSecond", Unit.COUNT_PER_SECOND, "Messages that a collector receives.", "Collector"
)
COVERAGE = Metric(
    "Coverage", Unit.PERCENT, "Share of the seconds of its channels that a collector watched.", "Collector"
)
RECONNECTS = Metric(
    "Reconnects", Unit.COUNT, "Connections that replaced another one since the collector started.", "Collector"
)
CHAT_LAG = Metric("ChatLagSeconds", Unit.SECONDS, "Age of the newest message.", "Collector")
SNAPSHOT_AGE = Metric(
    "SnapshotAgeSeconds", Unit.SECONDS, "Time since the last minute that a collector closed.", "Collector"
)
SNAPSHOTS_PENDING = Metric("SnapshotsPending", Unit.COUNT, "Minutes that are not in the lake yet.", "Collector")
SNAPSHOTS_PENDING_AGE = Metric(
    "SnapshotsPendingSeconds", Unit.SECONDS, "Age of the oldest minute that is not in the lake yet.", "Collector"
)
SNAPSHOTS_LOST = Metric(
    "SnapshotsLost",
    Unit.COUNT,
    "Minutes dropped because lake, disk and memory did not take them, since the start.",
    "Collector",
)


def queue_measurements(stats: QueueStats, now: dt.datetime) -> Iterator[Measurement]:
    """The metrics of a queue of VODs."""
    for state, count in stats.states.items():
        yield QUEUE_VODS.measured(count, state)
    for attempts, count in stats.attempts.items():
        yield QUEUE_ATTEMPTS.measured(count, str(attempts))
    yield QUEUE_OLDEST.measured(_seconds(stats.oldest_pending, now))
    stalled_since = max(filter(None, (stats.oldest_due, stats.last_completed)), default=None)
    yield QUEUE_STALLED.measured(_seconds(stalled_since, now) if stats.oldest_due else 0)
    ended = stats.completed_last_hour + stats.failed_last_hour
    yield VODS_COMPLETED.measured(stats.completed_last_hour)
    yield VODS_FAILED.measured(stats.failed_last_hour)
    yield VOD_FAILURE_RATE.measured(round(100 * stats.failed_last_hour / ended, 2) if ended else 0)
    if stats.seconds_a_vod_last_hour is not None:
        yield VOD_SECONDS.measured(stats.seconds_a_vod_last_hour)


def run_measurements(counts: Mapping[str, int], failed: int) -> Iterator[Measurement]:
    """The metrics of Dagster's runs.

    Args:
        counts: unfinished runs by state.
        failed: runs that failed in the last hour.
    """
    for state, count in counts.items():
        yield RUNS.measured(count, state)
    yield RUNS_FAILED.measured(failed)


def asset_measurements(ends: Mapping[str, dt.datetime], now: dt.datetime) -> Iterator[Measurement]:
    """The freshness of assets.

    Args:
        ends: end of the newest partition by asset; may be in the future.
    """
    for asset, end in ends.items():
        yield ASSET_FRESHNESS.measured(_seconds(end, now), asset)


def collector_measurements(metrics: CollectorMetrics, name: str, now: float) -> Iterator[Measurement]:
    """The metrics of a collector; if its health file is stale, only the age of its last minute.

    Args:
        name: the collector's name.
        now: s since 1970, by the machine's clock.
    """
    age = round(max(0.0, now + metrics.skew_s - metrics.closed_until), 1)
    if staleness(metrics, now):
        yield SNAPSHOT_AGE.measured(age, name)
        return
    values: Iterable[tuple[Metric, float | None]] = (
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
    for metric, value in values:
        if value is not None:
            yield metric.measured(value, name)


def _seconds(since: dt.datetime | None, now: dt.datetime) -> float:
    return 0 if since is None else round(max(0.0, (now - since).total_seconds()), 1)
