"""Rebuild docs/settings.md after a setting has changed: `PYTHONPATH=. python docs/settings_page.py`.

Belongs here: the text around the tables, and a table per section. Not here: names, limits and descriptions
(vieweratlas_assets.settings).

vieweratlas_tests/settings/test_reference.py fails if the page is out of date.
"""

from pathlib import Path, PurePath
from typing import Any, Literal, get_args, get_origin

from vieweratlas_assets.settings import (
    LEGACY_VARIABLES,
    Settings,
    environment_variable,
    is_secret,
    keys,
    setting_value,
)
from vieweratlas_assets.settings.dotted_keys import sections

PAGE = Path(__file__).with_name("settings.md")
HEAD = """# Settings

`docs/settings_page.py` writes this page from the code; do not edit it.

Each source of settings overrides those before it: defaults, preset, YAML file, environment, options of the command
line, run config of Dagster's launchpad (section `analysis`, for one run). `vieweratlas config show` prints the
settings in effect with their origins; `vieweratlas config validate` checks them. Both accept a preset or a file.

`VIEWERATLAS_CONFIG` names a preset or a YAML file, for the command line and for Dagster's code location;
`vieweratlas analyze [default|rigorous|explorer|debug|file.yaml]` names one for a single analysis. A file holds
sections and keys, and may name a preset that it builds on:

```yaml
preset: rigorous
root: s3://my-bucket/lake/
analysis:
  min_channel_viewers: 50
```

| preset | changes |
|---|---|
| `default` | nothing: it lists defaults |
| `rigorous` | `overlap_threshold` 300, `min_community_size` 10 |
| `explorer` | `resolution` 2.0, `log_level` INFO |
| `debug` | `top_channels_limit` 100, `log_level` DEBUG |

Each setting has a variable `VIEWERATLAS_<SECTION>__<KEY>`. Some also have an older name; the canonical name takes
precedence, and an empty older name counts as not set. Every setting changes a result, except `vod.bucket_len_s`,
which has one allowed value. An unknown name is refused, with the nearest known one. Relative paths start in the
folder where the command runs. Put secrets into the environment; no command and no message shows them.
"""


def page() -> str:
    """The whole page."""
    older = {key: name for name, key in LEGACY_VARIABLES.items()}
    parts = [HEAD, _section("", "Settings without a section", older)]
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
        names = f"`{environment_variable(key)}`" + (f", `{older[key]}`" if key in older else "")
        meaning = field.description or ""
        lines.append(f"| {names} | {_default(key)} | {_allowed(key, field.annotation, field.metadata)} | {meaning} |")
    return "\n".join([*lines, ""])


def _default(key: str) -> str:
    value = setting_value(Settings(), key)
    if value in (None, "", (), {}):
        return "not set"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _allowed(key: str, annotation: Any, metadata: list[Any]) -> str:
    """The type of a value or its choices, and its limits."""
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
        item = get_args(kind)[0]
        choices = ", ".join(f"`{choice}`" for choice in get_args(item))
        return f"{choices}; separated by commas" if choices else "logins, separated by commas"
    if get_origin(kind) is dict:
        return "names with `package.module:attribute`; JSON in the environment"
    if isinstance(kind, type) and issubclass(kind, PurePath):
        return "path"
    names: dict[str, str] = {"str": "text", "int": "whole number", "float": "number", "bool": "`true`, `false`"}
    return names.get(kind.__name__, str(kind.__name__))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
