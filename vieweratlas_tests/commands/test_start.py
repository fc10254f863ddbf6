"""How a command starts: options become settings, and the log is written where they say."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from vieweratlas_assets import logs
from vieweratlas_assets.commands.start import resolve, start, without_copies
from vieweratlas_assets.errors import SettingsError
from vieweratlas_assets.settings import Settings


@pytest.fixture(autouse=True)
def _bare(bare_environment: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    bare_environment.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    yield
    logs.stop_log()
    logs.LOGGER.setLevel(logging.NOTSET)


def test_the_option_overrides_every_other_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIEWERATLAS_ROOT", "s3://environment/")
    chosen = resolve("s3://option/")
    assert (chosen.settings.root, chosen.origins["root"]) == ("s3://option/", "option --root")
    assert resolve(None).settings.root == "s3://environment/"


def test_a_preset_of_the_command_replaces_that_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIEWERATLAS_CONFIG", "explorer")
    assert resolve(None).settings.analysis.resolution == 2.0
    settings = resolve(None, "rigorous").settings
    assert (settings.analysis.resolution, settings.analysis.overlap_threshold) == (1.0, 300)


def test_only_the_folder_of_copies_is_removed() -> None:
    settings = Settings(root="here")
    changed = without_copies(settings)
    assert (settings.storage.output_dir, changed.storage.output_dir) == (Path("community_analysis"), None)
    assert changed.model_dump(exclude={"storage"}) == settings.model_dump(exclude={"storage"})


def test_a_command_logs_where_its_settings_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIEWERATLAS_LOG_LEVEL", "INFO")
    settings = start(str(tmp_path / "lake"))
    assert settings.root == str(tmp_path / "lake")
    logging.getLogger("vieweratlas.test").info("begun")
    assert "begun" in (tmp_path / "home" / "vieweratlas.log").read_text()


def test_a_plug_in_that_cannot_be_used_is_refused_before_the_log_begins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("VIEWERATLAS_PLUGINS__VISUALIZERS", '{"mine": "no_such_module:draw"}')
    with pytest.raises(SettingsError, match="no_such_module"):
        start(None)
    assert [type(handler) for handler in logs.LOGGER.handlers] == [logging.NullHandler]
