"""What metrics tell, and that both formats tell it whole."""

import datetime as dt
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from prometheus_client.parser import text_string_to_metric_families

from vieweratlas_assets.collector.health import Metrics as CollectorMetrics
from vieweratlas_assets.commands.metrics import metrics as command
from vieweratlas_assets.domain.days import partition_end
from vieweratlas_assets.monitoring import metrics
from vieweratlas_assets.monitoring.formats import embedded_lines, prometheus_name, prometheus_text
from vieweratlas_assets.monitoring.measurements import Measurement
from vieweratlas_assets.settings import resolve_settings
from vieweratlas_assets.vods.database import Database
from vieweratlas_assets.vods.queue import Figures, QueuedVod, VodQueue
from vieweratlas_assets.vods.stats import QueueStats
from vieweratlas_assets.wiring.vod_workers import queue_url

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


def values(measurements: list[Measurement]) -> dict[str, float]:
    return {"/".join((each.metric.name, *each.labels.values())): each.value for each in measurements}


def queue_values(stats: QueueStats) -> dict[str, float]:
    return values(list(metrics.of_queue(stats, NOW)))


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
    ids=["nothing due", "all done", "none ever done", "one done since", "new work after a quiet time"],
)
def test_a_queue_stalls_only_where_work_is_due(
    oldest_due: dt.datetime | None, last_completed: dt.datetime | None, stalled_h: float
) -> None:
    stats = replace(QUIET, oldest_pending=hours_ago(9), oldest_due=oldest_due, last_completed=last_completed)
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
    assert stats.oldest_pending == NOW
    assert stats.last_completed == NOW + dt.timedelta(hours=2)
    assert stats.reasons == {"gone": 1}
    assert stats.attempts == {1: 5}


@pytest.fixture
def timed(tmp_path: Path) -> Iterator[tuple[VodQueue, list[float]]]:
    """A queue, and the moment that its clock tells, s since 1970."""
    database, moment = Database(f"sqlite:///{tmp_path}/queue.db"), [NOW.timestamp()]
    yield VodQueue(database, clock=lambda: moment[0]), moment
    database.close()


def test_a_vod_is_due_once_it_is_whole_and_where_days_are_fetched_whole_once_its_day_is_over(timed) -> None:
    queue, moment = timed
    whole = NOW + dt.timedelta(hours=2)
    queue.add([QueuedVod("1", "ann", NOW, due_at=whole)])
    midnight = dt.datetime(2026, 3, 11, tzinfo=dt.UTC)
    for hours, due, due_by_days in ((1, None, None), (3, whole, None), (12, whole, midnight), (20, whole, midnight)):
        moment[0] = (NOW + dt.timedelta(hours=hours)).timestamp()
        assert queue.stats().oldest_due == due
        assert queue.stats(by_whole_days=True).oldest_due == due_by_days


def test_a_vod_that_is_given_back_again_and_again_has_been_due_all_the_while(timed) -> None:
    queue, moment = timed
    queue.add([QueuedVod("1", "ann", NOW), QueuedVod("2", "bob", NOW + dt.timedelta(hours=1))])
    for _ in range(10):
        moment[0] += 3600
        claim = queue.claim("worker")
        assert claim is not None
        queue.release(claim)
    assert queue.stats().oldest_due == NOW
    queue.skip_vods(["1", "2"], "by hand")
    assert queue.stats().oldest_due is None
    queue.retry(["1"])
    assert queue.stats().oldest_due == dt.datetime.fromtimestamp(moment[0], dt.UTC), "it waits anew"


def test_a_vod_that_rests_from_a_failure_is_not_due(timed) -> None:
    queue, moment = timed
    queue.add([QueuedVod("1", "ann", NOW)])
    claim = queue.claim("worker")
    assert claim is not None
    queue.fail(claim, "refused")
    assert queue.stats().oldest_due is None
    moment[0] += 60
    assert queue.stats().oldest_due == NOW


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


def test_of_a_collector_that_has_fallen_silent_only_the_age_of_its_last_minute_is_told() -> None:
    alive = values(list(metrics.of_collector(COLLECTOR, "one", COLLECTOR.at + 30)))
    assert alive["SnapshotAgeSeconds/one"] == 100
    assert alive["ChannelsJoined/one"] == 2
    assert alive["Coverage/one"] == 90
    assert values(list(metrics.of_collector(COLLECTOR, "one", COLLECTOR.at + 3600))) == {
        "SnapshotAgeSeconds/one": 3670
    }


@pytest.mark.parametrize(("enabled", "waits"), [("1", False), ("0", True)], ids=["by runs of Dagster", "by workers"])
def test_a_vod_of_today_waits_for_workers_and_not_for_runs(
    tmp_path: Path, bare_environment: pytest.MonkeyPatch, enabled: str, waits: bool
) -> None:
    bare_environment.setenv("DAGSTER_HOME", str(tmp_path))
    environment = {"VIEWERATLAS_ROOT": str(tmp_path / "lake"), "VIEWERATLAS_VOD__ENABLED": enabled}
    settings = resolve_settings(environment=environment).settings
    database = Database(queue_url(settings))
    a_minute_ago = dt.datetime.now(dt.UTC).timestamp() - 60
    VodQueue(database, clock=lambda: a_minute_ago).add([QueuedVod("1", "ann", dt.datetime.now(dt.UTC))])
    printed = CliRunner().invoke(command, [], obj=settings, catch_exceptions=False).output
    database.close()
    [stalled] = re.findall(r"^vieweratlas_queue_stalled_seconds (\S+)$", printed, re.MULTILINE)
    assert (float(stalled) > 0) is waits


def test_freshness_is_counted_from_the_partition_s_end() -> None:
    newest = {"daily": "2026-03-09", "hourly": "2026-03-10-11:00", "running": "2026-03-10-12:00", "of others": "a"}
    ends = {asset: end for asset, key in newest.items() if (end := partition_end(key))}
    assert values(list(metrics.of_assets(ends, NOW))) == {
        "AssetFreshnessSeconds/daily": 12 * 3600,
        "AssetFreshnessSeconds/hourly": 0,
        "AssetFreshnessSeconds/running": 0,
    }


SOME = [
    *metrics.of_queue(replace(QUIET, states=QUIET.states | {"pending": 1200}, oldest_due=hours_ago(1)), NOW),
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
    assert read == expected
    assert read["vieweratlas_queue_vods", ("state", "pending")] == 1200


def test_embedded_metrics_hold_every_value_under_its_dimension() -> None:
    read = {}
    for line in map(json.loads, embedded_lines(SOME, NOW.timestamp(), "ViewerAtlas/test")):
        assert line["_aws"]["Timestamp"] == 1000 * NOW.timestamp()
        [directive] = line["_aws"]["CloudWatchMetrics"]
        [names] = directive["Dimensions"]
        assert directive["Namespace"] == "ViewerAtlas/test"
        assert len(directive["Metrics"]) <= 100
        for told in directive["Metrics"]:
            read[told["Name"], *(line[name] for name in names)] = line[told["Name"]]
    assert read == {(each.metric.name, *each.labels.values()): each.value for each in SOME}
