"""What can be a Twitch login.

Belongs here: that. Not here: what becomes of a viewer's name (domain.presence).
"""

import re

_LOGIN = re.compile(r"[a-z0-9]\w{0,24}", re.ASCII)


def as_login(text: object) -> str | None:
    """A text in lowercase where it can be a login, such as a display name that differs only in case; else None."""
    folded = text.strip().lower() if isinstance(text, str) else ""
    return folded if _LOGIN.fullmatch(folded) else None
