"""`config show` and `config validate`: values in effect, their origin, and faults."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from vieweratlas_assets.cli import cli
from vieweratlas_assets.commands import display
from vieweratlas_assets.errors import SettingsError, StorageError
from vieweratlas_assets.settings import keys

SECRET = "hunter2-is-not-secret"


@pytest.fixture(autouse=True)
def _bare(bare_environment: pytest.MonkeyPatch) -> None:
    pass


@dataclass(frozen=True)
class Outcome:
    """A run of `config`.

    Attributes:
        text: what the console showed.
        stdout: what `--json` printed.
        error: the refusal, if there was one.
    """

    text: str
    stdout: str
    exit_code: int
    error: SettingsError | StorageError | None


def config(*arguments: str, **environment: str) -> Outcome:
    with display.console.capture() as capture:
        result = CliRunner().invoke(cli, ["config", *arguments], env=environment, standalone_mode=False)
    error = result.exception
    if error is not None and not isinstance(error, SettingsError | StorageError):
        raise error
    return Outcome(capture.get(), result.stdout, result.exit_code, error)


def show_json(*arguments: str, **environment: str) -> dict[str, Any]:
    settings: dict[str, Any] = json.loads(config("show", "--json", *arguments, **environment).stdout)
    return settings


def show_table(*arguments: str, **environment: str) -> dict[tuple[str, str], tuple[str, str]]:
    """The table of `config show`: section and key -> value and origin."""
    lines = config("show", *arguments, **environment).text.splitlines()
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if line.startswith("│")]
    # A long origin continues in a line of its own, without a key.
    return {(section, key): (value, origin) for section, key, value, origin in cells if key}


def test_show_lists_every_setting_with_value_and_origin(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("preset: rigorous\nanalysis:\n  seed: 8\n")
    table = show_table(str(path), OVERLAP_THRESHOLD="7")
    assert {f"{section}.{key}".removeprefix(".") for section, key in table} == set(keys())
    assert table["analysis", "overlap_threshold"] == ("7", "variable OVERLAP_THRESHOLD")
    assert table["analysis", "min_community_size"] == ("10", "preset rigorous")
    assert table["analysis", "seed"][0] == "8"
    assert table["analysis", "drop_known_bots"] == ("true", "default")
    assert table["", "root"] == ("./data", "default")
    assert show_json(str(path))["analysis.seed"] == {"value": 8, "origin": f"file {path}, line 3"}


def test_show_takes_the_preset_of_the_environment_and_a_root() -> None:
    assert show_json(VIEWERATLAS_CONFIG="explorer")["analysis.resolution"]["origin"] == "preset explorer"
    result = CliRunner().invoke(
        cli, ["--root", "s3://b/p/", "config", "show", "--json"], env={"VIEWERATLAS_ROOT": "x"}
    )
    assert json.loads(result.stdout)["root"] == {"value": "s3://b/p/", "origin": "option --root"}


def test_show_says_whether_a_secret_is_set_and_never_shows_it() -> None:
    variables = {"TWITCH_OAUTH_TOKEN": SECRET, "VIEWERATLAS_PRIVACY__PSEUDONYM_KEY": SECRET}
    for output in (config("show", **variables).text, config("show", "--json", **variables).stdout):
        assert SECRET not in output
    settings = show_json(**variables)
    assert [settings[key]["value"] for key in ("twitch.oauth_token", "twitch.client_secret")] == ["set", "not set"]
    assert settings["privacy.pseudonym_key"]["value"] == "set"


def test_show_refuses_a_wrong_value_and_a_root_with_a_password() -> None:
    assert isinstance(config("show", VIEWERATLAS_ANALYSIS__SEED="x").error, SettingsError)
    refused = config("show", VIEWERATLAS_ROOT=f"s3://me:{SECRET}@bucket/")
    assert isinstance(refused.error, StorageError)
    assert SECRET not in str(refused.error) + refused.text


def test_validate_accepts_good_settings() -> None:
    outcome = config("validate", "rigorous", VIEWERATLAS_ANALYSIS__SEED="3")
    assert outcome.exit_code == 0
    assert outcome.error is None
    assert outcome.text == f"OK: {len(keys())} settings, 3 of them changed from the default\n"


def test_validate_reports_all_faults(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("analysis:\n  sed: 8\n  weight: heavy\n")
    error = config("validate", str(path), VIEWERATLAS_VOD__ENABLED="perhaps").error
    assert isinstance(error, SettingsError)
    assert len(error.args) == 3
    assert "analysis.sed" in error.args[0]
    assert "analysis.weight is 'heavy'" in error.args[1]
    assert "vod.enabled is 'perhaps' (variable VIEWERATLAS_VOD__ENABLED): " in error.args[2]


def test_validate_checks_the_root_and_the_detector() -> None:
    error = config("validate", VIEWERATLAS_ROOT="s4://b/", VIEWERATLAS_ANALYSIS__ALGORITHM="none").error
    assert isinstance(error, SettingsError)
    root, algorithm = error.args
    assert root.startswith("root (variable VIEWERATLAS_ROOT): ")
    assert "s4" in root
    assert algorithm.startswith("analysis.algorithm (variable VIEWERATLAS_ANALYSIS__ALGORITHM): unknown community")
