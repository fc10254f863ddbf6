"""Communities continue those of the day before, unless new ones are better."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vieweratlas_assets.domain.communities.detection import detect_communities, weighted_graph
from vieweratlas_assets.domain.communities.detectors import louvain_fast, modularity
from vieweratlas_assets.domain.communities.refining import AS_GOOD, continued_partition, quality
from vieweratlas_tests.domain.atlas.test_map_layout import planted


def blocks(sizes: list[int], seed: int = 0) -> tuple[pl.DataFrame, pl.DataFrame, dict[str, int]]:
    nodes, edges, communities = planted(sizes, seed=seed)
    return nodes, edges, dict(communities.iter_rows())


@given(st.integers(0, 10_000), st.floats(0.2, 3.0))
def test_moving_channels_never_lowers_the_quality(seed: int, resolution: float) -> None:
    _, edges, _ = blocks([12, 9, 7], seed % 50)
    graph = weighted_graph(edges, "shared_viewers")
    generator = np.random.default_rng(seed)
    start = {channel: int(generator.integers(4)) for channel in graph.channels if generator.random() < 0.9}
    # Compared with the worst partition, the continued one is always good enough.
    worst = np.arange(len(graph.channels))
    labels = np.array([start.get(channel, 100 + at) for at, channel in enumerate(graph.channels)])
    kept = continued_partition(graph, worst, start, resolution=resolution)
    if kept is not None:
        assert quality(graph, kept, resolution) >= quality(graph, labels, resolution) - 1e-9
    assert quality(graph, labels, 1.0) == pytest.approx(modularity(graph, labels))


def test_planted_communities_remain_and_newcomers_join_them() -> None:
    _, edges, home = blocks([40, 30, 20])
    graph = weighted_graph(edges, "shared_viewers")
    fresh = louvain_fast(graph, resolution=1.0, seed=1)
    known = {channel: 7 + number for channel, number in home.items() if channel not in ("a003", "b004", "c005")}
    kept = continued_partition(graph, fresh, known, resolution=1.0)
    assert kept is not None
    groups = {tuple(sorted(np.array(graph.channels)[kept == label])) for label in set(kept)}
    assert groups == {tuple(sorted(each for each in home if home[each] == number)) for number in range(3)}


def test_a_partition_that_is_worse_than_a_new_one_is_not_kept() -> None:
    _, edges, home = blocks([40, 30, 20])
    graph = weighted_graph(edges, "shared_viewers")
    fresh = np.array([home[channel] for channel in graph.channels])
    # Two communities in one: no single channel gains by leaving.
    merged = {channel: min(number, 1) for channel, number in home.items()}
    labels = np.array([merged[channel] for channel in graph.channels])
    assert quality(graph, labels, 1.0) < quality(graph, fresh, 1.0) * (1 - AS_GOOD)
    assert continued_partition(graph, fresh, merged, resolution=1.0) is None


def test_two_groups_without_a_path_between_them_are_two_communities() -> None:
    _, edges, home = blocks([12] * 40)
    first = {channel for channel, number in home.items() if number == 0}
    across = pl.col("channel_a").is_in(list(first)) != pl.col("channel_b").is_in(list(first))
    graph = weighted_graph(edges.filter(~across), "shared_viewers")
    joined = {channel: max(number, 1) for channel, number in home.items()}
    kept = continued_partition(graph, np.zeros(len(graph.channels), np.int64), joined, resolution=1.0)
    assert kept is not None
    of_first = [channel in first for channel in graph.channels]
    assert not set(kept[of_first]) & set(kept[np.logical_not(of_first)])


def test_detection_reports_whether_it_continued_and_is_deterministic() -> None:
    nodes, edges, _ = blocks([40, 30, 20])
    first = detect_communities(nodes, edges, weight="shared_viewers")
    assert first.continues_earlier is None
    again = detect_communities(nodes, edges, weight="shared_viewers", seed=5, earlier=first.communities)
    assert again.continues_earlier
    assert again.communities.equals(first.communities)
    unlike = first.communities.with_columns(community=pl.lit(0, pl.Int32))
    fresh = detect_communities(nodes, edges, weight="shared_viewers", earlier=unlike)
    assert fresh.continues_earlier is False
    assert fresh.communities.equals(first.communities)
    nothing = first.communities.clear()
    assert detect_communities(nodes, edges, weight="shared_viewers", earlier=nothing).communities.height == 90
