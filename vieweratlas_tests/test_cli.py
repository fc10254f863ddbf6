"""The group of commands: settings that it passes on, and help."""

import os
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from vieweratlas_assets import logs
from vieweratlas_assets.cli import cli
from vieweratlas_tests.integration.command import Command


@pytest.fixture(autouse=True)
def _bare(bare_environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bare_environment.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    bare_environment.chdir(tmp_path)


@pytest.mark.parametrize(
    ("options", "root"),
    [((), None), (("--root", "s3://given/"), "s3://given/")],
)
def test_dev_passes_its_settings_to_the_code_location(
    monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], root: str | None
) -> None:
    started = []
    monkeypatch.setattr(os, "execv", lambda program, command: started.append((command, dict(os.environ))))
    monkeypatch.setenv("VIEWERATLAS_CONFIG", "rigorous")
    # Restored after the test, although the command sets it.
    monkeypatch.setenv("VIEWERATLAS_ROOT", "s3://environment/")
    CliRunner().invoke(cli, [*options, "dev", "--port", "3001"], catch_exceptions=False)
    logs.stop_log()
    [(command, environment)] = started
    assert command[0] == sys.executable
    assert command[-2:] == ["--port", "3001"]
    assert environment["VIEWERATLAS_ROOT"] == (root or "s3://environment/")
    assert environment["VIEWERATLAS_CONFIG"] == "rigorous"


@pytest.mark.parametrize("command", ["analyze", "config", "dev", "demo", "compare", "import"])
def test_help_writes_no_file(command: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, [command, "--help"])
    logs.stop_log()
    assert result.exit_code == 0
    assert "Usage" in result.output
    assert list(tmp_path.iterdir()) == []


def test_help_names_the_commands_and_the_lake(command: Command) -> None:
    printed = command.run("--help")
    for name in ("demo", "import", "analyze", "compare", "erase", "prune", "privacy", "dev", "VIEWERATLAS_ROOT"):
        assert name in printed
    assert "vods.csv" in command.run("import", "vod-lake", "--help")


@pytest.mark.parametrize(
    ("arguments", "settings", "message"),
    [
        (["analyze"], {}, "has no presence: import some first"),
        (["analyze", "--date", "2026-03-10"], {}, "no presence in the lake"),
        (["analyze", "--from", "2026-03-10"], {}, "give --date, or --from and --to"),
        (["analyze", "--from", "2026-03-10", "--to", "2026-03-09"], {}, "ends before it begins"),
        (["analyze", "--date", "2017-12-31"], {}, "before the first partition 2018-01-01"),
        (["analyze", "--date", "2026-13-01"], {}, "does not match the format"),
        (
            ["analyze"],
            {"VIEWERATLAS_ANALYSIS__RESOLUTION": "-1"},
            "analysis.resolution is '-1' (variable VIEWERATLAS_ANALYSIS__RESOLUTION): Input should be greater than 0",
        ),
        (["analyze"], {"VIEWERATLAS_ANALISYS__SEED": "1"}, "VIEWERATLAS_ANALISYS__SEED"),
        (["analyze"], {"VIEWERATLAS_ROOT": ""}, "root is '' (variable VIEWERATLAS_ROOT)"),
        (["analyze"], {"VIEWERATLAS_LOG_FILE": "/dev/null/x.log"}, "log_file is '/dev/null/x.log', which cannot be"),
        (["analyze", "rigorus"], {}, "did you mean rigorous?"),
        (["dev"], {"VIEWERATLAS_CONFIG": "none.yaml"}, "none.yaml (variable VIEWERATLAS_CONFIG) cannot be read"),
        (["demo", "--channels", "3"], {}, "channels is 3; allowed"),
        (["compare", "--date", "2026-03-10"], {}, "no imported graph with communities or positions on 2026"),
    ],
)
def test_bad_input_is_one_clear_line(
    command: Command, arguments: list[str], settings: dict[str, str], message: str
) -> None:
    assert message in command.fail(*arguments, **settings)


def test_the_settings_in_effect_are_shown(command: Command) -> None:
    printed = command.run("--root", "elsewhere", "config", "show", "rigorous")
    assert "option --root" in printed
    assert "preset rigorous" in printed
    printed = command.fail("config", "validate", VIEWERATLAS_CONFIG="rigorous", RESOLUTION="no", LOGS_DIR="")
    assert printed.count("error ") == 1
    assert "analysis.resolution is 'no' (variable RESOLUTION)" in printed
