"""Continuing the communities of an earlier day.

Belongs here: moving channels between existing communities, and whether the result is as good as a new detection.
Not here: new detections (detectors), matching the communities of two days (history).

Two runs of a detector on nearly the same graph differ by more than the graphs do. Among partitions of the same
quality, the one closest to the day before is kept. Aynaud and Guillaume (2010), "Static community detection
algorithms for evolving networks", start Louvain from yesterday's partition for the same reason.

The compiled loop has no annotations: numba infers the types of its arguments.
"""

import numba as nb
import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from vieweratlas_assets.domain.communities.detectors import WeightedGraph, sum_by_group

AS_GOOD = 0.02
"""The share of a new partition's modularity by which the continued partition may fall below it."""
MAX_PASSES = 50
MIN_GAIN = 1e-9


def continued_partition(
    graph: WeightedGraph, fresh: np.ndarray, earlier: dict[str, int], *, resolution: float
) -> np.ndarray | None:
    """Adapt an earlier partition to the graph; None if a new partition is better.

    Args:
        fresh: labels of a new detection, in the order of `graph.channels`.
        earlier: community by channel.
        resolution: the absolute resolution.
    """
    following = max(earlier.values(), default=-1) + 1
    labels = np.array(
        [earlier.get(channel, following + number) for number, channel in enumerate(graph.channels)], dtype=np.int64
    )
    _, labels = np.unique(labels, return_inverse=True)
    labels = labels.astype(np.int64)
    matrix = graph.matrix
    degrees = np.asarray(matrix.sum(axis=1)).ravel()
    _move(
        *(matrix.indptr.astype(np.int64), matrix.indices.astype(np.int64), matrix.data.astype(np.float64)),
        *(degrees, labels, resolution),
    )
    # Groups without a path between them must not form one community, whatever their modularity.
    coo = matrix.tocoo()
    same = labels[coo.coords[0]] == labels[coo.coords[1]]
    within = sparse.coo_array((coo.data[same], (coo.coords[0][same], coo.coords[1][same])), shape=matrix.shape)
    labels = csgraph.connected_components(within, directed=False)[1].astype(np.int64)
    new, continued = (quality(graph, partition, resolution) for partition in (fresh, labels))
    return labels if continued >= new - AS_GOOD * abs(new) else None


def quality(graph: WeightedGraph, labels: np.ndarray, resolution: float) -> float:
    """Modularity at a resolution: sum over communities of (inside / 2m) - resolution (degrees / 2m)^2."""
    doubled = float(graph.matrix.sum())
    inside, degrees = sum_by_group(graph, labels)
    return float((inside / doubled - resolution * (degrees / doubled) ** 2).sum())


@nb.njit(cache=True, nogil=True)
def _move(begins, neighbors, weights, degrees, labels, resolution):  # type: ignore[no-untyped-def]
    """Move each node to the community with the largest gain of modularity until no move gains; changes `labels`."""
    count = labels.shape[0]
    doubled = degrees.sum()
    totals = np.zeros(count)
    for node in range(count):
        totals[labels[node]] += degrees[node]
    linked = np.zeros(count)
    for _ in range(MAX_PASSES):
        moved = False
        for node in range(count):
            own = labels[node]
            for at in range(begins[node], begins[node + 1]):
                linked[labels[neighbors[at]]] += weights[at]
            totals[own] -= degrees[node]
            share = resolution * degrees[node] / doubled
            best, best_gain = own, linked[own] - share * totals[own]
            for at in range(begins[node], begins[node + 1]):
                other = labels[neighbors[at]]
                gain = linked[other] - share * totals[other]
                if gain > best_gain + MIN_GAIN * doubled:
                    best, best_gain = other, gain
            for at in range(begins[node], begins[node + 1]):
                linked[labels[neighbors[at]]] = 0.0
            totals[best] += degrees[node]
            labels[node] = best
            moved |= best != own
        if not moved:
            break
