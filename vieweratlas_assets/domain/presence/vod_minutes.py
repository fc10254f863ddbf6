"""Comments of a VOD reduced to who wrote in which minute.

Belongs here: collecting comments and building rows. Not here: reading comments (clients, importers), completing rows
(records).

A pair of minute and writer takes 8 bytes, and each name is stored once: memory depends far more on the number of
people in a chat than on the number of comments.
"""

import math
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from vieweratlas_assets.domain.presence.records import BUCKET_LEN_S

PAIRS_BEFORE_SORTING = 1 << 18
PAIRS_PER_FRAME = 1 << 17
_ROWS = pl.Schema({"offset_s": pl.Int64(), "chatters": pl.List(pl.String), "game_name": pl.String()})


@dataclass(frozen=True)
class Chapter:
    """The second at which a game starts; a game of None is unknown."""

    start_s: float
    game_name: str | None


class VodMinutes:
    """Collects comments in any order, and returns rows sorted by minute."""

    def __init__(self, chapters: Sequence[Chapter] = ()) -> None:
        """Start without comments.

        Args:
            chapters: in order; a minute gets the game that is played at its start.
        """
        self._chapters = tuple(chapters)
        self._comments: Counter[int] = Counter()
        self._numbers: dict[str, int] = {}
        self._new = array("q")
        self._sorted = np.zeros(0, dtype=np.int64)

    @property
    def comments(self) -> int:
        """Number of comments added."""
        return self._comments.total()

    def add(self, offset_s: float, name: str | None) -> None:
        """Add a comment.

        Args:
            offset_s: seconds into the VOD, 0 or more.
            name: the writer; with None the comment is counted, but nobody is present because of it.
        """
        minute = math.floor(offset_s) // BUCKET_LEN_S
        self._comments[minute] += 1
        if name is not None:
            self._new.append(minute << 32 | self._numbers.setdefault(name, len(self._numbers)))
            if len(self._new) >= PAIRS_BEFORE_SORTING:
                self._pairs()

    def before(self, end_s: int) -> pl.DataFrame:
        """The minutes that start before `end_s`, for `restore` to continue from later.

        Returns:
            Columns offset_s, comments and chatters, one row per minute with comments: schema VOD_PROGRESS, but with
            names as written.
        """
        minutes = {minute: count for minute, count in self._comments.items() if minute * BUCKET_LEN_S < end_s}
        counted = pl.DataFrame(
            {"offset_s": [minute * BUCKET_LEN_S for minute in minutes], "comments": list(minutes.values())},
            schema={"offset_s": pl.Int64, "comments": pl.Int64},
        )
        written = self.rows().drop("game_name")
        return counted.join(written, on="offset_s", how="left").with_columns(pl.col("chatters").fill_null([]))

    def restore(self, gathered: pl.DataFrame) -> None:
        """Add the rows that `before` returned."""
        for offset_s, comments, chatters in gathered.select("offset_s", "comments", "chatters").iter_rows():
            for name in chatters:
                self.add(offset_s, name)
            self._comments[offset_s // BUCKET_LEN_S] = comments

    def frames(self) -> Iterator[pl.DataFrame]:
        """Rows sorted by minute, in several frames; only minutes in which someone wrote have a row.

        Yields:
            Columns offset_s (start of the minute), chatters (sorted) and game_name.
        """
        pairs = self._pairs()
        # Names ordered by number.
        names = pl.Series("name", list(self._numbers), dtype=pl.String)
        begin = 0
        while begin < pairs.size:
            end = min(begin + PAIRS_PER_FRAME, pairs.size)
            # A frame ends at the end of a minute.
            end = int(np.searchsorted(pairs, ((pairs[end - 1] >> 32) + 1) << 32))
            part = pairs[begin:end]
            yield self._rows(part >> 32, names.gather(part & 0xFFFF_FFFF))
            begin = end

    def rows(self) -> pl.DataFrame:
        """All rows, in one frame."""
        return pl.concat([pl.DataFrame(schema=_ROWS), *self.frames()])

    def _pairs(self) -> np.ndarray:
        """The distinct pairs of minute (upper half of the bits) and number of the writer (lower half), sorted."""
        if len(self._new):
            self._sorted = np.union1d(self._sorted, np.frombuffer(self._new, dtype=np.int64))
            self._new = array("q")
        return self._sorted

    def _rows(self, minutes: np.ndarray, names: pl.Series) -> pl.DataFrame:
        written = pl.DataFrame({"offset_s": minutes * BUCKET_LEN_S, "chatters": names})
        grouped = written.group_by("offset_s", maintain_order=True).agg(pl.col("chatters").sort())
        games = [self._game(offset_s) for offset_s in grouped["offset_s"]]
        return grouped.with_columns(pl.Series("game_name", games, dtype=pl.String))

    def _game(self, offset_s: int) -> str | None:
        started = [chapter.game_name for chapter in self._chapters if chapter.start_s <= offset_s]
        return started[-1] if started else None
