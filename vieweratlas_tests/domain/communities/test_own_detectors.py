"""Detectors of users: their arguments, and which answers are refused."""

from typing import Any

import networkx as nx
import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vieweratlas_assets.domain.communities.detection import weighted_graph
from vieweratlas_assets.domain.communities.detectors import WeightedGraph
from vieweratlas_assets.domain.communities.own_detectors import DetectorError, own_detector, to_networkx

CHANNELS = ["a1", "a2", "b1", "b2"]
EDGES = pl.DataFrame(
    {"channel_a": ["a1", "b1", "a1"], "channel_b": ["a2", "b2", "b1"], "shared_viewers": [9, 8, 1]},
)
GRAPH = weighted_graph(EDGES, "shared_viewers")


def answered(answer: Any) -> list[int]:
    """The labels that follow from an answer in the older form."""
    labels: list[int] = own_detector("mine", lambda graph: answer)(GRAPH, resolution=1.0, seed=1).tolist()
    return labels


def test_an_older_detector_gets_a_networkx_graph_in_one_order() -> None:
    seen: list[nx.Graph] = []

    def detect_communities(graph: nx.Graph) -> Any:
        seen.append(graph)
        return dict.fromkeys(graph, 0), 0.0

    own_detector("mine", detect_communities)(GRAPH, resolution=1.0, seed=1)
    shuffled = weighted_graph(EDGES.reverse(), "shared_viewers")
    own_detector("mine", detect_communities)(shuffled, resolution=1.0, seed=1)

    assert list(seen[0]) == list(seen[1]) == CHANNELS
    edges = [("a1", "a2", 9.0), ("a1", "b1", 1.0), ("b1", "b2", 8.0)]
    assert list(seen[0].edges(data="weight")) == list(seen[1].edges(data="weight")) == edges


def test_a_detector_with_our_protocol_gets_resolution_and_seed() -> None:
    def find(graph: WeightedGraph, *, resolution: float, seed: int) -> np.ndarray:
        return np.full(len(graph.channels), int(10 * resolution) + seed)

    assert own_detector("mine", find)(GRAPH, resolution=2.0, seed=3).tolist() == [23] * 4


@given(
    st.lists(
        st.one_of(st.none(), st.integers(0, 2), st.sampled_from("xy"), st.tuples(st.booleans())),
        min_size=4,
        max_size=4,
    )
)
def test_channels_are_together_if_the_partition_has_them_together(communities: list[Any]) -> None:
    labels = answered((dict(zip(CHANNELS, communities, strict=True)), None))
    for one in range(4):
        for other in range(one):
            same = communities[one] is not None and communities[one] == communities[other]
            assert (labels[one] == labels[other]) == same


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (None, "returned of type NoneType; expected (partition, modularity)"),
        ({"a1": 0}, "returned of type dict"),
        (([0, 0, 1, 1], 0.5), "returned of type tuple"),
        (({"a1": 0}, 0.5), "no community for 3 channel(s): a2, b1, b2; expected one for each of the 4 nodes"),
        (({}, 0.5), "no community for 4 channel(s): a1, a2, b1, …"),
        ((dict.fromkeys([*CHANNELS, "zz"], 0), 0.5), "a community for the unknown 1 channel(s): zz"),
        (({channel: [1] for channel in CHANNELS}, 0.5), "failed: TypeError: "),
    ],
)
def test_an_invalid_partition_is_refused(answer: Any, message: str) -> None:
    with pytest.raises(DetectorError) as raised:
        answered(answer)
    assert str(raised.value).startswith("community detector 'mine' ")
    assert message in str(raised.value)


@pytest.mark.parametrize("labels", [[0, 1, 2], [[0, 0, 1, 1]], [0.0, 0.0, 1.0, 1.0], list("aabb"), None])
def test_invalid_labels_are_refused(labels: Any) -> None:
    def find(graph: WeightedGraph, *, resolution: float, seed: int) -> Any:
        return labels

    with pytest.raises(DetectorError, match=r"'mine' returned .*; expected whole numbers of shape \(4,\)"):
        own_detector("mine", find)(GRAPH, resolution=1.0, seed=1)


def test_a_detector_that_fails_is_named() -> None:
    def detect_communities(graph: nx.Graph) -> Any:
        raise KeyError("weight2")

    with pytest.raises(DetectorError, match="community detector 'mine' failed: KeyError: 'weight2'"):
        own_detector("mine", detect_communities)(GRAPH, resolution=1.0, seed=1)


def test_an_empty_graph_has_no_nodes() -> None:
    assert list(to_networkx(weighted_graph(EDGES.clear(), "shared_viewers"))) == []
