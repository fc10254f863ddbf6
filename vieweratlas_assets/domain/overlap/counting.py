"""Shared viewers between channels, as a sparse product.

Belongs here: counting. Not here: measures over the counts (measures), the graph around them (graph).
"""

import numpy as np
import polars as pl
from scipy import sparse

# Entries of one block of the product, upper bound: 8 bytes each, so about 256 MB.
BLOCK_ENTRIES = 32_000_000

SHARED = pl.Schema({"channel_a": pl.String, "channel_b": pl.String, "shared_viewers": pl.Int64})


def shared_viewers(pairs: pl.DataFrame, *, min_shared: int = 1) -> pl.DataFrame:
    """Count the viewers that each pair of channels shares.

    Args:
        pairs: columns channel and viewer; a pair that stands there twice counts once.
        min_shared: pairs of channels that share fewer are left out; >= 1.

    Returns:
        channel_a < channel_b, shared_viewers (exact), sorted by the channels.

    Raises:
        ValueError: min_shared < 1.

    With B the binary viewer x channel matrix, shared = B^T B. The product is formed in blocks of channels against
    the channels that follow them, so that the lower triangle is never computed.
    """
    if min_shared < 1:
        raise ValueError(f"min_shared is {min_shared}; it must be at least 1")
    distinct = pairs.select("channel", "viewer").unique()
    # A viewer of one channel is shared by none; dropping them first leaves a fraction of the pairs.
    distinct = distinct.filter(pl.len().over("viewer") > 1)
    if distinct.is_empty():
        return SHARED.to_frame()
    channels = distinct["channel"].unique().sort()
    by_channel = _membership(distinct, channels)
    blocks = [_block(by_channel, start, stop, min_shared) for start, stop in _spans(by_channel)]
    left, right, counts = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    return pl.DataFrame(
        {
            "channel_a": channels.gather(left),
            "channel_b": channels.gather(right),
            "shared_viewers": counts.astype(np.int64),
        },
        schema=SHARED,
    ).sort("channel_a", "channel_b")


def _membership(distinct: pl.DataFrame, channels: pl.Series) -> sparse.csr_array:
    """Binary channel x viewer matrix; row i is channels[i]."""
    viewers = distinct.select(pl.col("viewer").unique()).with_row_index("viewer_code")
    coded = distinct.join(viewers, on="viewer").select(
        "viewer_code", pl.col("channel").cast(pl.Enum(channels)).to_physical().alias("channel_code")
    )
    ones = np.ones(coded.height, dtype=np.int32)
    indices = (coded["channel_code"].to_numpy(), coded["viewer_code"].to_numpy())
    return sparse.csr_array((ones, indices), shape=(channels.len(), viewers.height))


def _spans(by_channel: sparse.csr_array) -> list[tuple[int, int]]:
    """Ranges of channels whose rows of the product stay under BLOCK_ENTRIES."""
    channels = by_channel.shape[0]
    rows = max(1, min(channels, BLOCK_ENTRIES // channels))
    return [(start, min(start + rows, channels)) for start in range(0, channels, rows)]


def _block(
    by_channel: sparse.csr_array, start: int, stop: int, min_shared: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row index, column index and count of the product's upper triangle for channels start to stop."""
    product = (by_channel[start:stop] @ by_channel[start:].T).tocoo()
    left, right = product.coords
    keep = (right > left) & (product.data >= min_shared)
    return left[keep] + start, right[keep] + start, product.data[keep]
