"""Graphs with planted communities, as tables of the overlap graph."""

import random

import networkx as nx
import numpy as np
import polars as pl

from vieweratlas_assets.domain.communities.detection import weighted_graph
from vieweratlas_assets.domain.communities.detectors import WeightedGraph
from vieweratlas_assets.domain.schemas import GRAPH_EDGES, GRAPH_NODES
from vieweratlas_tests.domain.atlas.samples import edges_between, table


def named(network: nx.Graph) -> nx.Graph:
    """Names whose order says nothing about the communities."""
    numbers = list(range(len(network)))
    random.Random(3).shuffle(numbers)
    return nx.relabel_nodes(network, {node: f"c{number:03}" for node, number in zip(network, numbers, strict=True)})


def nodes_of(network: nx.Graph) -> pl.DataFrame:
    return table(GRAPH_NODES, channel=sorted(network)) if len(network) else GRAPH_NODES.empty()


def edges_of(network: nx.Graph, weight: str = "shared_viewers") -> pl.DataFrame:
    if not network.number_of_edges():
        return GRAPH_EDGES.empty()
    rows = [(a, b, data.get("weight", 1)) for a, b, data in network.edges(data=True)]
    return edges_between([(a, b) for a, b, _ in rows], **{weight: [value for *_, value in rows]})


def matrix_of(network: nx.Graph) -> WeightedGraph:
    return weighted_graph(edges_of(network), "shared_viewers")


def groups(channels: tuple[str, ...], labels: np.ndarray) -> set[frozenset[str]]:
    """A partition as sets, independent of its numbers."""
    members: dict[int, set[str]] = {}
    for channel, label in zip(channels, labels.tolist(), strict=True):
        members.setdefault(label, set()).add(channel)
    return {frozenset(group) for group in members.values()}


def planted(network: nx.Graph, key: str = "group") -> set[frozenset[str]]:
    members: dict[int, set[str]] = {}
    for node, group in network.nodes(data=key):
        members.setdefault(group, set()).add(node)
    return {frozenset(group) for group in members.values()}


def ring_of_cliques() -> nx.Graph:
    """Eight cliques of six, each joined to the next by one edge."""
    network = nx.ring_of_cliques(8, 6)
    nx.set_node_attributes(network, {node: node // 6 for node in network}, "group")
    return named(network)


def blocks() -> nx.Graph:
    """A stochastic block model: five groups of very different sizes, all weights 1."""
    sizes = [40, 30, 20, 12, 12]
    inside, across = 0.6, 0.02
    chances = [[inside if a == b else across for b in range(5)] for a in range(5)]
    network = nx.Graph(nx.stochastic_block_model(sizes, chances, seed=5))
    nx.set_node_attributes(network, {node: data["block"] for node, data in network.nodes(data=True)}, "group")
    return named(network)


def weights_only() -> nx.Graph:
    """Every channel shares viewers with every other: only the weights distinguish the three groups."""
    network = nx.complete_graph(30)
    nx.set_node_attributes(network, {node: node % 3 for node in network}, "group")
    for a, b, data in network.edges(data=True):
        data["weight"] = 20 if a % 3 == b % 3 else 1
    return named(network)


def nested() -> nx.Graph:
    """Three groups of three groups of eight: three communities at a coarse resolution, nine at a fine one."""
    network = nx.complete_graph(72)
    nx.set_node_attributes(network, {node: node // 8 for node in network}, "fine")
    nx.set_node_attributes(network, {node: node // 24 for node in network}, "coarse")
    for a, b, data in network.edges(data=True):
        data["weight"] = 40 if a // 8 == b // 8 else 10 if a // 24 == b // 24 else 1
    return named(network)


def noisy() -> nx.Graph:
    """Weak groups with random weights: the answer depends on the seed, and easily on the order of rows."""
    draw = random.Random(11)
    network = nx.gnp_random_graph(90, 0.12, seed=2)
    for a, b, data in network.edges(data=True):
        data["weight"] = draw.randint(1, 9) * (3 if a % 6 == b % 6 else 1)
    return named(network)
