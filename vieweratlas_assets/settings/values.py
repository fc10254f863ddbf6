"""Types of values that settings share, and how each is read from text.

Belongs here: reading and checking one value. Not here: the settings and their limits (sections).
"""

import json
import re
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(i?)B?", re.IGNORECASE)
PLUGIN_NAME = re.compile(r"[a-z][a-z0-9_]+")
PLUGIN_NAME_RULE = "write two or more lowercase letters, digits and underscores, starting with a letter"
PLUGIN_TARGET = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
EXAMPLE_TARGET = "my_package.my_module:my_function"
_POWERS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}


def size_bytes(text: str) -> int:
    """Read a size such as 2GB (10^9 bytes each), 512MiB (2^20) or 800000000.

    Raises:
        ValueError: it is not a size, or it is 0.

    >>> size_bytes("1.5 GB"), size_bytes("2GiB")
    (1500000000, 2147483648)
    """
    match = _SIZE.fullmatch(text.strip())
    size = int(float(match[1]) * (1024 if match[3] else 1000) ** _POWERS[match[2].upper()]) if match else 0
    if size <= 0:
        raise ValueError("write a number and a unit, such as 2GB, 500MB or 1.5GiB")
    return size


def _size(value: object) -> str:
    text = str(value)
    size_bytes(text)
    return text


def _time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ValueError, LookupError, OSError) as error:
        raise ValueError("write an IANA name, such as UTC, Europe/Berlin or America/New_York") from error
    return name


def _path(value: object) -> object:
    if isinstance(value, str):
        if not value.strip():
            raise ValueError("name a file or folder")
        return Path(value).expanduser()
    return value


def _path_or_none(value: object) -> object:
    return None if value == "" else _path(value)


def _logins(value: object) -> object:
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple) or not all(isinstance(part, str) for part in parts):
        raise ValueError("write logins, separated by commas")
    return tuple(login for login in (part.strip().lower() for part in parts) if login)


def _schedules(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _targets(value: object) -> object:
    if isinstance(value, str):
        try:
            value = json.loads(value or "{}")
        except ValueError as error:
            raise ValueError(f'write JSON such as {{"name": "{EXAMPLE_TARGET}"}}: {error}') from error
    if not isinstance(value, dict):
        raise ValueError(f"write names, each with its object, such as name: {EXAMPLE_TARGET}")
    for name, target in value.items():
        if not isinstance(name, str) or not PLUGIN_NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not a valid name: {PLUGIN_NAME_RULE}")
        if not isinstance(target, str) or not PLUGIN_TARGET.fullmatch(target):
            raise ValueError(f"{name} is {target!r}; write package.module:attribute, such as {EXAMPLE_TARGET}")
    return value


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


def _prefix(text: str) -> str:
    segments = text.strip("/").split("/")
    if "\\" in text or (text.strip("/") and {"", ".", ".."} & set(segments)):
        raise ValueError("write folders separated by '/', such as vieweratlas/, without '.', '..' and backslashes")
    return text


Place = Annotated[Path, BeforeValidator(_path)]
Address = Annotated[str, Field(pattern=r"^https?://[^\s/]+(/\S*)?$")]
ChatAddress = Annotated[str, Field(pattern=r"^ircs?://[^\s/:]+(:\d{1,5})?$")]
WebSocketAddress = Annotated[str, Field(pattern=r"^wss?://[^\s/]+(/\S*)?$")]
Secret = Annotated[SecretStr, Field(min_length=1)]
LogLevel = Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(_upper)]
PlaceOrNone = Annotated[Path | None, BeforeValidator(_path_or_none)]
Logins = Annotated[tuple[str, ...], BeforeValidator(_logins)]
TimeZone = Annotated[str, AfterValidator(_time_zone)]
Size = Annotated[str, BeforeValidator(_size)]
Prefix = Annotated[str, AfterValidator(_prefix)]
Targets = Annotated[dict[str, str], BeforeValidator(_targets)]
ScheduleName = Literal["channel_roster_schedule", "live_collection_schedule", "daily_atlas_schedule"]
Schedules = Annotated[tuple[ScheduleName, ...], BeforeValidator(_schedules)]
