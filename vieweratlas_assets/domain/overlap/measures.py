"""How strong an overlap is, beyond its count.

Belongs here: formulas over shared viewers and audience sizes. Not here: counting (counting).
"""

import polars as pl

from vieweratlas_assets.domain.schemas import GRAPH_EDGES

MEASURES = ("shared_viewers", "jaccard", "overlap_coefficient", "overlap_z")


def with_measures(shared: pl.DataFrame, sizes: pl.DataFrame, *, total_viewers: int | None) -> pl.DataFrame:
    """Add the measures that follow from shared viewers and audience sizes.

    Args:
        shared: channel_a, channel_b, shared_viewers.
        sizes: channel, viewers (null where unknown).
        total_viewers: distinct viewers of all channels together; None where unknown, and overlap_z is null.

    Returns:
        Schema GRAPH_EDGES. A measure that needs a size that is not known is null.

    With a and b the sizes, s the shared viewers and N the viewers in all:

    - jaccard = s / (a + b - s)
    - overlap_coefficient = s / min(a, b)
    - overlap_z = (s - m) / sd. Were the two audiences drawn independently from the N viewers, s would follow the
      hypergeometric distribution (Johnson, Kemp, Kotz: Univariate Discrete Distributions, 3rd ed., 6.2.1) with mean
      m = a b / N and variance a b (N - a) (N - b) / (N^2 (N - 1)). The score says by how many standard deviations
      the overlap exceeds what sizes alone explain: large channels share many viewers with everybody, and a plain
      count takes that for kinship. Null where the variance is 0 (an audience that is everybody).
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
            # The minimum skips nulls; with one size unknown the smaller audience is unknown too.
            # For N = 1 the variance is 0 / 0, and NaN counts as above 0.
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
    """The measure to weigh edges with: `weight`, or where a graph lacks it, as imported ones may, its first.

    Args:
        edges: schema GRAPH_EDGES; where it has no rows, `weight` will do.

    Raises:
        ValueError: `weight` is no measure, or the edges hold none.
    """
    if weight not in MEASURES:
        raise ValueError(f"unknown weight {weight!r}; known are {', '.join(MEASURES)}")
    held = [name for name in (weight, *MEASURES) if edges.is_empty() or edges[name].null_count() < edges.height]
    if not held:
        raise ValueError(f"the edges hold none of {', '.join(MEASURES)}")
    return held[0]
