"""What metrics tell, and that both formats tell it whole."""

import datetime as dt
import json
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from vieweratlas_assets.monitoring import metrics
from vieweratlas_assets.monitoring.formats import embedded_lines, prometheus_name, prometheus_text
from vieweratlas_assets.monitoring.metrics import Measurement
from vieweratlas_assets.partitions import end_of
from vieweratlas_assets.vods.database import Database
from vieweratlas_assets.vods.queue import Figures, QueuedVod, VodQueue
from vieweratlas_assets.vods.stats import QueueStats

NOW = dt.datetime(2026, 3, 10, 12, tzinfo=dt.UTC)
QUIET = QueueStats(
    states=dict.fromkeys(("pending", "processing", "completed", "failed", "skipped"), 0),
    oldest_pending=None,
    attempts={},
    last_completed=None,
    completed_last_hour=0,
    failed_last_hour=0,
    seconds_a_vod=None,
    seconds_a_vod_last_hour=None,
    reasons={},
)


def values(measurements: list[Measurement]) -> dict[str, float]:
    return {"/".join((each.metric.name, *each.labels.values())): each.value for each in measurements}


def queue_values(stats: QueueStats) -> dict[str, float]:
    return values(list(metrics.of_queue(stats, NOW)))


def hours_ago(hours: float) -> dt.datetime:
    return NOW - dt.timedelta(hours=hours)


@pytest.mark.parametrize(
    ("oldest_pending", "last_completed", "stalled_h"),
    [
        (None, None, 0),
        (None, hours_ago(50), 0),
        (hours_ago(8), None, 8),
        (hours_ago(8), hours_ago(7), 7),
        (hours_ago(3), hours_ago(50), 3),
    ],
    ids=["an empty queue", "all done", "none ever done", "one done since", "new work after a quiet time"],
)
def test_a_queue_stalls_only_where_work_waits(
    oldest_pending: dt.datetime | None, last_completed: dt.datetime | None, stalled_h: float
) -> None:
    states = QUIET.states | {"pending": int(oldest_pending is not None)}
    stats = replace(QUIET, states=states, oldest_pending=oldest_pending, last_completed=last_completed)
    assert queue_values(stats)["QueueStalledSeconds"] == stalled_h * 3600


@pytest.mark.parametrize(("completed", "failed", "rate"), [(0, 0, 0), (3, 1, 25), (0, 2, 100), (5, 0, 0)])
def test_the_failure_rate_is_of_the_vods_that_ended(completed: int, failed: int, rate: float) -> None:
    stats = replace(QUIET, completed_last_hour=completed, failed_last_hour=failed)
    assert queue_values(stats)["VodFailureRate"] == rate


def test_the_figures_are_those_of_the_queue(tmp_path: Path) -> None:
    database, moment = Database(f"sqlite:///{tmp_path}/queue.db"), [NOW.timestamp()]
    queue = VodQueue(database, clock=lambda: moment[0])
    queue.add([QueuedVod(str(number), f"channel{number}", NOW) for number in range(6)])

    def claim(worker: str = "w"):
        taken = queue.claim(worker)
        assert taken is not None
        return taken

    queue.complete(claim(), Figures(comments=5, buckets=1, chatters=2, seconds=10.0))
    moment[0] += 7200
    queue.complete(claim(), Figures(comments=5, buckets=1, chatters=2, seconds=4.0))
    queue.skip(claim(), "gone")
    queue.fail(claim(), "refused")
    claim()
    stats = queue.stats()
    rows = queue.rows()
    database.close()
    assert (
        stats.states
        == {state: sum(row["state"] == state for row in rows) for state in stats.states}
        == {"pending": 2, "processing": 1, "completed": 2, "failed": 0, "skipped": 1}
    )
    assert (stats.completed_last_hour, stats.failed_last_hour) == (1, 0)
    assert (stats.seconds_a_vod, stats.seconds_a_vod_last_hour) == (7.0, 4.0)
    assert stats.oldest_pending == NOW and stats.last_completed == NOW + dt.timedelta(hours=2)
    assert stats.reasons == {"gone": 1} and stats.attempts == {1: 5}


def test_freshness_is_counted_from_the_partition_s_end() -> None:
    newest = {"daily": "2026-03-09", "hourly": "2026-03-10-11:00", "running": "2026-03-10-12:00", "of others": "a"}
    ends = {asset: end for asset, key in newest.items() if (end := end_of(key))}
    assert values(list(metrics.of_assets(ends, NOW))) == {
        "AssetFreshnessSeconds/daily": 12 * 3600,
        "AssetFreshnessSeconds/hourly": 0,
        "AssetFreshnessSeconds/running": 0,
    }


SOME = [
    *metrics.of_queue(replace(QUIET, states=QUIET.states | {"pending": 1200}, oldest_pending=hours_ago(1)), NOW),
    *metrics.of_assets({'odd"name\n': NOW}, NOW + dt.timedelta(seconds=5)),
]


def test_prometheus_reads_every_value() -> None:
    families = text_string_to_metric_families(prometheus_text(SOME))
    read = {(sample.name, *sample.labels.items()): sample.value for family in families for sample in family.samples}
    expected = {
        (
            f"vieweratlas_{prometheus_name(each.metric.name)}",
            *((prometheus_name(name), value) for name, value in each.labels.items()),
        ): each.value
        for each in SOME
    }
    assert read == expected and read["vieweratlas_queue_vods", ("state", "pending")] == 1200


def test_embedded_metrics_hold_every_value_under_its_dimension() -> None:
    read = {}
    for line in map(json.loads, embedded_lines(SOME, NOW.timestamp(), "ViewerAtlas/test")):
        assert line["_aws"]["Timestamp"] == 1000 * NOW.timestamp()
        [directive] = line["_aws"]["CloudWatchMetrics"]
        [names] = directive["Dimensions"]
        assert directive["Namespace"] == "ViewerAtlas/test" and len(directive["Metrics"]) <= 100
        for told in directive["Metrics"]:
            read[told["Name"], *(line[name] for name in names)] = line[told["Name"]]
    assert read == {(each.metric.name, *each.labels.values()): each.value for each in SOME}
