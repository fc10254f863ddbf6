"""From settings to viewer names: the pseudonym key and the opt-out list.

Belongs here: reading both, refusing them inside the lake, making a key. Not here: what a name becomes
(domain.presence.names), erasing and pruning (storage).
"""

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from vieweratlas_assets.domain.presence.names import SHORTEST_KEY, ViewerNames, fold
from vieweratlas_assets.errors import SettingsError
from vieweratlas_assets.settings import Settings
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_assets.storage.opening import open_store

_HEX_DIGITS = frozenset("0123456789abcdefABCDEF")
_NEW_KEY = "make one outside the lake: vieweratlas privacy new-key FILE"


@dataclass(frozen=True)
class OptOuts:
    """Viewers (logins or pseudonyms) and channels (logins) that opted out, folded."""

    viewers: frozenset[str] = frozenset()
    channels: frozenset[str] = frozenset()


def viewer_names(settings: Settings) -> ViewerNames:
    """How the settings store viewers' names.

    Raises:
        SettingsError: names are pseudonymous and no key is set; the key is too short or set twice; the key's file or
            the opt-out list cannot be read, lies in the lake, or has a bad line. No message holds the key.
    """
    privacy = settings.privacy
    key = _key(settings)
    if privacy.viewer_names == "pseudonymous" and key is None:
        raise SettingsError(
            "setting privacy.viewer_names is pseudonymous and no key is set: set privacy.pseudonym_key_file "
            f"(or privacy.pseudonym_key); {_NEW_KEY}"
        )
    opted_out = OptOuts()
    if privacy.opt_out_file is not None:
        opted_out = read_opt_outs(_outside(settings.root, privacy.opt_out_file, "privacy.opt_out_file"))
    return ViewerNames(
        pseudonymous=privacy.viewer_names == "pseudonymous",
        key=key,
        opted_out_viewers=opted_out.viewers,
        opted_out_channels=opted_out.channels,
    )


def read_opt_outs(path: Path) -> OptOuts:
    """Read an opt-out list: one `viewer NAME` or `channel NAME` per line, with blank lines and `#` comments.

    Raises:
        SettingsError: the file cannot be read, or has other lines; the message names the file and each such line.
    """
    lines = _text(path, "privacy.opt_out_file").splitlines()
    listed: dict[str, list[str]] = {"viewer": [], "channel": []}
    bad = []
    for number, line in enumerate(lines, start=1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        if len(words) == 2 and words[0].lower() in listed:
            listed[words[0].lower()].append(words[1])
        else:
            bad.append(f"line {number} is {line.strip()!r}")
    if bad:
        raise SettingsError(f"{path}: {'; '.join(bad)}; a line is `viewer NAME`, `channel NAME` or a `#` comment")
    return OptOuts(frozenset(fold(listed["viewer"])), frozenset(fold(listed["channel"])))


def write_new_key(path: Path, *, root: str) -> None:
    """Write a new key of SHORTEST_KEY random bytes, as hex, to a file that only its owner can read.

    Raises:
        SettingsError: the file exists, lies in the lake, or cannot be written.
    """
    target = _outside(root, path, "the key's file")
    try:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            # The umask of the process can only remove permissions from 0o600.
            file.write(f"{secrets.token_hex(SHORTEST_KEY)}\n")
    except FileExistsError as error:
        raise SettingsError(
            f"{path} exists and stays as it is: a viewer keeps a pseudonym only with the same key"
        ) from error
    except OSError as error:
        raise SettingsError(f"{path}: cannot be written: {error.strerror}") from error


def _key(settings: Settings) -> bytes | None:
    privacy = settings.privacy
    given = privacy.pseudonym_key is not None
    if given and privacy.pseudonym_key_file is not None:
        raise SettingsError("settings privacy.pseudonym_key and privacy.pseudonym_key_file are both set: keep one")
    if privacy.pseudonym_key is not None:
        return _key_of(privacy.pseudonym_key.get_secret_value(), "setting privacy.pseudonym_key")
    if privacy.pseudonym_key_file is None:
        return None
    setting = "privacy.pseudonym_key_file"
    path = _outside(settings.root, privacy.pseudonym_key_file, setting)
    return _key_of(_text(path, setting), f"setting {setting}: {path}")


def _key_of(text: str, where: str) -> bytes:
    """The key in a text: hex digits are decoded, other text is UTF-8."""
    written = text.strip()
    is_hex = len(written) % 2 == 0 and _HEX_DIGITS.issuperset(written)
    key = bytes.fromhex(written) if is_hex else written.encode()
    if len(key) < SHORTEST_KEY:
        kind = "hex digits, which make" if is_hex else "text of"
        raise SettingsError(f"{where} has {kind} {len(key)} bytes; a key has at least {SHORTEST_KEY}. {_NEW_KEY}")
    return key


def _outside(root: str, path: Path, setting: str) -> Path:
    """The path, if it lies outside the lake: a copy of the lake must not include the key or the list."""
    store = open_store(root)
    target = path.expanduser()
    if isinstance(store, LocalStore) and target.resolve().is_relative_to(Path(store.root).resolve()):
        raise SettingsError(f"{setting} is {path}, inside the lake {store.root}: move it out of the lake")
    return target


def _text(path: Path, setting: str) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        # Without its cause, which repeats the bytes.
        raise SettingsError(f"setting {setting}: {path} is not UTF-8 text") from None
    except OSError as error:
        raise SettingsError(f"setting {setting}: {path} cannot be read: {error.strerror}") from error
