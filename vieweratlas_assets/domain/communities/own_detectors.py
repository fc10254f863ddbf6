"""Community detectors of users (plug-ins), adapted to the protocol.

Belongs here: the older form of a detector, and checking its answers. Not here: the protocol and built-in algorithms
(detectors), loading plug-ins (wiring.plugins).
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import networkx as nx
import numpy as np
from scipy import sparse

from vieweratlas_assets.domain.communities.detectors import CommunityDetector, WeightedGraph
from vieweratlas_assets.errors import InputError

OlderDetector = Callable[[nx.Graph], tuple[Mapping[str, Any], Any]]
"""`detect_communities(graph) -> (partition, modularity)`."""

EXPECTED = (
    "a function (graph, *, resolution, seed) as in CommunityDetector, a function (graph) -> (partition, modularity), "
    "or an object, or a class without arguments, that has such a method detect_communities"
)
MAX_NAMED = 3


class DetectorError(InputError):
    """A community detector failed or returned an invalid answer; the message names it and what is expected."""


def own_detector(name: str, plugin: Any) -> CommunityDetector:
    """Adapt a user's detector to the protocol; each of its answers is checked.

    Raises:
        ValueError: the plug-in is not a detector.
    """
    detect = _adapted(plugin)

    def detector(graph: WeightedGraph, *, resolution: float, seed: int) -> np.ndarray:
        try:
            labels = detect(name, graph, resolution, seed)
        except DetectorError:
            raise
        except Exception as error:
            raise DetectorError(f"community detector {name!r} failed: {type(error).__name__}: {error}") from error
        return labels

    return detector


def _adapted(plugin: Any) -> Callable[[str, WeightedGraph, float, int], np.ndarray]:
    instance = plugin() if inspect.isclass(plugin) and hasattr(plugin, "detect_communities") else plugin
    function = getattr(instance, "detect_communities", instance)
    if not callable(function) or inspect.isclass(function):
        raise ValueError(f"it is {_kind(plugin)}; expected {EXPECTED}")
    if _accepts(function, None, resolution=1.0, seed=0):
        return lambda name, graph, resolution, seed: _checked(
            name, graph, function(graph, resolution=resolution, seed=seed)
        )
    if _accepts(function, None):
        return lambda name, graph, _resolution, _seed: _labels(name, graph, function(to_networkx(graph)))
    raise ValueError(f"it takes {inspect.signature(function)}; expected {EXPECTED}")


def _kind(value: Any) -> str:
    return f"the class {value.__name__}" if inspect.isclass(value) else f"of type {type(value).__name__}"


def _accepts(function: Callable[..., Any], *arguments: Any, **named: Any) -> bool:
    try:
        inspect.signature(function).bind(*arguments, **named)
    except TypeError:
        return False
    return True


def to_networkx(graph: WeightedGraph) -> nx.Graph:
    """The graph in networkx's form: channels as nodes, `weight` on edges; both sorted by name."""
    # The matrix is traversed by row, and channels are sorted.
    upper = sparse.triu(graph.matrix, format="coo")
    edges = zip(*(part.tolist() for part in (*upper.coords, upper.data)), strict=True)
    network = nx.Graph()
    network.add_nodes_from(graph.channels)
    network.add_weighted_edges_from((graph.channels[a], graph.channels[b], weight) for a, b, weight in edges)
    return network


def _checked(name: str, graph: WeightedGraph, answer: Any) -> np.ndarray:
    labels, channels = np.asarray(answer), len(graph.channels)
    if labels.shape != (channels,) or labels.dtype.kind not in "iu":
        raise DetectorError(
            f"community detector {name!r} returned {labels.dtype} of shape {labels.shape}; expected whole numbers of "
            f"shape ({channels},), one for each of graph.channels"
        )
    return labels.astype(np.int64)


def _labels(name: str, graph: WeightedGraph, answer: Any) -> np.ndarray:
    """The labels of an older detector's partition; a channel with community None is in a community of its own."""
    if not isinstance(answer, tuple) or len(answer) != 2 or not isinstance(answer[0], Mapping):
        raise DetectorError(
            f"community detector {name!r} returned {_kind(answer)}; expected (partition, modularity), the partition "
            "a dictionary from channel to community"
        )
    partition = answer[0]
    for fault, wrong in (
        ("no community for", [channel for channel in graph.channels if channel not in partition]),
        ("a community for the unknown", sorted(map(str, set(partition) - set(graph.channels)))),
    ):
        if wrong:
            named = ", ".join(wrong[:MAX_NAMED]) + (", …" if len(wrong) > MAX_NAMED else "")
            raise DetectorError(
                f"community detector {name!r} returned {fault} {len(wrong)} channel(s): {named}; expected one for "
                f"each of the {len(graph.channels)} nodes"
            )
    numbers: dict[Any, int] = {}
    return np.array(
        [
            # The key (True, channel) belongs to one channel only.
            numbers.setdefault((True, channel) if partition[channel] is None else (False, partition[channel]), number)
            for number, channel in enumerate(graph.channels)
        ],
        dtype=np.int64,
    )
