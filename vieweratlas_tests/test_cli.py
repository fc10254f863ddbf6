"""The group of commands: settings that it passes on, and help."""

import os
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from vieweratlas_assets import logs
from vieweratlas_assets.cli import cli


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
