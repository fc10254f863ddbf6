from typing import Any

import networkx as nx
import polars as pl
import pytest

from vieweratlas_assets.domain.communities import detectors
from vieweratlas_assets.domain.communities.detection import (
    compare_resolutions,
    detect_communities,
    weighted_graph,
)
from vieweratlas_assets.domain.communities.resolution import STABILITY_SEEDS
from vieweratlas_assets.domain.schemas import COMMUNITIES, GRAPH_EDGES, GRAPH_NODES
from vieweratlas_tests.domain.atlas.samples import edges_between, table
from vieweratlas_tests.domain.communities import graphs
from vieweratlas_tests.domain.communities.graphs import edges_of, nodes_of, planted

SHIPPED = ("leiden", "louvain", "louvain_fast")
every_detector = pytest.mark.parametrize("algorithm", SHIPPED)


def cliques(*sizes: int, first: str = "a") -> nx.Graph:
    """Cliques whose channels are named by letter: a0, a1, b0, b1 and so on."""
    network = nx.Graph()
    for step, size in enumerate(sizes):
        letter = chr(ord(first) + step)
        network.update(nx.complete_graph([f"{letter}{number}" for number in range(size)]))
    return network


def _of(frame: pl.DataFrame) -> dict[str, int | None]:
    return dict(frame.select("channel", "community").iter_rows())


@every_detector
def test_communities_are_numbered_by_size_then_by_first_channel(algorithm: str) -> None:
    network = cliques(3, 5, 3, 4)
    detection = detect_communities(nodes_of(network), edges_of(network), algorithm=algorithm)
    assert detection.communities.schema == COMMUNITIES.schema
    assert _of(detection.communities) == {
        channel: {"b": 0, "d": 1, "a": 2, "c": 3}[channel[0]] for channel in network
    }
    assert detection.sizes == (5, 4, 3, 3)
    assert detection.unclustered == 0
    assert detection.stability == 1.0
    assert detection.modularity == pytest.approx(
        nx.community.modularity(network, [[c for c in network if c[0] == letter] for letter in "abcd"])
    )


@every_detector
def test_small_communities_and_lone_channels_are_unclustered(algorithm: str) -> None:
    network = cliques(4, 3, 2)
    network.add_nodes_from(["lonely", "Alone"])
    detection = detect_communities(nodes_of(network), edges_of(network), algorithm=algorithm, min_community_size=3)
    assert _of(detection.communities) == {
        channel: {"a": 0, "b": 1}.get(channel[0] if channel[1].isdigit() else "") for channel in sorted(network)
    }
    assert detection.communities["channel"].to_list() == sorted(network)
    assert detection.sizes == (4, 3)
    assert detection.unclustered == 4
    # As detected: the pair counts as a community of its own.
    assert detection.modularity == pytest.approx(
        nx.community.modularity(
            network, [[c for c in network if c[:1] == x and c[1:].isdigit()] for x in "abc"] + [["lonely"], ["Alone"]]
        )
    )


@every_detector
def test_the_order_of_rows_does_not_matter(algorithm: str) -> None:
    network = graphs.noisy()
    nodes, edges = nodes_of(network), edges_of(network)
    detection = detect_communities(nodes, edges, algorithm=algorithm)
    assert len(detection.sizes) > 2
    assert detection.stability is not None
    assert 0 < detection.stability < 1
    for seed in range(3):
        mixed = [frame.sample(fraction=1, shuffle=True, seed=seed) for frame in (nodes, edges)]
        again = detect_communities(*mixed, algorithm=algorithm)
        assert again.communities.equals(detection.communities)
        assert (again.modularity, again.stability) == (detection.modularity, detection.stability)


def test_edges_with_unusable_weights_are_left_out_and_counted() -> None:
    network = cliques(3, 3)
    edges = edges_of(network, "overlap_z").with_columns(shared_viewers=pl.lit(5, dtype=pl.Int64))
    # Each of these would connect the two cliques, or a channel without other edges.
    bad = edges_between(
        [("a0", "b0"), ("a0", "b1"), ("a1", "b0"), ("a2", "out"), ("b2", "out"), ("a1", "b2")],
        overlap_z=[None, 0.0, -3.0, float("nan"), None, float("inf")],
        shared_viewers=[9] * 6,
    )
    nodes = table(GRAPH_NODES, channel=[*network, "out"])
    detection = detect_communities(nodes, pl.concat([edges, bad]), weight="overlap_z")
    assert detection.edges_left_out == 6
    assert detection.weight == "overlap_z"
    assert _of(detection.communities) == {**{c: "ab".index(c[0]) for c in network}, "out": None}
    assert detect_communities(nodes, pl.concat([edges, bad]), weight="shared_viewers").edges_left_out == 0


@every_detector
def test_an_imported_graph_is_weighted_by_the_only_measure_it_has(algorithm: str) -> None:
    network = graphs.weights_only()
    for _, _, data in network.edges(data=True):
        data["weight"] /= 40
    edges = edges_of(network, "overlap_coefficient")
    detection = detect_communities(nodes_of(network), edges, algorithm=algorithm, weight="shared_viewers")
    assert detection.weight == "overlap_coefficient"
    assert detection.edges_left_out == 0
    members = {frozenset(group["channel"]) for _, group in detection.communities.group_by("community")}
    assert members == planted(network)


@every_detector
@pytest.mark.parametrize("names", [[], ["one"], ["one", "two"]])
def test_a_graph_without_edges_has_no_communities(algorithm: str, names: list[str]) -> None:
    nodes = table(GRAPH_NODES, channel=names) if names else GRAPH_NODES.empty()
    detection = detect_communities(nodes, GRAPH_EDGES.empty(), algorithm=algorithm)
    assert detection.communities.schema == COMMUNITIES.schema
    assert _of(detection.communities) == dict.fromkeys(names)
    assert (detection.sizes, detection.unclustered) == ((), len(names))
    assert (detection.modularity, detection.stability) == (None, None)


def test_edges_without_a_positive_weight_do_not_count() -> None:
    detection = detect_communities(
        table(GRAPH_NODES, channel=["a", "b"]), edges_between([("a", "b")], overlap_z=[-1.0]), weight="overlap_z"
    )
    assert detection.communities["community"].to_list() == [None, None]
    assert (detection.modularity, detection.edges_left_out) == (None, 1)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"algorithm": "infomap"}, "unknown community detector 'infomap'; known are leiden, louvain, louvain_fast"),
        (
            {"weight": "size"},
            "unknown weight 'size'; known are shared_viewers, jaccard, overlap_coefficient, overlap_z",
        ),
        ({"resolution_mode": "relative"}, "unknown resolution_mode 'relative'; known are natural, absolute"),
        ({"resolution": 0.0}, "resolution is 0.0; it must be above 0"),
        ({"resolution": -1.0}, "resolution is -1.0"),
        ({"resolution": float("nan")}, "resolution is nan"),
    ],
)
@pytest.mark.parametrize("network", [cliques(3), nx.Graph()], ids=["clique", "empty"])
def test_invalid_settings_are_refused(network: nx.Graph, wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        detect_communities(nodes_of(network), edges_of(network), **wrong)


def test_stability_uses_the_seed_and_the_next_four(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def spy(graph: detectors.WeightedGraph, *, resolution: float, seed: int) -> object:
        seen.append((resolution, seed))
        return detectors.leiden(graph, resolution=resolution, seed=seed)

    monkeypatch.setitem(detectors._registry, "spy", spy)
    network = cliques(3, 3)
    nodes, edges = nodes_of(network), edges_of(network)
    detect_communities(nodes, edges, algorithm="spy", seed=9, resolution=1.5, resolution_mode="absolute")
    assert seen == [(1.5, seed) for seed in range(9, 9 + STABILITY_SEEDS)]


def test_the_matrix_is_symmetric_and_sorted_by_name() -> None:
    edges = edges_between([("b", "c"), ("a", "b"), ("a", "z")], jaccard=[0.5, 0.25, 0.0])
    graph = weighted_graph(edges.reverse(), "jaccard")
    assert graph.channels == ("a", "b", "c")
    assert graph.matrix.toarray().tolist() == [[0, 0.25, 0], [0.25, 0, 0.5], [0, 0.5, 0]]


def test_every_combination_of_algorithm_and_resolution_is_compared() -> None:
    network = graphs.nested()
    reference = pl.DataFrame(
        {"channel": list(network), "community": [f"published {g}" for _, g in network.nodes(data="fine")]}
    )
    given = (nodes_of(network), edges_of(network))
    trials = list(compare_resolutions(*given, reference, algorithms=SHIPPED, resolutions=iter([1.0, 3.0])))
    assert [(trial["algorithm"], trial["resolution"]) for trial in trials] == [
        (algorithm, resolution) for algorithm in SHIPPED for resolution in ("natural 1.00", 1.0, 3.0)
    ]
    for trial in trials:
        algorithm, resolution = str(trial["algorithm"]), trial["resolution"]
        alone = (
            detect_communities(*given, algorithm=algorithm, resolution=resolution, resolution_mode="absolute")
            if isinstance(resolution, float)
            else detect_communities(*given, algorithm=algorithm)
        )
        assert (trial["modularity"], trial["stability"]) == (alone.modularity, alone.stability)
        assert trial["communities"] == len(alone.sizes) == (9 if trial["resolution"] == 3.0 else 3)
        assert trial["channels"] == 72
        best = trial["resolution"] == 3.0
        assert (trial["adjusted_rand_index"] == pytest.approx(1)) is best
        assert (trial["normalized_mutual_information"] == pytest.approx(1)) is best


def test_a_comparison_without_the_natural_resolution_has_only_the_given_ones() -> None:
    network = cliques(3, 3)
    reference = pl.DataFrame({"channel": list(network), "community": [c[0] for c in network]})
    trials = compare_resolutions(
        nodes_of(network), edges_of(network), reference, algorithms=["leiden"], resolutions=[2.0], natural=False
    )
    assert [trial["resolution"] for trial in trials] == [2.0]
