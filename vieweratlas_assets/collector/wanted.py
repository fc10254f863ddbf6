"""Whom a collector watches.

Belongs here: what it is told, and what may go wrong. Not here: where it comes from (collecting).
"""

from dataclasses import dataclass, field

import polars as pl

from vieweratlas_assets.domain.schemas import CHANNEL_ROSTER
from vieweratlas_assets.faults import Mendable


@dataclass(frozen=True)
class Wanted:
    """Whom to watch.

    Attributes:
        channels: logins.
        roster: schema CHANNEL_ROSTER; what is known of those that are live.
    """

    channels: tuple[str, ...]
    roster: pl.DataFrame = field(default_factory=CHANNEL_ROSTER.empty)


class RosterUnknown(Mendable):
    """Who is to be watched cannot be told now; it may be asked again."""


class NobodyToWatch(RosterUnknown):
    """The settings name nobody, or cannot be read: only a person can mend that."""
