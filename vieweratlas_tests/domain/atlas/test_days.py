"""A week of days on a published atlas: the map stays readable from one to the next."""

import datetime as dt
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from vieweratlas_assets.domain.atlas.identity import identify
from vieweratlas_assets.domain.atlas.map_layout import map_graph, map_layout
from vieweratlas_assets.domain.atlas.moved_layout import moved_layout
from vieweratlas_assets.domain.communities.detection import detect_communities
from vieweratlas_assets.domain.communities.history import Day, EarlierDay
from vieweratlas_assets.domain.tagging.labels import tag_communities
from vieweratlas_assets.importers.atlas import read_atlas

CHURN = 0.04
DAYS = 7
WEIGHT = "shared_viewers"


def next_day(
    nodes: pl.DataFrame, edges: pl.DataFrame, generator: np.random.Generator, number: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """4 % of the channels go, as many come with neighbours of one that is there, and all numbers change a little."""
    nodes = nodes.filter(pl.Series(generator.random(nodes.height) > CHURN))
    viewers = nodes["viewers"].fill_null(1000) * pl.Series(generator.lognormal(0, 0.15, nodes.height))
    nodes = nodes.with_columns(viewers=viewers.round().cast(pl.Int64) + 1)
    there = nodes["channel"].to_list()
    edges = edges.filter(pl.col("channel_a").is_in(there) & pl.col("channel_b").is_in(there))
    shared = edges["shared_viewers"] * pl.Series(generator.lognormal(0, 0.35, edges.height))
    edges = edges.with_columns(shared_viewers=shared.round().cast(pl.Int64) + 1)
    come, links = [], {}
    for each in range(round(CHURN * nodes.height)):
        like = there[generator.integers(len(there))]
        name = f"zz_new_{number}_{each}"
        its = edges.filter((pl.col("channel_a") == like) | (pl.col("channel_b") == like))
        come.append({"channel": name, "viewers": int(generator.choice(nodes["viewers"].to_numpy()))})
        for a, b, count in its.sample(min(8, its.height), seed=each).select("channel_a", "channel_b", WEIGHT).rows():
            other = b if a == like else a
            links[min(name, other), max(name, other)] = count
    new = pl.DataFrame([(*pair, count) for pair, count in links.items()], schema=edges.columns[:3], orient="row")
    return (
        pl.concat([nodes, pl.DataFrame(come)], how="diagonal").sort("channel"),
        pl.concat([edges, new], how="diagonal").sort("channel_a", "channel_b"),
    )


@pytest.mark.slow
@pytest.mark.xdist_group("real_data")
def test_a_week_with_churn_keeps_places_countries_and_names(shared_data: Path) -> None:
    folder = shared_data / "atlas"
    graph = read_atlas(folder / "twitchatlas_2021-02_edges.csv", folder / "twitchatlas_2021-02_nodes.csv").graph
    nodes, edges = graph.nodes, graph.edges
    generator = np.random.default_rng(0)
    earlier: EarlierDay | None = None
    layout: pl.DataFrame | None = None
    communities: pl.DataFrame | None = None
    moves, changes = [], []
    for number in range(DAYS):
        if number:
            nodes, edges = next_day(nodes, edges, generator, number)
        communities = detect_communities(nodes, edges, weight=WEIGHT, earlier=communities).communities
        drawn = map_graph(nodes, edges, communities, weight=WEIGHT)
        before, layout = layout, map_layout(drawn) if layout is None else moved_layout(drawn, layout)
        assert layout is not None
        today = Day(dt.date(2026, 10, 5) + dt.timedelta(days=number), nodes, communities)
        tags = tag_communities(nodes, communities)
        found = identify(today, tags, layout, earlier)
        if before is not None and earlier is not None:
            both = before.join(layout, on="channel", suffix="_now")
            away = np.hypot(both["x"] - both["x_now"], both["y"] - both["y_now"])
            width = np.ptp(layout["x"].to_numpy())
            moves.append(float(np.median(away)) / width)
            changes.append(found.events.filter(event="moved").height / both.height)
            same = earlier.history.join(found.communities, on="community_id", suffix="_now")
            assert same.height >= 0.8 * earlier.history.height
            assert same["colour"].equals(same["colour_now"]) and same["name"].equals(same["name_now"])
        earlier = EarlierDay(today.day, nodes, communities, found.communities, found.next_id)
    assert max(moves) < 0.01 and max(changes) < 0.03
