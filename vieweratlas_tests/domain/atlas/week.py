"""A week of consecutive days, with channels that come and go."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from vieweratlas_assets.domain.atlas.changes import EarlierAtlas
from vieweratlas_assets.domain.atlas.identity import identify
from vieweratlas_assets.domain.atlas.map_layout import map_graph, map_layout
from vieweratlas_assets.domain.atlas.model import Atlas
from vieweratlas_assets.domain.atlas.moved_layout import moved_layout
from vieweratlas_assets.domain.communities.detection import detect_communities
from vieweratlas_assets.domain.communities.history import Day, EarlierDay
from vieweratlas_assets.domain.tagging.labels import tag_communities

CHURN = 0.04
FIRST = dt.date(2026, 10, 5)
WEIGHT = "shared_viewers"


@dataclass(frozen=True)
class BuiltDay:
    """One day of the week.

    Attributes:
        earlier: the day that it continues; None on the first day.
        events: schema COMMUNITY_EVENTS.
    """

    atlas: Atlas
    earlier: EarlierAtlas | None
    events: pl.DataFrame


def next_day(
    nodes: pl.DataFrame, edges: pl.DataFrame, generator: np.random.Generator, number: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """4 % of the channels leave, as many arrive with the neighbors of an existing one, and all figures change."""
    nodes = nodes.filter(pl.Series(generator.random(nodes.height) > CHURN))
    viewers = nodes["viewers"].fill_null(1000) * pl.Series(generator.lognormal(0, 0.15, nodes.height))
    nodes = nodes.with_columns(viewers=viewers.round().cast(pl.Int64) + 1)
    existing = nodes["channel"].to_list()
    edges = edges.filter(pl.col("channel_a").is_in(existing) & pl.col("channel_b").is_in(existing))
    shared = edges["shared_viewers"] * pl.Series(generator.lognormal(0, 0.35, edges.height))
    edges = edges.with_columns(shared_viewers=shared.round().cast(pl.Int64) + 1)
    come, links = [], {}
    for newcomer in range(round(CHURN * nodes.height)):
        like = existing[generator.integers(len(existing))]
        name = f"zz_new_{number}_{newcomer}"
        its = edges.filter((pl.col("channel_a") == like) | (pl.col("channel_b") == like))
        come.append({"channel": name, "viewers": int(generator.choice(nodes["viewers"].to_numpy()))})
        for a, b, count in (
            its.sample(min(8, its.height), seed=newcomer).select("channel_a", "channel_b", WEIGHT).rows()
        ):
            other = b if a == like else a
            links[min(name, other), max(name, other)] = count
    new = pl.DataFrame([(*pair, count) for pair, count in links.items()], schema=edges.columns[:3], orient="row")
    return (
        pl.concat([nodes, pl.DataFrame(come)], how="diagonal").sort("channel"),
        pl.concat([edges, new], how="diagonal").sort("channel_a", "channel_b"),
    )


def days_of(nodes: pl.DataFrame, edges: pl.DataFrame, count: int) -> Iterator[BuiltDay]:
    """A graph on its first day, and the following days."""
    generator = np.random.default_rng(0)
    before: BuiltDay | None = None
    next_id = 1
    for number in range(count):
        if number:
            nodes, edges = next_day(nodes, edges, generator, number)
        known = before.atlas if before else None
        communities = detect_communities(
            nodes, edges, weight=WEIGHT, earlier=known.communities if known else None
        ).communities
        drawn = map_graph(nodes, edges, communities, weight=WEIGHT)
        layout = moved_layout(drawn, known.layout) if known else map_layout(drawn)
        assert layout is not None
        today = Day(FIRST + dt.timedelta(days=number), nodes, communities)
        tags = tag_communities(nodes, communities)
        earlier = EarlierDay(known.day, known.nodes, known.communities, known.history, next_id) if known else None
        history = identify(today, tags, layout, earlier)
        next_id = history.next_id
        atlas = Atlas(today.day, nodes, edges, communities, tags, layout, history.communities)
        since = EarlierAtlas(known.day, known.nodes, known.history, history.events) if known else None
        before = BuiltDay(atlas, since, history.events)
        yield before
