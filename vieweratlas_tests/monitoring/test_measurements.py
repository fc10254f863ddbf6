"""The values of the metrics, and that both formats have all of them."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import replace

import pytest

from vieweratlas_assets.collector.health import Metrics as CollectorMetrics
from vieweratlas_assets.domain.days import partition_end
from vieweratlas_assets.monitoring import measurements
from vieweratlas_assets.monitoring.measurements import Measurement
from vieweratlas_assets.vods.stats import QueueStats

NOW = dt.datetime(2026, 3, 10, 12, tzinfo=dt.UTC)
QUIET = QueueStats(
    states=dict.fromkeys(("pending", "processing", "completed", "failed", "skipped"), 0),
    oldest_pending=None,
    oldest_due=None,
    attempts={},
    last_completed=None,
    completed_last_hour=0,
    failed_last_hour=0,
    seconds_a_vod=None,
    seconds_a_vod_last_hour=None,
    reasons={},
)


def values(measured: Iterable[Measurement]) -> dict[str, float]:
    return {"/".join((each.metric.name, *each.labels.values())): each.value for each in measured}


def queue_values(stats: QueueStats) -> dict[str, float]:
    return values(measurements.queue_measurements(stats, NOW))


def hours_ago(hours: float) -> dt.datetime:
    return NOW - dt.timedelta(hours=hours)


@pytest.mark.parametrize(
    ("oldest_due", "last_completed", "stalled_h"),
    [
        (None, None, 0),
        (None, hours_ago(50), 0),
        (hours_ago(8), None, 8),
        (hours_ago(8), hours_ago(7), 7),
        (hours_ago(3), hours_ago(50), 3),
    ],
    ids=["nothing due", "all completed", "none ever completed", "one completed since", "new VODs after a quiet time"],
)
def test_a_queue_stalls_only_if_vods_are_due(
    oldest_due: dt.datetime | None, last_completed: dt.datetime | None, stalled_h: float
) -> None:
    stats = replace(QUIET, oldest_pending=hours_ago(9), oldest_due=oldest_due, last_completed=last_completed)
    assert queue_values(stats)["QueueStalledSeconds"] == stalled_h * 3600


@pytest.mark.parametrize(("completed", "failed", "rate"), [(0, 0, 0), (3, 1, 25), (0, 2, 100), (5, 0, 0)])
def test_the_failure_rate_counts_the_vods_that_ended(completed: int, failed: int, rate: float) -> None:
    stats = replace(QUIET, completed_last_hour=completed, failed_last_hour=failed)
    assert queue_values(stats)["VodFailureRate"] == rate


COLLECTOR = CollectorMetrics(
    at=NOW.timestamp(),
    channels_wanted=3,
    channels_joined=2,
    connections=1,
    reconnects=0,
    messages=70,
    dropped_mirrors=0,
    dropped_bots=0,
    unreadable_lines=0,
    messages_per_s=1.5,
    coverage=0.9,
    lag_s=0.5,
    skew_s=10.0,
    closed_until=int(NOW.timestamp()) - 60,
    pending_files=0,
    pending_s=0.0,
    lost_files=0,
    peak_memory_mib=80.0,
    cpu_share=0.1,
)


def test_a_collector_with_a_stale_health_file_has_only_the_age_of_its_last_minute() -> None:
    live = values(measurements.collector_measurements(COLLECTOR, "one", COLLECTOR.at + 30))
    assert live["SnapshotAgeSeconds/one"] == 100
    assert live["ChannelsJoined/one"] == 2
    assert live["Coverage/one"] == 90
    stale = values(measurements.collector_measurements(COLLECTOR, "one", COLLECTOR.at + 3600))
    assert stale == {"SnapshotAgeSeconds/one": 3670}


def test_freshness_counts_from_the_end_of_the_partition() -> None:
    newest = {"daily": "2026-03-09", "hourly": "2026-03-10-11:00", "running": "2026-03-10-12:00", "not by time": "a"}
    ends = {asset: end for asset, key in newest.items() if (end := partition_end(key))}
    assert values(measurements.asset_measurements(ends, NOW)) == {
        "AssetFreshnessSeconds/daily": 12 * 3600,
        "AssetFreshnessSeconds/hourly": 0,
        "AssetFreshnessSeconds/running": 0,
    }
