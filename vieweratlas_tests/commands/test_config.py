"""`config show` and `config validate`: what holds, where it comes from, and what is wrong with it."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from vieweratlas_assets.cli import cli
from vieweratlas_assets.commands import display
from vieweratlas_assets.errors import SettingsError, StorageError
from vieweratlas_assets.settings import keys

SECRET = "hunter2-is-no-secret"


@pytest.fixture(autouse=True)
def _bare(bare_environment: pytest.MonkeyPatch) -> None:
    pass


def config(*arguments: str, **environment: str) -> Result:
    with display.console.capture() as printed:
        result = CliRunner().invoke(cli, ["config", *arguments], env=environment, standalone_mode=False)
    if result.exception is not None and not isinstance(result.exception, SettingsError | StorageError):
        raise result.exception
    result.shown = printed.get()
    return result


def shown(*arguments: str, **environment: str) -> dict[str, Any]:
    return json.loads(config("show", "--json", *arguments, **environment).stdout)


def rows(*arguments: str, **environment: str) -> dict[tuple[str, str], tuple[str, str]]:
    """The table: section and key -> value and origin."""
    lines = config("show", *arguments, **environment).shown.splitlines()
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if line.startswith("│")]
    # A long origin goes on in a line of its own, without a key.
    return {(section, key): (value, origin) for section, key, value, origin in cells if key}


def test_show_tells_every_setting_with_value_and_origin(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("preset: rigorous\nanalysis:\n  seed: 8\n")
    found = rows(str(path), OVERLAP_THRESHOLD="7")
    assert {f"{section}.{key}".removeprefix(".") for section, key in found} == set(keys())
    assert found["analysis", "overlap_threshold"] == ("7", "variable OVERLAP_THRESHOLD")
    assert found["analysis", "min_community_size"] == ("10", "preset rigorous")
    assert found["analysis", "seed"][0] == "8"
    assert found["analysis", "drop_known_bots"] == ("true", "default")
    assert found["", "root"] == ("./data", "default")
    assert shown(str(path))["analysis.seed"] == {"value": 8, "origin": f"file {path}, line 3"}


def test_show_takes_the_preset_of_the_environment_and_a_root() -> None:
    assert shown(VIEWERATLAS_CONFIG="explorer")["analysis.resolution"]["origin"] == "preset explorer"
    result = CliRunner().invoke(
        cli, ["--root", "s3://b/p/", "config", "show", "--json"], env={"VIEWERATLAS_ROOT": "x"}
    )
    assert json.loads(result.stdout)["root"] == {"value": "s3://b/p/", "origin": "option --root"}


def test_show_says_whether_a_secret_is_set_and_never_what_it_is() -> None:
    variables = {"TWITCH_OAUTH_TOKEN": SECRET, "VIEWERATLAS_PRIVACY__PSEUDONYM_KEY": SECRET}
    for output in (config("show", **variables).shown, config("show", "--json", **variables).stdout):
        assert SECRET not in output
    found = shown(**variables)
    assert [found[key]["value"] for key in ("twitch.oauth_token", "twitch.client_secret")] == ["set", "not set"]
    assert found["privacy.pseudonym_key"]["value"] == "set"


def test_show_refuses_what_is_wrong_and_a_root_with_a_password() -> None:
    assert isinstance(config("show", VIEWERATLAS_ANALYSIS__SEED="x").exception, SettingsError)
    refused = config("show", VIEWERATLAS_ROOT=f"s3://me:{SECRET}@bucket/")
    assert isinstance(refused.exception, StorageError)
    assert SECRET not in str(refused.exception) + refused.shown


def test_validate_says_ok() -> None:
    result = config("validate", "rigorous", VIEWERATLAS_ANALYSIS__SEED="3")
    assert result.exit_code == 0
    assert result.exception is None
    assert result.shown == f"OK: {len(keys())} settings, 3 of them changed from the default\n"


def test_validate_tells_all_faults(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("analysis:\n  sed: 8\n  weight: heavy\n")
    error = config("validate", str(path), VIEWERATLAS_VOD__ENABLED="perhaps").exception
    assert isinstance(error, SettingsError)
    assert len(error.args) == 3
    assert "analysis.sed" in error.args[0]
    assert "analysis.weight is 'heavy'" in error.args[1]
    assert "vod.enabled is 'perhaps' (variable VIEWERATLAS_VOD__ENABLED): " in error.args[2]


def test_validate_knows_roots_and_detectors_too() -> None:
    error = config("validate", VIEWERATLAS_ROOT="s4://b/", VIEWERATLAS_ANALYSIS__ALGORITHM="none").exception
    assert isinstance(error, SettingsError)
    root, algorithm = error.args
    assert root.startswith("root (variable VIEWERATLAS_ROOT): ")
    assert "s4" in root
    assert algorithm.startswith("analysis.algorithm (variable VIEWERATLAS_ANALYSIS__ALGORITHM): unknown community")
