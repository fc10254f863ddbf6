"""Twitch logins: whether a text can be one.

Belongs here: that check. Not here: how a viewer's name is stored (domain.presence.names).
"""

import re

_LOGIN = re.compile(r"[a-z0-9]\w{0,24}", re.ASCII)


def as_login(text: object) -> str | None:
    """Return the text in lowercase if it can be a login (a display name often can), else None."""
    folded = text.strip().lower() if isinstance(text, str) else ""
    return folded if _LOGIN.fullmatch(folded) else None
