"""Identities on the map: colors of new communities, and colors that stay."""

import datetime as dt

import polars as pl
import pytest

from vieweratlas_assets.domain.atlas.countries import Countries
from vieweratlas_assets.domain.atlas.identity import identify
from vieweratlas_assets.domain.communities.history import Day, EarlierDay
from vieweratlas_assets.domain.schemas import COMMUNITY_HISTORY, COMMUNITY_TAGS, GRAPH_NODES, LAYOUT
from vieweratlas_assets.domain.tagging.labels import tag_communities
from vieweratlas_tests.domain.atlas.samples import DAY, table
from vieweratlas_tests.domain.atlas.test_map_layout import Tables, lay_out, planted, with_homes


@pytest.fixture(scope="module")
def tables() -> Tables:
    return planted([24, 18, 12, 9], alone=3)


@pytest.fixture(scope="module")
def layout(tables: Tables) -> pl.DataFrame:
    return lay_out(tables)


def test_communities_that_touch_have_different_colors(tables: Tables, layout: pl.DataFrame) -> None:
    nodes, _, communities = tables
    history = identify(Day(DAY, nodes, communities), tag_communities(nodes, communities), layout, first_id=10)
    COMMUNITY_HISTORY.validate(history.communities)
    assert history.communities["community_id"].sort().to_list() == [10, 11, 12, 13]
    colors = history.communities.sort("community")["colour"].to_list()
    touching = Countries(with_homes(tables, layout)).touching
    assert touching.sum() > 0
    for one, other in zip(*touching.nonzero(), strict=True):
        assert one == other or colors[one] != colors[other]


def test_a_known_community_keeps_its_id_and_color_and_a_new_one_gets_others(
    tables: Tables, layout: pl.DataFrame
) -> None:
    nodes, _, communities = tables
    tags = tag_communities(nodes, communities)
    first = identify(Day(DAY, nodes, communities), tags, layout)
    # On the earlier day, community 3 was not there, and the others had other colors.
    history = first.communities.filter(pl.col("community") < 3).with_columns(
        colour=(pl.lit(11) - pl.col("community")).cast(pl.Int32)
    )
    earlier = communities.with_columns(
        community=pl.when(pl.col("community") < 3).then("community").otherwise(None).cast(pl.Int32)
    )
    today = Day(DAY + dt.timedelta(days=1), nodes, communities)
    following = identify(today, tags, layout, EarlierDay(DAY, nodes, earlier, history, 5), {5: "Newcomers"})
    rows = following.communities.sort("community").select("community_id", "colour", "name").rows()
    known = history.sort("community")["community_id"].to_list()
    assert [row[:2] for row in rows[:3]] == list(zip(known, [11, 10, 9], strict=True))
    assert rows[3][0] == 5
    assert rows[3][1] not in (11, 10, 9)
    assert rows[3][2] == "Newcomers"
    assert following.next_id == 6


def test_a_day_without_communities_has_no_identities() -> None:
    nodes = table(GRAPH_NODES, channel=["a"])
    communities = pl.DataFrame({"channel": ["a"], "community": [None]}, schema_overrides={"community": pl.Int32})
    layout = table(LAYOUT, channel=["a"], x=[0.5], y=[0.5])
    history = identify(Day(DAY, nodes, communities), COMMUNITY_TAGS.empty(), layout)
    assert history.communities.equals(COMMUNITY_HISTORY.empty())
