"""How far two partitions of the same channels agree.

Belongs here: indices over pairs of partitions. Not here: finding partitions (detectors, detection).

scikit-learn is imported where it is used: it takes a fifth of the time that the code location needs to load.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl


@dataclass(frozen=True)
class Agreement:
    """Agreement of two partitions over the channels that both know.

    Attributes:
        adjusted_rand_index: Hubert and Arabie 1985; 1 = the same, about 0 = chance.
        normalized_mutual_information: arithmetic mean of the entropies as the norm; 1 = the same.
        channels: number of channels compared.
    """

    adjusted_rand_index: float
    normalized_mutual_information: float
    channels: int


def agreement(found: pl.DataFrame, reference: pl.DataFrame) -> Agreement:
    """Compare two frames with the columns channel and community over the channels with both known.

    Raises:
        ValueError: no channel is in both.
    """
    from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

    both = found.select("channel", "community").join(
        reference.select("channel", pl.col("community").alias("reference")), on="channel"
    )
    both = both.drop_nulls()
    if both.is_empty():
        raise ValueError("no channel has a community in both partitions")
    mine, theirs = both["community"].to_numpy(), both["reference"].to_numpy()
    return Agreement(
        float(adjusted_rand_score(theirs, mine)),
        float(normalized_mutual_info_score(theirs, mine)),
        both.height,
    )


def mean_pairwise_rand_index(partitions: Sequence[np.ndarray]) -> float | None:
    """Mean adjusted Rand index over all pairs of partitions of the same items; None below two."""
    from sklearn.metrics import adjusted_rand_score

    pairs = list(itertools.combinations(partitions, 2))
    if not pairs:
        return None
    return float(np.mean([adjusted_rand_score(a, b) for a, b in pairs]))
