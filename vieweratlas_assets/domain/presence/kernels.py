"""The compiled loop that reduces each channel's chat to its viewers.

Belongs here: loops over plain arrays, compiled as described in domain.overlap.kernels. Not here: frames (audience).
"""

import numba as nb
import numpy as np

from vieweratlas_assets.domain.presence.source_bits import LIVE, VOD
from vieweratlas_assets.domain.presence.source_bits import UNKNOWN_TIME as UNKNOWN

MINUTE_US = 60_000_000
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


@nb.njit(cache=True, nogil=True)
def viewers_by_channel(ends, begins, stops, minutes, times, sources, names, keys, slots, out):  # type: ignore[no-untyped-def]
    """Distinct viewers of each channel, with the number of minutes in which they wrote; returns how many.

    A VOD's buckets start at any second, so each overlaps two minutes of live chat. A viewer in such a bucket is not
    counted again if live chat saw them in one of the two minutes. This may miss a minute next to one that live chat
    saw, but no minute counts twice.

    Args:
        ends: int64; channel c has the rows ends[c - 1]:ends[c], sorted by minute, live before VOD. Rewritten to the
            ends of the channels in `out`.
        begins, stops: int64; row r has the chatters names[begins[r]:stops[r]].
        minutes: int64, number of the minute of each row.
        times: int64, start of the bucket in microseconds, or UNKNOWN.
        sources: int8, LIVE or VOD.
        names: uint64 digests.
        keys, slots: uint64 and int64 hash table; its length is a power of two and at least twice the largest number
            of chatters of a channel. All slots start as -1.
        out: tuple of (position in names of the first sighting, minutes, last minute seen, first time, last time,
            sources, minute counted because of a VOD alone), int64 each and as long as names.
    """
    position, count, latest, first, last, source, by_vod = out
    mask = np.uint64(keys.shape[0] - 1)
    written = 0
    row = 0
    for channel in range(ends.shape[0]):
        begin = written
        while row < ends[channel]:
            for at in range(begins[row], stops[row]):
                name = names[at]
                slot = (name * _GOLDEN) >> np.uint64(20) & mask
                while slots[slot] >= begin and keys[slot] != name:
                    slot = (slot + np.uint64(1)) & mask
                viewer = slots[slot]
                if viewer < begin:
                    viewer = written
                    written += 1
                    slots[slot] = viewer
                    keys[slot] = name
                    position[viewer] = at
                    count[viewer] = 0
                    latest[viewer] = by_vod[viewer] = UNKNOWN
                    first[viewer] = last[viewer] = UNKNOWN
                    source[viewer] = 0
                time = times[row]
                if latest[viewer] != minutes[row]:
                    latest[viewer] = minutes[row]
                    if sources[row] == LIVE and by_vod[viewer] == minutes[row] - 1:
                        by_vod[viewer] = UNKNOWN
                    else:
                        count[viewer] += 1
                        straddles = sources[row] == VOD and time != UNKNOWN and time % MINUTE_US != 0
                        by_vod[viewer] = minutes[row] if straddles else UNKNOWN
                source[viewer] |= sources[row]
                if time != UNKNOWN:
                    if first[viewer] == UNKNOWN or time < first[viewer]:
                        first[viewer] = time
                    last[viewer] = max(last[viewer], time)
            row += 1
        ends[channel] = written
    return written
