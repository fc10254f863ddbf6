"""Every alarm reads a metric that the platform really tells, under that name and that dimension."""

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
NAMESPACE = "ViewerAtlas/test"
OF_LOGS = {name for name, alarm in ALARMS.items() if "pattern" in alarm}


def metrics_of(printed: str) -> Iterator[tuple[str, tuple[tuple[str, str], ...]]]:
    """Name and dimensions of each metric that CloudWatch makes of these lines."""
    for line in printed.splitlines():
        if not line.startswith('{"_aws"'):
            continue
        told = json.loads(line)
        for directive in told["_aws"]["CloudWatchMetrics"]:
            assert directive["Namespace"] == NAMESPACE
            for names in directive["Dimensions"]:
                for metric in directive["Metrics"]:
                    assert isinstance(told[metric["Name"]], int | float)
                    yield metric["Name"], tuple((name, told[name]) for name in names)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> set[tuple[str, tuple[tuple[str, str], ...]]]:
    """What a platform tells that has collected, fetched VODs and made an atlas."""
    emf = ("--namespace", NAMESPACE)
    folder = tmp_path_factory.mktemp("platform")
    with made_up_twitch(folder) as twitch:
        command = Command(folder)
        command.run("vods", "discover", **twitch.environment())
        command.run("vods", "process", "--max-vods", "3", **twitch.environment())
        command.run("analyze", **twitch.environment())
        printed = command.run("metrics", "--format", "emf", *emf, **twitch.environment())
    collecting = Command(tmp_path_factory.mktemp("collecting"))
    with collecting.sandbox("--channels", "216", "--viewers", "12000") as environment:
        printed += collecting.run("collect", "--minutes", "0.3", "--metrics", "emf", *emf, **environment)
    return set(metrics_of(printed))


def test_the_runbook_says_what_to_do_about_each_alarm() -> None:
    headings = set(re.findall(r"^## (\S+)$", (REPOSITORY / "RUNBOOK.md").read_text(), re.MULTILINE))
    assert headings == {*ALARMS, "task-failed", "budget"}


@pytest.mark.slow
@pytest.mark.xdist_group("alarms")
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", sorted(ALARMS.keys() - OF_LOGS))
def test_the_metric_of_an_alarm_is_told(told: set[Any], name: str) -> None:
    alarm = ALARMS[name]
    assert (alarm["metric"], tuple(alarm["dimension"].items())) in told


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(OF_LOGS))
def test_the_pattern_of_an_alarm_finds_an_error_and_nothing_else(tmp_path: Path, name: str) -> None:
    words = [word.removeprefix("?") for word in ALARMS[name]["pattern"].split()]

    def found(printed: str) -> bool:
        return any(word in line for line in printed.splitlines() for word in words)

    command = Command(tmp_path)
    (tmp_path / "home").mkdir()
    (tmp_path / "home/dagster.yaml").write_text("storage: {nothing: {}}")
    with command.start("metrics", "--every", "1") as process:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        shown = next((line for line in lines if re.search("ERROR|Traceback", line)), "")
        process.terminate()
    assert found(shown)
    (tmp_path / "home/dagster.yaml").unlink()
    assert not found(command.run("metrics"))
