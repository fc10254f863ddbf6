"""Distinct (channel, viewer) pairs straight from presence rows, without an audience between.

Belongs here: the pairs of the benchmark "straight from rows". Not here: pairs of stored audiences, which every run of
the product counts (domain.overlap.pairs), and counting them (domain.overlap.counting).
"""

import numba as nb
import numpy as np
import polars as pl

from vieweratlas_assets.domain.overlap.pairs import ChannelCodes, CodedPairs

# Spreads the bits of a name's digest over a table's slots (Knuth, The Art of Computer Programming 3, 6.4).
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def code_presence(rows: pl.DataFrame, codes: ChannelCodes) -> CodedPairs:
    """The distinct pairs of presence rows.

    Args:
        rows: channel and chatters (lists of names, lowercase). Rows of one channel belong together: a pair comes
            out again for each run of its channel's rows.
    """
    # Few and large expressions: each costs more to start than to work off a small piece.
    row_runs = rows.select(pl.col("channel").rle_id(), pl.col("chatters").list.len().fill_null(0))
    chatters = pl.col("chatters").explode(empty_as_null=False, keep_nulls=False)
    names = rows.select(chatters.hash()).to_series().to_numpy()
    last_rows = np.flatnonzero(np.diff(row_runs["channel"].to_numpy(), append=-1))
    ends = np.cumsum(row_runs["chatters"].to_numpy(), dtype=np.int64)[last_rows]
    longest = int(np.diff(ends, prepend=0).max(initial=1))
    slots = _power_above(2 * longest)
    viewers = np.empty_like(names)
    table = np.empty(slots, np.uint64), np.full(slots, -1, np.int64)
    written = _distinct_in_runs(names, ends, *table, viewers)
    return CodedPairs(viewers[:written].copy(), ends, codes.code(rows["channel"].gather(last_rows)))


def _power_above(number: int) -> int:
    return 1 << max(4, int(number).bit_length())


@nb.njit(cache=True, nogil=True)
def _distinct_in_runs(names, ends, keys, stamps, out):  # type: ignore[no-untyped-def]  # numba infers the types
    """Distinct names of each run, in the order in which they first come.

    Args:
        names: uint64; run r is names[ends[r - 1]:ends[r]].
        ends: int64; rewritten to the ends of the runs in `out`.
        keys, stamps: uint64 and int64, a power of two long and at least twice the longest run: the hash table. A slot
            is taken if it has the number of the run, so that nothing is cleared between runs; stamps are all -1.
        out: uint64, at least as long as names.
    """
    mask = np.uint64(keys.shape[0] - 1)
    begin = 0
    written = 0
    for run in range(ends.shape[0]):
        for at in range(begin, ends[run]):
            name = names[at]
            slot = (name * _GOLDEN) >> np.uint64(20) & mask
            while stamps[slot] == run and keys[slot] != name:
                slot = (slot + np.uint64(1)) & mask
            if stamps[slot] != run:
                stamps[slot] = run
                keys[slot] = name
                out[written] = name
                written += 1
        begin = ends[run]
        ends[run] = written
    return written
