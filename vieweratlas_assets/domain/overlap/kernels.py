"""The engine's compiled loops: viewers with their channels, shared viewers.

Belongs here: loops over plain arrays that allocate nothing but their result. Not here: frames, memory limits,
order of work (pairs, counting).

numba compiles each loop on its first call and caches it on disk (NUMBA_CACHE_DIR sets the folder). It infers the
types of arguments, so the functions have no annotations. All run on one thread and release the GIL.
"""

import numba as nb
import numpy as np

# Spreads the bits of a name's digest over a table's slots (Knuth, The Art of Computer Programming 3, 6.4).
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_SHORT = 32


@nb.njit(cache=True, nogil=True)
def scatter(names, ends, codes, shift, places, out_names, out_channels):  # type: ignore[no-untyped-def]
    """Distribute pairs over parts by the leading bits of the name; places[p] is the next free index of part p."""
    begin = 0
    for run in range(ends.shape[0]):
        for at in range(begin, ends[run]):
            part = names[at] >> shift
            place = places[part]
            places[part] = place + 1
            out_names[place] = names[at]
            out_channels[place] = codes[run]
        begin = ends[run]


@nb.njit(cache=True, nogil=True)
def part_sizes(names, shift, sizes):  # type: ignore[no-untyped-def]
    """Add the number of names in part p to sizes[p]."""
    for at in range(names.shape[0]):
        sizes[names[at] >> shift] += 1


@nb.njit(cache=True, nogil=True)
def group_by_viewer(names, channels, rank, most, keys, numbers, viewer_of, starts, grouped):  # type: ignore[no-untyped-def]
    """The distinct channels of each viewer, as ascending ranks.

    Args:
        names, channels: uint64 and int32, one element per pair; pairs may repeat.
        rank: int32; rank by channel code.
        most: viewers of more distinct channels are left out.
        keys, numbers: uint64 and int32 hash table; its length is a power of two and greater than that of names. All
            numbers start as -1.
        viewer_of: int32, as long as names; scratch space.
        starts: int64, two longer than names; viewer v has grouped[starts[v]:starts[v + 1]].
        grouped: int32, as long as names.

    Returns:
        The number of viewers kept, and the number left out.
    """
    mask = np.uint64(keys.shape[0] - 1)
    viewers = 0
    starts[:] = 0
    for at in range(names.shape[0]):
        name = names[at]
        slot = (name * _GOLDEN) >> np.uint64(20) & mask
        while numbers[slot] >= 0 and keys[slot] != name:
            slot = (slot + np.uint64(1)) & mask
        if numbers[slot] < 0:
            numbers[slot] = viewers
            keys[slot] = name
            viewers += 1
        viewer_of[at] = numbers[slot]
        starts[numbers[slot] + 2] += 1
    for viewer in range(2, viewers + 1):
        starts[viewer] += starts[viewer - 1]
    for at in range(names.shape[0]):
        viewer = viewer_of[at]
        grouped[starts[viewer + 1]] = rank[channels[at]]
        starts[viewer + 1] += 1
    return _make_distinct(viewers, most, starts, grouped)


@nb.njit(cache=True, nogil=True)
def _make_distinct(viewers, most, starts, grouped):  # type: ignore[no-untyped-def]
    """Sort the channels of each viewer, drop repeats, and drop viewers of more than `most` channels."""
    kept = 0
    written = 0
    for viewer in range(viewers):
        begin, end = starts[viewer], starts[viewer + 1]
        _sort(grouped, begin, end)
        starts[kept] = written
        last = np.int32(-1)
        for at in range(begin, end):
            if grouped[at] != last:
                last = grouped[at]
                grouped[written] = last
                written += 1
        if written - starts[kept] > most:
            written = starts[kept]
        else:
            kept += 1
    starts[kept] = written
    return kept, viewers - kept


@nb.njit(cache=True, nogil=True)
def _sort(values, begin, end):  # type: ignore[no-untyped-def]
    """Sort a slice; short ones, which are nearly all, by insertion."""
    if end - begin > _SHORT:
        values[begin:end].sort()
        return
    for at in range(begin + 1, end):
        value = values[at]
        back = at - 1
        while back >= begin and values[back] > value:
            values[back + 1] = values[back]
            back -= 1
        values[back + 1] = value


@nb.njit(cache=True, nogil=True)
def add_shared(viewers, starts, grouped, rows, first, stop, row_starts, counts):  # type: ignore[no-untyped-def]
    """For every viewer, add one to the count of each pair of the viewer's channels.

    Args:
        viewers, starts, grouped: as returned and filled by `group_by_viewer`.
        rows: int32; row of a channel in the triangle by its rank, ascending; -1 = not counted.
        first, stop: the range of rows to count in this call.
        row_starts: int64; counts[row_starts[a - first] + b] belongs to rows a < b.
        counts: uint32.
    """
    kept = np.empty(rows.shape[0], np.int32)
    for viewer in range(viewers):
        number = 0
        for at in range(starts[viewer], starts[viewer + 1]):
            row = rows[grouped[at]]
            if row >= first:
                kept[number] = row
                number += 1
        for left in range(number - 1):
            row = kept[left]
            if row >= stop:
                break
            base = row_starts[row - first]
            for right in range(left + 1, number):
                counts[base + kept[right]] += np.uint32(1)
