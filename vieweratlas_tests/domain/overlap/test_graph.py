import datetime as dt
import itertools
import json
import re
from collections.abc import Sequence

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vieweratlas_assets.domain.overlap.counting import overlap_of
from vieweratlas_assets.domain.overlap.graph import (
    OverlapGraph,
    build_overlap_graph,
    density,
    density_advice,
    graph_facts,
    window_nodes,
)
from vieweratlas_assets.domain.schemas import GRAPH_EDGES, GRAPH_NODES
from vieweratlas_tests.domain.atlas.samples import edges_between, table
from vieweratlas_tests.domain.overlap.samples import (
    Pairs,
    activity,
    audiences,
    pair_lists,
    pairs_frame,
    shared_by_hand,
)

FIRST = dt.date(2020, 4, 1)
DAYS = [FIRST + dt.timedelta(days=day) for day in range(5)]


def _activity_of(pairs: Pairs) -> pl.DataFrame:
    return activity(*((channel, len(viewers), None, None) for channel, viewers in sorted(audiences(pairs).items())))


def _graph(
    pairs: Pairs, days: dict[dt.date, pl.DataFrame], *, overlap_threshold: int = 1, min_channel_viewers: int = 10
) -> OverlapGraph:
    overlap = overlap_of(pairs_frame(pairs), min_shared=overlap_threshold, min_channel_viewers=min_channel_viewers)
    return build_overlap_graph(overlap, days, min_channel_viewers=min_channel_viewers)


def _complete(channels: int, shared: Sequence[int | None]) -> OverlapGraph:
    """A graph whose first pairs are linked, with these counts."""
    names = [f"c{number:03}" for number in range(channels)]
    pairs = list(itertools.combinations(names, 2))[: len(shared)]
    edges = edges_between(pairs, shared_viewers=list(shared)) if pairs else GRAPH_EDGES.empty()
    return OverlapGraph(table(GRAPH_NODES, channel=names) if names else GRAPH_NODES.empty(), edges, 0, None)


@given(st.lists(pair_lists, min_size=1, max_size=3), st.integers(1, 3), st.integers(1, 4))
def test_a_window_is_counted_as_by_hand(window: list[Pairs], threshold: int, minimum: int) -> None:
    everything = [pair for day in window for pair in day]
    viewers = audiences(everything)
    graph = _graph(
        everything,
        {DAYS[number]: _activity_of(day) for number, day in enumerate(window)},
        overlap_threshold=threshold,
        min_channel_viewers=minimum,
    )
    large = {channel for channel, seen in viewers.items() if len(seen) >= minimum}
    assert graph.nodes.schema == GRAPH_NODES.schema
    assert graph.edges.schema == GRAPH_EDGES.schema
    assert graph.nodes.select("channel", "viewers", "viewer_minutes").rows() == [
        (channel, len(viewers[channel]), sum(len(audiences(day).get(channel, ())) for day in window))
        for channel in sorted(large)
    ]
    kept = [pair for pair in everything if pair[0] in large]
    assert graph.edges.select("channel_a", "channel_b", "shared_viewers").rows() == shared_by_hand(kept, threshold)
    assert graph.channels_below_minimum == len(viewers) - len(large)
    assert graph.total_viewers == len({viewer for _, viewer in everything})


def test_a_viewer_of_several_days_counts_once() -> None:
    day = [("a", "ann"), ("a", "bob"), ("b", "ann")]
    graph = _graph(day * 3, {each: _activity_of(day) for each in DAYS[:3]}, min_channel_viewers=1)
    assert graph.nodes.select("viewers", "viewer_minutes").rows() == [(2, 6), (1, 3)]
    assert graph.edges.select("shared_viewers", "jaccard", "overlap_coefficient").rows() == [(1, 0.5, 1.0)]


def test_two_viewers_who_never_met_on_one_day_still_count() -> None:
    graph = _graph(
        [("a", "ann"), ("b", "ann")],
        {DAYS[0]: activity(("a", 1, None, None)), DAYS[4]: activity(("b", 1, None, None))},
        min_channel_viewers=1,
    )
    assert graph.edges["shared_viewers"].to_list() == [1]


def test_values_at_the_thresholds_are_kept() -> None:
    pairs = [(channel, str(viewer)) for channel, size in (("a", 12), ("b", 10), ("c", 9)) for viewer in range(size)]
    graph = _graph(pairs, {FIRST: _activity_of(pairs)}, overlap_threshold=10)
    assert graph.nodes["channel"].to_list() == ["a", "b"]
    assert graph.channels_below_minimum == 1
    assert graph.edges["shared_viewers"].to_list() == [10]
    above = _graph(pairs, {FIRST: _activity_of(pairs)}, overlap_threshold=11)
    assert above.nodes.equals(graph.nodes)
    assert above.edges.is_empty()


def test_the_score_counts_the_viewers_of_small_channels_too() -> None:
    pairs = [(channel, str(viewer)) for channel in "ab" for viewer in range(10)] + [("small", "x")]
    graph = _graph(pairs, {FIRST: _activity_of(pairs)})
    assert graph.total_viewers == 11
    assert graph.edges["overlap_z"][0] > 0


def test_games_and_languages_are_those_with_the_most_viewer_minutes() -> None:
    days = {
        DAYS[0]: activity(("a", 100, "Chess", "en"), ("b", 5, "Go", "de")),
        DAYS[1]: activity(("a", 40, "Go", "en"), ("b", 5, "Art", None)),
        DAYS[2]: activity(("a", 50, "Go", "de"), ("c", 0, None, None)),
        DAYS[3]: activity(("a", 200, None, None)),
    }
    nodes = window_nodes(overlap_of(pairs_frame([("a", "ann")])).sizes, days)
    assert nodes.rows() == [
        ("a", 1, 390, "Chess", "en", None),
        ("b", 0, 10, "Art", "de", None),
        ("c", 0, 0, None, None, None),
    ]
    assert window_nodes(overlap_of(pairs_frame([("a", "ann")])).sizes, dict(reversed(days.items()))).equals(nodes)


def test_a_channel_without_viewers_is_kept_without_a_minimum() -> None:
    days = {FIRST: activity(("quiet", 0, None, None))}
    graph = _graph([], days, min_channel_viewers=0)
    assert graph.nodes["viewers"].to_list() == [0]
    assert graph.edges.is_empty()
    assert _graph([], days, min_channel_viewers=1).channels_below_minimum == 1


@pytest.mark.parametrize("days", [{}, {FIRST: activity()}])
def test_an_empty_window_is_an_empty_graph(days: dict[dt.date, pl.DataFrame]) -> None:
    graph = _graph([], days)
    assert (graph.nodes.height, graph.edges.height, graph.total_viewers) == (0, 0, 0)
    assert density(graph) is None
    assert density_advice(graph) is None


@pytest.mark.parametrize("threshold", [0, -2])
def test_a_threshold_below_one_is_refused(threshold: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        _graph([], {}, overlap_threshold=threshold)


@pytest.mark.parametrize(
    ("channels", "edges", "share"), [(0, 0, None), (1, 0, None), (2, 0, 0.0), (2, 1, 1.0), (4, 3, 0.5)]
)
def test_density_is_the_share_of_possible_pairs(channels: int, edges: int, share: float | None) -> None:
    assert density(_complete(channels, [1] * edges)) == share


# 25 channels have 300 pairs: 3 edges are the lower bound and 30 the upper.
@pytest.mark.parametrize("edges", [3, 4, 29, 30])
def test_inside_the_range_there_is_no_advice(edges: int) -> None:
    assert density_advice(_complete(25, [5] * edges)) is None


def test_a_sparse_graph_gets_the_advice_to_lower_the_threshold() -> None:
    advice = density_advice(_complete(25, [5, 5]))
    assert advice is not None
    assert "0.0067" in advice
    assert "lower overlap_threshold" in advice


@given(st.integers(2, 12), st.data())
def test_the_advised_threshold_brings_density_to_a_tenth(channels: int, data: st.DataObject) -> None:
    pairs = channels * (channels - 1) // 2
    shared = data.draw(st.lists(st.integers(1, 30), max_size=pairs))
    graph = _complete(channels, shared)
    advice = density_advice(graph)
    if len(shared) * 10 <= pairs:
        assert advice is None or "below" in advice
        return
    assert advice is not None
    if pairs < 10:
        # A tenth of fewer than 10 pairs is less than one edge, so there is no threshold to advise.
        assert "would bring" not in advice
        return
    match = re.search(r", (\d+) would bring it to at most 0.1", advice)
    assert match
    threshold = int(match[1])
    assert sum(count >= threshold for count in shared) * 10 <= pairs
    # It is the lowest such threshold.
    assert sum(count >= threshold - 1 for count in shared) * 10 > pairs


def test_without_counts_the_advice_has_no_threshold() -> None:
    advice = density_advice(_complete(5, [None] * 8))
    assert advice is not None
    assert "raise overlap_threshold" in advice
    assert "would bring" not in advice


def test_facts_are_correct_and_ready_for_json() -> None:
    graph = _complete(25, [5] * 40)
    assert json.loads(json.dumps(graph_facts(graph))) == {
        "rows": 25,
        "nodes": 25,
        "edges": 40,
        "density": 40 / 300,
        "density_advice": density_advice(graph),
        "total_viewers": None,
        "channels_below_minimum": 0,
    }
