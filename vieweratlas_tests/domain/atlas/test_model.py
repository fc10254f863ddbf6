from dataclasses import replace

import polars as pl
import pytest

from vieweratlas_assets.domain.atlas.model import TABLE_FIELDS, printable
from vieweratlas_assets.domain.tables import SchemaError
from vieweratlas_tests.domain.atlas.samples import (
    bare_atlas,
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


def test_printable_replaces_invisible_characters() -> None:
    assert printable("a\nb\tc\x00d\u202ee\u2028f\x9fg") == "a b c d e f g"
    assert printable("日本 😀 <b>&$") == "日本 😀 <b>&$"
