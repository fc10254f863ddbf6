"""DAGSTER_HOME: the one folder of Dagster's history, the queue, the spool and the log."""

import os
from pathlib import Path

import pytest

from vieweratlas_assets.logs import log_file_path
from vieweratlas_assets.settings import resolve_settings
from vieweratlas_assets.wiring.collector import spool_folder
from vieweratlas_assets.wiring.home import INSTANCE_FILE, dagster_home, prepare_home
from vieweratlas_assets.wiring.vod_workers import queue_url


@pytest.fixture(autouse=True)
def _folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    # Restored after the test, although prepare_home sets it.
    monkeypatch.setenv("DAGSTER_HOME", "")


@pytest.mark.parametrize("value", [None, ""])
def test_without_a_home_the_default_folder_is_used(
    value: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if value is None:
        monkeypatch.delenv("DAGSTER_HOME")
    home = prepare_home()
    assert home == tmp_path / ".dagster"
    assert os.environ["DAGSTER_HOME"] == str(home)
    assert (home / INSTANCE_FILE).exists()
    assert not (tmp_path / INSTANCE_FILE).exists()


def test_everything_stays_in_one_home_before_and_after_it_is_prepared(tmp_path: Path) -> None:
    settings = resolve_settings(environment={}).settings

    def places() -> tuple[Path, Path, str]:
        return spool_folder(settings), log_file_path(settings), queue_url(settings)

    before = places()
    prepare_home()
    assert places() == before
    assert before == (
        tmp_path / ".dagster" / "collector",
        tmp_path / ".dagster" / "vieweratlas.log",
        f"sqlite:///{tmp_path / '.dagster' / 'vod_queue.db'}",
    )


def test_a_configured_instance_is_not_overwritten(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DAGSTER_HOME", "chosen")
    assert dagster_home() == tmp_path / "chosen"
    (tmp_path / "chosen").mkdir()
    (tmp_path / "chosen" / INSTANCE_FILE).write_text("telemetry:\n  enabled: true\n")
    assert prepare_home() == tmp_path / "chosen"
    assert (tmp_path / "chosen" / INSTANCE_FILE).read_text() == "telemetry:\n  enabled: true\n"
