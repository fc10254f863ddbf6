"""How fine communities should be: the backbone of a graph, its natural resolution, and the resolution profile.

Belongs here: choosing a resolution, for any detector. Not here: the detectors (detectors), choosing weights
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
"""Resolutions of a profile as multiples of the natural one: from a quarter to four times, by factors of root two."""

SMALLEST_BACKBONE = 5
# These measures already relate an overlap to the sizes of both channels.
SIZE_CORRECTED = ("jaccard", "overlap_z")

MAX_ROUNDS = 12
SETTLED = 0.01
AGREE = 0.95
BACK_STEPS = 4


@dataclass(frozen=True)
class ProfileStep:
    """The result at one resolution.

    Attributes:
        resolution: absolute, the gamma of the detectors.
        relative: the same as a multiple of the natural resolution.
        communities: number of communities with the first seed, including single channels.
        modularity: of that partition, at resolution 1, on the backbone.
        stability: mean pairwise adjusted Rand index over five seeds.
    """

    resolution: float
    relative: float
    communities: int
    modularity: float | None
    stability: float | None


def backbone_size(channels: int, weight: str) -> int:
    """The number of strongest edges that each channel keeps in the backbone.

    The cube root of the number of channels, at least 5: larger atlases have larger communities. Three times as many
    for measures that grow with audiences, because the strongest edges of many channels then lead to the same few
    large channels. docs/decisions/communities.md has the figures behind both.
    """
    cube_root = float(channels ** (1 / 3))
    return max(SMALLEST_BACKBONE, round(cube_root * (1 if weight in SIZE_CORRECTED else 3)))


def backbone(graph: WeightedGraph, per_channel: int) -> WeightedGraph:
    """Keep the edges that are among the `per_channel` strongest of at least one of their two channels.

    Edges as strong as the last one kept are kept, too, so that the order of names does not matter.
    """
    matrix = graph.matrix
    degrees = np.diff(matrix.indptr)
    rows = np.repeat(np.arange(len(degrees)), degrees)
    ranked = matrix.data[np.lexsort((-matrix.data, rows))]
    last = matrix.indptr[:-1] + np.minimum(degrees, per_channel) - 1
    # A channel without edges has no last edge, and its value is never used.
    weakest = np.where(degrees > 0, ranked[np.maximum(last, 0)] if ranked.size else 0.0, np.inf)
    kept = matrix.data >= np.minimum(weakest[rows], weakest[matrix.indices])
    coordinates = (rows[kept], matrix.indices[kept])
    return WeightedGraph(graph.channels, sparse.csr_array((matrix.data[kept], coordinates), shape=matrix.shape))


def matching_resolution(graph: WeightedGraph, labels: np.ndarray) -> float | None:
    """The resolution at which modularity fits the model that a partition implies.

    Newman 2016 (Physical Review E 94, 052315): maximizing modularity at gamma fits a degree-corrected model in which
    two channels link w_in times as often as their degrees imply inside a community, and w_out times as often across
    communities, with gamma = (w_in - w_out) / (ln w_in - ln w_out).

    Returns:
        None if it is undefined: all edges lie inside communities, or none.
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
    """The resolution that fits a graph: it matches its own communities, and runs with different seeds agree.

    The search starts at `self_consistent_resolution`. Fitted communities look a little sharper than they are, so that
    resolution is slightly too fine. Of the four steps down to its half, the result is the finest one at which five
    seeds agree (mean pairwise adjusted Rand index >= 0.95), or else the one with the best agreement. Never below 1.0.
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
    """The resolution that matches the communities detected at it.

    Starting with plain modularity (1.0), each round detects communities and takes the resolution that matches them,
    until it changes by less than 1 %, for at most 12 rounds. Never below 1.0, which is also the answer without edges,
    with one community, or if no edge links two communities.
    """
    resolution = 1.0
    for _ in range(MAX_ROUNDS if graph.matrix.nnz else 0):
        matching = matching_resolution(graph, detector(graph, resolution=resolution, seed=seed))
        following = max(1.0, matching or 1.0)
        if abs(following / resolution - 1) < SETTLED:
            break
        resolution = following
    return resolution


def resolution_profile(
    graph: WeightedGraph, detector: CommunityDetector, natural: float, *, seed: int
) -> tuple[ProfileStep, ...]:
    """The results from a quarter of the natural resolution to four times; empty without edges."""
    if not graph.matrix.nnz:
        return ()
    return tuple(profile_step(graph, detector, natural, relative, seed=seed) for relative in PROFILE_MULTIPLES)


def profile_step(
    graph: WeightedGraph, detector: CommunityDetector, natural: float, relative: float, *, seed: int
) -> ProfileStep:
    """The result at one multiple of the natural resolution."""
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
    """The partitions with a seed and the next four; empty for a graph without channels."""
    seeds = range(seed, seed + STABILITY_SEEDS) if graph.channels else ()
    return [detector(graph, resolution=resolution, seed=run_seed) for run_seed in seeds]
