import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import community
import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vieweratlas_assets.domain.communities import detectors
from vieweratlas_assets.domain.communities.detection import detect_communities
from vieweratlas_assets.domain.communities.detectors import (
    WeightedGraph,
    community_detector,
    detector_names,
    modularity,
    register_detector,
)
from vieweratlas_tests.domain.atlas.samples import HOSTILE
from vieweratlas_tests.domain.communities import graphs
from vieweratlas_tests.domain.communities.graphs import edges_of, groups, matrix_of, nodes_of, planted

SHIPPED = ("leiden", "louvain", "louvain_fast")
every_detector = pytest.mark.parametrize("algorithm", SHIPPED)


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detectors, "_registry", dict(detectors._registry))


def _partition(algorithm: str, network: nx.Graph, *, resolution: float = 1.0, seed: int = 42) -> set[frozenset[str]]:
    graph = matrix_of(network)
    return groups(graph.channels, community_detector(algorithm)(graph, resolution=resolution, seed=seed))


@every_detector
@pytest.mark.parametrize("make", [graphs.ring_of_cliques, graphs.blocks, graphs.weights_only])
def test_planted_communities_are_found(algorithm: str, make: Callable[[], nx.Graph]) -> None:
    assert _partition(algorithm, make()) == planted(make())


@every_detector
def test_a_higher_resolution_is_finer(algorithm: str) -> None:
    network = graphs.nested()
    assert len(_partition(algorithm, network, resolution=0.1)) == 1
    assert _partition(algorithm, network, resolution=1.0) == planted(network, "coarse")
    assert _partition(algorithm, network, resolution=3.0) == planted(network, "fine")
    assert len(_partition(algorithm, network, resolution=50.0)) == 72


@every_detector
@pytest.mark.parametrize("make", [graphs.blocks, graphs.noisy, graphs.ring_of_cliques])
def test_the_number_of_communities_grows_with_resolution(algorithm: str, make: Callable[[], nx.Graph]) -> None:
    counts = [len(_partition(algorithm, make(), resolution=gamma)) for gamma in (0.1, 0.5, 1.0, 2.0, 4.0, 10.0)]
    assert counts == sorted(counts)
    assert counts[0] < counts[-1]


@pytest.mark.parametrize("gamma", [0.4, 0.7, 1.5, 2.5, 4.0])
@pytest.mark.parametrize("make", [graphs.noisy, graphs.nested, graphs.blocks])
def test_each_detector_optimizes_modularity_at_our_gamma(make: Callable[[], nx.Graph], gamma: float) -> None:
    network = make()

    def quality(partition: set[frozenset[str]]) -> float:
        return float(nx.community.modularity(network, partition, resolution=gamma))

    best = {name: quality(_partition(name, network, resolution=gamma)) for name in SHIPPED}
    assert best["louvain"] >= quality(_partition("louvain", network, resolution=1 / gamma)) - 1e-12
    assert max(best.values()) - min(best.values()) < 0.03, best


@pytest.mark.parametrize(("gamma", "own"), [(0.25, 0.25), (0.25, 4.0), (4.0, 0.25)])
def test_the_own_resolution_of_python_louvain_would_be_worse(gamma: float, own: float) -> None:
    """Neither its resolution nor the inverse equals ours; if this fails, a release has fixed it."""
    network = graphs.noisy()

    def quality(partition: set[frozenset[str]]) -> float:
        return float(nx.community.modularity(network, partition, resolution=gamma))

    ours = quality(_partition("louvain", network, resolution=gamma))
    labels = community.best_partition(network, resolution=own, random_state=42)
    theirs = {frozenset(c for c in labels if labels[c] == label) for label in labels.values()}
    assert ours > quality(theirs) + 0.02


def _labels_of_the_noisy_graph() -> dict[str, list[int]]:
    graph = matrix_of(graphs.noisy())
    return {name: community_detector(name)(graph, resolution=1.3, seed=7).tolist() for name in SHIPPED}


def test_the_same_seed_gives_the_same_answer_also_in_another_process() -> None:
    here = _labels_of_the_noisy_graph()
    assert _labels_of_the_noisy_graph() == here
    code = f"import json; from {__name__} import _labels_of_the_noisy_graph as f; print(json.dumps(f()))"
    for hash_seed in ("1", "2"):
        other = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            cwd=Path(__file__).parents[3],
            capture_output=True,
            text=True,
            check=True,
        )
        assert json.loads(other.stdout) == here


@every_detector
def test_the_global_random_state_is_neither_used_nor_moved(algorithm: str) -> None:
    graph = matrix_of(graphs.noisy())
    detect = community_detector(algorithm)
    np.random.seed(1)
    first = detect(graph, resolution=1.0, seed=3)
    after = np.random.random()
    np.random.seed(1)
    assert np.random.random() == after
    assert np.array_equal(detect(graph, resolution=1.0, seed=3), first)


@every_detector
def test_another_seed_may_give_another_answer(algorithm: str) -> None:
    answers = {frozenset(_partition(algorithm, graphs.noisy(), seed=seed)) for seed in range(8)}
    assert len(answers) > 1


@every_detector
def test_hostile_names_and_isolated_pairs_are_handled(algorithm: str) -> None:
    names = list(HOSTILE)[:14]
    pairs = list(zip(names[::2], names[1::2], strict=True))
    network = nx.Graph(pairs)
    assert _partition(algorithm, network) == {frozenset(pair) for pair in pairs}


@every_detector
def test_every_channel_gets_one_integer(algorithm: str) -> None:
    graph = matrix_of(graphs.noisy())
    labels = community_detector(algorithm)(graph, resolution=1.0, seed=0)
    assert labels.shape == (len(graph.channels),)
    assert np.issubdtype(labels.dtype, np.integer)


@every_detector
@pytest.mark.parametrize("scale", [0.001, 1000.0])
def test_the_unit_of_the_weights_does_not_matter(algorithm: str, scale: float) -> None:
    graph = matrix_of(graphs.nested())
    scaled = WeightedGraph(graph.channels, graph.matrix * scale)
    plain, other = (community_detector(algorithm)(each, resolution=3.0, seed=1) for each in (graph, scaled))
    assert groups(graph.channels, plain) == groups(graph.channels, other)


@given(
    st.dictionaries(
        st.tuples(st.integers(0, 9), st.integers(0, 9)).filter(lambda pair: pair[0] < pair[1]),
        st.integers(1, 20),
        min_size=1,
        max_size=25,
    ),
    st.lists(st.integers(0, 4), min_size=10, max_size=10),
)
@settings(max_examples=60)
def test_modularity_equals_that_of_networkx(weights: dict[tuple[int, int], int], labels: list[int]) -> None:
    network = nx.Graph()
    network.add_weighted_edges_from((f"n{a}", f"n{b}", weight) for (a, b), weight in weights.items())
    graph = matrix_of(network)
    # Labels with gaps: only their equality counts.
    own = np.array([labels[int(channel[1])] * 7 - 3 for channel in graph.channels])
    expected = nx.community.modularity(network, groups(graph.channels, own))
    assert modularity(graph, own) == pytest.approx(expected, abs=1e-12)


def test_a_graph_without_edges_has_no_modularity() -> None:
    assert modularity(matrix_of(nx.Graph()), np.array([], dtype=np.int64)) is None


def test_the_built_in_detectors_are_registered() -> None:
    assert detector_names() == sorted(SHIPPED)


def test_an_unknown_detector_is_refused_with_the_known_ones() -> None:
    with pytest.raises(
        ValueError, match="unknown community detector 'leyden'; known are leiden, louvain, louvain_fast"
    ):
        community_detector("leyden")


@pytest.mark.usefixtures("registry")
def test_a_registered_detector_is_used_by_its_name() -> None:
    @register_detector("by_first_letter")
    def by_first_letter(graph: WeightedGraph, *, resolution: float, seed: int) -> np.ndarray:
        return np.array([ord(channel[0]) for channel in graph.channels])

    assert "by_first_letter" in detector_names()
    assert community_detector("by_first_letter") is by_first_letter
    network = nx.complete_graph(["a1", "a2", "a3", "b1", "b2"])
    detection = detect_communities(nodes_of(network), edges_of(network), algorithm="by_first_letter")
    assert detection.communities["community"].to_list() == [0, 0, 0, 1, 1]
    assert detection.stability == 1.0


@pytest.mark.usefixtures("registry")
def test_a_taken_name_is_refused_and_keeps_its_detector() -> None:
    before = community_detector("leiden")
    with pytest.raises(ValueError, match="'leiden' is registered already"):
        register_detector("leiden")(lambda graph, *, resolution, seed: np.zeros(len(graph.channels)))
    assert community_detector("leiden") is before
