"""Which simulated Twitch to build.

Belongs here: the fields, and their ranges. Not here: building it (world): options of commands load only this.
"""

import datetime as dt
from dataclasses import dataclass

from vieweratlas_assets.sandbox.vocabulary import GAMES, LANGUAGES

CHANNELS_PER_COMMUNITY = 6


@dataclass(frozen=True)
class WorldSpec:
    """What world to build; the same spec always gives the same world.

    Attributes:
        seed: 0 or more.
        channels: at least 6 per planted community (see `communities`), at most 20,000.
        viewers: people who only watch, in addition to broadcasters and bots: 10 per channel to 5,000,000.
        languages: how many of `vocabulary.LANGUAGES`, from the first on.
        games: how many of `vocabulary.GAMES`, from the first on.
        days: length of the world's history, 1 to 366.
        start: its first day, UTC.

    Raises:
        ValueError: a field is out of its range; the message names the field, the value and the range.
    """

    seed: int = 7
    channels: int = 180
    viewers: int = 24_000
    languages: int = 4
    games: int = 4
    days: int = 7
    start: dt.date = dt.date(2026, 10, 5)

    def __post_init__(self) -> None:
        self._require("seed", 0, 2**63 - 1)
        self._require("languages", 1, len(LANGUAGES))
        self._require("games", 1, len(GAMES))
        self._require("channels", CHANNELS_PER_COMMUNITY * self.communities, 20_000)
        self._require("viewers", 10 * self.channels, 5_000_000)
        self._require("days", 1, 366)
        if not isinstance(self.start, dt.date) or isinstance(self.start, dt.datetime):
            raise ValueError(f"start is {self.start!r}; allowed: a date, such as date(2026, 10, 5)")

    @property
    def communities(self) -> int:
        """Number of planted communities: three quarters of the (language, game) cells, at least one per language."""
        return max(self.languages, round(0.75 * self.languages * self.games))

    @property
    def dates(self) -> list[dt.date]:
        """The days of the world, in order."""
        return [self.start + dt.timedelta(days=number) for number in range(self.days)]

    def _require(self, field: str, low: int, high: int) -> None:
        value = getattr(self, field)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise ValueError(f"{field} is {value!r}; allowed: a whole number from {low:,} to {high:,}")
