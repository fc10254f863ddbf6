"""Communities that go on from those of an earlier day.

Belongs here: moving channels between communities that are there, and whether that is as good as starting anew.
Not here: starting anew (detectors), matching days (history).

Two runs of any detector on nearly the same graph differ by more than the graphs do: among partitions that are as
good, the one is kept that is nearest to the day before. Aynaud and Guillaume (2010), "Static community detection
algorithms for evolving networks", start Louvain from yesterday's partition for the same reason.
"""

from typing import Any

import numba as nb
import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from vieweratlas_assets.domain.communities.detectors import WeightedGraph, sum_by_group

AS_GOOD = 0.02
"""How much less modularity the kept partition may have, as a share of that of a new one."""
MOST_PASSES = 50
LEAST_GAIN = 1e-9


def kept_partition(
    graph: WeightedGraph, fresh: np.ndarray, earlier: dict[str, int], *, resolution: float
) -> np.ndarray | None:
    """Go on from an earlier partition; None where a new one is better.

    Args:
        fresh: labels found anew, in the order of `graph.channels`.
        earlier: community by channel.
        resolution: absolute.
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
    # Two groups without a path between them are no community, however little they cost.
    coo = matrix.tocoo()
    same = labels[coo.coords[0]] == labels[coo.coords[1]]
    within = sparse.coo_array((coo.data[same], (coo.coords[0][same], coo.coords[1][same])), shape=matrix.shape)
    labels = csgraph.connected_components(within, directed=False)[1].astype(np.int64)
    new, kept = (quality(graph, each, resolution) for each in (fresh, labels))
    return labels if kept >= new - AS_GOOD * abs(new) else None


def quality(graph: WeightedGraph, labels: np.ndarray, resolution: float) -> float:
    """Modularity at a resolution: sum over communities of (inside / 2m) - resolution (degrees / 2m)^2."""
    doubled = float(graph.matrix.sum())
    inside, degrees = sum_by_group(graph, labels)
    return float((inside / doubled - resolution * (degrees / doubled) ** 2).sum())


@nb.njit(cache=True, nogil=True)
def _move(begins: Any, neighbors: Any, weights: Any, degrees: Any, labels: Any, resolution: float) -> None:
    """Move each node to the community where modularity gains most, until none gains; labels are changed."""
    count = labels.shape[0]
    doubled = degrees.sum()
    of_community = np.zeros(count)
    for node in range(count):
        of_community[labels[node]] += degrees[node]
    linked = np.zeros(count)
    for _ in range(MOST_PASSES):
        moved = False
        for node in range(count):
            own = labels[node]
            for at in range(begins[node], begins[node + 1]):
                linked[labels[neighbors[at]]] += weights[at]
            of_community[own] -= degrees[node]
            share = resolution * degrees[node] / doubled
            best, best_gain = own, linked[own] - share * of_community[own]
            for at in range(begins[node], begins[node + 1]):
                other = labels[neighbors[at]]
                gain = linked[other] - share * of_community[other]
                if gain > best_gain + LEAST_GAIN * doubled:
                    best, best_gain = other, gain
            for at in range(begins[node], begins[node + 1]):
                linked[labels[neighbors[at]]] = 0.0
            of_community[best] += degrees[node]
            labels[node] = best
            moved |= best != own
        if not moved:
            break
