"""How fine to look: the backbone of a graph, its natural resolution, and what other resolutions would find.

Belongs here: what depends on the graph alone, whatever the detector. Not here: the detectors, choosing weights
(detection), drawing the profile (profile_picture).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from vieweratlas_assets.domain.communities.agreement import mean_pairwise_rand_index
from vieweratlas_assets.domain.communities.detectors import CommunityDetector, WeightedGraph, modularity, sum_by_group

STABILITY_SEEDS = 5
PROFILE_MULTIPLES = tuple(2 ** (step / 2) for step in range(-4, 5))
"""Resolutions of a profile as multiples of the natural one: a quarter to four times, in steps of the root of two."""

SMALLEST_BACKBONE = 5
# These measures already set an overlap against the sizes of both channels.
SIZE_CORRECTED = ("jaccard", "overlap_z")

MOST_ROUNDS = 12
SETTLED = 0.01
AGREE = 0.95
BACK_STEPS = 4


@dataclass(frozen=True)
class ProfileStep:
    """What one resolution finds.

    Attributes:
        resolution: absolute, the gamma of the detectors.
        relative: the same as a multiple of the natural resolution.
        communities: number found with the first seed, single channels included.
        modularity: of that partition at resolution 1, of the backbone.
        stability: mean pairwise adjusted Rand index over five seeds.
    """

    resolution: float
    relative: float
    communities: int
    modularity: float | None
    stability: float | None


def backbone_size(channels: int, weight: str) -> int:
    """How many of its strongest edges each channel keeps in the backbone.

    The cube root of the number of channels, at least 5: larger atlases have larger communities. Three times that
    for measures that grow with the audiences, where the first edges of many channels lead to the same few large
    ones. The figures behind both stand in docs/decisions/communities.md.
    """
    edges = round(channels ** (1 / 3) * (1 if weight in SIZE_CORRECTED else 3))
    return max(SMALLEST_BACKBONE, edges)


def backbone(graph: WeightedGraph, per_channel: int) -> WeightedGraph:
    """Keep the edges that are among the `per_channel` strongest of at least one of their two channels.

    Edges as strong as the last that is kept are kept too, so that names decide nothing.
    """
    matrix = graph.matrix
    degrees = np.diff(matrix.indptr)
    rows = np.repeat(np.arange(len(degrees)), degrees)
    ranked = matrix.data[np.lexsort((-matrix.data, rows))]
    last = matrix.indptr[:-1] + np.minimum(degrees, per_channel) - 1
    # A channel without an edge has no last one; no edge asks for it.
    weakest = np.where(degrees > 0, ranked[np.maximum(last, 0)] if ranked.size else 0.0, np.inf)
    kept = matrix.data >= np.minimum(weakest[rows], weakest[matrix.indices])
    coordinates = (rows[kept], matrix.indices[kept])
    return WeightedGraph(graph.channels, sparse.csr_array((matrix.data[kept], coordinates), shape=matrix.shape))


def matching_resolution(graph: WeightedGraph, labels: np.ndarray) -> float | None:
    """The resolution at which a partition would be the most likely one, if channels joined as it says they do.

    Newman 2016 (Physical Review E 94, 052315): to maximize modularity at gamma is to fit a degree-corrected model
    in which two channels join at w_in times what their degrees make expected inside a community, and at w_out times
    that across, with gamma = (w_in - w_out) / (ln w_in - ln w_out).

    Returns:
        None where it is not defined: everything lies inside communities, or nothing does.
    """
    doubled = float(graph.matrix.sum())
    inside, degrees = sum_by_group(graph, labels)
    observed = float(inside.sum())
    expected = float((degrees**2).sum()) / doubled if doubled else 0.0
    if not 0 < observed < doubled or not expected < doubled:
        return None
    within, across = observed / expected, (doubled - observed) / (doubled - expected)
    if math.isclose(within, across):
        return within
    return (within - across) / (math.log(within) - math.log(across))


def natural_resolution(graph: WeightedGraph, detector: CommunityDetector, *, seed: int) -> float:
    """The resolution that a graph itself calls for: where looking and finding match, and runs agree.

    First the resolution that matches the communities found at it (`self_consistent_resolution`). Communities that
    were fitted look a little sharper than they are, so that it errs to the fine side: of the four steps down to its
    half, the finest is taken at which five seeds agree (mean pairwise adjusted Rand index >= 0.95), or else the one
    at which they agree best. Never below 1.0.
    """
    matching = self_consistent_resolution(graph, detector, seed=seed)
    if not graph.matrix.nnz:
        return matching
    best, agreed = matching, -math.inf
    for step in range(1, BACK_STEPS + 1):
        resolution = max(1.0, matching * 2 ** (-step / BACK_STEPS))
        stability = mean_pairwise_rand_index(seeded_runs(graph, detector, resolution, seed=seed)) or 0.0
        if stability > agreed:
            best, agreed = resolution, stability
        if agreed >= AGREE or resolution == 1.0:
            break
    return best


def self_consistent_resolution(graph: WeightedGraph, detector: CommunityDetector, *, seed: int) -> float:
    """The resolution that matches the communities found at it.

    From plain modularity (1.0) on, communities are found, the resolution that matches them is taken, and so again
    until it moves by less than one per cent, 12 rounds at most. Never below 1.0, which is also the answer where
    nothing else is called for: no edges, one community, or communities that no edge joins.
    """
    resolution = 1.0
    for _ in range(MOST_ROUNDS if graph.matrix.nnz else 0):
        matching = matching_resolution(graph, detector(graph, resolution=resolution, seed=seed))
        following = max(1.0, matching or 1.0)
        if abs(following / resolution - 1) < SETTLED:
            break
        resolution = following
    return resolution


def resolution_profile(
    graph: WeightedGraph, detector: CommunityDetector, natural: float, *, seed: int
) -> tuple[ProfileStep, ...]:
    """What other resolutions find, from a quarter of the natural one to four times; empty without edges."""
    if not graph.matrix.nnz:
        return ()
    return tuple(profile_step(graph, detector, natural, relative, seed=seed) for relative in PROFILE_MULTIPLES)


def profile_step(
    graph: WeightedGraph, detector: CommunityDetector, natural: float, relative: float, *, seed: int
) -> ProfileStep:
    """What one multiple of the natural resolution finds."""
    resolution = natural * relative
    runs = seeded_runs(graph, detector, resolution, seed=seed)
    return ProfileStep(
        resolution=resolution,
        relative=relative,
        communities=len(np.unique(runs[0])),
        modularity=modularity(graph, runs[0]),
        stability=mean_pairwise_rand_index(runs),
    )


def seeded_runs(
    graph: WeightedGraph, detector: CommunityDetector, resolution: float, *, seed: int
) -> Sequence[np.ndarray]:
    """Partitions found with a seed and the four that follow; none for a graph without channels."""
    seeds = range(seed, seed + STABILITY_SEEDS) if graph.channels else ()
    return [detector(graph, resolution=resolution, seed=each) for each in seeds]
