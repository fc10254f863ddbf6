"""How well two partitions of the same channels agree.

Belongs here: indices over pairs of partitions. Not here: computing partitions (detectors, detection).

scikit-learn is imported inside the functions: it takes a fifth of the load time of the code location.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl


@dataclass(frozen=True)
class Agreement:
    """Agreement of two partitions over the channels that have a community in both.

    Attributes:
        adjusted_rand_index: Hubert and Arabie 1985; 1 = identical, about 0 = by chance.
        normalized_mutual_information: normalized by the arithmetic mean of the entropies; 1 = identical.
        channels: number of channels compared.
    """

    adjusted_rand_index: float
    normalized_mutual_information: float
    channels: int


def agreement(communities: pl.DataFrame, reference: pl.DataFrame) -> Agreement:
    """Compare two frames with columns channel and community, over the channels with a community in both.

    Raises:
        ValueError: there is no such channel.
    """
    from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

    both = communities.select("channel", "community").join(
        reference.select("channel", pl.col("community").alias("reference")), on="channel"
    )
    both = both.drop_nulls()
    if both.is_empty():
        raise ValueError("no channel has a community in both partitions")
    ours, theirs = both["community"].to_numpy(), both["reference"].to_numpy()
    return Agreement(
        float(adjusted_rand_score(theirs, ours)),
        float(normalized_mutual_info_score(theirs, ours)),
        both.height,
    )


def mean_pairwise_rand_index(partitions: Sequence[np.ndarray]) -> float | None:
    """Mean adjusted Rand index over all pairs of partitions of the same items; None for fewer than two partitions."""
    from sklearn.metrics import adjusted_rand_score

    pairs = list(itertools.combinations(partitions, 2))
    if not pairs:
        return None
    return float(np.mean([adjusted_rand_score(a, b) for a, b in pairs]))
