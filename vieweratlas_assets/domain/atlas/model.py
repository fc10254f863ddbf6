"""One day's atlas: the tables behind every picture, page and export.

Belongs here: the joined view of the channels, and texts that all formats share. Not here: links and disc sizes
(graph), positions (layout), colors (palette), formats (picture, page, exports).
"""

import re
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import polars as pl

from vieweratlas_assets.domain.atlas.countries import Countries
from vieweratlas_assets.domain.schemas import (
    COMMUNITIES,
    COMMUNITY_HISTORY,
    COMMUNITY_TAGS,
    GRAPH_EDGES,
    GRAPH_NODES,
    LAYOUT,
)
from vieweratlas_assets.domain.tables import SchemaError

UNCLUSTERED = "Unclustered"
AUDIENCE_NOTE = "Audience = people who wrote in chat (chatters), not lurkers"

# C0 and C1 controls, line and paragraph separators, and marks that change the direction of writing: they would break
# lines, or make one name look like another.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")


TABLE_FIELDS = ("nodes", "edges", "communities", "tags", "layout", "history")


@dataclass(frozen=True, eq=False)
class Atlas:
    """The tables of one day, checked against their schemas and sorted by their keys.

    Attributes:
        day: last day of the window.
        nodes: schema GRAPH_NODES.
        edges: schema GRAPH_EDGES; both ends are channels of `nodes`.
        communities: schema COMMUNITIES; channels that are missing or have a null community are unclustered.
        tags: schema COMMUNITY_TAGS.
        layout: schema LAYOUT; a finite position for every channel of `nodes`.
        history: schema COMMUNITY_HISTORY; the identity of each community of `tags`.
        provenance: the days, sources and method behind the atlas, in one line.

    Raises:
        SchemaError: a table does not match its schema, an edge has an unknown channel, a channel has no position, or
            a community has no name.
    """

    day: date
    nodes: pl.DataFrame
    edges: pl.DataFrame
    communities: pl.DataFrame
    tags: pl.DataFrame
    layout: pl.DataFrame
    history: pl.DataFrame
    provenance: str = "overlap = people seen in both chats"

    def __post_init__(self) -> None:
        tables = (GRAPH_NODES, GRAPH_EDGES, COMMUNITIES, COMMUNITY_TAGS, LAYOUT, COMMUNITY_HISTORY)
        for field, table in zip(TABLE_FIELDS, tables, strict=True):
            object.__setattr__(self, field, table.conform(getattr(self, field)))
        ends = pl.concat([self.edges["channel_a"], self.edges["channel_b"]])
        placed = self.layout.filter(pl.col("x").is_finite() & pl.col("y").is_finite())["channel"]
        _require(ends, self.nodes["channel"], "graph_edges names channels that graph_nodes lacks")
        _require(self.nodes["channel"], placed, "layout has no finite place for channels of graph_nodes")
        for name, named in (("communities", self.communities), ("community_tags", self.tags)):
            numbers = named["community"].drop_nulls()
            _require(numbers, self.history["community"], f"community_history lacks communities of {name}")

    @cached_property
    def channels(self) -> pl.DataFrame:
        """One row per channel, sorted by channel.

        Columns: channel, viewers (null = unknown), viewer_minutes, game_name, language, name (as the channel writes
        it, else the login), community, community_id and colour (null = unclustered), label (name of the community,
        or "Unclustered"), x and y (0 to 1, y upward).
        """
        named = self.history.select("community", "community_id", "colour", label="name")
        return (
            self.nodes.with_columns(name=pl.coalesce("display_name", "channel"))
            .drop("display_name")
            .join(self.communities, on="channel", how="left")
            .join(named, on="community", how="left")
            .join(self.layout, on="channel", how="left")
            .with_columns(pl.col("label").fill_null(UNCLUSTERED))
            .sort("channel")
        )

    @cached_property
    def channels_by_size(self) -> pl.DataFrame:
        """`channels` with the largest first: by viewers, then by number of links, then by name."""
        ends = pl.concat([self.edges["channel_a"], self.edges["channel_b"]]).alias("channel")
        links = ends.to_frame().group_by("channel").len("links")
        joined = self.channels.join(links, on="channel", how="left")
        order = joined.sort(
            pl.col("viewers").fill_null(-1),
            pl.col("links").fill_null(0),
            "channel",
            descending=[True, True, False],
        )
        return order.drop("links")

    @cached_property
    def ranked(self) -> pl.DataFrame:
        """The communities, largest first: columns of COMMUNITY_TAGS (label: the name) and of COMMUNITY_HISTORY."""
        named = self.history.select("community", "community_id", "name", "colour", "since")
        joined = self.tags.drop("label").join(named, on="community").rename({"name": "label"})
        return joined.sort("channels", "community", descending=[True, False])

    @cached_property
    def countries(self) -> Countries:
        """The countries of the communities."""
        return Countries(self.channels)


def printable(text: str) -> str:
    """Replace invisible characters by spaces: newlines, control and direction characters."""
    return _UNPRINTABLE.sub(" ", text)


def _require(wanted: pl.Series, present: pl.Series, problem: str) -> None:
    missing = wanted.unique().sort().filter(~wanted.unique().sort().is_in(present.to_list()))
    if missing.len():
        raise SchemaError(f"{problem}: {missing.len()}, the first is {missing[0]!r}")
