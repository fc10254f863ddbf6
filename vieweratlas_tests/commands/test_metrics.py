"""The command `metrics`: what it reports, which options go together, and a source that does not answer."""

import datetime as dt
import logging
import os
import re
import signal
from pathlib import Path

import pytest
from click.testing import CliRunner

from vieweratlas_assets.commands.metrics import LOG
from vieweratlas_assets.commands.metrics import metrics as command
from vieweratlas_assets.settings import Settings, VodSettings, resolve_settings
from vieweratlas_assets.vods.database import Database, QueueUnavailableError
from vieweratlas_assets.vods.queue import QueuedVod, VodQueue
from vieweratlas_assets.wiring.vod_workers import queue_url


@pytest.mark.parametrize(("enabled", "waits"), [("1", False), ("0", True)], ids=["by Dagster's runs", "by workers"])
def test_a_vod_of_today_is_due_for_workers_and_not_for_runs(
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


@pytest.mark.parametrize("options", [["--format", "emf"], ["--every", "5"]], ids=str)
def test_a_port_goes_with_no_format_and_no_pace(options: list[str]) -> None:
    result = CliRunner().invoke(command, ["--port", "9000", *options], obj=Settings())
    assert result.exit_code == 2
    assert "omit --format emf and --every" in " ".join(result.output.split())


class Interrupting(logging.Handler):
    """Interrupts the command when it logs."""

    def emit(self, record: logging.LogRecord) -> None:
        os.kill(os.getpid(), signal.SIGTERM)


def test_a_source_that_does_not_answer_ends_one_report_and_not_a_series(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    (tmp_path / "file").write_text("not a database")
    settings = Settings(vod=VodSettings.model_validate({"queue_url": f"sqlite:///{tmp_path}/file"}))
    assert isinstance(CliRunner().invoke(command, [], obj=settings).exception, QueueUnavailableError)
    interrupting = Interrupting()
    LOG.addHandler(interrupting)
    try:
        result = CliRunner().invoke(command, ["--every", "3600"], obj=settings)
    finally:
        LOG.removeHandler(interrupting)
    assert result.exit_code == 0
    assert "the platform could not be measured" in caplog.text
