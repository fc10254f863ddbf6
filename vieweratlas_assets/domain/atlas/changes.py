"""What changed since an earlier day: ranks of channels, events of communities, channels that moved.

Belongs here: comparing an atlas with an earlier day, for the explorer and the site. Not here: matching communities
and computing events (communities.history), packing (day_data).
"""

import datetime as dt
from dataclasses import dataclass
from typing import Any

import polars as pl

from vieweratlas_assets.domain.atlas.model import Atlas, printable
from vieweratlas_assets.domain.schemas import COMMUNITY_EVENTS, COMMUNITY_HISTORY, GRAPH_NODES


@dataclass(frozen=True, eq=False)
class EarlierAtlas:
    """The earlier day that an atlas continues, and the events since then.

    Attributes:
        day: day of the earlier atlas.
        nodes: schema GRAPH_NODES, of the earlier day.
        history: schema COMMUNITY_HISTORY, of the earlier day.
        events: schema COMMUNITY_EVENTS, of the later day.
    """

    day: dt.date
    nodes: pl.DataFrame
    history: pl.DataFrame
    events: pl.DataFrame

    def __post_init__(self) -> None:
        """Check the tables.

        Raises:
            SchemaError: a table does not match its schema.
        """
        for field, table in (("nodes", GRAPH_NODES), ("history", COMMUNITY_HISTORY), ("events", COMMUNITY_EVENTS)):
            object.__setattr__(self, field, table.conform(getattr(self, field)))


def ranks(nodes: pl.DataFrame) -> pl.DataFrame:
    """Ranks by viewers, 1 = most; ties go by login. Channels with unknown viewers have no rank.

    Returns:
        Columns channel, viewers and rank, sorted by channel.
    """
    ordered = nodes.select("channel", "viewers").sort("viewers", "channel", descending=[True, False], nulls_last=True)
    place = pl.int_range(1, pl.len() + 1, dtype=pl.Int64)
    return ordered.with_columns(rank=pl.when(pl.col("viewers").is_not_null()).then(place)).sort("channel")


def earlier_channels(atlas: Atlas, earlier: EarlierAtlas | None) -> pl.DataFrame:
    """The figures of an atlas's channels on the earlier day.

    Returns:
        Columns channel, viewers, rank and known (whether it was on the map), in the order of `Atlas.channels`;
        unknown figures are null.
    """
    then = ranks(GRAPH_NODES.empty() if earlier is None else earlier.nodes).with_columns(known=pl.lit(True))
    joined = atlas.channels.select("channel").join(then, on="channel", how="left", maintain_order="left")
    return joined.with_columns(pl.col("known").fill_null(False))


def changes_since(atlas: Atlas, earlier: EarlierAtlas | None) -> dict[str, Any] | None:
    """The changes of communities and channels since the earlier day, ready for JSON; None on a first day.

    Returns:
        since: the earlier day. born: ids. died: names. split: name of the earlier community, and ids and shares of
        its parts. merged: id of the community, and names and shares of its origins. renamed: id and earlier name.
        moved: login, and the names of the old and new community (null = none), largest channel first. joined and
        left: the number of channels that are new on the map or gone from it.
    """
    if earlier is None:
        return None
    then = _names(earlier.history)
    now = _names(atlas.history)
    happened: dict[str, list[dict[str, Any]]] = {
        kind: earlier.events.filter(pl.col("event") == kind).to_dicts()
        for kind in ("born", "died", "split", "merged", "renamed", "moved")
    }
    known = atlas.nodes.join(earlier.nodes, on="channel", how="semi").height
    size = {channel: place for place, channel in enumerate(atlas.channels_by_size["channel"])}
    return {
        "since": earlier.day.isoformat(),
        "born": [event["community_id"] for event in happened["born"]],
        "died": [then.get(event["community_id"]) for event in happened["died"]],
        "split": [
            {"from": then.get(number), "into": parts} for number, parts in _parts(happened["split"], by_source=True)
        ],
        "merged": [
            {"into": number, "from": [[then.get(part), share] for part, share in parts]}
            for number, parts in _parts(happened["merged"], by_source=False)
        ],
        "renamed": [[event["community_id"], then.get(event["community_id"])] for event in happened["renamed"]],
        "moved": [
            [printable(event["channel"]), then.get(event["from_community_id"]), now.get(event["community_id"])]
            for event in sorted(happened["moved"], key=lambda event: size.get(event["channel"], len(size)))
        ],
        "joined": atlas.nodes.height - known,
        "left": earlier.nodes.height - known,
    }


def _names(history: pl.DataFrame) -> dict[int, str]:
    return {number: printable(name) for number, name in history.select("community_id", "name").iter_rows()}


def _parts(events: list[dict[str, Any]], *, by_source: bool) -> list[tuple[int, list[list[Any]]]]:
    """Events of one kind, grouped by the community that they share: its id, and the other ids with their shares."""
    common, other = ("from_community_id", "community_id")[:: 1 if by_source else -1]
    parts: dict[int, list[list[Any]]] = {}
    for event in events:
        parts.setdefault(event[common], []).append([event[other], round(event["share"], 3)])
    return sorted(parts.items())
