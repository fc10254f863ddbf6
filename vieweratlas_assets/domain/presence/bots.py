"""Known service bots.

Belongs here: the bundled list. Not here: removing bots from an audience (filters).
"""

from functools import cache
from importlib import resources


@cache
def known_bots() -> frozenset[str]:
    """Lowercase logins of the bots in the bundled `known_bots.txt`."""
    text = resources.files(__package__).joinpath("known_bots.txt").read_text(encoding="utf-8")
    lines = (line.strip() for line in text.splitlines())
    return frozenset(line for line in lines if line and not line.startswith("#"))
