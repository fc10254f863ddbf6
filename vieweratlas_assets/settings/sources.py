"""Where settings come from: presets, YAML files, the environment and overrides, and the faults in each.

Belongs here: the layers and their order, names of variables, messages. Not here: names, limits and defaults of
settings (sections).

Defaults < preset < YAML file < environment < overrides. The run config of Dagster's launchpad overrides them
for one run (defs.resources).
"""

import difflib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]  # PyYAML has no types
from pydantic import BaseModel, ValidationError

from vieweratlas_assets.errors import SettingsError
from vieweratlas_assets.settings.dotted_keys import is_secret, keys, sections
from vieweratlas_assets.settings.files import SettingsFileError, read_entries
from vieweratlas_assets.settings.sections import DEFAULT_ROOT, Settings

ENVIRONMENT_PREFIX = "VIEWERATLAS_"
CONFIG_VARIABLE = "VIEWERATLAS_CONFIG"
PRESETS = ("default", "rigorous", "explorer", "debug")
# Older names of variables; the canonical name takes precedence, and an empty older name counts as not set.
LEGACY_VARIABLES = {
    "STORAGE_TYPE": "storage.storage_type",
    "S3_BUCKET": "storage.s3_bucket",
    "S3_PREFIX": "storage.s3_prefix",
    "S3_REGION": "storage.s3_region",
    "LOGS_DIR": "collection.logs_dir",
    "OVERLAP_THRESHOLD": "analysis.overlap_threshold",
    "MIN_COMMUNITY_SIZE": "analysis.min_community_size",
    "RESOLUTION": "analysis.resolution",
    "LOG_LEVEL": "log_level",
    "TWITCH_CLIENT_ID": "twitch.client_id",
    "TWITCH_CLIENT_SECRET": "twitch.client_secret",
    "TWITCH_OAUTH_TOKEN": "twitch.oauth_token",
    "TWITCH_CHANNELS": "collection.channels",
    "CHANNELS_FILE": "collection.channels_file",
}
ALL_PRESETS = f"Presets: {', '.join(PRESETS)}"
DEFAULT = "default"
LONGEST_VALUE = 120

_CREDENTIALS = re.compile(r"://[^/@\s]*@")
_SECRET_NAME = re.compile("secret|token|key|pass|credential", re.IGNORECASE)


@dataclass(frozen=True)
class Given:
    """A value that a layer sets, and its origin."""

    value: Any
    origin: str


@dataclass
class Layers:
    """The values set so far, by dotted key, and the faults in them."""

    given: dict[str, Given] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def take(self, key: str, value: Any, origin: str, *, variable: str = "") -> None:
        """Set a key and override lower layers; `variable` is the environment variable with the value, if any."""
        if key in keys():
            self.given[key] = Given(value, origin)
            return
        meant = _meant(key)
        fault = f"unknown variable {variable}" if variable else f"unknown setting {key}"
        fault += "" if _may_be_secret(key, meant) else f" = {_shown(value)}"
        fault += "" if variable else f" ({origin})"
        near = environment_variable(meant) if meant and variable else meant
        self.faults.append(_with_hint(fault, near, _allowed(key)))


@dataclass(frozen=True)
class Resolved:
    """The settings in effect, and the origin of each by its dotted key."""

    settings: Settings
    origins: Mapping[str, str]


def load_settings(**overrides: Any) -> Settings:
    """Read the settings of VIEWERATLAS_CONFIG and the environment, with overrides on top.

    Args:
        overrides: settings without a section, such as root, or whole sections. A section as an object replaces all
            of its keys, as a dictionary only the keys in it.

    Raises:
        SettingsError: a name is unknown or a value is not allowed; the message lists every fault.
    """
    return resolve_settings(overrides=overrides).settings


def load_config_from_yaml(path: str | Path) -> Settings:
    """Read the settings of a YAML file, without the environment: defaults < its preset < the file.

    Raises:
        SettingsError: as load_settings, or the file cannot be read.
    """
    return resolve_settings(Path(path), environment={}).settings


def resolve_settings(
    config: str | Path | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    overrides: Mapping[str, Any] | None = None,
    overrides_from: str = "override",
) -> Resolved:
    """Combine all layers.

    Args:
        config: name of a preset or of a YAML file; a Path is always a file. None uses VIEWERATLAS_CONFIG.
        environment: None uses the process's.
        overrides: as for load_settings.
        overrides_from: the origin of the overrides, for messages.

    Raises:
        SettingsError: as load_settings.
    """
    environment = os.environ if environment is None else environment
    layers = Layers()
    if config:
        _take_config(layers, config)
    elif environment.get(CONFIG_VARIABLE):
        _take_config(layers, environment[CONFIG_VARIABLE], f" (variable {CONFIG_VARIABLE})")
    _take_environment(layers, environment)
    _take_overrides(layers, overrides or {}, overrides_from)
    settings = _validated(layers)
    if layers.faults:
        raise SettingsError(*layers.faults)
    return Resolved(settings, {key: _origin(key, settings, layers.given) for key in keys()})


def environment_variable(key: str) -> str:
    """The environment variable of a dotted key.

    >>> environment_variable("analysis.seed")
    'VIEWERATLAS_ANALYSIS__SEED'
    """
    return ENVIRONMENT_PREFIX + key.replace(".", "__").upper()


def _take_config(layers: Layers, config: str | Path, config_from: str = "") -> None:
    if isinstance(config, str) and config in PRESETS:
        _take_preset(layers, config)
        return
    path = Path(config).expanduser()
    if path.suffix.lower() not in (".yaml", ".yml") and not path.is_file():
        layers.faults.append(
            _with_hint(
                f"{str(config)!r}{config_from} is neither a preset nor a YAML file", _near_preset(config), ALL_PRESETS
            )
        )
        return
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        layers.faults.append(f"{config}{config_from} cannot be read: {error.strerror}")
    except UnicodeDecodeError as error:
        layers.faults.append(f"{config}{config_from} is not UTF-8 text: byte {error.start} is wrong")
    else:
        _take_file(layers, text, f"file {config}")


def _take_preset(layers: Layers, name: str) -> None:
    shipped = resources.files("vieweratlas_assets.settings").joinpath("presets", f"{name}.yaml")
    for entry in read_entries(shipped.read_text(encoding="utf-8")):
        layers.take(entry.key, entry.value, f"preset {name}")


def _take_file(layers: Layers, text: str, origin: str) -> None:
    try:
        entries = read_entries(text)
    except (yaml.YAMLError, SettingsFileError) as error:
        # Only place and problem: YAML's own message shows the line, which may hold a secret.
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        layers.faults.append(f"{origin}{line} cannot be read: {getattr(error, 'problem', error)}")
        return
    for entry in entries:
        if entry.key == "preset":
            # Taken first, wherever it stands: the file overrides its preset.
            _take_named_preset(layers, entry.value, f"{origin}, line {entry.line}")
    seen: set[str] = set()
    for entry in entries:
        here = f"{origin}, line {entry.line}"
        if entry.key in seen:
            layers.faults.append(f"{entry.key} is set twice ({here}): keep one")
        elif entry.key in sections():
            if entry.value is not None:
                layers.faults.append(f"{entry.key} ({here}) is a section: write its keys indented below it")
        elif entry.key != "preset":
            layers.take(entry.key, entry.value, here)
        seen.add(entry.key)


def _take_named_preset(layers: Layers, name: Any, origin: str) -> None:
    if name in PRESETS:
        _take_preset(layers, name)
    else:
        layers.faults.append(_with_hint(f"preset is {name!r} ({origin})", _near_preset(name), ALL_PRESETS))


def _near_preset(name: object) -> str:
    """The preset that was perhaps meant, else ""."""
    return next(iter(difflib.get_close_matches(str(name), PRESETS, n=1)), "")


def _with_hint(fault: str, near: str, allowed: str) -> str:
    return f"{fault}; did you mean {near}? {allowed}" if near else f"{fault}. {allowed}"


def _take_environment(layers: Layers, environment: Mapping[str, str]) -> None:
    for name, key in LEGACY_VARIABLES.items():
        if environment.get(name):
            layers.take(key, environment[name], f"variable {name}")
    for name in sorted(environment):
        upper = name.upper()
        if upper.startswith(ENVIRONMENT_PREFIX) and upper != CONFIG_VARIABLE:
            key = upper.removeprefix(ENVIRONMENT_PREFIX).lower().replace("__", ".")
            layers.take(key, environment[name], f"variable {name}", variable=name)


def _take_overrides(layers: Layers, overrides: Mapping[str, Any], origin: str) -> None:
    for name, value in overrides.items():
        match value:
            case BaseModel():
                for key in [key for key in layers.given if key.startswith(f"{name}.")]:
                    del layers.given[key]
                for key in sorted(value.model_fields_set):
                    layers.take(f"{name}.{key}", getattr(value, key), origin)
            case Mapping():
                for key, each in value.items():
                    layers.take(f"{name}.{key}", each, origin)
            case _:
                layers.take(name, value, origin)


def _validated(layers: Layers) -> Settings:
    """The settings of all layers; if there are faults, of the valid values, so that further faults show."""
    try:
        return Settings.model_validate(_nested(layers.given))
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False)
    faulty = set()
    for detail in details:
        key = ".".join(str(part) for part in detail["loc"][: 2 if detail["loc"][0] in sections() else 1])
        subject = _described(key, layers.given[key]) if key in layers.given else key
        layers.faults.append(f"{subject}: {detail['msg'].removeprefix('Value error, ')}")
        faulty.add(key)
    # A rule across the keys of a section names the section.
    valid = {key: each for key, each in layers.given.items() if not faulty & {key, key.partition(".")[0]}}
    # Without a root, it would be built from the keys of storage, of which some may be missing now.
    return Settings.model_validate(_nested(valid) | {"root": DEFAULT_ROOT})


def _nested(given: Mapping[str, Given]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for key, each in given.items():
        section, _, name = key.rpartition(".")
        target = nested.setdefault(section, {}) if section else nested
        target[name] = each.value
    return nested


def _origin(key: str, settings: Settings, given: Mapping[str, Given]) -> str:
    if key in given:
        return given[key].origin
    if key == "root" and settings.storage.storage_type == "s3":
        return "from storage.s3_bucket and storage.s3_prefix"
    return DEFAULT


def _described(key: str, given: Given) -> str:
    """A setting with its origin and, unless it is a secret, its value."""
    return f"{key} ({given.origin})" if is_secret(key) else f"{key} is {_shown(given.value)} ({given.origin})"


def _shown(value: Any) -> str:
    shown = _CREDENTIALS.sub("://***@", repr(str(value) if isinstance(value, Path) else value))
    return shown if len(shown) <= LONGEST_VALUE else f"{shown[:LONGEST_VALUE]}…"


def _may_be_secret(key: str, meant: str) -> bool:
    """Whether an unknown key may be the mistyped name of a secret."""
    guarded = {known.partition(".")[0] for known in keys() if is_secret(known)}
    return bool(_SECRET_NAME.search(key)) or guarded & {key.partition(".")[0], meant.partition(".")[0]} != set()


def _meant(key: str) -> str:
    """The setting or section that was perhaps meant: the same name elsewhere, else the nearest, else ""."""
    name = key.rpartition(".")[2]
    elsewhere = [known for known in keys() if known.rpartition(".")[2] == name]
    near = elsewhere or difflib.get_close_matches(key, [*sections(), *keys()], n=1)
    # A section's own name is not a suggestion: the message lists the names in it anyway.
    return near[0] if near and near[0] != key else ""


def _allowed(key: str) -> str:
    """The names that are allowed in place of an unknown key."""
    section = key.partition(".")[0]
    if section in sections():
        return f"Settings in {section}: {', '.join(sections()[section].model_fields)}"
    plain = [name for name in Settings.model_fields if name not in sections()]
    return f"Settings: {', '.join(sorted(plain))} and the sections {', '.join(sections())}"
