"""The code blocks of the documentation, so that tests run what readers read."""

import re
from pathlib import Path

from vieweratlas_tests.conftest import REPOSITORY

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"# (\S+\.py)\n")


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of a language on a page of docs/, in order."""
    text = (REPOSITORY / "docs" / page).read_text(encoding="utf-8")
    return [code for kind, code in _BLOCK.findall(text) if kind == language]


def write_modules(page: str, folder: Path) -> list[str]:
    """Write the Python blocks that begin with the name of a file to that file below a folder; their names."""
    written = []
    for code in blocks(page, "python"):
        named = _FILE.match(code)
        if named:
            path = folder / named[1]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(code, encoding="utf-8")
            written.append(named[1])
    return written
