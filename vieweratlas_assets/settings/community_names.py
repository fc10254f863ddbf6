"""Names that people give to communities.

Belongs here: the YAML file that holds them. Not here: where they are used (domain.communities.history).
"""

from collections import Counter
from pathlib import Path

import yaml  # type: ignore[import-untyped]

from vieweratlas_assets.errors import SettingsError

LONGEST_NAME = 60
EXAMPLE = "3: Speedrunners"


def read_community_names(path: Path) -> dict[int, str]:
    """Read names by community id, such as `3: Speedrunners`, one a line.

    Raises:
        SettingsError: the file cannot be read, or holds something else; the message names file and entry.
    """
    where = f"atlas.community_names_file is {path}"
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{where}, which cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingsError(f"{where}, which is no YAML: {error}") from error
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise SettingsError(f"{where}, which holds no names by id; write lines such as `{EXAMPLE}`")
    for number, name in found.items():
        if isinstance(number, bool) or not isinstance(number, int) or number < 1:
            raise SettingsError(f"{where}: {number!r} is no id of a community, which is a whole number from 1 on")
        if not isinstance(name, str) or not 0 < len(name.strip()) <= LONGEST_NAME:
            raise SettingsError(f"{where}: the name of {number} must be a text of 1 to {LONGEST_NAME} letters")
    names = {number: name.strip() for number, name in found.items()}
    for name, count in Counter(names.values()).items():
        if count > 1:
            raise SettingsError(f"{where}: {name!r} is the name of {count} communities; each needs one of its own")
    return names
