"""Settings in a YAML text: keys, values and lines.

Belongs here: parsing YAML. Not here: which keys exist (sections), which file is read and what overrides it (sources).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml  # type: ignore[import-untyped]  # PyYAML has no types

from vieweratlas_assets.errors import SettingsError
from vieweratlas_assets.settings.dotted_keys import sections

NO_VALUE = "tag:yaml.org,2002:null"


class SettingsFileError(SettingsError):
    """A YAML file does not hold keys and values."""


@dataclass(frozen=True)
class Entry:
    """A setting in a file: its dotted key, its value and its line."""

    key: str
    value: Any
    line: int


def read_entries(text: str) -> list[Entry]:
    """The dotted keys of a YAML text with their values and lines, in order.

    Raises:
        yaml.YAMLError: the text is not YAML, or builds Python objects.
        SettingsFileError: the text is a list or a single value.
    """
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        # A file whose lines are all comments, with or without "---" above them.
        if node is None or node.tag == NO_VALUE:
            return []
        if not isinstance(node, yaml.MappingNode):
            raise SettingsFileError("it holds no settings; write a section, and its keys indented below it")
        return list(_read_mapping(loader, node))
    finally:
        loader.dispose()


def _read_mapping(loader: yaml.SafeLoader, node: yaml.MappingNode, section: str = "") -> Iterator[Entry]:
    loader.flatten_mapping(node)
    for name_node, value_node in node.value:
        key = section + str(loader.construct_object(name_node, deep=True))
        if isinstance(value_node, yaml.MappingNode) and key in sections():
            yield from _read_mapping(loader, value_node, f"{key}.")
        else:
            yield Entry(key, _value(loader, value_node), name_node.start_mark.line + 1)


def _value(loader: yaml.SafeLoader, node: yaml.Node) -> Any:
    try:
        return loader.construct_object(node, deep=True)
    except (ValueError, AttributeError):
        # It looks like a date, or is tagged as one, and is not: PyYAML raises either. The check of the setting shows
        # the text and what is allowed.
        return str(node.value)
