"""Settings: defaults, the environment, and a message for every mistake that names it."""

import datetime as dt
import os
from typing import Any

import pytest
from pydantic import ValidationError

from vieweratlas_assets.partitions import partitions_of
from vieweratlas_assets.settings import AnalysisSettings, PartitionSettings, Settings, SettingsError, load_settings


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.upper().startswith("VIEWERATLAS_")]:
        monkeypatch.delenv(name)


def _every_variable() -> list[str]:
    sections = {"ANALYSIS": AnalysisSettings, "PARTITIONS": PartitionSettings}
    return [f"VIEWERATLAS_{s}__{name.upper()}" for s, model in sections.items() for name in model.model_fields]


def test_without_an_environment_the_issue_s_defaults_hold() -> None:
    settings = load_settings()

    assert settings.root == "./data"
    assert settings.partitions.daily_start == dt.date(2018, 1, 1)
    assert settings.partitions.window_days == 30
    assert settings.analysis.drop_known_bots
    assert settings.analysis.drop_broadcaster
    assert not settings.analysis.drop_viewers_over_max
    assert (settings.analysis.game_threshold, settings.analysis.language_threshold) == (0.60, 0.40)
    assert settings == Settings()


@pytest.mark.parametrize(
    ("variable", "text", "section", "key", "value"),
    [
        ("VIEWERATLAS_ANALYSIS__OVERLAP_THRESHOLD", "5", "analysis", "overlap_threshold", 5),
        ("VIEWERATLAS_ANALYSIS__DROP_KNOWN_BOTS", "false", "analysis", "drop_known_bots", False),
        ("VIEWERATLAS_ANALYSIS__RESOLUTION", "2.5", "analysis", "resolution", 2.5),
        ("VIEWERATLAS_ANALYSIS__WEIGHT", "jaccard", "analysis", "weight", "jaccard"),
        ("VIEWERATLAS_ANALYSIS__ALGORITHM", "my_own", "analysis", "algorithm", "my_own"),
        ("VIEWERATLAS_PARTITIONS__DAILY_START", "2016-02-29", "partitions", "daily_start", dt.date(2016, 2, 29)),
        ("VIEWERATLAS_PARTITIONS__WINDOW_DAYS", "7", "partitions", "window_days", 7),
    ],
)
def test_the_environment_changes_one_setting_and_leaves_its_section(
    monkeypatch: pytest.MonkeyPatch, variable: str, text: str, section: str, key: str, value: object
) -> None:
    monkeypatch.setenv(variable, text)

    found = load_settings().model_dump()

    expected = Settings.model_construct().model_dump() | {"root": "./data"}
    assert found[section][key] == value
    assert found != expected
    expected[section][key] = value
    assert found == expected


def test_the_root_comes_from_the_environment_and_an_override_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIEWERATLAS_ROOT", "s3://bucket/lake/")
    monkeypatch.setenv("VIEWERATLAS_ANALYSIS__SEED", "7")

    assert load_settings().root == "s3://bucket/lake/"
    overridden = load_settings(root="here", partitions=PartitionSettings(window_days=3))
    assert (overridden.root, overridden.partitions.window_days, overridden.analysis.seed) == ("here", 3, 7)


@pytest.mark.parametrize(
    "variable",
    [
        "VIEWERATLAS_ROOTS",
        "VIEWERATLAS_ROOT__X",
        "VIEWERATLAS_ANALYSIS__OVERLAP_TRESHOLD",
        "VIEWERATLAS_ANALYSIS__SEED__X",
        "VIEWERATLAS_ANALYSIS",
        "VIEWERATLAS_OVERLAP_THRESHOLD",
        "VIEWERATLAS_PARTITIONS__SEED",
    ],
)
def test_a_variable_that_names_no_setting_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "5")

    with pytest.raises(SettingsError) as raised:
        load_settings()

    told, known = str(raised.value).split("; known are ")
    assert told == f"unknown setting(s) in the environment: {variable}"
    assert {"VIEWERATLAS_ROOT", "VIEWERATLAS_ANALYSIS__SEED"} <= set(known.split(", "))


def test_all_unknown_variables_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIEWERATLAS_B", "1")
    monkeypatch.setenv("VIEWERATLAS_A", "1")

    with pytest.raises(SettingsError, match="VIEWERATLAS_A, VIEWERATLAS_B"):
        load_settings()


@pytest.mark.parametrize(
    ("variable", "value", "allowed"),
    [
        ("VIEWERATLAS_ANALYSIS__SEED", "many", "integer"),
        ("VIEWERATLAS_ANALYSIS__SEED", "", "integer"),
        ("VIEWERATLAS_ANALYSIS__SEED", "-1", "greater than or equal to 0"),
        ("VIEWERATLAS_ANALYSIS__DROP_BROADCASTER", "perhaps", "boolean"),
        ("VIEWERATLAS_ANALYSIS__OVERLAP_THRESHOLD", "0", "greater than or equal to 1"),
        ("VIEWERATLAS_ANALYSIS__OVERLAP_THRESHOLD", "1.5", "integer"),
        ("VIEWERATLAS_ANALYSIS__MIN_CHANNEL_VIEWERS", "-1", "greater than or equal to 0"),
        ("VIEWERATLAS_ANALYSIS__RESOLUTION", "0", "greater than 0"),
        ("VIEWERATLAS_ANALYSIS__RESOLUTION", "nan", "finite"),
        ("VIEWERATLAS_ANALYSIS__RESOLUTION", "inf", "finite"),
        ("VIEWERATLAS_ANALYSIS__GAME_THRESHOLD", "60", "less than or equal to 1"),
        ("VIEWERATLAS_ANALYSIS__LANGUAGE_THRESHOLD", "0", "greater than 0"),
        (
            "VIEWERATLAS_ANALYSIS__WEIGHT",
            "count",
            "'shared_viewers', 'jaccard', 'overlap_coefficient' or 'overlap_z'",
        ),
        ("VIEWERATLAS_PARTITIONS__WINDOW_DAYS", "0", "greater than or equal to 1"),
        ("VIEWERATLAS_PARTITIONS__WINDOW_DAYS", "367", "less than or equal to 366"),
        ("VIEWERATLAS_PARTITIONS__DAILY_START", "2020-02-30", "date"),
        ("VIEWERATLAS_PARTITIONS__DAILY_START", "01.02.2020", "date"),
        ("VIEWERATLAS_PARTITIONS__HOURLY_START", "soon", "date"),
    ],
)
def test_an_impossible_value_is_told_with_variable_value_and_what_is_allowed(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, allowed: str
) -> None:
    monkeypatch.setenv(variable, value)

    with pytest.raises(SettingsError) as raised:
        load_settings()

    assert f"{variable}={value!r}: " in str(raised.value)
    assert allowed in str(raised.value)


def test_every_fault_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIEWERATLAS_ANALYSIS__SEED", "x")
    monkeypatch.setenv("VIEWERATLAS_PARTITIONS__WINDOW_DAYS", "400")

    with pytest.raises(SettingsError) as raised:
        load_settings()

    assert "VIEWERATLAS_ANALYSIS__SEED='x'" in str(raised.value)
    assert "VIEWERATLAS_PARTITIONS__WINDOW_DAYS='400'" in str(raised.value)


@pytest.mark.parametrize(
    "start",
    ["2026-01-01T00:30Z", "2026-01-01T00:00:01Z", "2026-01-01T00:00", "2026-01-01T02:00+02:00", "2026-01-01"],
)
def test_the_first_hour_must_be_a_whole_hour_in_utc(monkeypatch: pytest.MonkeyPatch, start: str) -> None:
    monkeypatch.setenv("VIEWERATLAS_PARTITIONS__HOURLY_START", start)

    with pytest.raises(SettingsError) as raised:
        load_settings()

    assert f"VIEWERATLAS_PARTITIONS__HOURLY_START={start!r}" in str(raised.value)
    assert "it must be a whole hour in UTC, such as 2026-01-01T00:00Z" in str(raised.value)


@pytest.mark.parametrize("start", ["2025-06-01T07:00Z", "2025-06-01T07:00:00+00:00"])
def test_a_whole_hour_in_utc_is_where_the_hourly_partitions_begin(
    monkeypatch: pytest.MonkeyPatch, start: str
) -> None:
    monkeypatch.setenv("VIEWERATLAS_PARTITIONS__HOURLY_START", start)

    partitions = partitions_of(load_settings().partitions)

    assert partitions.hourly.get_first_partition_key() == "2025-06-01-07:00"


def test_the_first_day_and_the_window_reach_the_partitions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIEWERATLAS_PARTITIONS__DAILY_START", "2019-05-06")
    monkeypatch.setenv("VIEWERATLAS_PARTITIONS__WINDOW_DAYS", "3")

    partitions = partitions_of(load_settings().partitions)

    assert partitions.daily.get_first_partition_key() == "2019-05-06"
    assert (partitions.window.start_offset, partitions.window.end_offset) == (-2, 0)


@pytest.mark.parametrize("model", [AnalysisSettings, PartitionSettings])
def test_every_setting_says_what_it_does(model: Any) -> None:
    for name, field in model.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name


def test_every_setting_can_be_set_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = {str: "x", int: "3", float: "0.5", bool: "true", dt.date: "2020-01-01", dt.datetime: "2020-01-01T00:00Z"}
    of_few = {"weight": "jaccard", "resolution_mode": "absolute"}
    for variable in _every_variable():
        section, key = variable.removeprefix("VIEWERATLAS_").lower().split("__")
        kind = type(getattr(getattr(load_settings(), section), key))
        monkeypatch.setenv(variable, of_few.get(key) or texts[kind])

    changed, default = load_settings(), Settings.model_construct()

    assert changed.analysis.seed == 3
    assert changed.partitions.daily_start == dt.date(2020, 1, 1)
    assert len(_every_variable()) >= 18
    assert default.analysis.seed != 3


def test_settings_do_not_change_under_a_run() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        load_settings().analysis.seed = 3  # type: ignore[misc]
