"""The roster: the channels that are live, as Twitch reports them.

Belongs here: records of Helix to the table, and parsing watch lists. Not here: requests (clients.helix), paths
(domain.lake).
"""

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from vieweratlas_assets.domain.presence.helix_values import count, text, texts, time
from vieweratlas_assets.domain.schemas import CHANNEL_ROSTER
from vieweratlas_assets.errors import InputError

MAX_LINES_SHOWN = 5
_LOGIN = re.compile(r"[a-z0-9_]{1,25}")


class WatchListError(InputError):
    """A watch list has lines that are not logins; the message has their line numbers."""


def roster_of(streams: Iterable[Mapping[str, Any]], observed_at: dt.datetime) -> pl.DataFrame:
    """Build the roster from records of Get Streams.

    Args:
        streams: each with `user_id` and `user_login`; other fields become null if they are missing or of the wrong
            type. The first record of a channel counts.
        observed_at: time of the request.

    Returns:
        Schema CHANNEL_ROSTER.
    """
    rows: dict[str, dict[str, Any]] = {}
    for stream in streams:
        login = stream["user_login"].lower()
        rows.setdefault(
            login,
            {
                "channel": login,
                "channel_id": stream["user_id"],
                "stream_id": text(stream.get("id")),
                "observed_at": observed_at,
                "viewer_count": count(stream.get("viewer_count")),
                "game_name": text(stream.get("game_name")),
                "language": text(stream.get("language")),
                "title": text(stream.get("title")),
                "tags": texts(stream.get("tags")),
                "started_at": time(stream.get("started_at")),
                "display_name": text(stream.get("user_name")),
            },
        )
    return CHANNEL_ROSTER.conform(pl.DataFrame(list(rows.values()), schema=CHANNEL_ROSTER.schema))


def read_watch_list(text: str) -> list[str]:
    """The distinct logins of a watch list, which has one per line, in order.

    `#` starts a comment. Blank lines, blanks, an `@` before a login and upper case are allowed.

    Raises:
        WatchListError: a line is not a login.
    """
    logins: dict[str, None] = {}
    bad = []
    for number, line in enumerate(text.splitlines(), start=1):
        login = line.partition(" #")[0].strip().lower().lstrip("@")
        if not login or login.startswith("#"):
            continue
        if _LOGIN.fullmatch(login):
            logins[login] = None
        else:
            bad.append(number)
    if bad:
        # Without the lines themselves: a wrong path must not put a private file into a log.
        numbers = ", ".join(map(str, bad[:MAX_LINES_SHOWN]))
        numbers += f" and {len(bad) - MAX_LINES_SHOWN} more" if len(bad) > MAX_LINES_SHOWN else ""
        raise WatchListError(
            f"no login in line(s) {numbers}; each line must be a login (up to 25 of a-z, 0-9 and _) or a # comment"
        )
    return list(logins)


def watch_list_text(title: str, logins: Iterable[str]) -> str:
    """The text of a watch list for `read_watch_list`: a comment with the title, and one login per line."""
    return "\n".join([f"# {title}", *logins, ""])
