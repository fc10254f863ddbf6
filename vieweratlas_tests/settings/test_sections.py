"""What each setting accepts: types, limits, and the text of the environment."""

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from vieweratlas_assets.errors import SettingsError
from vieweratlas_assets.settings import (
    Settings,
    environment_variable,
    keys,
    resolve_settings,
    setting_value,
)

# For every setting, a text in the environment that is not its default.
OTHER_TEXT = {
    "log_level": "error",
    "log_file": "/tmp/other.log",
    "root": "s3://other/lake/",
    "analysis.drop_known_bots": "false",
    "analysis.drop_broadcaster": "0",
    "analysis.min_buckets_per_viewer": "2",
    "analysis.min_channels_per_viewer": "2",
    "analysis.max_channels_per_viewer": "20",
    "analysis.drop_viewers_over_max": "true",
    "analysis.overlap_threshold": "3",
    "analysis.min_channel_viewers": "0",
    "analysis.algorithm": "my_own",
    "analysis.weight": "jaccard",
    "analysis.resolution": "2.5",
    "analysis.resolution_mode": "absolute",
    "analysis.min_community_size": "1",
    "analysis.keep_communities": "false",
    "analysis.layout": "force",
    "atlas.community_names_file": "names.yaml",
    "atlas.explorer_days": "1",
    "analysis.seed": "0",
    "analysis.game_threshold": "1",
    "analysis.language_threshold": "0.05",
    "schedules.running": "daily_atlas_schedule,channel_roster_schedule",
    "partitions.daily_start": "2016-02-29",
    "partitions.hourly_start": "2025-06-01T07:00Z",
    "partitions.window_days": "366",
    "collection.logs_dir": "~/logs",
    "collection.collector": "second",
    "collection.chat_source": "eventsub",
    "collection.chat_account": "token",
    "collection.join_pace": "fast",
    "collection.collection_interval": "0",
    "collection.duration_per_batch": "10",
    "collection.collection_minutes": "2.5",
    "collection.roster_refresh": "60",
    "collection.spool_dir": "/var/spool/atlas",
    "collection.top_channels_limit": "1",
    "collection.batch_size": "1",
    "collection.channels": "ann,bob",
    "collection.channels_file": "channels.txt",
    "collection.time_zone": "Europe/Berlin",
    "twitch.client_id": "abc",
    "twitch.client_secret": "s",
    "twitch.oauth_token": "t",
    "twitch.helix_url": "http://127.0.0.1:8200/helix",
    "twitch.id_url": "http://127.0.0.1:8200/oauth2",
    "twitch.chat_url": "irc://127.0.0.1:8667",
    "twitch.eventsub_url": "ws://127.0.0.1:8200/ws",
    "storage.storage_type": "s3",
    "storage.s3_bucket": "b",
    "storage.s3_prefix": "",
    "storage.s3_region": "eu-west-1",
    "storage.output_dir": "",
    "vod.enabled": "yes",
    "vod.bucket_len_s": "60",
    "vod.cli_path": "/opt/cli",
    "vod.auto_discover": "on",
    "vod.vod_limit_per_channel": "1",
    "vod.max_age_days": "60",
    "vod.min_views": "10",
    "vod.chat_source": "file",
    "vod.chat_mode": "sample",
    "vod.discovery_interval": "60",
    "vod.downloads_at_once": "32",
    "vod.keep_raw": "yes",
    "vod.requests_per_s": "0.5",
    "vod.requests_a_day": "10000",
    "vod.graphql_url": "http://127.0.0.1:8200/gql",
    "vod.graphql_client_id": "other",
    "vod.graphql_query_hash": "0" * 64,
    "vod.cli_timeout": "60",
    "vod.cli_output_limit": "1MB",
    "vod.files_dir": "~/chat",
    "vod.queue_url": "postgresql://u:p@db/atlas",
    "privacy.viewer_names": "pseudonymous",
    "privacy.pseudonym_key": "k",
    "privacy.pseudonym_key_file": "key",
    "privacy.opt_out_file": "out.txt",
    "privacy.raw_snapshots_days": "1",
    "privacy.raw_vod_chat_days": "1",
    "privacy.presence_days": "400",
    "engine.memory_limit": "512MiB",
    "engine.overlap_engine": "spark",
    "engine.spark_launcher": "emr_serverless",
    "engine.spark_submit_parameters": "--driver-memory 4g",
    "engine.emr_serverless_application_id": "00fabc123def4567",
    "engine.emr_serverless_role_arn": "arn:aws:iam::123456789012:role/spark",
    "plugins.storage_backends": '{"mine": "a.b:c"}',
    "plugins.community_detectors": '{"mine": "a:b.c"}',
    "plugins.visualizers": '{"mine": "a:b"}',
}


def test_the_table_above_has_every_setting() -> None:
    assert set(OTHER_TEXT) == set(keys())


@pytest.mark.parametrize("key", OTHER_TEXT)
def test_a_variable_changes_its_setting_and_no_other(key: str) -> None:
    # With a root, the settings of storage need not name a lake.
    variables = {"VIEWERATLAS_ROOT": "here", environment_variable(key): OTHER_TEXT[key]}
    resolved = resolve_settings(environment=variables)
    expected = Settings(root="here")
    differs = {each for each in keys() if setting_value(resolved.settings, each) != setting_value(expected, each)}
    assert differs == ({key} - {"vod.bucket_len_s"})
    assert resolved.origins[key] == f"variable {environment_variable(key)}"


@pytest.mark.parametrize(
    ("key", "text", "allowed"),
    [
        ("analysis.seed", "many", "integer"),
        ("analysis.seed", "", "integer"),
        ("analysis.seed", "-1", "greater than or equal to 0"),
        ("analysis.drop_broadcaster", "perhaps", "boolean"),
        ("analysis.overlap_threshold", "0", "greater than or equal to 1"),
        ("analysis.overlap_threshold", "1.5", "integer"),
        ("analysis.min_channel_viewers", "-1", "greater than or equal to 0"),
        ("analysis.resolution", "0", "greater than 0"),
        ("analysis.resolution", "nan", "finite"),
        ("analysis.resolution", "inf", "finite"),
        ("analysis.resolution_mode", "relative", "'natural' or 'absolute'"),
        ("analysis.game_threshold", "60", "less than or equal to 1"),
        ("analysis.language_threshold", "0", "greater than 0"),
        ("schedules.running", "daily_atlas", "'live_collection_schedule' or 'daily_atlas_schedule'"),
        ("analysis.weight", "count", "'shared_viewers', 'jaccard', 'overlap_coefficient' or 'overlap_z'"),
        ("partitions.window_days", "0", "greater than or equal to 1"),
        ("partitions.window_days", "367", "less than or equal to 366"),
        ("partitions.daily_start", "2020-02-30", "date"),
        ("partitions.daily_start", "01.02.2020", "date"),
        ("partitions.hourly_start", "soon", "date"),
        *(
            ("partitions.hourly_start", text, "it must be a whole hour in UTC, such as 2026-01-01T00:00Z")
            for text in (
                "2026-01-01T00:30Z",
                "2026-01-01T00:00:01Z",
                "2026-01-01T00:00",
                "2026-01-01T02:00+02:00",
                "2026-01-01",
            )
        ),
        ("root", "", "at least 1 character"),
        ("log_level", "loud", "'DEBUG', 'INFO', 'WARNING' or 'ERROR'"),
        ("log_file", " ", "name a file or folder"),
        ("storage.storage_type", "gcs", "'file' or 's3'"),
        ("storage.s3_bucket", "", "match pattern"),
        ("storage.s3_bucket", "bucket/folder", "match pattern"),
        ("storage.s3_prefix", "a//b", "write folders separated by '/'"),
        ("storage.s3_prefix", "../a/", "without '.', '..' and backslashes"),
        ("storage.s3_prefix", "a\\b", "without '.', '..' and backslashes"),
        ("collection.time_zone", "Berlin", "IANA name, such as UTC, Europe/Berlin"),
        ("collection.time_zone", "../UTC", "IANA name"),
        ("collection.time_zone", "Europe", "IANA name"),
        ("collection.logs_dir", "", "name a file or folder"),
        ("vod.bucket_len_s", "30", "it must be 60, the length of a live bucket"),
        ("vod.bucket_len_s", "60.5", "integer"),
        ("vod.max_age_days", "0", "greater than or equal to 1"),
        ("privacy.viewer_names", "hashed", "'plain' or 'pseudonymous'"),
        ("privacy.presence_days", "ever", "integer"),
        ("engine.memory_limit", "2 gigabytes", "such as 2GB, 500MB or 1.5GiB"),
        ("engine.memory_limit", "0GB", "such as 2GB"),
        ("engine.memory_limit", "", "such as 2GB"),
        ("engine.emr_serverless_role_arn", "me", "match pattern"),
    ],
)
def test_an_invalid_value_is_refused_with_key_value_variable_and_what_is_allowed(
    key: str, text: str, allowed: str
) -> None:
    with pytest.raises(SettingsError) as raised:
        resolve_settings(environment={environment_variable(key): text})
    [fault] = raised.value.args
    assert fault.startswith(f"{key} is {text!r} (variable {environment_variable(key)}): ")
    assert allowed in fault


def test_paths_may_start_at_home_and_the_output_folder_may_be_empty() -> None:
    settings = resolve_settings(environment={"LOGS_DIR": "~/logs", "VIEWERATLAS_STORAGE__OUTPUT_DIR": ""}).settings
    assert settings.collection.logs_dir == Path.home() / "logs"
    assert settings.storage.output_dir is None


@pytest.mark.parametrize("key", keys())
def test_every_setting_has_a_description(key: str) -> None:
    description = keys()[key].description
    assert description
    assert description.endswith(".")


def test_defaults_are_the_agreed_ones() -> None:
    defaults: dict[str, Any] = {
        "root": "./data",
        "log_level": "WARNING",
        "partitions.daily_start": dt.date(2018, 1, 1),
        "partitions.window_days": 30,
        "analysis.overlap_threshold": 1,
        "analysis.min_channel_viewers": 10,
        "analysis.min_community_size": 2,
        "analysis.resolution": 1.0,
        "analysis.resolution_mode": "natural",
        "analysis.game_threshold": 0.60,
        "analysis.language_threshold": 0.40,
        "collection.logs_dir": Path("logs"),
        "collection.collection_interval": 3600,
        "collection.top_channels_limit": 1000,
        "collection.batch_size": 100,
        "storage.storage_type": "file",
        "storage.s3_prefix": "vieweratlas/",
        "storage.s3_region": "us-east-1",
        "storage.output_dir": Path("community_analysis"),
        "vod.bucket_len_s": 60,
        "vod.vod_limit_per_channel": 5,
        "vod.max_age_days": 14,
        "vod.min_views": 0,
        "privacy.viewer_names": "plain",
        "privacy.raw_snapshots_days": 30,
        "privacy.raw_vod_chat_days": 7,
        "privacy.presence_days": None,
        "engine.memory_limit": "2GB",
    }
    assert {key: setting_value(Settings(), key) for key in defaults} == defaults
