"""Links and discs: the strongest links of every channel, and areas that grow with viewers."""

import numpy as np
import polars as pl
import pytest

from vieweratlas_assets.domain.atlas.graph import MAX_RADIUS, MIN_RADIUS, backbone, disc_radii, edge_ends
from vieweratlas_assets.domain.schemas import GRAPH_EDGES
from vieweratlas_tests.domain.atlas.samples import edges_between, empty_atlas


def test_backbone_keeps_every_channels_strongest_link() -> None:
    pairs = [("hub", name) for name in "abcdef"] + [("a", "b"), ("c", "d")]
    edges = edges_between(pairs, shared_viewers=[50, 40, 30, 20, 10, 5, 45, 25])
    kept = backbone(edges, weight="shared_viewers", per_channel=1)
    # The hub keeps a; by weight alone, b, c and d would also keep the hub.
    assert set(kept.select("channel_a", "channel_b").rows()) == {
        ("a", "b"),
        ("a", "hub"),
        ("c", "d"),
        ("e", "hub"),
        ("f", "hub"),
    }
    assert kept["strength"].is_between(0, 1).all()
    assert backbone(edges, weight="shared_viewers", per_channel=6).height == edges.height


def test_backbone_of_null_negative_and_no_weights() -> None:
    edges = edges_between([("a", "b"), ("b", "c")], overlap_z=[None, -3.0])
    assert backbone(edges, weight="overlap_z", per_channel=2)["strength"].to_list() == [0.0, 0.0]
    assert backbone(GRAPH_EDGES.empty(), weight="jaccard", per_channel=2).is_empty()


def test_edge_ends_are_positions_in_the_given_order() -> None:
    a, b = edge_ends(pl.Series(["c", "a", "b"]), edges_between([("a", "b"), ("a", "c")]))
    assert a.tolist() == [1, 1]
    assert b.tolist() == [2, 0]


def test_disc_area_grows_with_viewers() -> None:
    radii = disc_radii(pl.Series([100, 400, None] + [100] * 500))
    assert radii[1] ** 2 / radii[0] ** 2 == pytest.approx(4)
    assert radii[2] == MIN_RADIUS
    assert disc_radii(pl.Series([10])).tolist() == [MAX_RADIUS]
    assert np.isfinite(disc_radii(pl.Series([0, None], dtype=pl.Int64))).all()
    assert disc_radii(empty_atlas().nodes["viewers"]).size == 0
