"""The map: countries in one piece, discs apart, and channels that stay where they were."""

from collections import Counter

import numpy as np
import polars as pl
import pytest
from matplotlib.path import Path
from scipy.spatial import cKDTree

from vieweratlas_assets.domain.atlas.countries import Countries
from vieweratlas_assets.domain.atlas.graph import disc_radii
from vieweratlas_assets.domain.atlas.map_layout import MARGIN, map_graph, map_layout
from vieweratlas_assets.domain.atlas.moved_layout import moved_layout
from vieweratlas_assets.domain.schemas import COMMUNITIES, GRAPH_EDGES, GRAPH_NODES, LAYOUT
from vieweratlas_tests.domain.atlas.samples import edges_between, table

Tables = tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]


def ordered(one: str, other: str) -> tuple[str, str]:
    return min(one, other), max(one, other)


def planted(sizes: list[int], *, alone: int = 0, seed: int = 0) -> Tables:
    """Nodes, edges and communities of groups with links from each to the next, named by the group's letter."""
    generator = np.random.default_rng(seed)
    groups = [
        [f"{'abcdefgh'[which % 8]}{which // 8}{index:02}" for index in range(size)]
        for which, size in enumerate(sizes)
    ]
    lonely = [f"z{index:03}" for index in range(alone)]
    pairs: Counter[tuple[str, str]] = Counter()
    for which, group in enumerate(groups):
        for place, channel in enumerate(group):
            for other in generator.choice(len(group), size=min(6, len(group) - 1), replace=False):
                if other != place:
                    pairs[ordered(channel, group[other])] = 50
        following = groups[(which + 1) % len(groups)]
        for _ in range(3):
            near, far = generator.choice(group), generator.choice(following)
            if near != far:
                pairs.setdefault(ordered(str(near), str(far)), 4)
    names = [channel for group in groups for channel in group] + lonely
    viewers = (10 ** generator.uniform(2, 5, len(names))).astype(int).tolist()
    home = [which for which, group in enumerate(groups) for _ in group] + [None] * alone
    nodes = table(GRAPH_NODES, channel=names, viewers=viewers)
    edges = edges_between(list(pairs), shared_viewers=list(pairs.values())) if pairs else GRAPH_EDGES.empty()
    return nodes, edges, table(COMMUNITIES, channel=names, community=home)


def lay_out(tables: Tables, *, seed: int = 0, before: pl.DataFrame | None = None) -> pl.DataFrame:
    graph = map_graph(*tables, weight="shared_viewers")
    layout = map_layout(graph, seed=seed) if before is None else moved_layout(graph, before, seed=seed)
    assert layout is not None
    return layout


def places(layout: pl.DataFrame) -> np.ndarray:
    return layout.sort("channel").select("x", "y").to_numpy()


def overlapping(tables: Tables, layout: pl.DataFrame) -> int:
    radii = disc_radii(tables[0].sort("channel")["viewers"])
    at = places(layout)
    near = cKDTree(at).query_pairs(2 * radii.max(), output_type="ndarray")
    apart = np.hypot(*(at[near[:, 0]] - at[near[:, 1]]).T)
    return int((apart < radii[near[:, 0]] + radii[near[:, 1]] - 1e-4).sum())


def with_homes(tables: Tables, layout: pl.DataFrame) -> pl.DataFrame:
    nodes, _, communities = tables
    return nodes.join(communities, on="channel").join(layout, on="channel").sort("channel")


def among_their_own(tables: Tables, layout: pl.DataFrame) -> float:
    """Mean share of the five nearest channels that have the same community, over channels with a community."""
    channels = with_homes(tables, layout)
    home = channels["community"].fill_null(-1).to_numpy()
    _, nearest = cKDTree(places(layout)).query(places(layout), k=6)
    return float((home[nearest[:, 1:]] == home[:, None])[home >= 0].mean())


def test_no_channels_and_one_channel() -> None:
    nothing = (GRAPH_NODES.empty(), GRAPH_EDGES.empty(), COMMUNITIES.empty())
    assert lay_out(nothing).equals(LAYOUT.empty())
    one = (table(GRAPH_NODES, channel=["a"]), GRAPH_EDGES.empty(), table(COMMUNITIES, channel=["a"]))
    assert lay_out(one).rows() == [("a", 0.5, 0.5)]
    assert lay_out(one, before=lay_out(one)).rows() == [("a", 0.5, 0.5)]


@pytest.mark.parametrize(
    ("sizes", "alone"), [([40, 30, 20, 10], 0), ([60], 0), ([2, 2, 2], 30), ([30, 25], 9), ([], 20), ([5] * 40, 3)]
)
def test_countries_are_in_one_piece_and_no_disc_covers_another(sizes: list[int], alone: int) -> None:
    tables = planted(sizes, alone=alone)
    layout = lay_out(tables)
    LAYOUT.validate(layout)
    assert places(layout).min() >= 0
    assert places(layout).max() <= 1
    assert not overlapping(tables, layout)
    if len(sizes) > 1 and min(sizes) > 5:
        assert among_their_own(tables, layout) > 0.9
    if alone < 10:
        assert np.ptp(places(layout), axis=0).max() > 1 - 2 * MARGIN - 0.1


def test_channels_without_a_community_lie_outside_all_lands() -> None:
    tables = planted([40, 30, 20], alone=25)
    channels = with_homes(tables, lay_out(tables))
    lands = [Path(ring) for country in Countries(channels).all for ring in country.rings]
    homeless = channels.filter(pl.col("community").is_null()).select("x", "y").to_numpy()
    assert not np.any([land.contains_points(homeless) for land in lands])


def test_row_order_does_not_matter_but_the_seed_does() -> None:
    tables = planted([20, 10], alone=2)
    nodes, edges, communities = (frame.sample(fraction=1, shuffle=True, seed=3) for frame in tables)
    mixed = (nodes, edges, communities)
    layout = lay_out(tables)
    assert lay_out(mixed).equals(layout)
    assert not lay_out(tables, seed=1).equals(layout)
    assert lay_out(mixed, before=layout).equals(lay_out(tables, before=layout))
