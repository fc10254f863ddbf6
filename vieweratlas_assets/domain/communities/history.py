"""The identity of communities from one day to the next, and the events between two days.

Belongs here: matching the communities of two days, ids, names, events. Not here: detecting communities (detection),
colors (atlas.palette).

Greene, Doyle and Cunningham (2010), "Tracking the Evolution of Communities in Dynamic Social Networks", match by the
Jaccard index. Here channels are weighted by their viewers, and each community has at most one successor.
"""

import datetime as dt
import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.optimize import linear_sum_assignment

from vieweratlas_assets.domain.schemas import COMMUNITY_EVENTS, COMMUNITY_HISTORY

SAME_FROM = 0.3
"""The smallest weighted Jaccard index at which two communities are the same."""
PART_FROM = 0.25
"""A share of viewers above this makes a community a part, or an origin, of another one."""
RENAMED_AFTER = 7
"""A community takes a different label as its name after this number of consecutive days."""


@dataclass(frozen=True)
class Day:
    """The communities of a day.

    Attributes:
        day: the last of its window.
        nodes: schema GRAPH_NODES.
        communities: schema COMMUNITIES.
    """

    day: dt.date
    nodes: pl.DataFrame
    communities: pl.DataFrame


@dataclass(frozen=True)
class EarlierDay(Day):
    """The latest earlier day that exists.

    Attributes:
        history: schema COMMUNITY_HISTORY.
        next_id: an id greater than all ids ever used.
    """

    history: pl.DataFrame
    next_id: int


@dataclass(frozen=True)
class History:
    """The identities of the communities of a day, and the events since the earlier day.

    Attributes:
        communities: schema COMMUNITY_HISTORY, but the color of new communities is null.
        events: schema COMMUNITY_EVENTS, sorted by its key.
        next_id: an id greater than all ids ever used.
    """

    communities: pl.DataFrame
    events: pl.DataFrame
    next_id: int


@dataclass(frozen=True)
class _Matched:
    """The matching of the communities of two days.

    Attributes:
        earlier: ids of the earlier communities.
        later: numbers of the later communities.
        shared: viewers of the channels in both communities, shape (earlier, later).
        earlier_sizes, later_sizes: viewers per community.
        partner: index of the matching earlier community, by index of the later one.
        similarity: weighted Jaccard index, shape (earlier, later).
    """

    earlier: list[int]
    later: list[int]
    shared: npt.NDArray[np.float64]
    earlier_sizes: npt.NDArray[np.float64]
    later_sizes: npt.NDArray[np.float64]
    partner: dict[int, int]
    similarity: npt.NDArray[np.float64]


def community_history(
    today: Day,
    tags: pl.DataFrame,
    earlier: EarlierDay | None,
    given_names: Mapping[int, str] | None = None,
    *,
    first_id: int = 1,
) -> History:
    """Identify the communities of a day.

    Args:
        today: the day.
        tags: schema COMMUNITY_TAGS, of today's communities.
        earlier: the earlier day to continue; None on a first day, when every community is new.
        given_names: names that people chose, by id; they take precedence over all others.
        first_id: the first id on a first day; greater than all ids ever used, if there were days before.
    """
    tags = tags.sort("community")
    if earlier is None:
        ids = {community: number for number, community in enumerate(tags["community"], first_id)}
        known: dict[int, dict[str, Any]] = {}
        matched = None
    else:
        matched = _match(_members(earlier, earlier.history), _members(today), today, earlier)
        known = {row["community_id"]: row for row in earlier.history.iter_rows(named=True)}
        fresh = itertools.count(earlier.next_id)
        partner = {matched.later[late]: matched.earlier[early] for late, early in matched.partner.items()}
        ids = {community: partner.get(community) or next(fresh) for community in tags["community"]}
    similarity = {} if matched is None else _similarities(matched)
    rows = _rows(today.day, tags, ids, known, similarity, given_names or {})
    next_id = max([*ids.values(), (earlier.next_id if earlier else first_id) - 1], default=0) + 1
    events = COMMUNITY_EVENTS.empty()
    if matched is not None and earlier is not None:
        happened = [*_events(matched, ids), *_renamed(rows, known), *_moved(today, earlier, ids)]
        events = pl.DataFrame(happened, schema=COMMUNITY_EVENTS.schema, orient="row")
    return History(rows, COMMUNITY_EVENTS.conform(events.sort(COMMUNITY_EVENTS.key)), next_id)


def _members(day: Day, history: pl.DataFrame | None = None) -> pl.DataFrame:
    """Columns channel and group: the number of its community, or with a history the id."""
    members = day.communities.drop_nulls("community")
    if history is None:
        return members.select("channel", group=pl.col("community").cast(pl.Int64))
    return members.join(history, on="community").select("channel", group="community_id")


def _match(before: pl.DataFrame, now: pl.DataFrame, today: Day, earlier: EarlierDay) -> _Matched:
    """Match each community with one of the earlier day, so that the sum of similarities is largest."""
    viewers = pl.concat([today.nodes, earlier.nodes]).unique("channel", keep="first", maintain_order=True)
    weights = viewers.select("channel", weight=pl.col("viewers").fill_null(1).clip(1).cast(pl.Float64))
    both = before.join(now, on="channel", how="full", suffix="_now", coalesce=True).join(
        weights, on="channel", how="left"
    )
    both = both.with_columns(pl.col("weight").fill_null(1.0))
    old, new = before["group"].unique().sort().to_list(), now["group"].unique().sort().to_list()
    shared = np.zeros((len(old), len(new)))
    summed = both.drop_nulls().group_by("group", "group_now").agg(pl.col("weight").sum())
    for group, group_now, weight in summed.iter_rows():
        shared[old.index(group), new.index(group_now)] = weight
    old_sizes, new_sizes = (
        both.drop_nulls(group).group_by(group).agg(pl.col("weight").sum()).sort(group)["weight"].to_numpy()
        for group in ("group", "group_now")
    )
    similarity = shared / np.maximum(old_sizes[:, None] + new_sizes[None] - shared, 1e-12)
    chosen = zip(*linear_sum_assignment(-similarity), strict=True)
    partner = {int(late): int(early) for early, late in chosen if similarity[early, late] >= SAME_FROM}
    return _Matched(old, new, shared, old_sizes, new_sizes, partner, similarity)


def _similarities(matched: _Matched) -> dict[int, float]:
    return {matched.later[late]: float(matched.similarity[early, late]) for late, early in matched.partner.items()}


def _rows(
    day: dt.date,
    tags: pl.DataFrame,
    ids: Mapping[int, int],
    known: Mapping[int, Mapping[str, Any]],
    similarity: Mapping[int, float],
    given_names: Mapping[int, str],
) -> pl.DataFrame:
    rows: list[dict[str, Any]] = []
    wishes: list[_Wish] = []
    for community, label, largest in tags.select("community", "label", "largest_channel").iter_rows():
        number = ids[community]
        before = known.get(number)
        label_days = 1 + before["label_days"] if before and before["label"] == label else 1
        kept = before["name"] if before else None
        if number in given_names:
            wishes.append(_Wish(0, number, given_names[number], largest))
        elif kept and label_days < RENAMED_AFTER:
            wishes.append(_Wish(1, number, kept, largest))
        else:
            wishes.append(_Wish(2, number, label, largest, kept))
        rows.append(
            {
                "community": community,
                "community_id": number,
                "colour": before["colour"] if before else None,
                "since": before["since"] if before else day,
                "label": label,
                "label_days": label_days,
                "similarity": similarity.get(community),
            }
        )
    names = _unique_names(wishes)
    named = [{**row, "name": names[row["community_id"]]} for row in rows]
    return pl.DataFrame(named, schema=COMMUNITY_HISTORY.schema)


class _Wish(NamedTuple):
    """A name that a community should get; names that people chose rank first, then kept names, then new ones."""

    rank: int
    community_id: int
    name: str
    largest_channel: str
    else_name: str | None = None


def _unique_names(wishes: Iterable[_Wish]) -> dict[int, str]:
    """Names by id. If a name is taken, the community keeps its old name, or its largest channel or id is appended."""
    names: dict[int, str] = {}
    for wish in sorted(wishes, key=lambda wish: wish[:2]):
        own = [wish.else_name] if wish.else_name else []
        choices = [wish.name, *own, f"{wish.name} · {wish.largest_channel}", f"{wish.name} · #{wish.community_id}"]
        free = [choice for choice in choices if choice not in names.values()]
        names[wish.community_id] = free[0] if free else f"{choices[-1]} · {wish.largest_channel}"
    return names


Event = tuple[str, int, int, str, float | None]


def _events(matched: _Matched, ids: Mapping[int, int]) -> Iterable[Event]:
    """The events born, died, split and merged."""
    later = [ids[community] for community in matched.later]
    for late, number in enumerate(later):
        if late not in matched.partner:
            yield "born", number, 0, "", None
    for early, number in enumerate(matched.earlier):
        if early not in matched.partner.values():
            yield "died", number, 0, "", None
    went = matched.shared / matched.earlier_sizes[:, None]
    came = matched.shared / matched.later_sizes[None]
    for early, number in enumerate(matched.earlier):
        parts = np.flatnonzero(went[early] > PART_FROM)
        if len(parts) > 1:
            yield from (("split", later[late], number, "", float(went[early, late])) for late in parts)
    for late, number in enumerate(later):
        parts = np.flatnonzero(came[:, late] > PART_FROM)
        if len(parts) > 1:
            yield from (("merged", number, matched.earlier[early], "", float(came[early, late])) for early in parts)


def _renamed(rows: pl.DataFrame, known: Mapping[int, Mapping[str, Any]]) -> Iterable[Event]:
    for number, name in rows.select("community_id", "name").iter_rows():
        if number in known and known[number]["name"] != name:
            yield "renamed", number, 0, "", None


def _moved(today: Day, earlier: EarlierDay, ids: Mapping[int, int]) -> Iterable[Event]:
    """The event moved, for channels of both days whose community changed."""
    names = pl.DataFrame(list(ids.items()), schema={"community": pl.Int32, "now": pl.Int64}, orient="row")
    before = earlier.communities.join(earlier.history, on="community", how="left").select(
        "channel", before="community_id"
    )
    now = today.communities.join(names, on="community", how="left").select("channel", "now")
    moved = before.join(now, on="channel").filter(pl.col("before").ne_missing(pl.col("now"))).sort("channel")
    for channel, old, new in moved.iter_rows():
        yield "moved", new or 0, old or 0, channel, None
