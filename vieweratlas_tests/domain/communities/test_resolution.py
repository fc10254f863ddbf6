"""The backbone, the natural resolution and the profile: on graphs with known answers, and on any graph."""

import itertools
import math
from collections.abc import Callable
from random import Random

import networkx as nx
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from vieweratlas_assets.domain.communities.detection import Detection, detect_communities, weighted_graph
from vieweratlas_assets.domain.communities.detectors import WeightedGraph, community_detector, louvain_fast
from vieweratlas_assets.domain.communities.resolution import (
    PROFILE_MULTIPLES,
    backbone,
    backbone_size,
    matching_resolution,
    natural_resolution,
    resolution_profile,
    self_consistent_resolution,
)
from vieweratlas_assets.domain.schemas import COMMUNITIES, GRAPH_EDGES, GRAPH_NODES
from vieweratlas_tests.domain.atlas.samples import table
from vieweratlas_tests.domain.communities import graphs
from vieweratlas_tests.domain.communities.graphs import edges_of, groups, matrix_of, nodes_of, planted

every_detector = pytest.mark.parametrize("algorithm", ["leiden", "louvain", "louvain_fast"])
weighted_edges = st.dictionaries(
    st.tuples(st.integers(0, 11), st.integers(0, 11)).filter(lambda pair: pair[0] < pair[1]),
    st.integers(1, 20),
    max_size=40,
)


def network_of(weights: dict[tuple[int, int], int]) -> nx.Graph:
    network = nx.Graph()
    network.add_nodes_from(f"n{number:02}" for number in range(12))
    network.add_weighted_edges_from((f"n{a:02}", f"n{b:02}", weight) for (a, b), weight in weights.items())
    return network


def many_blocks() -> nx.Graph:
    """Forty groups of ten, and noise: too many and too small for modularity at 1.0."""
    chances = [[0.7 if a == b else 0.012 for b in range(40)] for a in range(40)]
    network = nx.Graph(nx.stochastic_block_model([10] * 40, chances, seed=3))
    nx.set_node_attributes(network, {node: data["block"] for node, data in network.nodes(data=True)}, "group")
    return graphs.named(network)


def games_in_languages() -> nx.Graph:
    """Five languages of six games of nine channels: channels of a language share some viewers, of a game many."""
    chances = [[0.7 if a == b else 0.2 if a // 6 == b // 6 else 0.01 for b in range(30)] for a in range(30)]
    network = nx.Graph(nx.stochastic_block_model([9] * 30, chances, seed=3))
    nx.set_node_attributes(network, {node: node // 9 for node in network}, "group")
    nx.set_node_attributes(network, {node: node // 54 for node in network}, "language")
    for a, b, data in network.edges(data=True):
        data["weight"] = 9 + a % 3 if a // 9 == b // 9 else 3 + b % 3
    return graphs.named(network)


def detected_groups(detection: Detection) -> set[frozenset[str]]:
    clustered = detection.communities.drop_nulls()
    return {frozenset(group["channel"]) for _, group in clustered.group_by("community")}


def natural(detection: Detection) -> float:
    assert detection.natural_resolution is not None
    return detection.natural_resolution


def edge_set(graph: WeightedGraph) -> dict[tuple[str, str], float]:
    matrix = graph.matrix.tocoo()
    ends = ([graph.channels[number] for number in part.tolist()] for part in matrix.coords)
    return {(a, b): weight for a, b, weight in zip(*ends, matrix.data.tolist(), strict=True)}


@pytest.mark.parametrize(
    ("channels", "weight", "size"),
    [
        (0, "overlap_z", 5),
        (100, "overlap_z", 5),
        (1_000, "overlap_z", 10),
        (1_000, "jaccard", 10),
        (1_000, "shared_viewers", 30),
        (1_000, "overlap_coefficient", 30),
        (10_000, "overlap_z", 22),
    ],
)
def test_the_backbone_grows_with_the_atlas_and_for_measures_that_grow_with_size(
    channels: int, weight: str, size: int
) -> None:
    assert backbone_size(channels, weight) == size


@given(weighted_edges, st.integers(1, 6))
@settings(max_examples=80)
def test_the_backbone_has_each_channels_strongest_edges_with_ties(
    weights: dict[tuple[int, int], int], per_channel: int
) -> None:
    network = network_of(weights)
    expected: dict[tuple[str, str], float] = {}
    for channel in network:
        strengths = sorted((network[channel][other]["weight"] for other in network[channel]), reverse=True)
        for other in network[channel]:
            weight = network[channel][other]["weight"]
            if weight >= strengths[min(per_channel, len(strengths)) - 1]:
                expected[channel, other] = expected[other, channel] = float(weight)
    graph = matrix_of(network)
    kept = backbone(graph, per_channel)
    assert edge_set(kept) == expected
    assert kept.channels == graph.channels
    assert kept.matrix.has_sorted_indices


def matching_by_hand(network: nx.Graph, partition: set[frozenset[str]]) -> float | None:
    """Newman 2016, counted edge by edge."""
    total = 2.0 * network.size(weight="weight")
    within = 2.0 * sum(network.subgraph(group).size(weight="weight") for group in partition)
    chance = sum(sum(network.degree(c, weight="weight") for c in group) ** 2 for group in partition) / total
    if within in (0, total):
        return None
    inside, across = within / chance, (total - within) / (total - chance)
    return float(inside if math.isclose(inside, across) else (inside - across) / math.log(inside / across))


@given(weighted_edges.filter(bool), st.lists(st.integers(0, 3), min_size=12, max_size=12))
@settings(max_examples=80)
def test_the_matching_resolution_is_newmans(weights: dict[tuple[int, int], int], labels: list[int]) -> None:
    network = network_of(weights)
    network.remove_nodes_from(list(nx.isolates(network)))
    graph = matrix_of(network)
    own = np.array([labels[int(channel[1:])] * 5 - 2 for channel in graph.channels])
    expected = matching_by_hand(network, groups(graph.channels, own))
    resolution = matching_resolution(graph, own)
    assert resolution == (None if expected is None else pytest.approx(expected))


def natural_by_hand(network: nx.Graph, algorithm: str, seed: int) -> float:
    """The rule as documented: match, then go down until five seeds agree."""
    graph, detect = matrix_of(network), community_detector(algorithm)
    matching = 1.0
    for _ in range(12):
        partition = groups(graph.channels, detect(graph, resolution=matching, seed=seed))
        following = max(1.0, matching_by_hand(network, partition) or 1.0)
        if abs(following - matching) < 0.01 * matching:
            break
        matching = following
    agreements = {}
    for fourth in (1, 2, 3, 4):
        resolution = max(1.0, matching / 2 ** (fourth / 4))
        runs = [detect(graph, resolution=resolution, seed=seed + step) for step in range(5)]
        indices = [adjusted_rand_score(a, b) for a, b in itertools.combinations(runs, 2)]
        agreements[resolution] = sum(indices) / len(indices)
    agreeing = [resolution for resolution, agreed in agreements.items() if agreed >= 0.95]
    return max(agreeing) if agreeing else max(agreements, key=lambda resolution: agreements[resolution])


@every_detector
@pytest.mark.parametrize("make", [graphs.blocks, graphs.noisy, graphs.nested, graphs.ring_of_cliques])
def test_the_natural_resolution_follows_its_rule(algorithm: str, make: Callable[[], nx.Graph]) -> None:
    resolution = natural_resolution(matrix_of(make()), community_detector(algorithm), seed=5)
    assert resolution == pytest.approx(natural_by_hand(make(), algorithm, 5))


def test_if_seeds_never_agree_the_resolution_with_the_best_agreement_is_taken() -> None:
    graph = matrix_of(many_blocks())
    chosen: list[float] = []

    def restless(graph: WeightedGraph, *, resolution: float, seed: int) -> np.ndarray:
        """Detect the groups, but move channels at random; fewest at the third step down."""
        labels = louvain_fast(graph, resolution=resolution, seed=0)
        chosen.append(resolution)
        matching = max(chosen)
        moved = 30 if math.isclose(resolution, matching * 2**-0.75) else 90
        if resolution < matching:
            places = np.random.default_rng(seed).choice(labels.size, moved, replace=False)
            labels[places] = labels.max() + 1
        return labels

    matching = self_consistent_resolution(graph, restless, seed=0)
    chosen.clear()
    assert natural_resolution(graph, restless, seed=0) == pytest.approx(matching * 2**-0.75)


def test_communities_that_plain_modularity_separates_are_not_merged() -> None:
    barbell = graphs.named(nx.barbell_graph(6, 0))
    graph = matrix_of(barbell)
    halves = louvain_fast(graph, resolution=1.0, seed=0)
    matching = matching_resolution(graph, halves)
    assert matching is not None
    assert matching < 0.7
    assert self_consistent_resolution(graph, louvain_fast, seed=0) == 1.0
    assert natural_resolution(graph, louvain_fast, seed=0) == 1.0


@every_detector
def test_more_communities_than_plain_modularity_can_see_are_detected(algorithm: str) -> None:
    network = many_blocks()
    nodes, edges = nodes_of(network), edges_of(network)
    plain = detect_communities(nodes, edges, algorithm=algorithm, weight="shared_viewers", resolution_mode="absolute")
    detection = detect_communities(nodes, edges, algorithm=algorithm)
    assert len(plain.sizes) < 35
    assert detected_groups(detection) == planted(network)
    assert natural(detection) > 2
    assert detection.resolution == natural(detection)


@every_detector
def test_games_are_detected_inside_languages(algorithm: str) -> None:
    network = games_in_languages()
    nodes, edges = nodes_of(network), edges_of(network, "overlap_z")
    plain = detect_communities(nodes, edges, algorithm=algorithm, resolution_mode="absolute")
    assert detected_groups(plain) == planted(network, "language")
    assert detected_groups(detect_communities(nodes, edges, algorithm=algorithm)) == planted(network)


@every_detector
def test_resolution_multiplies_the_natural_one_and_is_plain_in_absolute_mode(algorithm: str) -> None:
    network = graphs.blocks()
    nodes, edges = nodes_of(network), edges_of(network)
    usual = detect_communities(nodes, edges, algorithm=algorithm)
    finer = detect_communities(nodes, edges, algorithm=algorithm, resolution=2.0)
    plain = detect_communities(nodes, edges, algorithm=algorithm, resolution=2.0, resolution_mode="absolute")
    assert natural(finer) == natural(usual)
    assert finer.resolution == 2 * natural(usual)
    assert (plain.resolution, plain.natural_resolution, plain.edges_per_channel) == (2.0, None, None)
    assert plain.edges_used == edges.height
    assert plain.profile == ()
    labels = community_detector(algorithm)(weighted_graph(edges, "shared_viewers"), resolution=2.0, seed=42)
    assert detected_groups(plain) == {g for g in groups(tuple(sorted(network)), labels) if len(g) > 1}


@every_detector
@pytest.mark.parametrize(
    ("network", "expected"),
    [
        (nx.Graph([("a", "b")]), {frozenset("ab")}),
        (nx.complete_graph(["a", "b", "c", "d"]), {frozenset("abcd")}),
        (
            nx.union(nx.complete_graph(list("abcd")), nx.complete_graph(list("wxyz"))),
            {frozenset("abcd"), frozenset("wxyz")},
        ),
        (nx.star_graph(["hub", "a", "b", "c"]), {frozenset(["hub", "a", "b", "c"])}),
    ],
    ids=["pair", "clique", "two cliques", "star"],
)
def test_without_finer_communities_the_natural_resolution_is_plain(
    algorithm: str, network: nx.Graph, expected: set[frozenset[str]]
) -> None:
    network = nx.relabel_nodes(network, {n: "abcdefgh"[n] for n in network if isinstance(n, int)})
    detection = detect_communities(nodes_of(network), edges_of(network), algorithm=algorithm, profiled=True)
    assert detection.natural_resolution == detection.resolution == 1.0
    assert detected_groups(detection) == expected
    assert detection.stability == 1.0
    assert len(detection.profile) == len(PROFILE_MULTIPLES)


@every_detector
@pytest.mark.parametrize("names", [[], ["one"]])
def test_without_edges_there_is_no_profile_and_the_natural_resolution_is_plain(
    algorithm: str, names: list[str]
) -> None:
    nodes = table(GRAPH_NODES, channel=names) if names else GRAPH_NODES.empty()
    detection = detect_communities(nodes, GRAPH_EDGES.empty(), algorithm=algorithm, profiled=True)
    assert (detection.natural_resolution, detection.profile, detection.edges_used) == (1.0, (), 0)


@given(weighted_edges, st.randoms(use_true_random=False), st.sampled_from(["leiden", "louvain_fast"]))
@settings(max_examples=40, deadline=None)
def test_every_channel_of_any_graph_is_labeled_and_the_order_of_edges_does_not_matter(
    weights: dict[tuple[int, int], int], random: Random, algorithm: str
) -> None:
    network = network_of(weights)
    nodes, edges = nodes_of(network), edges_of(network)
    detection = detect_communities(nodes, edges, algorithm=algorithm, seed=3)
    assert detection.communities.schema == COMMUNITIES.schema
    assert detection.communities["channel"].to_list() == sorted(network)
    assert sum(detection.sizes) + detection.unclustered == len(network)
    order = list(range(edges.height))
    random.shuffle(order)
    again = detect_communities(nodes.reverse(), edges[order], algorithm=algorithm, seed=3)
    assert again.communities.equals(detection.communities)
    assert (again.natural_resolution, again.stability) == (detection.natural_resolution, detection.stability)
    assert natural(detection) >= 1


def test_a_profile_equals_detection_at_each_resolution() -> None:
    network = graphs.noisy()
    nodes, edges = nodes_of(network), edges_of(network)
    detection = detect_communities(nodes, edges, profiled=True, min_community_size=1)
    assert [step.relative for step in detection.profile] == pytest.approx([2 ** (n / 2) for n in range(-4, 5)])
    for step in detection.profile:
        alone = detect_communities(nodes, edges, resolution=step.relative, min_community_size=1)
        assert (step.resolution, step.modularity, step.stability) == (
            alone.resolution,
            alone.modularity,
            alone.stability,
        )
        assert step.communities == len(alone.sizes)


def test_without_a_profile_there_are_no_extra_runs() -> None:
    seen: list[float] = []

    def spy(graph: WeightedGraph, *, resolution: float, seed: int) -> np.ndarray:
        seen.append(resolution)
        return louvain_fast(graph, resolution=resolution, seed=seed)

    graph = matrix_of(graphs.blocks())
    natural_resolution(graph, spy, seed=1)
    before = len(seen)
    assert before <= 12 + 4 * 5
    resolution_profile(graph, spy, 1.0, seed=1)
    assert len(seen) - before == 5 * len(PROFILE_MULTIPLES)


def test_counts_are_used_if_no_overlap_exceeds_chance() -> None:
    network = graphs.ring_of_cliques()
    edges = edges_of(network).with_columns(overlap_z=pl.lit(-1.0))
    detection = detect_communities(nodes_of(network), edges)
    assert detection.weight == "shared_viewers"
    assert detected_groups(detection) == planted(network)
