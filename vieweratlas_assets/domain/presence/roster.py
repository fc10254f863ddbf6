"""The roster: what Twitch says of the channels that are live.

Belongs here: records of Helix to the table, and the list of channels that people want watched. Not here: asking
(clients.helix), where rosters lie (domain.lake).
"""

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from vieweratlas_assets.domain.presence.helix_values import count, text, texts, time
from vieweratlas_assets.domain.schemas import CHANNEL_ROSTER
from vieweratlas_assets.errors import InputError

MOST_LINES_TOLD = 5
_LOGIN = re.compile(r"[a-z0-9_]{1,25}")


class WatchListError(InputError):
    """A list of channels has lines that are no login; the message numbers them."""


def roster_of(streams: Iterable[Mapping[str, Any]], observed_at: dt.datetime) -> pl.DataFrame:
    """The roster that records of Get Streams make.

    Args:
        streams: each with `user_id` and `user_login`; whatever else is missing or of another type is unknown. Of a
            channel that comes twice the first record counts.
        observed_at: when they were asked for.

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
    """The logins of a list of channels, one a line, each once, in their order.

    `#` begins a comment; blank lines, blanks and an `@` before a login and its case do not matter.

    Raises:
        WatchListError: a line is no login.
    """
    found: dict[str, None] = {}
    bad = []
    for number, line in enumerate(text.splitlines(), start=1):
        login = line.partition(" #")[0].strip().lower().lstrip("@")
        if not login or login.startswith("#"):
            continue
        if _LOGIN.fullmatch(login):
            found[login] = None
        else:
            bad.append(number)
    if bad:
        # Without the lines: whoever names the wrong file must not find it in a log.
        told = ", ".join(map(str, bad[:MOST_LINES_TOLD]))
        told += f" and {len(bad) - MOST_LINES_TOLD} more" if len(bad) > MOST_LINES_TOLD else ""
        raise WatchListError(
            f"no login in line(s) {told}; a line is a login (a to z, digits, _, up to 25) or a # comment"
        )
    return list(found)


def watch_list_text(title: str, logins: Iterable[str]) -> str:
    """A list of channels as `read_watch_list` takes it, under a comment."""
    return "\n".join([f"# {title}", *logins, ""])
