"""The code blocks of the documentation, so that tests run what users read."""

import re
from pathlib import Path

from vieweratlas_tests.conftest import REPOSITORY

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"# (\S+\.py)\n")


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of a language in a page of docs/, in order."""
    text = (REPOSITORY / "docs" / page).read_text(encoding="utf-8")
    return [code for kind, code in _BLOCK.findall(text) if kind == language]


def write_modules(page: str, folder: Path) -> list[str]:
    """Write each Python block that starts with a file name to that file in a folder; returns the names."""
    written = []
    for code in blocks(page, "python"):
        match = _FILE.match(code)
        if match:
            path = folder / match[1]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(code, encoding="utf-8")
            written.append(match[1])
    return written
