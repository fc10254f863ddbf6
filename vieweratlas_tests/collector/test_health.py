"""Health of a collector: unhealthy is not dead, and ECS replaces only a dead one."""

from dataclasses import replace
from pathlib import Path

import pytest

from vieweratlas_assets.collector.health import (
    HEALTH_FILE,
    MAX_PENDING_S,
    STALE_S,
    Metrics,
    health_problems,
    read_health,
    staleness,
    write_health,
)

HEALTHY = Metrics(
    at=1000.0,
    channels_wanted=12,
    channels_joined=12,
    connections=1,
    reconnects=0,
    messages=0,
    dropped_mirrors=0,
    dropped_bots=0,
    unreadable_lines=0,
    messages_per_s=0.0,
    coverage=None,
    lag_s=None,
    skew_s=0.0,
    closed_until=0,
    pending_files=0,
    pending_s=0.0,
    lost_files=0,
    peak_memory_mib=0.0,
    cpu_share=0.0,
)


def test_a_healthy_collector_has_no_problems() -> None:
    assert health_problems(HEALTHY, 1000.0 + STALE_S) == []
    assert staleness(HEALTHY, 1000.0 + STALE_S) == []


@pytest.mark.parametrize(
    ("metrics", "problem"),
    [
        (replace(HEALTHY, channels_joined=0), "0 of 12 channels joined"),
        (
            replace(HEALTHY, pending_files=3, pending_s=MAX_PENDING_S + 1),
            "3 file(s) not uploaded to the lake, the oldest for 901 s",
        ),
        (replace(HEALTHY, lost_files=1), "1 file(s) lost: neither disk nor lake took them"),
    ],
)
def test_an_unhealthy_collector_is_still_alive(metrics: Metrics, problem: str) -> None:
    assert health_problems(metrics, 1000.0) == [problem]
    assert staleness(metrics, 1000.0) == []


def test_a_collector_with_old_metrics_is_neither_healthy_nor_alive() -> None:
    later = 1001.0 + STALE_S
    assert staleness(HEALTHY, later) == health_problems(HEALTHY, later) == ["no metrics for 181 s"]


def test_the_health_file_returns_the_metrics(tmp_path: Path) -> None:
    folder = tmp_path / "collector"
    write_health(folder, HEALTHY)
    assert read_health(folder) == HEALTHY
    assert [path.name for path in folder.iterdir()] == [HEALTH_FILE]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"at": 1}'])
def test_a_file_without_metrics_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / HEALTH_FILE).write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"Expecting value|does not contain the metrics"):
        read_health(tmp_path)
