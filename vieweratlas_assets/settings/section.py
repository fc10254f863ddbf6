"""The base class of all sections of settings.

Belongs here: rules for every section. Not here: the sections (sections, vod_section).
"""

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator


class Section(BaseModel):
    """No unknown keys, no changes after construction, no values in pydantic's own messages."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_booleans(cls, value: object, info: ValidationInfo) -> object:
        # YAML reads yes and no as booleans, which pydantic would convert to 1 and 0.
        if isinstance(value, bool) and cls.model_fields[info.field_name or ""].annotation is not bool:
            raise ValueError("it cannot be true or false; for a text, put quotes around YAML's yes, no, on and off")
        return value
