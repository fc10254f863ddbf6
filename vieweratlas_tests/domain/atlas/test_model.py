from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from vieweratlas_assets.domain.atlas.graph import MAX_RADIUS, MIN_RADIUS, backbone, disc_radii, edge_ends
from vieweratlas_assets.domain.atlas.model import TABLE_FIELDS, printable
from vieweratlas_assets.domain.overlap.measures import usable_weight
from vieweratlas_assets.domain.schemas import GRAPH_EDGES
from vieweratlas_assets.domain.tables import SchemaError
from vieweratlas_tests.domain.atlas.samples import (
    bare_atlas,
    edges_between,
    empty_atlas,
    shuffled,
    small_atlas,
)


def test_channels_join_all_tables() -> None:
    channels = small_atlas().channels
    assert channels.columns == [
        *("channel", "viewers", "viewer_minutes", "game_name", "language", "name", "community"),
        *("community_id", "colour", "label", "x", "y"),
    ]
    assert channels["channel"].is_sorted()
    assert channels.row(0) == ("channel_00", 1000, None, "Chess", "en", "channel_00", 0, 1, 0, "Chess", 0.0, 0.2)
    assert channels.row(11)[1:10] == (None, None, None, None, "channel_11", None, None, None, "Unclustered")


def test_row_order_of_the_inputs_does_not_matter() -> None:
    atlas = small_atlas()
    assert shuffled(atlas).channels.equals(atlas.channels)
    assert shuffled(atlas).channels_by_size.equals(atlas.channels_by_size)


def test_a_channel_missing_from_communities_is_unclustered() -> None:
    atlas = small_atlas()
    fewer = replace(atlas, communities=atlas.communities.head(3))
    assert fewer.channels["label"].to_list()[2:4] == ["Chess", "Unclustered"]


def test_largest_channels_come_first_and_unknown_ones_last() -> None:
    names = small_atlas().channels_by_size["channel"].to_list()
    assert names[0] == "channel_10"
    assert names[-1] == "channel_11"


def test_without_viewers_the_channel_with_most_links_counts_as_largest() -> None:
    atlas = bare_atlas(["a", "b", "c"], shared_viewers=[1, 1, 1])
    star = replace(atlas, edges=atlas.edges.filter(pl.col("channel_b") == "c"))
    assert star.channels_by_size["channel"].to_list() == ["c", "a", "b"]


@pytest.mark.parametrize("field", TABLE_FIELDS)
def test_a_table_that_breaks_its_schema_is_refused(field: str) -> None:
    atlas = small_atlas()
    frame = getattr(atlas, field)
    with pytest.raises(SchemaError, match="missing column"):
        replace(atlas, **{field: frame.drop(frame.columns[0])})


def test_channels_without_a_position_and_links_to_unknown_channels_are_refused() -> None:
    atlas = small_atlas()
    with pytest.raises(SchemaError, match=r"layout.*'channel_00'"):
        replace(atlas, layout=atlas.layout.slice(1))
    nowhere = atlas.layout.with_columns(x=pl.lit(float("nan")))
    with pytest.raises(SchemaError, match="no finite place"):
        replace(atlas, layout=nowhere)
    with pytest.raises(SchemaError, match="graph_edges names channels"):
        replace(atlas, nodes=atlas.nodes.slice(1))
    with pytest.raises(SchemaError, match="community_history lacks communities of communities"):
        replace(atlas, history=atlas.history.slice(1))


@pytest.mark.parametrize(
    ("measures", "expected"),
    [
        ({"shared_viewers": [1, None], "jaccard": [0.1, 0.2]}, "shared_viewers"),
        ({"jaccard": [None, 0.2], "overlap_z": [1.0, 2.0]}, "jaccard"),
        ({"overlap_coefficient": [0.1, 0.2]}, "overlap_coefficient"),
        ({"overlap_z": [-1.0, 2.0]}, "overlap_z"),
    ],
)
def test_edge_weight_is_the_first_measure_that_is_known(
    measures: dict[str, list[float | None]], expected: str
) -> None:
    assert usable_weight(edges_between([("a", "b"), ("b", "c")], **measures)) == expected


def test_edge_weight_of_no_edges_and_of_edges_without_measures() -> None:
    assert usable_weight(GRAPH_EDGES.empty()) == "shared_viewers"
    with pytest.raises(ValueError, match="have none of"):
        usable_weight(edges_between([("a", "b")]))


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


def test_printable_replaces_invisible_characters() -> None:
    assert printable("a\nb\tc\x00d\u202ee\u2028f\x9fg") == "a b c d e f g"
    assert printable("日本 😀 <b>&$") == "日本 😀 <b>&$"
