"""The base of all sections: booleans are not numbers, unknown keys are refused, values are not shown."""

import pytest
from pydantic import Field, ValidationError

from vieweratlas_assets.errors import SettingsError
from vieweratlas_assets.settings import Settings, keys, resolve_settings
from vieweratlas_assets.settings.section import Section


@pytest.mark.parametrize("key", [key for key, field in keys().items() if field.annotation is not bool])
def test_a_boolean_is_accepted_neither_as_a_number_nor_as_a_text(key: str) -> None:
    section, _, name = key.rpartition(".")
    with pytest.raises(SettingsError, match="it cannot be true or false"):
        resolve_settings(environment={}, overrides={section: {name: True}} if section else {name: True})


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().analysis.seed = 3  # type: ignore[misc]  # what is tested


def test_a_section_refuses_an_unknown_key() -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        Settings(analisys={})  # type: ignore[call-arg]  # what is tested


class Limits(Section):
    """A section as any other."""

    most: int = Field(5, ge=1)
    is_strict: bool = False


def test_a_value_that_is_refused_is_not_in_the_message() -> None:
    with pytest.raises(ValidationError) as raised:
        Limits.model_validate({"most": "hunter2"})
    assert "valid integer" in str(raised.value)
    assert "hunter2" not in str(raised.value)


def test_a_boolean_is_accepted_where_one_is_expected() -> None:
    assert Limits.model_validate({"is_strict": True}).is_strict
    with pytest.raises(ValidationError, match="it cannot be true or false"):
        Limits.model_validate({"most": True})
