"""Settings by their dotted keys, such as `analysis.seed`.

Belongs here: listing and reading settings by key. Not here: the settings (sections), where values come
from (sources).
"""

from functools import cache
from typing import Any, get_args

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from vieweratlas_assets.settings.section import Section
from vieweratlas_assets.settings.sections import Settings


@cache
def sections() -> dict[str, type[Section]]:
    """The sections by name."""
    annotations = {name: field.annotation for name, field in Settings.model_fields.items()}
    return {name: kind for name, kind in annotations.items() if isinstance(kind, type) and issubclass(kind, Section)}


@cache
def keys() -> dict[str, FieldInfo]:
    """Every setting by its dotted key, such as `root` or `analysis.seed`; keys without a section come first."""
    nested = sections()
    fields = {name: field for name, field in sorted(Settings.model_fields.items()) if name not in nested}
    for section, model in nested.items():
        fields |= {f"{section}.{name}": field for name, field in model.model_fields.items()}
    return fields


def setting_value(settings: Settings, key: str) -> Any:
    """The value of a dotted key."""
    value: Any = settings
    for part in key.split("."):
        value = getattr(value, part)
    return value


@cache
def is_secret(key: str) -> bool:
    """Whether the value of a key is a secret, which is never shown."""
    field = keys()[key]
    return SecretStr in (field.annotation, *_types_in(field.annotation))


def _types_in(annotation: Any) -> list[Any]:
    """The types inside an annotation."""
    return [kind for part in get_args(annotation) for kind in (part, *_types_in(part))]
