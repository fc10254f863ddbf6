"""Sources of presence as bits, as the compiled loop and the counts use them.

Belongs here: constants. Not here: the loop (kernels), whose compiler takes long to load.
"""

LIVE = 1
VOD = 2
SOURCE_BITS = {"live": LIVE, "vod": VOD, "live+vod": LIVE | VOD}
"""The values of the column `sources` of an audience, as bits."""
UNKNOWN_TIME = -(2**63)
"""A time that is not known, where times are int64."""
