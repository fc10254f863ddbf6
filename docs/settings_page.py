"""Write docs/settings.md anew, after a setting has changed: `PYTHONPATH=. python docs/settings_page.py`.

vieweratlas_tests/settings/test_reference.py fails where the page is out of date.
"""

from pathlib import Path, PurePath
from typing import Any, Literal, get_args, get_origin

from vieweratlas_assets.settings import (
    LEGACY_VARIABLES,
    Settings,
    is_secret,
    keys,
    value_of,
    variable_of,
)
from vieweratlas_assets.settings.sections import sections

PAGE = Path(__file__).with_name("settings.md")
HEAD = """# Settings

Written by `docs/settings_page.py` from the code; do not edit.

Defaults < preset < YAML file < environment < options of the command line < the run config of Dagster's launchpad
(section `analysis`, for one run). `vieweratlas config show` prints the settings in effect with the origin of each,
`vieweratlas config validate` checks them; both take a preset or a file too.

`VIEWERATLAS_CONFIG` names a preset or a YAML file, for the command and for the Dagster code location alike; for one
analysis so does `vieweratlas analyze [default|rigorous|explorer|debug|file.yaml]`. A file holds sections and keys,
and may begin with a preset:

```yaml
preset: rigorous
root: s3://my-bucket/lake/
analysis:
  min_channel_viewers: 50
```

| preset | changes |
|---|---|
| `default` | nothing: the defaults, written out |
| `rigorous` | `overlap_threshold` 300, `min_community_size` 10 |
| `explorer` | `resolution` 2.0, `log_level` INFO |
| `debug` | `top_channels_limit` 100, `log_level` DEBUG |

Each setting is a variable `VIEWERATLAS_<SECTION>__<KEY>`. Some have an older name too, over which the canonical one
wins; an empty older name counts as not set. What nothing reads yet is refused where it is set to another value than
its default. Relative paths begin in the folder where the command runs. Secrets belong into the environment; they are
shown nowhere.
"""


def page() -> str:
    """The whole page."""
    older = {key: name for name, key in LEGACY_VARIABLES.items()}
    parts = [HEAD, _section("", "Of no section", older)]
    for name, model in sections().items():
        parts.append(_section(name, f"`{name}`: {_sentence(model.__doc__)}", older))
    return "\n".join(parts)


def _sentence(docstring: str | None) -> str:
    text = (docstring or "").strip().splitlines()[0].rstrip(".")
    return text[0].lower() + text[1:]


def _section(section: str, heading: str, older: dict[str, str]) -> str:
    lines = [f"## {heading}", "", "| variable | default | allowed | meaning |", "|---|---|---|---|"]
    for key, field in keys().items():
        if key.rpartition(".")[0] != section:
            continue
        names = f"`{variable_of(key)}`" + (f", `{older[key]}`" if key in older else "")
        meaning = field.description or ""
        lines.append(f"| {names} | {_default(key)} | {_allowed(key, field.annotation, field.metadata)} | {meaning} |")
    return "\n".join([*lines, ""])


def _default(key: str) -> str:
    value = value_of(Settings(), key)
    if value in (None, "", (), {}):
        return "not set"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _allowed(key: str, annotation: Any, metadata: list[Any]) -> str:
    """The kind of a value, or its choices, and its limits."""
    kinds = [kind for kind in _flat(annotation) if kind is not type(None)]
    choices = [str(choice) for kind in kinds if get_origin(kind) is Literal for choice in get_args(kind)]
    if choices:
        return ", ".join(f"`{choice}`" for choice in choices)
    if is_secret(key):
        return "secret"
    signs = {"ge": "≥ ", "gt": "> ", "le": "≤ ", "lt": "< "}
    limits = [
        f"{sign}{getattr(limit, name):,}"
        for limit in _limits(metadata, annotation)
        for name, sign in signs.items()
        if getattr(limit, name, None) is not None
    ]
    return ", ".join([_kind(kinds[0]), *limits])


def _flat(annotation: Any) -> list[Any]:
    if get_origin(annotation) in (None, Literal, tuple, dict):
        return [annotation]
    return [kind for part in get_args(annotation) for kind in _flat(part) if not _is_marker(part)]


def _is_marker(part: Any) -> bool:
    return not isinstance(part, type) and get_origin(part) is None


def _limits(metadata: list[Any], annotation: Any) -> list[Any]:
    return [*metadata, *(part for part in get_args(annotation) if _is_marker(part))]


def _kind(kind: Any) -> str:
    if get_origin(kind) is tuple:
        return "logins, separated by commas"
    if get_origin(kind) is dict:
        return "names with `package.module:attribute`; JSON in the environment"
    if isinstance(kind, type) and issubclass(kind, PurePath):
        return "path"
    names = {"str": "text", "int": "whole number", "float": "number", "bool": "`true`, `false`"}
    return names.get(kind.__name__, kind.__name__)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
