"""Community detectors behind one protocol, and the registry that names them.

Belongs here: the protocol, the registry, python-louvain, scikit-network and graspologic-native behind them.
Not here: choosing weights, numbering communities, stability (detection).

One convention for all: resolution is the gamma of Reichardt and Bornholdt 2006; 1.0 is plain modularity, higher
is finer.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import networkx as nx
import numpy as np
from scipy import sparse


@dataclass(frozen=True)
class WeightedGraph:
    """An undirected graph of channels, the same whatever the order of its input.

    Attributes:
        channels: sorted logins; row i of the matrix is channels[i].
        matrix: symmetric weights > 0, zero diagonal, the columns of each row in order.
    """

    channels: tuple[str, ...]
    matrix: sparse.csr_array


class CommunityDetector(Protocol):
    """Finds communities. Must give the same answer for the same graph, resolution and seed."""

    def __call__(self, graph: WeightedGraph, *, resolution: float, seed: int) -> np.ndarray:
        """Return a whole number for every channel, in the order of `graph.channels`: equal = same community."""
        ...


def louvain(graph: WeightedGraph, *, resolution: float, seed: int) -> np.ndarray:
    """Louvain by python-louvain, the reference implementation (Blondel et al. 2008).

    Its own `resolution` is of no use: documented as the time of Lambiotte et al. 2008, the inverse of ours, it is
    since 0.16 the inverse only where a level is judged, while nodes move by ours (taynaud/python-louvain, issue 94).
    So that stays at 1, and the graph carries our gamma: a self-loop of (gamma - 1) k / 2 at every node of degree k
    makes each degree gamma k and the sum of all weights gamma m. The gain of a move is then d - gamma k K / 2m, and
    the modularity at gamma divided by gamma, plus a constant. Below 1 the loops are negative, the degrees are not.
    """
    import community

    upper = sparse.triu(graph.matrix, format="coo")
    network = nx.Graph()
    network.add_nodes_from(range(len(graph.channels)))
    # The answer of python-louvain depends on the order in which nodes and edges come in.
    edges = sorted(zip(*(part.tolist() for part in (*upper.coords, upper.data)), strict=True))
    network.add_weighted_edges_from(edges)
    if resolution != 1:
        degrees = graph.matrix.sum(axis=1).tolist()
        network.add_weighted_edges_from((node, node, (resolution - 1) * k / 2) for node, k in enumerate(degrees))
    partition = community.best_partition(network, resolution=1.0, random_state=seed)
    return np.array([partition[node] for node in range(len(graph.channels))], dtype=np.int64)


def louvain_fast(graph: WeightedGraph, *, resolution: float, seed: int) -> np.ndarray:
    """Louvain by scikit-network, compiled."""
    from sknetwork.clustering import Louvain

    detector = Louvain(
        resolution=resolution,
        shuffle_nodes=True,
        random_state=seed,
        tol_optimization=LOUVAIN_TOLERANCE,
        tol_aggregation=LOUVAIN_TOLERANCE,
    )
    return np.asarray(detector.fit_predict(sparse.csr_matrix(graph.matrix)), dtype=np.int64)


def leiden(graph: WeightedGraph, *, resolution: float, seed: int) -> np.ndarray:
    """Leiden by graspologic-native, compiled (Traag, Waltman, van Eck 2019).

    scikit-network has a faster one, but it draws from C's rand(), which no seed of ours reaches: the same seed gave
    another answer at every call.
    """
    import graspologic_native

    # Row by row, and the channels are sorted: the edges come in the order of their names.
    upper = sparse.triu(graph.matrix, format="coo")
    ends = (map(graph.channels.__getitem__, part.tolist()) for part in upper.coords)
    edges = list(zip(*ends, upper.data.tolist(), strict=True))
    _, partition = graspologic_native.leiden(
        edges,
        starting_communities=None,
        resolution=resolution,
        randomness=LEIDEN_RANDOMNESS,
        iterations=LEIDEN_ITERATIONS,
        use_modularity=True,
        seed=seed,
        trials=1,
    )
    return np.array([partition[channel] for channel in graph.channels], dtype=np.int64)


# scikit-network stops at a gain of 0.001 in modularity by default, which is as much as two algorithms differ by.
LOUVAIN_TOLERANCE = 1e-5

# The authors' own choice of randomness. Five rounds instead of one: on TwitchAtlas 2021-02 modularity rises from
# 0.611 to 0.613 and the seeds agree, at twice the time.
LEIDEN_RANDOMNESS = 0.001
LEIDEN_ITERATIONS = 5


_registry: dict[str, CommunityDetector] = {
    "leiden": leiden,
    "louvain": louvain,
    "louvain_fast": louvain_fast,
}


def register_detector(
    name: str, *, replaces: CommunityDetector | None = None
) -> Callable[[CommunityDetector], CommunityDetector]:
    """Decorator that makes a detector of your own known by a name, for the setting `algorithm`.

    Args:
        replaces: the detector that may have the name already.

    Raises:
        ValueError: the name is taken.
    """
    if _registry.get(name, replaces) is not replaces:
        raise ValueError(f"a community detector named {name!r} is registered already")

    def register(detector: CommunityDetector) -> CommunityDetector:
        _registry[name] = detector
        return detector

    return register


def community_detector(name: str) -> CommunityDetector:
    """Return the detector of a name.

    Raises:
        ValueError: unknown name; the message lists the known ones.
    """
    if name not in _registry:
        raise ValueError(f"unknown community detector {name!r}; known are {', '.join(detector_names())}")
    return _registry[name]


def detector_names() -> list[str]:
    """The registered names, sorted."""
    return sorted(_registry)


def modularity(graph: WeightedGraph, labels: np.ndarray) -> float | None:
    """Newman's modularity (2004) of a partition at resolution 1; None for a graph without edges.

    Q = sum over communities of (inside / 2m) - (degrees / 2m)^2, with m the sum of the weights.
    """
    doubled = float(graph.matrix.sum())
    if doubled == 0:
        return None
    inside, degrees = sum_by_group(graph, labels)
    return float((inside / doubled - (degrees / doubled) ** 2).sum())


def sum_by_group(graph: WeightedGraph, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights inside each community, counted from both ends, and its degrees; one entry a community."""
    found, coded = np.unique(labels, return_inverse=True)
    matrix = graph.matrix.tocoo()
    left, right = (coded[part] for part in matrix.coords)
    same = left == right
    inside = np.bincount(left[same], matrix.data[same], found.size)
    return inside, np.bincount(left, matrix.data, found.size)
