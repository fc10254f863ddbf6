"""Distinct (channel, viewer) pairs as numbers, dealt into parts by viewer, day by day.

Belongs here: from frames to coded pairs, and holding the days of a window within a limit of memory. Not here:
counting over them (counting), which days a window has (defs), reading files (storage).

A viewer is known by a 64-bit digest of the name. Two of n names have the same one with a chance of about n² / 2⁶⁵: 3
in a million at ten million viewers. Such a pair would be counted as one viewer.
"""

import datetime as dt
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import BinaryIO, cast

import numpy as np
import polars as pl

from vieweratlas_assets.domain.overlap import kernels

# Parts of the viewers: each has all pairs of its viewers, and is small enough that its hash table stays in cache.
PART_BITS = 9
PARTS = 1 << PART_BITS
_SHIFT = np.uint64(64 - PART_BITS)
# Parts are worked off together up to so many pairs, or a small window would pay for each of them.
_TOGETHER = 1 << 16
_BYTES_A_PAIR = 12


@dataclass(frozen=True)
class CodedPairs:
    """Pairs in runs of one channel.

    Attributes:
        viewers: digests of the names, uint64.
        ends: where the run of each channel ends in viewers, int64.
        channels: code of each run's channel, int32.
    """

    viewers: np.ndarray
    ends: np.ndarray
    channels: np.ndarray


class ChannelCodes:
    """Numbers for channels, in the order in which they first come."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._codes)

    def code(self, names: Iterable[str]) -> np.ndarray:
        """The codes of channels, int32; new ones get the next number."""
        return np.fromiter((self._codes.setdefault(name, len(self._codes)) for name in names), np.int32)

    def names(self) -> list[str]:
        """The channels by their code."""
        return list(self._codes)


def code_audience(pairs: pl.DataFrame, codes: ChannelCodes) -> CodedPairs:
    """Pairs of channel and viewer that stand one a row; sorted by channel they take the least."""
    runs = pairs["channel"].rle().struct.unnest()
    ends = np.cumsum(runs["len"].to_numpy(), dtype=np.int64)
    return CodedPairs(pairs["viewer"].hash().to_numpy(), ends, codes.code(runs["value"]))


@dataclass
class _Dealt:
    """Pairs in the order of their parts, in memory or in a file."""

    offsets: np.ndarray
    viewers: np.ndarray | None
    channels: np.ndarray | None
    spilled: BinaryIO | None = None

    @property
    def pairs(self) -> int:
        return int(self.offsets[-1])

    def part(self, first: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """Viewers and channels of the parts from first to before stop."""
        low, high = int(self.offsets[first]), int(self.offsets[stop])
        if self.viewers is not None and self.channels is not None:
            return self.viewers[low:high], self.channels[low:high]
        assert self.spilled is not None
        return _read(self.spilled, np.uint64, 8 * low, high - low), _read(
            self.spilled, np.int32, 8 * self.pairs + 4 * low, high - low
        )

    def spill(self, file: BinaryIO) -> None:
        """Move the pairs into a file."""
        assert self.viewers is not None
        assert self.channels is not None
        self.viewers.tofile(file)
        self.channels.tofile(file)
        file.flush()
        self.viewers = self.channels = None
        self.spilled = file

    def close(self) -> None:
        """Give back the disk."""
        if self.spilled is not None:
            self.spilled.close()


def _read(file: BinaryIO, dtype: type, offset: int, count: int) -> np.ndarray:
    file.seek(offset)
    return np.fromfile(file, dtype, count)


def _deal(chunks: list[CodedPairs]) -> _Dealt:
    sizes = np.zeros(PARTS, np.int64)
    for chunk in chunks:
        kernels.part_sizes(chunk.viewers, _SHIFT, sizes)
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    places = offsets[:-1].copy()
    viewers, channels = np.empty(offsets[-1], np.uint64), np.empty(offsets[-1], np.int32)
    while chunks:
        chunk = chunks.pop()
        kernels.scatter(chunk.viewers, chunk.ends, chunk.channels, _SHIFT, places, viewers, channels)
    return _Dealt(offsets, viewers, channels)


@dataclass
class WindowPairs(AbstractContextManager["WindowPairs"]):
    """The pairs of the days of a window, within a limit of memory; what goes beyond waits in files until closed.

    Attributes:
        memory_bytes: for the pairs held; a day that is being added comes on top.
    """

    memory_bytes: int
    codes: ChannelCodes = field(default_factory=ChannelCodes)
    _days: dict[dt.date, list[_Dealt]] = field(default_factory=dict)

    @property
    def days(self) -> set[dt.date]:
        """The days that are held."""
        return set(self._days)

    @property
    def pairs(self) -> int:
        """Pairs held, those of several days counted for each."""
        return sum(dealt.pairs for dealt in self._every())

    @property
    def pairs_in_memory(self) -> int:
        """Those of them that are not on disk."""
        return sum(dealt.pairs for dealt in self._every() if dealt.spilled is None)

    def add(self, day: dt.date, chunks: Iterable[CodedPairs]) -> None:
        """Add the pairs of a day, coded with `codes`; a day that breaks off is not there at all."""
        self._days[day] = []
        try:
            waiting: list[CodedPairs] = []
            for chunk in chunks:
                waiting.append(chunk)
                if sum(each.viewers.size for each in waiting) * _BYTES_A_PAIR > self.memory_bytes // 4:
                    self._days[day].append(self._kept(_deal(waiting)))
            if waiting:
                self._days[day].append(self._kept(_deal(waiting)))
        except BaseException:
            self._forget(day)
            raise

    def _kept(self, dealt: _Dealt) -> _Dealt:
        if (self.pairs_in_memory + dealt.pairs) * _BYTES_A_PAIR > self.memory_bytes:
            # Without a name in any folder, so that a killed run leaves nothing behind.
            file = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the day)
            dealt.spill(cast(BinaryIO, file))
        return dealt

    def drop_before(self, day: dt.date) -> None:
        """Forget the days before a day."""
        for each in [each for each in self._days if each < day]:
            self._forget(each)

    def _forget(self, day: dt.date) -> None:
        for dealt in self._days.pop(day):
            dealt.close()

    def __exit__(self, *_: object) -> None:
        for day in list(self._days):
            self._forget(day)

    def _every(self) -> Iterator[_Dealt]:
        return (dealt for of_day in self._days.values() for dealt in of_day)

    def parts(self, days: Iterable[dt.date] | None = None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Viewers and channel codes, one part of the viewers after another; pairs may repeat within a part.

        Args:
            days: those to take in; None = all.
        """
        chosen = self._days if days is None else {day: self._days[day] for day in days}
        dealt = [each for of_day in chosen.values() for each in of_day]
        for first, stop in _spans(sum((each.offsets for each in dealt), np.zeros(PARTS + 1, np.int64))):
            slices = [each.part(first, stop) for each in dealt]
            viewers, channels = zip(*slices, strict=True)
            yield np.concatenate(viewers), np.concatenate(channels)


def _spans(offsets: np.ndarray) -> Iterator[tuple[int, int]]:
    """Ranges of parts that have pairs, with about _TOGETHER each or one part alone."""
    first = 0
    while first < PARTS:
        stop = int(np.searchsorted(offsets, offsets[first] + _TOGETHER, side="right")) - 1
        stop = min(max(stop, first + 1), PARTS)
        if offsets[stop] > offsets[first]:
            yield first, stop
        first = stop
