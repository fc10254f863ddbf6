"""Community detectors with one protocol, and their registry by name.

Belongs here: the protocol, the registry, and the detectors by python-louvain, scikit-network and graspologic-native.
Not here: choosing weights, numbering communities, stability (detection).

All use one convention: resolution is the gamma of Reichardt and Bornholdt 2006; 1.0 is plain modularity, higher is
finer.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import networkx as nx
import numpy as np
from scipy import sparse


@dataclass(frozen=True)
class WeightedGraph:
    """An undirected graph of channels; it does not depend on the order of its input.

    Attributes:
        channels: sorted logins; row i of the matrix belongs to channels[i].
        matrix: symmetric weights > 0, zero diagonal, sorted columns in each row.
    """

    channels: tuple[str, ...]
    matrix: sparse.csr_array


class CommunityDetector(Protocol):
    """Detects communities. The same graph, resolution and seed must give the same answer."""

    def __call__(self, graph: WeightedGraph, *, resolution: float, seed: int) -> np.ndarray:
        """Return an integer per channel, in the order of `graph.channels`; equal numbers = same community."""
        ...


def louvain(graph: WeightedGraph, *, resolution: float, seed: int) -> np.ndarray:
    """Louvain by python-louvain, the reference implementation (Blondel et al. 2008).

    Its own `resolution` cannot be used: documented as the time of Lambiotte et al. 2008, the inverse of ours, it is
    since 0.16 the inverse only for evaluating a level, while moving nodes uses ours (taynaud/python-louvain, issue
    94). So `resolution` stays at 1, and the graph encodes our gamma: a self-loop of (gamma - 1) k / 2 at every node
    of degree k makes each degree gamma k and the sum of all weights gamma m. The gain of a move is then
    d - gamma k K / 2m, and the modularity is the one at gamma divided by gamma, plus a constant. Below 1 the loops
    are negative, but the degrees are not.
    """
    import community

    upper = sparse.triu(graph.matrix, format="coo")
    network = nx.Graph()
    network.add_nodes_from(range(len(graph.channels)))
    # The answer of python-louvain depends on the order in which nodes and edges are added.
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

    scikit-network has a faster Leiden, but it uses C's rand(), which we cannot seed: the same seed gave a different
    answer on every call.
    """
    import graspologic_native

    # The matrix is traversed by row, and channels are sorted, so edges are sorted by name.
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


# By default, scikit-network stops at a gain of 0.001 in modularity, as large as the difference between algorithms.
LOUVAIN_TOLERANCE = 1e-5

# The randomness is the authors' choice. Five iterations instead of one: on TwitchAtlas 2021-02, modularity rises from
# 0.611 to 0.613 and the seeds agree, in twice the time.
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
    """Decorator that registers your own detector by name, for the setting `algorithm`.

    Args:
        replaces: the detector that may already have this name.

    Raises:
        ValueError: another detector has this name.
    """
    if _registry.get(name, replaces) is not replaces:
        raise ValueError(f"a community detector named {name!r} is registered already")

    def register(detector: CommunityDetector) -> CommunityDetector:
        _registry[name] = detector
        return detector

    return register


def community_detector(name: str) -> CommunityDetector:
    """Return the detector with this name.

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
    """The weight inside each community, counted from both ends, and its total degree; one entry per community."""
    communities, coded = np.unique(labels, return_inverse=True)
    matrix = graph.matrix.tocoo()
    left, right = (coded[part] for part in matrix.coords)
    same = left == right
    inside = np.bincount(left[same], matrix.data[same], communities.size)
    return inside, np.bincount(left, matrix.data, communities.size)
