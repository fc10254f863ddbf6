"""Whom a collector watches.

Belongs here: what it is told, and what may go wrong. Not here: where it comes from (collecting).
"""

from dataclasses import dataclass, field

import polars as pl

from vieweratlas_assets.domain.schemas import CHANNEL_ROSTER
from vieweratlas_assets.errors import TwitchError


@dataclass(frozen=True)
class Wanted:
    """Whom to watch.

    Attributes:
        channels: logins.
        roster: schema CHANNEL_ROSTER; what is known of those that are live.
    """

    channels: tuple[str, ...]
    roster: pl.DataFrame = field(default_factory=CHANNEL_ROSTER.empty)


class RosterUnavailableError(TwitchError):
    """The channels to watch are not known right now."""

    retryable = True


class NoChannelsError(RosterUnavailableError):
    """The settings name no channel, or the watch list cannot be read."""

    retryable = False
