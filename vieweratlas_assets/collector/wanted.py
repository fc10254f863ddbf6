"""The channels that a collector watches.

Belongs here: the list, and the errors of getting it. Not here: getting it (wiring.collector).
"""

from dataclasses import dataclass, field

import polars as pl

from vieweratlas_assets.domain.schemas import CHANNEL_ROSTER
from vieweratlas_assets.errors import TwitchError


@dataclass(frozen=True)
class Wanted:
    """The channels to watch.

    Attributes:
        channels: logins.
        roster: schema CHANNEL_ROSTER; stream, game and viewers of the channels that are live.
    """

    channels: tuple[str, ...]
    roster: pl.DataFrame = field(default_factory=CHANNEL_ROSTER.empty)


class RosterUnavailableError(TwitchError):
    """The channels to watch cannot be determined now."""

    retryable = True


class NoChannelsError(RosterUnavailableError):
    """There is no channel to watch, or the watch list or the credentials must change first."""

    retryable = False
