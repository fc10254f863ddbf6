"""Settings by dotted keys: their order, their values, and which are secret."""

import pytest

from vieweratlas_assets.settings import AnalysisSettings, Settings
from vieweratlas_assets.settings.dotted_keys import is_secret, keys, sections, setting_value


def test_keys_without_a_section_come_first_and_the_others_under_their_section() -> None:
    listed = list(keys())
    plain = [key for key in listed if "." not in key]
    assert plain == listed[: len(plain)] == ["log_file", "log_level", "root"]
    assert {key.split(".")[0] for key in listed[len(plain) :]} == set(sections())
    assert [key for key in listed if key.startswith("analysis.")] == [
        f"analysis.{name}" for name in AnalysisSettings.model_fields
    ]
    assert not set(listed) & set(sections())


def test_a_value_is_read_by_its_key() -> None:
    settings = Settings(root="here", analysis=AnalysisSettings(seed=3))
    assert (setting_value(settings, "root"), setting_value(settings, "analysis.seed")) == ("here", 3)
    with pytest.raises(AttributeError):
        setting_value(settings, "analysis.sed")


def test_secrets_are_marked_as_secret() -> None:
    assert [key for key in keys() if is_secret(key)] == [
        "twitch.client_secret",
        "twitch.oauth_token",
        "vod.queue_url",
        "privacy.pseudonym_key",
    ]
