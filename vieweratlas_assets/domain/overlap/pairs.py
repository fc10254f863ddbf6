"""Distinct (channel, viewer) pairs as numbers, partitioned by viewer, per day.

Belongs here: coding frames as pairs, and holding the days of a window within a memory limit. Not here: counting
(counting), which days a window has (steps.graph), reading files (storage).

A viewer is identified by a 64-bit digest of the name. Two of n names collide with a probability of about n² / 2⁶⁵: 3
in a million at ten million viewers. Two such names would be counted as one viewer.
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

# Each part has all pairs of its viewers, and is small enough for its hash table to stay in the CPU cache.
PART_BITS = 9
PARTS = 1 << PART_BITS
_SHIFT = np.uint64(64 - PART_BITS)
# Parts are processed together up to this many pairs: a small window would otherwise pay the overhead of every part.
_TOGETHER = 1 << 16
_BYTES_PER_PAIR = 12


@dataclass(frozen=True)
class CodedPairs:
    """Pairs in runs; each run has the pairs of one channel.

    Attributes:
        viewers: digests of the names, uint64.
        ends: index in `viewers` at which each run ends, int64.
        channels: channel code of each run, int32.
    """

    viewers: np.ndarray
    ends: np.ndarray
    channels: np.ndarray


class ChannelCodes:
    """Numbers for channels, in order of first occurrence."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._codes)

    def code(self, names: Iterable[str]) -> np.ndarray:
        """The codes of channels, int32; new ones get the next number."""
        return np.fromiter((self._codes.setdefault(name, len(self._codes)) for name in names), np.int32)

    def names(self) -> list[str]:
        """The channels, ordered by code."""
        return list(self._codes)


def code_audience(pairs: pl.DataFrame, codes: ChannelCodes) -> CodedPairs:
    """Code pairs of channel and viewer, one per row; pairs sorted by channel give the fewest runs."""
    runs = pairs["channel"].rle().struct.unnest()
    ends = np.cumsum(runs["len"].to_numpy(), dtype=np.int64)
    return CodedPairs(pairs["viewer"].hash().to_numpy(), ends, codes.code(runs["value"]))


@dataclass
class _PartitionedPairs:
    """Pairs ordered by part, in memory or in a file."""

    offsets: np.ndarray
    viewers: np.ndarray | None
    channels: np.ndarray | None
    spilled: BinaryIO | None = None

    @property
    def size(self) -> int:
        return int(self.offsets[-1])

    def part(self, first: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """Viewers and channels of the parts in range(first, stop)."""
        low, high = int(self.offsets[first]), int(self.offsets[stop])
        if self.viewers is not None and self.channels is not None:
            return self.viewers[low:high], self.channels[low:high]
        assert self.spilled is not None
        return _read(self.spilled, np.uint64, 8 * low, high - low), _read(
            self.spilled, np.int32, 8 * self.size + 4 * low, high - low
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
        """Close the file, which frees its disk space."""
        if self.spilled is not None:
            self.spilled.close()


def _read(file: BinaryIO, dtype: type, offset: int, count: int) -> np.ndarray:
    file.seek(offset)
    return np.fromfile(file, dtype, count)


def _partition(chunks: list[CodedPairs]) -> _PartitionedPairs:
    sizes = np.zeros(PARTS, np.int64)
    for chunk in chunks:
        kernels.part_sizes(chunk.viewers, _SHIFT, sizes)
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    places = offsets[:-1].copy()
    viewers, channels = np.empty(offsets[-1], np.uint64), np.empty(offsets[-1], np.int32)
    while chunks:
        chunk = chunks.pop()
        kernels.scatter(chunk.viewers, chunk.ends, chunk.channels, _SHIFT, places, viewers, channels)
    return _PartitionedPairs(offsets, viewers, channels)


@dataclass
class WindowPairs(AbstractContextManager["WindowPairs"]):
    """The pairs of the days of a window, within a memory limit; further pairs are kept in files until `__exit__`.

    Attributes:
        memory_bytes: limit for the pairs held; a day that is being added takes memory on top of it.
    """

    memory_bytes: int
    codes: ChannelCodes = field(default_factory=ChannelCodes)
    _days: dict[dt.date, list[_PartitionedPairs]] = field(default_factory=dict)

    @property
    def days(self) -> set[dt.date]:
        """The days that are held."""
        return set(self._days)

    @property
    def pairs(self) -> int:
        """Number of pairs held; a pair counts once per day."""
        return sum(pairs.size for pairs in self._every())

    @property
    def pairs_in_memory(self) -> int:
        """Number of pairs that are not on disk."""
        return sum(pairs.size for pairs in self._every() if pairs.spilled is None)

    def add(self, day: dt.date, chunks: Iterable[CodedPairs]) -> None:
        """Add the pairs of a day, coded with `codes`; if an error occurs, nothing of the day is kept."""
        self._days[day] = []
        try:
            waiting: list[CodedPairs] = []
            for chunk in chunks:
                waiting.append(chunk)
                if sum(kept.viewers.size for kept in waiting) * _BYTES_PER_PAIR > self.memory_bytes // 4:
                    self._days[day].append(self._kept(_partition(waiting)))
            if waiting:
                self._days[day].append(self._kept(_partition(waiting)))
        except BaseException:
            self._forget(day)
            raise

    def _kept(self, pairs: _PartitionedPairs) -> _PartitionedPairs:
        if (self.pairs_in_memory + pairs.size) * _BYTES_PER_PAIR > self.memory_bytes:
            # The file has no name in any folder, so a killed run leaves nothing behind.
            file = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the day)
            pairs.spill(cast(BinaryIO, file))
        return pairs

    def drop_before(self, day: dt.date) -> None:
        """Forget the days before a day."""
        for earlier in [held for held in self._days if held < day]:
            self._forget(earlier)

    def _forget(self, day: dt.date) -> None:
        for pairs in self._days.pop(day):
            pairs.close()

    def __exit__(self, *_: object) -> None:
        for day in list(self._days):
            self._forget(day)

    def _every(self) -> Iterator[_PartitionedPairs]:
        return (pairs for day_pairs in self._days.values() for pairs in day_pairs)

    def parts(self, days: Iterable[dt.date] | None = None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Viewers and channel codes, part by part; pairs may repeat within a part.

        Args:
            days: the days to include; None = all.
        """
        chosen = self._days if days is None else {day: self._days[day] for day in days}
        pieces = [pairs for day_pairs in chosen.values() for pairs in day_pairs]
        for first, stop in _spans(sum((piece.offsets for piece in pieces), np.zeros(PARTS + 1, np.int64))):
            slices = [piece.part(first, stop) for piece in pieces]
            viewers, channels = zip(*slices, strict=True)
            yield np.concatenate(viewers), np.concatenate(channels)


def _spans(offsets: np.ndarray) -> Iterator[tuple[int, int]]:
    """Ranges of parts that have pairs: about _TOGETHER pairs each, or a single part."""
    first = 0
    while first < PARTS:
        stop = int(np.searchsorted(offsets, offsets[first] + _TOGETHER, side="right")) - 1
        stop = min(max(stop, first + 1), PARTS)
        if offsets[stop] > offsets[first]:
            yield first, stop
        first = stop
