"""Settings as a YAML text holds them: keys, values and lines.

Belongs here: YAML. Not here: which keys there are (sections), which file and what wins over it (sources).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml  # type: ignore[import-untyped]

from vieweratlas_assets.errors import SettingsError
from vieweratlas_assets.settings.sections import sections


class SettingsFileError(SettingsError):
    """A YAML file holds something else than keys and values."""


@dataclass(frozen=True)
class Entry:
    """A setting as a file has it: dotted key, value, and the line it stands in."""

    key: str
    value: Any
    line: int


def read_entries(text: str) -> list[Entry]:
    """The dotted keys of a YAML text with value and line, in its order.

    Raises:
        yaml.YAMLError: it is not YAML, or makes objects of Python.
        SettingsFileError: it is a list or a single value.
    """
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return []
        if not isinstance(node, yaml.MappingNode):
            raise SettingsFileError("it holds no settings; write a section and below it its keys")
        return list(_entries_of(loader, node))
    finally:
        loader.dispose()


def _entries_of(loader: yaml.SafeLoader, node: yaml.MappingNode, section: str = "") -> Iterator[Entry]:
    loader.flatten_mapping(node)
    for name_node, value_node in node.value:
        key = section + str(loader.construct_object(name_node, deep=True))
        if isinstance(value_node, yaml.MappingNode) and key in sections():
            yield from _entries_of(loader, value_node, f"{key}.")
        else:
            yield Entry(key, _value(loader, value_node), name_node.start_mark.line + 1)


def _value(loader: yaml.SafeLoader, node: yaml.Node) -> Any:
    try:
        return loader.construct_object(node, deep=True)
    except ValueError:
        # It looks like a date and is none: its text is told with what is allowed.
        return str(node.value)
