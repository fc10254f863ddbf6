"""Comments of a VOD reduced to who wrote in which minute.

Belongs here: gathering comments and giving rows. Not here: reading comments (clients, importers), completing rows
(records).

A pair of minute and writer takes 8 bytes, and a writer's name is there once: memory grows with the people in a chat
far more than with what they write.
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
WRITERS_A_FRAME = 1 << 17
_ROWS = pl.Schema({"offset_s": pl.Int64(), "chatters": pl.List(pl.String), "game_name": pl.String()})


@dataclass(frozen=True)
class Chapter:
    """From which second a game was played; None where it is not known."""

    start_s: float
    game_name: str | None


class VodMinutes:
    """Takes comments in any order, and gives rows minute by minute."""

    def __init__(self, chapters: Sequence[Chapter] = ()) -> None:
        """Begin with nothing.

        Args:
            chapters: in order; a minute has the game with which it begins.
        """
        self._chapters = tuple(chapters)
        self._comments: Counter[int] = Counter()
        self._numbers: dict[str, int] = {}
        self._new = array("q")
        self._sorted = np.zeros(0, dtype=np.int64)

    @property
    def comments(self) -> int:
        """How many were taken."""
        return self._comments.total()

    def add(self, offset_s: float, name: str | None) -> None:
        """Take a comment.

        Args:
            offset_s: seconds into the VOD, 0 or more.
            name: None where it is not known who wrote it: it is counted, and makes no presence.
        """
        minute = math.floor(offset_s) // BUCKET_LEN_S
        self._comments[minute] += 1
        if name is not None:
            self._new.append(minute << 32 | self._numbers.setdefault(name, len(self._numbers)))
            if len(self._new) >= PAIRS_BEFORE_SORTING:
                self._pairs()

    def before(self, end_s: int) -> pl.DataFrame:
        """What is gathered of the minutes before one, to go on with later; see `restore`.

        Returns:
            offset_s and comments of every minute with comments, chatters; as VOD_PROGRESS, but for what names become.
        """
        minutes = {minute: count for minute, count in self._comments.items() if minute * BUCKET_LEN_S < end_s}
        counted = pl.DataFrame(
            {"offset_s": [minute * BUCKET_LEN_S for minute in minutes], "comments": list(minutes.values())},
            schema={"offset_s": pl.Int64, "comments": pl.Int64},
        )
        written = self.rows().drop("game_name")
        return counted.join(written, on="offset_s", how="left").with_columns(pl.col("chatters").fill_null([]))

    def restore(self, gathered: pl.DataFrame) -> None:
        """Take what `before` gave."""
        for offset_s, comments, chatters in gathered.select("offset_s", "comments", "chatters").iter_rows():
            for name in chatters:
                self.add(offset_s, name)
            self._comments[offset_s // BUCKET_LEN_S] = comments

    def frames(self) -> Iterator[pl.DataFrame]:
        """Rows in the order of their minutes, a part at a time; only minutes in which somebody wrote have one.

        Yields:
            offset_s (of the minute's beginning), chatters (sorted) and game_name.
        """
        pairs = self._pairs()
        # In the order of their numbers.
        names = pl.Series("name", list(self._numbers), dtype=pl.String)
        begin = 0
        while begin < pairs.size:
            end = min(begin + WRITERS_A_FRAME, pairs.size)
            # Whole minutes only.
            end = int(np.searchsorted(pairs, ((pairs[end - 1] >> 32) + 1) << 32))
            part = pairs[begin:end]
            yield self._rows(part >> 32, names.gather(part & 0xFFFF_FFFF))
            begin = end

    def rows(self) -> pl.DataFrame:
        """All rows in one frame."""
        return pl.concat([pl.DataFrame(schema=_ROWS), *self.frames()])

    def _pairs(self) -> np.ndarray:
        """Each minute (upper half) and writer (lower half) once, sorted."""
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
        begun = [chapter.game_name for chapter in self._chapters if chapter.start_s <= offset_s]
        return begun[-1] if begun else None
