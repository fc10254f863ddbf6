"""What all sections of settings share.

Belongs here: their base. Not here: which settings there are (sections, vods).
"""

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator


class Section(BaseModel):
    """What all sections share: no unknown keys, no change afterwards, no value in pydantic's own messages."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @field_validator("*", mode="before")
    @classmethod
    def _no_number_of_a_boolean(cls, value: object, info: ValidationInfo) -> object:
        # YAML reads yes and no as booleans, and pydantic would take them for 1 and 0.
        if isinstance(value, bool) and cls.model_fields[info.field_name or ""].annotation is not bool:
            raise ValueError("it cannot be true or false; quotes make a text of YAML's yes, no, on and off")
        return value
