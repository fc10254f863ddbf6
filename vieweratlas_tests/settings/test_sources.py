"""The order of defaults, presets, files, the environment and overrides, and the message for every fault."""

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vieweratlas_assets.errors import SettingsError
from vieweratlas_assets.settings import (
    LEGACY_VARIABLES,
    PRESETS,
    PartitionSettings,
    Resolved,
    Settings,
    StorageSettings,
    environment_variable,
    is_secret,
    keys,
    load_config_from_yaml,
    load_settings,
    resolve_settings,
    setting_value,
)

SECRET = "hunter2-for-tests"


def resolved(config: Any = None, **environment: str) -> Resolved:
    return resolve_settings(config, environment=environment)


def faults(config: Any = None, **environment: str) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as raised:
        resolved(config, **environment)
    return raised.value.args


def changed(settings: Settings) -> dict[str, Any]:
    """The settings that differ from the defaults."""
    default = Settings()
    return {
        key: setting_value(settings, key)
        for key in keys()
        if setting_value(settings, key) != setting_value(default, key)
    }


def file(folder: Path, text: str) -> Path:
    path = folder / "atlas.yaml"
    path.write_text(text)
    return path


def test_without_any_settings_all_values_are_defaults() -> None:
    result = resolved()
    assert result.settings == Settings()
    assert set(result.origins) == set(keys())
    assert set(result.origins.values()) == {"default"}


@pytest.mark.parametrize(
    ("preset", "expected"),
    [
        ("default", {}),
        ("rigorous", {"analysis.overlap_threshold": 300, "analysis.min_community_size": 10}),
        ("explorer", {"analysis.resolution": 2.0, "log_level": "INFO"}),
        ("debug", {"collection.top_channels_limit": 100, "log_level": "DEBUG"}),
    ],
)
def test_a_preset_changes_only_its_own_settings(preset: str, expected: dict[str, Any]) -> None:
    result = resolved(preset)
    assert changed(result.settings) == expected
    assert {result.origins[key] for key in expected} <= {f"preset {preset}"}
    assert resolved(VIEWERATLAS_CONFIG=preset) == result


def test_the_default_preset_lists_defaults() -> None:
    result = resolved("default")
    assert {
        key: setting_value(result.settings, key) for key, origin in result.origins.items() if origin != "default"
    } == {
        "analysis.overlap_threshold": 1,
        "analysis.min_channel_viewers": 10,
        "analysis.min_community_size": 2,
        "analysis.resolution": 1.0,
        "analysis.game_threshold": 0.60,
        "analysis.language_threshold": 0.40,
    }


def test_each_layer_overrides_those_below(tmp_path: Path) -> None:
    path = file(
        tmp_path,
        "analysis:\n  min_community_size: 4\n  seed: 4\n  min_buckets_per_viewer: 4\npreset: rigorous\n",
    )
    variables = {"VIEWERATLAS_ANALYSIS__SEED": "5", "VIEWERATLAS_ANALYSIS__MIN_BUCKETS_PER_VIEWER": "5"}
    result = resolve_settings(path, environment=variables, overrides={"analysis": {"min_buckets_per_viewer": 6}})
    values = {key: (setting_value(result.settings, key), result.origins[key]) for key in changed(result.settings)}
    assert values == {
        "analysis.overlap_threshold": (300, "preset rigorous"),
        "analysis.min_community_size": (4, f"file {path}, line 2"),
        "analysis.seed": (5, "variable VIEWERATLAS_ANALYSIS__SEED"),
        "analysis.min_buckets_per_viewer": (6, "override"),
    }


ABOVE_THE_PRESET = ("file", "legacy", "variable", "override")
LAYERS = st.fixed_dictionaries(
    {}, optional={"preset": st.just(300), **dict.fromkeys(ABOVE_THE_PRESET, st.integers(1, 99))}
)


@given(LAYERS)
def test_the_highest_layer_with_a_value_wins(given_by: dict[str, int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        text = "preset: rigorous\n" if "preset" in given_by else ""
        if "file" in given_by:
            text += f"analysis: {{overlap_threshold: {given_by['file']}}}\n"
        variables = {"VIEWERATLAS_CONFIG": str(file(Path(folder), text))}
        if "legacy" in given_by:
            variables["OVERLAP_THRESHOLD"] = str(given_by["legacy"])
        if "variable" in given_by:
            variables["VIEWERATLAS_ANALYSIS__OVERLAP_THRESHOLD"] = str(given_by["variable"])
        over = {"analysis": {"overlap_threshold": given_by["override"]}} if "override" in given_by else {}
        result = resolve_settings(environment=variables, overrides=over)
    highest = [given_by[layer] for layer in ("preset", *ABOVE_THE_PRESET) if layer in given_by]
    assert result.settings.analysis.overlap_threshold == (highest[-1] if highest else 1)
    assert changed(result.settings).keys() - {"analysis.min_community_size"} <= {"analysis.overlap_threshold"}


@pytest.mark.parametrize(
    ("variable", "text", "key", "value"),
    [
        ("STORAGE_TYPE", "s3", "storage.storage_type", "s3"),
        ("S3_BUCKET", "atlas", "storage.s3_bucket", "atlas"),
        ("S3_PREFIX", "here/", "storage.s3_prefix", "here/"),
        ("S3_REGION", "eu-west-1", "storage.s3_region", "eu-west-1"),
        ("LOGS_DIR", "old", "collection.logs_dir", Path("old")),
        ("OVERLAP_THRESHOLD", "7", "analysis.overlap_threshold", 7),
        ("MIN_COMMUNITY_SIZE", "7", "analysis.min_community_size", 7),
        ("RESOLUTION", "0.5", "analysis.resolution", 0.5),
        ("LOG_LEVEL", "debug", "log_level", "DEBUG"),
        ("TWITCH_CLIENT_ID", "abc", "twitch.client_id", "abc"),
        ("TWITCH_CLIENT_SECRET", SECRET, "twitch.client_secret", SECRET),
        ("TWITCH_OAUTH_TOKEN", SECRET, "twitch.oauth_token", SECRET),
        ("TWITCH_CHANNELS", "Ann, bob_1,", "collection.channels", ("ann", "bob_1")),
        ("CHANNELS_FILE", "channels.txt", "collection.channels_file", Path("channels.txt")),
    ],
)
def test_older_names_are_read_and_canonical_names_override_them(
    variable: str, text: str, key: str, value: Any
) -> None:
    def read_setting(**environment: str) -> Any:
        variables = {"S3_BUCKET": "other", **environment}
        settings = resolve_settings(environment=variables).settings
        value = setting_value(settings, key)
        return value.get_secret_value() if is_secret(key) else value

    assert read_setting(**{variable: text}) == value
    assert read_setting(**{environment_variable(key): text}) == value
    assert read_setting(**{variable: "0", environment_variable(key): text}) == value
    # Compose files pass unset names as empty ones.
    assert read_setting(**{variable: "", environment_variable(key): text}) == value
    assert resolve_settings(environment={variable: ""}).settings == Settings()


def test_the_test_above_knows_every_legacy_name() -> None:
    tested = test_older_names_are_read_and_canonical_names_override_them.pytestmark[0].args[1]
    assert {case[0]: case[2] for case in tested} == LEGACY_VARIABLES


def test_a_yaml_file_is_read_without_the_environment(tmp_path: Path, bare_environment: pytest.MonkeyPatch) -> None:
    bare_environment.setenv("VIEWERATLAS_ANALYSIS__SEED", "9")
    bare_environment.setenv("VIEWERATLAS_CONFIG", "explorer")
    path = file(tmp_path, "preset: rigorous\nroot: s3://b/p/\npartitions:\n  daily_start: 2020-02-29\nvod:\n")
    result = load_config_from_yaml(str(path))
    assert changed(result) == {
        "analysis.overlap_threshold": 300,
        "analysis.min_community_size": 10,
        "root": "s3://b/p/",
        "partitions.daily_start": result.partitions.daily_start,
    }
    assert str(result.partitions.daily_start) == "2020-02-29"
    bare_environment.setenv("VIEWERATLAS_CONFIG", str(path))
    assert (load_settings().analysis.seed, load_settings().root) == (9, "s3://b/p/")


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    assert load_config_from_yaml(file(tmp_path, "# nothing yet\n")) == Settings()


def test_a_path_is_a_file_even_if_it_has_the_name_of_a_preset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rigorous").write_text("analysis: {seed: 8}")
    assert changed(load_config_from_yaml("rigorous")) == {"analysis.seed": 8}
    assert "analysis.seed" not in changed(resolved("rigorous").settings)


def test_overrides_replace_a_whole_section_or_single_keys(bare_environment: pytest.MonkeyPatch) -> None:
    bare_environment.setenv("VIEWERATLAS_PARTITIONS__DAILY_START", "2020-01-01")
    bare_environment.setenv("VIEWERATLAS_ANALYSIS__SEED", "7")
    whole = load_settings(root="here", partitions=PartitionSettings(window_days=3))
    assert (whole.root, whole.partitions, whole.analysis.seed) == ("here", PartitionSettings(window_days=3), 7)
    by_key = load_settings(partitions={"window_days": 3})
    assert (by_key.partitions.window_days, str(by_key.partitions.daily_start)) == (3, "2020-01-01")
    with pytest.raises(SettingsError, match=r"unknown setting partitions.seed = 3 \(override\)"):
        load_settings(partitions={"seed": 3})


@pytest.mark.parametrize(
    ("variables", "root"),
    [
        ({}, "./data"),
        ({"STORAGE_TYPE": "file", "S3_BUCKET": "b"}, "./data"),
        ({"STORAGE_TYPE": "s3", "S3_BUCKET": "b"}, "s3://b/vieweratlas/"),
        ({"STORAGE_TYPE": "s3", "S3_BUCKET": "b", "S3_PREFIX": "/deep/er"}, "s3://b/deep/er/"),
        ({"STORAGE_TYPE": "s3", "S3_BUCKET": "b", "VIEWERATLAS_STORAGE__S3_PREFIX": ""}, "s3://b/"),
        ({"STORAGE_TYPE": "s3", "S3_BUCKET": "b", "VIEWERATLAS_ROOT": "./mine"}, "./mine"),
        ({"STORAGE_TYPE": "s3", "VIEWERATLAS_ROOT": "./mine"}, "./mine"),
        ({"STORAGE_TYPE": "s3", "VIEWERATLAS_ROOT": "./data"}, "./data"),
    ],
)
def test_a_root_overrides_storage_which_otherwise_gives_it(variables: dict[str, str], root: str) -> None:
    assert resolved(**variables).settings.root == root


def test_s3_without_a_bucket_or_root_is_refused_by_name() -> None:
    [fault] = faults(STORAGE_TYPE="s3")
    assert "storage.storage_type is s3, but no bucket is named: set storage.s3_bucket" in fault
    assert Settings(storage=StorageSettings(storage_type="s3", s3_bucket="b")).root == "s3://b/vieweratlas/"


def test_the_origin_of_a_root_from_storage_is_storage() -> None:
    assert resolved(STORAGE_TYPE="s3", S3_BUCKET="b").origins["root"].startswith("from storage.s3_bucket")


def test_the_region_is_left_to_aws_unless_it_is_set() -> None:
    assert resolved().settings.storage.region is None
    assert resolved(S3_REGION="us-east-1").settings.storage.region == "us-east-1"
    assert resolve_settings(environment={}, overrides={"storage": StorageSettings()}).settings.storage.region is None


@pytest.mark.parametrize(
    ("variable", "text", "message"),
    [
        ("VIEWERATLAS_ROOTS", "5", "unknown variable VIEWERATLAS_ROOTS = '5'; did you mean VIEWERATLAS_ROOT?"),
        ("VIEWERATLAS_ROOT__X", "5", "unknown variable VIEWERATLAS_ROOT__X = '5'"),
        (
            "VIEWERATLAS_ANALYSIS__OVERLAP_TRESHOLD",
            "5",
            "did you mean VIEWERATLAS_ANALYSIS__OVERLAP_THRESHOLD? Settings in analysis: drop_known_bots, ",
        ),
        ("VIEWERATLAS_OVERLAP_THRESHOLD", "5", "did you mean VIEWERATLAS_ANALYSIS__OVERLAP_THRESHOLD?"),
        ("VIEWERATLAS_ANALYSIS", "5", "unknown variable VIEWERATLAS_ANALYSIS = '5'. Settings in analysis:"),
        ("VIEWERATLAS_PARTITIONS__SEED", "5", "did you mean VIEWERATLAS_ANALYSIS__SEED?"),
        ("VIEWERATLAS_QQQ", "5", "Settings: log_file, log_level, root and the sections analysis, atlas, partitions,"),
        ("VIEWERATLAS_PRESET", "default", "unknown variable VIEWERATLAS_PRESET = 'default'"),
    ],
)
def test_an_unknown_variable_is_refused_with_the_nearest_known_one(variable: str, text: str, message: str) -> None:
    [fault] = faults(**{variable: text})
    assert message in fault
    assert variable in fault


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("analysis:\n  sed: 5", "unknown setting analysis.sed = 5 ({file}, line 2); did you mean analysis.seed?"),
        ("analisys:\n  seed: 5", "unknown setting analisys = {{'seed': 5}} ({file}, line 1); did you mean analysis?"),
        ("seed: 5", "unknown setting seed = 5 ({file}, line 1); did you mean analysis.seed?"),
        ("analysis: 5", "analysis ({file}, line 1) is a section: write its keys indented below it"),
        ("analysis:\n  seed: 1\n  seed: 2", "analysis.seed is set twice ({file}, line 3): keep one"),
        ("analysis:\n  seed: yes", "analysis.seed is True ({file}, line 2): it cannot be true or false"),
        ("analysis:\n  seed: [1]", "analysis.seed is [1] ({file}, line 2): Input should be a valid integer"),
        ("analysis:\n  seed:", "analysis.seed is None ({file}, line 2): Input should be a valid integer"),
        (
            "partitions:\n  daily_start: 2020-02-30",
            "partitions.daily_start is '2020-02-30' ({file}, line 2): Input should be a valid date",
        ),
        ("root: a\0b", "{file} cannot be read: unacceptable character"),
        ("root: {a: b}", "root is {{'a': 'b'}} ({file}, line 1): Input should be a valid string"),
        ("root: ''", "root is '' ({file}, line 1): String should have at least 1 character"),
        ("preset: rigorus", "preset is 'rigorus' ({file}, line 1); did you mean rigorous? Presets: default, "),
        ("preset: other.yaml", "preset is 'other.yaml' ({file}, line 1). Presets: default, rigorous"),
        ("- a\n- b", "{file} cannot be read: it holds no settings"),
        ("a: b: c", "{file}, line 1 cannot be read: mapping values are not allowed here"),
        ("root: !!python/object:os.system x", "{file}, line 1 cannot be read: could not determine a constructor"),
        ("vod:\n  bucket_len_s: 30", "vod.bucket_len_s is 30 ({file}, line 2): it must be 60, the length of a live"),
    ],
)
def test_a_fault_in_a_file_is_reported_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    path = file(tmp_path, text)
    [fault] = faults(path)
    assert message.format(file=f"file {path}") in fault


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"root: \xff")
    assert faults(tmp_path / "missing.yaml") == (
        f"{tmp_path / 'missing.yaml'} cannot be read: No such file or directory",
    )
    assert "is not UTF-8 text: byte 6" in faults(binary)[0]
    assert "cannot be read: Is a directory" in faults(str(_folder(tmp_path)))[0]
    [fault] = faults(VIEWERATLAS_CONFIG="rigorus")
    assert fault == (
        "'rigorus' (variable VIEWERATLAS_CONFIG) is neither a preset nor a YAML file; did you mean rigorous? "
        f"Presets: {', '.join(PRESETS)}"
    )


def _folder(tmp_path: Path) -> Path:
    folder = tmp_path / "folder.yaml"
    folder.mkdir()
    return folder


def test_the_faults_of_all_layers_are_reported_at_once(tmp_path: Path) -> None:
    path = file(tmp_path, "preset: none\nanalysis:\n  sed: 1\n  resolution: -1\nvod:\n  min_views: -5\n")
    reported = faults(
        path,
        VIEWERATLAS_ANALYSIS__SEED="x",
        VIEWERATLAS_ENGINE__MEMORY_LIMIT="much",
        VIEWERATLAS_NONE="1",
        STORAGE_TYPE="s3",
        VIEWERATLAS_VOD__MAX_AGE_DAYS="none",
    )
    assert [fault.split(" (")[0].split(" =")[0] for fault in reported] == [
        "preset is 'none'",
        "unknown setting analysis.sed",
        "unknown variable VIEWERATLAS_NONE",
        "analysis.resolution is -1",
        "analysis.seed is 'x'",
        "vod.max_age_days is 'none'",
        "vod.min_views is -5",
        "engine.memory_limit is 'much'",
        "root: storage.storage_type is s3, but no bucket is named: set storage.s3_bucket",
    ]
    with pytest.raises(SettingsError) as raised:
        resolve_settings(path, environment={"VIEWERATLAS_ANALYSIS__SEED": "x"})
    assert str(raised.value).count("\n") == len(raised.value.args) - 1


def test_a_rule_across_the_keys_of_a_section_is_reported_with_other_faults() -> None:
    first, second = faults(
        VIEWERATLAS_ENGINE__OVERLAP_ENGINE="spark",
        VIEWERATLAS_ENGINE__SPARK_LAUNCHER="emr_serverless",
        VIEWERATLAS_VOD__MAX_AGE_DAYS="none",
    )
    assert first.startswith("vod.max_age_days is 'none' (variable VIEWERATLAS_VOD__MAX_AGE_DAYS): ")
    assert second.startswith(
        "engine: spark_launcher is emr_serverless, which also needs emr_serverless_application_id"
    )


@pytest.mark.parametrize(
    "variables",
    [
        {"TWITCH_CLIENT_SECRET": SECRET, "RESOLUTION": "no"},
        {"VIEWERATLAS_TWITCH__OAUTH_TOKEN": SECRET, "VIEWERATLAS_TWITCH__ID_URL": "none"},
        {"VIEWERATLAS_TWITCH__OAUTH_TOKN": SECRET},
        {"VIEWERATLAS_CLIENT_SECRET": SECRET},
        {"VIEWERATLAS_PRIVACY__PSEUDONYM": SECRET},
        {"VIEWERATLAS_TWITCH": SECRET},
        {"VIEWERATLAS_TWTCH__OAUTH": SECRET},
        {"VIEWERATLAS_ROOTS": f"s3://me:{SECRET}@bucket/"},
    ],
)
def test_a_secret_is_in_no_message(variables: dict[str, str]) -> None:
    with pytest.raises(SettingsError) as raised:
        resolved(**variables)
    assert SECRET not in str(raised.value) + repr(raised.value) + repr(raised.value.__cause__)
    assert raised.value.__context__ is None or SECRET not in str(raised.value.__context__)


@pytest.mark.parametrize("text", [f"twitch:\n  client_secret: [{SECRET}]", f"twitch:\n  client_secret: '{SECRET}"])
def test_a_secret_in_a_broken_file_is_in_no_message(tmp_path: Path, text: str) -> None:
    assert SECRET not in "".join(faults(file(tmp_path, text)))


def test_a_secret_is_in_no_settings_printed() -> None:
    result = resolved(VIEWERATLAS_PRIVACY__PSEUDONYM_KEY=SECRET)
    key = result.settings.privacy.pseudonym_key
    assert key is not None
    assert key.get_secret_value() == SECRET
    assert SECRET not in repr(result) + str(result.settings.model_dump()) + result.settings.model_dump_json()
    with pytest.raises(SettingsError, match="pseudonym_key"):
        resolved(VIEWERATLAS_PRIVACY__PSEUDONYM_KEY="")


def test_variables_are_read_in_any_case() -> None:
    assert resolved(vieweratlas_Analysis__seed="3").settings.analysis.seed == 3
