"""Names that people give to communities.

Belongs here: reading the YAML file of names. Not here: using them (domain.communities.history).
"""

from collections import Counter
from pathlib import Path

import yaml  # type: ignore[import-untyped]  # PyYAML has no types

from vieweratlas_assets.errors import SettingsError

LONGEST_NAME = 60
EXAMPLE = "3: Speedrunners"


def read_community_names(path: Path) -> dict[int, str]:
    """Read a file with one name per line, by community id: `3: Speedrunners`.

    Raises:
        SettingsError: the file cannot be read, or an entry is not valid; the message names file and entry.
    """
    where = f"atlas.community_names_file is {path}"
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{where}, which cannot be read: {error.strerror}") from error
    # PyYAML raises the last two for a date that does not exist and for a text that is tagged as one.
    except (yaml.YAMLError, ValueError, AttributeError) as error:
        raise SettingsError(f"{where}, which is not YAML: {error}") from error
    if entries is None:
        return {}
    if not isinstance(entries, dict):
        raise SettingsError(f"{where}, which holds no names by id; write lines such as `{EXAMPLE}`")
    for number, name in entries.items():
        if isinstance(number, bool) or not isinstance(number, int) or number < 1:
            raise SettingsError(f"{where}: {number!r} is not the id of a community; write a whole number from 1 on")
        if not isinstance(name, str) or not 0 < len(name.strip()) <= LONGEST_NAME:
            raise SettingsError(f"{where}: the name of {number} must be a text of 1 to {LONGEST_NAME} characters")
    names = {number: name.strip() for number, name in entries.items()}
    for name, count in Counter(names.values()).items():
        if count > 1:
            raise SettingsError(f"{where}: {name!r} is the name of {count} communities; give each its own name")
    return names
