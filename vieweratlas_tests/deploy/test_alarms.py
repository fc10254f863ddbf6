"""Every alarm reads a metric that the platform emits, with the same name and dimension."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vieweratlas_tests.conftest import REPOSITORY
from vieweratlas_tests.integration.command import Command
from vieweratlas_tests.vods.made_up import made_up_twitch

ALARMS: dict[str, dict[str, Any]] = json.loads((REPOSITORY / "deploy/aws/alarms.json").read_text())
# Name and dimensions.
Metric = tuple[str, tuple[tuple[str, str], ...]]
NAMESPACE = "ViewerAtlas/test"
LOG_ALARMS = {name for name, alarm in ALARMS.items() if "pattern" in alarm}


def metrics_of(printed: str) -> Iterator[Metric]:
    """Yield the name and dimensions of each metric that CloudWatch reads from these lines."""
    for line in printed.splitlines():
        if not line.startswith('{"_aws"'):
            continue
        event = json.loads(line)
        for directive in event["_aws"]["CloudWatchMetrics"]:
            assert directive["Namespace"] == NAMESPACE
            for names in directive["Dimensions"]:
                for metric in directive["Metrics"]:
                    assert isinstance(event[metric["Name"]], int | float)
                    yield metric["Name"], tuple((name, event[name]) for name in names)


@pytest.fixture(scope="module")
def emitted(tmp_path_factory: pytest.TempPathFactory) -> set[Metric]:
    """Collect, fetch VODs and build an atlas; return every metric that this emits."""
    emf = ("--namespace", NAMESPACE)
    folder = tmp_path_factory.mktemp("platform")
    with made_up_twitch(folder) as twitch:
        command = Command(folder)
        environment: dict[str, Any] = twitch.environment()
        command.run("vods", "discover", **environment)
        command.run("vods", "process", "--max-vods", "3", **environment)
        command.run("analyze", **environment)
        printed = command.run("metrics", "--format", "emf", *emf, **environment)
    collecting = Command(tmp_path_factory.mktemp("collecting"))
    with collecting.sandbox("--channels", "216", "--viewers", "12000") as sandbox:
        environment = dict(sandbox)
        printed += collecting.run("collect", "--minutes", "0.3", "--metrics", "emf", *emf, **environment)
    return set(metrics_of(printed))


def test_the_runbook_has_a_section_for_each_alarm() -> None:
    headings = set(re.findall(r"^## (\S+)$", (REPOSITORY / "RUNBOOK.md").read_text(), re.MULTILINE))
    assert headings == {*ALARMS, "task-failed", "budget"}


@pytest.mark.slow
@pytest.mark.xdist_group("alarms")
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", sorted(ALARMS.keys() - LOG_ALARMS))
def test_the_metric_of_an_alarm_is_emitted(emitted: set[Metric], name: str) -> None:
    alarm = ALARMS[name]
    assert (alarm["metric"], tuple(alarm["dimension"].items())) in emitted


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(LOG_ALARMS))
def test_the_log_pattern_of_an_alarm_matches_errors_only(tmp_path: Path, name: str) -> None:
    words = [word.removeprefix("?") for word in ALARMS[name]["pattern"].split()]

    def matches(printed: str) -> bool:
        return any(word in line for line in printed.splitlines() for word in words)

    command = Command(tmp_path)
    (tmp_path / "home").mkdir()
    (tmp_path / "home/dagster.yaml").write_text("storage: {nothing: {}}")
    with command.start("metrics", "--every", "1") as process:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        error = next((line for line in lines if re.search("ERROR|Traceback", line)), "")
        process.terminate()
    assert matches(error)
    (tmp_path / "home/dagster.yaml").unlink()
    assert not matches(command.run("metrics"))
