"""Community detectors that users bring, behind the protocol.

Belongs here: the older form of a detector, and refusing answers that are none. Not here: the protocol and our own
algorithms (detectors), finding what users bring (plugins).
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
    "or an object or class without arguments that has it as detect_communities"
)
MOST_NAMED = 3


class DetectorError(InputError):
    """A community detector gave no answer, or one that is none; the message names it and what is expected."""


def own_detector(name: str, brought: Any) -> CommunityDetector:
    """Put what a user brings behind the protocol; each of its answers is checked.

    Raises:
        ValueError: it is nothing that finds communities.
    """
    find = _finder(brought)

    def detector(graph: WeightedGraph, *, resolution: float, seed: int) -> np.ndarray:
        try:
            labels = find(name, graph, resolution, seed)
        except DetectorError:
            raise
        except Exception as error:
            raise DetectorError(f"community detector {name!r} failed: {type(error).__name__}: {error}") from error
        return labels

    return detector


def _finder(brought: Any) -> Callable[[str, WeightedGraph, float, int], np.ndarray]:
    made = brought() if inspect.isclass(brought) and hasattr(brought, "detect_communities") else brought
    found = getattr(made, "detect_communities", made)
    if not callable(found) or inspect.isclass(found):
        raise ValueError(f"it is {_kind(brought)}; expected {EXPECTED}")
    if _takes(found, None, resolution=1.0, seed=0):
        return lambda name, graph, resolution, seed: _checked(
            name, graph, found(graph, resolution=resolution, seed=seed)
        )
    if _takes(found, None):
        return lambda name, graph, _resolution, _seed: _labels(name, graph, found(network_of(graph)))
    raise ValueError(f"it takes {inspect.signature(found)}; expected {EXPECTED}")


def _kind(brought: Any) -> str:
    return f"the class {brought.__name__}" if inspect.isclass(brought) else f"of type {type(brought).__name__}"


def _takes(function: Callable[..., Any], *arguments: Any, **named: Any) -> bool:
    try:
        inspect.signature(function).bind(*arguments, **named)
    except TypeError:
        return False
    return True


def network_of(graph: WeightedGraph) -> nx.Graph:
    """The graph as networkx has it: channels as nodes, `weight` on edges; both in the order of names."""
    # Row by row, and the channels are sorted.
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
    """The numbers of an older detector's partition; a channel in community None is alone."""
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
            named = ", ".join(wrong[:MOST_NAMED]) + (", …" if len(wrong) > MOST_NAMED else "")
            raise DetectorError(
                f"community detector {name!r} returned {fault} {len(wrong)} channel(s): {named}; expected one for "
                f"each of the {len(graph.channels)} nodes"
            )
    numbers: dict[Any, int] = {}
    return np.array(
        [
            # Nobody else has the channel's own number.
            numbers.setdefault((True, channel) if partition[channel] is None else (False, partition[channel]), number)
            for number, channel in enumerate(graph.channels)
        ],
        dtype=np.int64,
    )
