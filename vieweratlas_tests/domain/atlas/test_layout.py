import itertools
import time

import numpy as np
import polars as pl
import pytest

from vieweratlas_assets.domain.atlas.layout import force_layout
from vieweratlas_assets.domain.schemas import GRAPH_EDGES, GRAPH_NODES, LAYOUT
from vieweratlas_tests.domain.atlas.samples import edges_between, table


def _nodes(names: list[str]) -> pl.DataFrame:
    return table(GRAPH_NODES, channel=names, viewers=[100] * len(names))


def _cliques(sizes: list[int]) -> tuple[list[str], pl.DataFrame]:
    """Cliques without a link between them; channel names begin with the clique's letter."""
    groups = [[f"{chr(97 + which)}{index:03}" for index in range(size)] for which, size in enumerate(sizes)]
    pairs = [(a, b) for group in groups for a in group for b in group if a < b]
    return list(itertools.chain(*groups)), edges_between(pairs, jaccard=[0.3] * len(pairs))


def _places(layout: pl.DataFrame) -> np.ndarray:
    return layout.select("x", "y").to_numpy()


def test_no_channels_and_one_channel() -> None:
    assert force_layout(GRAPH_NODES.empty(), GRAPH_EDGES.empty(), weight="jaccard").equals(LAYOUT.empty())
    one = force_layout(_nodes(["a"]), GRAPH_EDGES.empty(), weight="jaccard")
    assert one.rows() == [("a", 0.5, 0.5)]


@pytest.mark.parametrize("sizes", [[2], [30], [12, 8, 3, 2, 1, 1], [1] * 40])
def test_positions_fill_the_unit_square_and_keep_apart(sizes: list[int]) -> None:
    names, edges = _cliques(sizes)
    layout = force_layout(_nodes(names), edges, weight="jaccard")
    LAYOUT.validate(layout)
    places = _places(layout)
    assert places.min() >= 0
    assert places.max() <= 1
    assert np.ptp(places, axis=0).max() == pytest.approx(1)
    low, high = places.min(axis=0), places.max(axis=0)
    assert (low + high) / 2 == pytest.approx([0.5, 0.5])
    apart = np.hypot(*(places[:, None] - places).T) + 9 * np.eye(len(places))
    assert apart.min() > 0.2 / len(places)


def test_components_lie_next_to_each_other() -> None:
    names, edges = _cliques([20, 15, 6])
    layout = force_layout(_nodes(names), edges, weight="jaccard")
    middle = layout.group_by(part=pl.col("channel").str.head(1)).agg(pl.mean("x", "y"))
    parted = layout.join(middle, how="cross").with_columns(
        away=((pl.col("x") - pl.col("x_right")) ** 2 + (pl.col("y") - pl.col("y_right")) ** 2)
    )
    nearest = parted.sort("away").group_by("channel").first()
    assert (nearest["part"] == nearest["channel"].str.head(1)).all()


def test_linked_channels_are_closer_than_others() -> None:
    names, edges = _cliques([25, 25])
    bridge = edges_between([("a000", "b000")], jaccard=[0.05])
    places = _places(force_layout(_nodes(names), pl.concat([edges, bridge]), weight="jaccard"))
    between = np.hypot(*(places[:25].mean(axis=0) - places[25:].mean(axis=0)))
    within = np.hypot(*(places[:25] - places[:25].mean(axis=0)).T).mean()
    assert between > 2 * within


def test_isolated_channels_lie_at_the_margin() -> None:
    names, edges = _cliques([40, 1, 1, 1])
    places = _places(force_layout(_nodes(names), edges, weight="jaccard"))
    away = np.hypot(*(places - places[:40].mean(axis=0)).T)
    assert away[40:].min() > np.percentile(away[:40], 90)


def test_row_order_does_not_matter_but_the_seed_does() -> None:
    names, edges = _cliques([10, 5])
    nodes = _nodes(names)
    layout = force_layout(nodes, edges, weight="jaccard")
    mixed = [frame.sample(fraction=1, shuffle=True, seed=3) for frame in (nodes, edges)]
    assert force_layout(*mixed, weight="jaccard").equals(layout)
    assert not force_layout(nodes, edges, weight="jaccard", seed=1).equals(layout)


def test_null_and_negative_weights_still_give_positions() -> None:
    edges = edges_between([("a", "b"), ("b", "c")], overlap_z=[None, -2.0])
    layout = force_layout(table(GRAPH_NODES, channel=["a", "b", "c"]), edges, weight="overlap_z")
    assert layout.height == 3


@pytest.mark.slow
def test_a_large_atlas_takes_seconds() -> None:
    rng = np.random.default_rng(0)
    numbers = np.unique(np.sort(rng.integers(0, 1809, (72_000, 2))), axis=0)
    pairs = [(f"c{a:04}", f"c{b:04}") for a, b in numbers if a != b][:67_747]
    edges = edges_between(pairs, shared_viewers=rng.integers(1, 9999, len(pairs)).tolist())
    started = time.process_time()
    force_layout(_nodes([f"c{index:04}" for index in range(1809)]), edges, weight="shared_viewers")
    assert time.process_time() - started < 25
