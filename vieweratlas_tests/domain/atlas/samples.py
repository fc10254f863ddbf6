"""Atlases that the tests of this folder draw: small, hostile, empty."""

from collections.abc import Callable
from datetime import date
from functools import cache
from typing import Any

import polars as pl

from vieweratlas_assets.domain.atlas.day_data import day_data
from vieweratlas_assets.domain.atlas.identity import identify
from vieweratlas_assets.domain.atlas.model import Atlas
from vieweratlas_assets.domain.communities.history import Day
from vieweratlas_assets.domain.schemas import (
    COMMUNITIES,
    COMMUNITY_TAGS,
    GRAPH_EDGES,
    GRAPH_NODES,
    LAYOUT,
)
from vieweratlas_assets.domain.tables import Table

DAY = date(2026, 11, 22)

# No Twitch login contains any of these except the last ones; imported files may contain anything.
HOSTILE = (
    '"quoted", with, commas',
    "<script>window.hacked=1</script>",
    "</script><img src=x onerror=window.hacked=1>",
    "$x^2$ and $",
    "line\nbreak\r\nand\ttab",
    "emoji 😀👩‍👩‍👧 flag 🇩🇪",
    "& &amp; 'single'",
    "MiXeD",
    "한글 日本語 ไทย عربى",
    "control\x01\x1b[31m\x7f and \u202ereversed",
    "{{ 7*7 }} {% raw %} \\u003c \\",
    "has href in it",
    "__proto__",
    "constructor",
    "=1+1",
)


def table(of: Table, **columns: list[Any]) -> pl.DataFrame:
    """Fill a table: columns that are not given are null if possible, else 0 or empty."""
    height = len(next(iter(columns.values())))
    for column in of.columns:
        blank = None if column.nullable else "" if column.dtype == pl.String else 0
        columns.setdefault(column.name, [blank] * height)
    return of.conform(pl.DataFrame(columns, schema_overrides=dict(of.schema)))


def edges_between(pairs: list[tuple[str, str]], **measures: list[Any]) -> pl.DataFrame:
    low, high = [min(pair) for pair in pairs], [max(pair) for pair in pairs]
    return table(GRAPH_EDGES, channel_a=low, channel_b=high, **measures)


def ring(names: list[str]) -> list[tuple[str, str]]:
    return list(zip(names, names[1:] + names[:1], strict=True))


def atlas_of(
    nodes: pl.DataFrame, edges: pl.DataFrame, communities: pl.DataFrame, tags: pl.DataFrame, layout: pl.DataFrame
) -> Atlas:
    """The atlas of a first day."""
    history = identify(Day(DAY, nodes, communities), tags, layout).communities
    return Atlas(DAY, nodes, edges, communities, tags, layout, history)


def small_atlas() -> Atlas:
    """Twelve channels in two communities and two unclustered, one with unknown viewers."""
    names = [f"channel_{index:02}" for index in range(12)]
    communities = [0] * 6 + [1] * 4 + [None] * 2
    return atlas_of(
        table(
            GRAPH_NODES,
            channel=names,
            viewers=[1000 * (index + 1) for index in range(11)] + [None],
            game_name=["Chess"] * 11 + [None],
            language=["en"] * 11 + [None],
        ),
        edges_between(ring(names), shared_viewers=list(range(100, 112)), jaccard=[0.1 / 3] * 12),
        table(COMMUNITIES, channel=names, community=communities),
        table(COMMUNITY_TAGS, community=[0, 1], label=["Chess", "Music (de)"], channels=[6, 4]),
        table(
            LAYOUT,
            channel=names,
            x=[(index % 4) / 3 for index in range(12)],
            y=[0.2 + (index // 4) * 0.3 for index in range(12)],
        ),
    )


def hostile_atlas() -> Atlas:
    """An atlas in which every text is hostile: logins, labels, games, languages."""
    names, count = list(HOSTILE), len(HOSTILE)
    return atlas_of(
        table(GRAPH_NODES, channel=names, viewers=[5000] * count, game_name=names[::-1], language=names),
        edges_between(ring(names), shared_viewers=[7] * count),
        table(COMMUNITIES, channel=names, community=[index % 5 for index in range(count)]),
        table(COMMUNITY_TAGS, community=[0, 1, 2, 3, 4], label=names[1:6], channels=[count // 5] * 5),
        table(
            LAYOUT,
            channel=names,
            x=[(index % 4) / 3 for index in range(count)],
            y=[index / count for index in range(count)],
        ),
    )


def empty_atlas() -> Atlas:
    tables = (GRAPH_NODES, GRAPH_EDGES, COMMUNITIES, COMMUNITY_TAGS, LAYOUT)
    return atlas_of(*(each.empty() for each in tables))


def bare_atlas(names: list[str], **measures: list[Any]) -> Atlas:
    """Channels without metadata, viewers and communities; with a ring of links if a measure is given."""
    return atlas_of(
        table(GRAPH_NODES, channel=names),
        edges_between(ring(names), **measures) if measures else GRAPH_EDGES.empty(),
        table(COMMUNITIES, channel=names),
        COMMUNITY_TAGS.empty(),
        table(LAYOUT, channel=names, x=[index / len(names) for index in range(len(names))], y=[0.5] * len(names)),
    )


def shuffled(atlas: Atlas, seed: int = 1) -> Atlas:
    def mixed(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.sample(fraction=1, shuffle=True, seed=seed)

    return Atlas(
        atlas.day,
        mixed(atlas.nodes),
        mixed(atlas.edges),
        mixed(atlas.communities),
        mixed(atlas.tags),
        mixed(atlas.layout),
        mixed(atlas.history),
    )


ATLASES: dict[str, Callable[[], Atlas]] = {
    "small": small_atlas,
    "hostile": hostile_atlas,
    "empty": empty_atlas,
    "one channel": lambda: bare_atlas(["lonely"]),
    "unclustered": lambda: bare_atlas(["a", "b", "c"], shared_viewers=[3, None, 1]),
    "only overlap_coefficient": lambda: bare_atlas(["a", "b", "c"], overlap_coefficient=[0.5, 0.25, 0.125]),
}


@cache
def packed_day(name: str) -> bytes:
    """One of ATLASES, packed for the explorer."""
    return day_data(ATLASES[name]())
