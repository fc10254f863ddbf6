"""The map of a later day: channels stay where they were, and newcomers arrive in their country."""

import numpy as np
import polars as pl
from scipy.spatial import cKDTree

from vieweratlas_assets.domain.atlas.map_layout import map_graph
from vieweratlas_assets.domain.atlas.moved_layout import moved_layout
from vieweratlas_tests.domain.atlas.samples import edges_between
from vieweratlas_tests.domain.atlas.test_map_layout import lay_out, overlapping, places, planted, with_homes


def test_on_the_next_day_all_channels_stay_in_place() -> None:
    tables = planted([60, 50, 40, 30], alone=6)
    first = lay_out(tables)
    following = lay_out(tables, before=first)
    moved = np.hypot(*(places(following) - places(first)).T)
    assert np.median(moved) < 0.005
    assert np.percentile(moved, 90) < 0.02
    assert not overlapping(tables, following)


def test_on_days_without_change_the_map_stays_the_same() -> None:
    tables = planted([60, 50, 40, 3, 2], alone=6)
    first = layout = lay_out(tables)
    for _ in range(30):
        layout = lay_out(tables, before=layout)
    assert np.hypot(*(places(layout) - places(first)).T).mean() < 0.002


def test_newcomers_arrive_in_their_country() -> None:
    tables = planted([60, 50, 40])
    newcomers = ["a003", "b004", "c005", "c006"]
    before = lay_out(tables).filter(~pl.col("channel").is_in(newcomers))
    layout = lay_out(tables, before=before)
    channels = with_homes(tables, layout)
    home = channels["community"].to_numpy()
    _, nearest = cKDTree(places(layout)).query(places(layout), k=6)
    for channel in newcomers:
        at = channels["channel"].to_list().index(channel)
        assert (home[nearest[at, 1:]] == home[at]).mean() >= 0.6, channel


def test_a_channel_that_changes_its_community_moves_there() -> None:
    nodes, edges, communities = planted([60, 50, 40])
    before = lay_out((nodes, edges, communities))
    # All channels that "a000" is linked with are now in the second group.
    its = (pl.col("channel_a") == "a000") | (pl.col("channel_b") == "a000")
    to_b = edges_between([("a000", f"b{number:03}") for number in range(8)], shared_viewers=[60] * 8)
    edges = pl.concat([edges.filter(~its), to_b])
    communities = communities.with_columns(
        community=pl.when(pl.col("channel") == "a000").then(1).otherwise("community").cast(pl.Int32)
    )
    layout = lay_out((nodes, edges, communities), before=before)
    middles = with_homes((nodes, edges, communities), layout).group_by("community").agg(pl.mean("x", "y"))
    x, y = layout.filter(channel="a000").row(0)[1:]
    away = {community: np.hypot(x - left, y - low) for community, left, low in middles.iter_rows()}
    assert min(away, key=lambda each: away[each]) == 1


def test_with_few_known_channels_there_is_no_moved_layout() -> None:
    tables = planted([20, 20])
    before = lay_out(tables).head(19)
    assert moved_layout(map_graph(*tables, weight="shared_viewers"), before) is None


def test_a_map_that_outgrows_its_bounds_is_scaled() -> None:
    tables = planted([30, 20, 10])
    layout = lay_out(tables)
    squeezed = layout.with_columns(x=pl.col("x").clip(0.0, 1.0) * 0.02 + 0.98)
    following = lay_out(tables, before=squeezed)
    assert places(following).max() <= 1
    assert places(following).min() >= 0
