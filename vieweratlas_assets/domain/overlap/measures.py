"""Measures of overlap beyond the number of shared viewers.

Belongs here: formulas over shared viewers and audience sizes. Not here: counting viewers (counting).
"""

import polars as pl

from vieweratlas_assets.domain.schemas import GRAPH_EDGES

MEASURES = ("shared_viewers", "jaccard", "overlap_coefficient", "overlap_z")


def with_measures(shared: pl.DataFrame, sizes: pl.DataFrame, *, total_viewers: int | None) -> pl.DataFrame:
    """Compute the measures from shared viewers and audience sizes.

    Args:
        shared: columns channel_a, channel_b, shared_viewers.
        sizes: columns channel, viewers (null = unknown).
        total_viewers: distinct viewers of all channels together; with None, overlap_z is null.

    Returns:
        Schema GRAPH_EDGES. A measure is null if a size that it needs is unknown.

    With a and b the sizes, s the shared viewers and N the total viewers:

    - jaccard = s / (a + b - s)
    - overlap_coefficient = s / min(a, b)
    - overlap_z = (s - m) / sd. If both audiences were drawn independently from the N viewers, s would follow the
      hypergeometric distribution (Johnson, Kemp, Kotz: Univariate Discrete Distributions, 3rd ed., 6.2.1) with mean
      m = a b / N and variance a b (N - a) (N - b) / (N^2 (N - 1)). The score is the number of standard deviations
      by which the overlap exceeds what the sizes alone explain: large channels share many viewers with every
      channel, and a plain count mistakes that for similarity. Null if the variance is 0 (one audience is everybody).
    """
    a, b, s = (pl.col(name).cast(pl.Float64) for name in ("size_a", "size_b", "shared_viewers"))
    n = pl.lit(total_viewers, dtype=pl.Float64)
    variance = a * b * (n - a) * (n - b) / (n * n * (n - 1))
    measured = (
        shared.join(sizes.select(channel_a="channel", size_a="viewers"), on="channel_a", how="left")
        .join(sizes.select(channel_b="channel", size_b="viewers"), on="channel_b", how="left")
        .with_columns(
            jaccard=s / (a + b - s),
            overlap_coefficient=s / pl.min_horizontal(a, b),
            # min_horizontal skips nulls; nulls follow below, since with one size unknown the smaller one is, too.
            # For N = 1 the variance is 0 / 0, and Polars orders NaN above 0.
            overlap_z=pl.when(variance.is_finite() & (variance > 0)).then((s - a * b / n) / variance.sqrt()),
        )
        .with_columns(
            pl.when(pl.col("size_a").is_not_null() & pl.col("size_b").is_not_null())
            .then(pl.col("jaccard", "overlap_coefficient", "overlap_z"))
            .name.keep()
        )
    )
    return GRAPH_EDGES.conform(measured)


def usable_weight(edges: pl.DataFrame, weight: str = MEASURES[0]) -> str:
    """The measure to use as edge weight: `weight`, or the first one with values; imported graphs may lack some.

    Args:
        edges: schema GRAPH_EDGES; without rows, `weight` is returned.

    Raises:
        ValueError: `weight` is not a measure, or the edges have no measure.
    """
    if weight not in MEASURES:
        raise ValueError(f"unknown weight {weight!r}; known are {', '.join(MEASURES)}")
    available = [name for name in (weight, *MEASURES) if edges.is_empty() or edges[name].null_count() < edges.height]
    if not available:
        raise ValueError(f"the edges have none of {', '.join(MEASURES)}")
    return available[0]
