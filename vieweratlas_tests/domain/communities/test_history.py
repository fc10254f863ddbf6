"""Communities keep their identity from day to day, and events record their changes."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vieweratlas_assets.domain.communities.history import (
    RENAMED_AFTER,
    SAME_FROM,
    Day,
    EarlierDay,
    History,
    community_history,
)
from vieweratlas_assets.domain.schemas import COMMUNITIES, COMMUNITY_HISTORY, GRAPH_NODES
from vieweratlas_assets.domain.tagging.labels import tag_communities

FIRST = dt.date(2026, 10, 5)
Groups = Mapping[str, str]
"""The channels of each community, one letter per channel, by the community's game."""


class Diary:
    """Days one after another."""

    def __init__(self, given_names: Mapping[int, str] | None = None) -> None:
        self.earlier: EarlierDay | None = None
        self.day = FIRST
        self.given_names = given_names

    def add(self, groups: Groups, alone: str = "", viewers: Mapping[str, int] | None = None) -> History:
        """Add a day; `alone` has the channels without a community."""
        game_of = {channel: game for game, channels in groups.items() for channel in channels}
        channels = sorted([*game_of, *alone])
        nodes = GRAPH_NODES.conform(
            pl.DataFrame(
                [(each, (viewers or {}).get(each, 100), 1, game_of.get(each), "en", None) for each in channels],
                schema=GRAPH_NODES.schema,
                orient="row",
            )
        )
        number = {game: place for place, game in enumerate(groups)}
        communities = COMMUNITIES.conform(
            pl.DataFrame(
                {
                    "channel": channels,
                    "community": [number[game_of[each]] if each in game_of else None for each in channels],
                },
                schema=COMMUNITIES.schema,
            )
        )
        today = Day(self.day, nodes, communities)
        history = community_history(today, tag_communities(nodes, communities), self.earlier, self.given_names)
        colored = COMMUNITY_HISTORY.conform(
            history.communities.with_columns(pl.col("colour").fill_null(pl.col("community_id") % 12).cast(pl.Int32))
        )
        self.earlier = EarlierDay(self.day, nodes, communities, colored, history.next_id)
        self.day += dt.timedelta(days=1)
        return history


def event_rows(history: History) -> list[tuple[object, ...]]:
    return [row[:4] for row in history.events.rows()]


def ids(history: History) -> dict[str, int]:
    return dict(history.communities.select("name", "community_id").iter_rows())


def test_on_a_first_day_every_community_is_new_and_there_are_no_events() -> None:
    history = Diary().add({"Chess": "abcd", "Go": "xyz"})
    assert ids(history) == {"Chess": 1, "Go": 2}
    assert history.next_id == 3
    assert history.events.is_empty()
    assert history.communities["since"].to_list() == [FIRST, FIRST]


def test_a_community_keeps_id_name_and_color_if_its_number_changes() -> None:
    diary = Diary()
    diary.add({"Chess": "abcd", "Go": "xyz"})
    history = diary.add({"Shogi": "vwxyz", "Chess": "abce"})
    assert ids(history) == {"Chess": 1, "Go": 2}
    rows = history.communities
    assert rows["since"].to_list() == [FIRST, FIRST]
    assert rows["colour"].to_list() == [2, 1]
    assert rows["label"].to_list() == ["Shogi", "Chess"]
    # "abcd" and "abce" have three of five channels in common; so do "xyz" and "vwxyz".
    assert rows["similarity"].to_list() == [pytest.approx(3 / 5), pytest.approx(3 / 5)]
    assert not history.events.height


def test_large_channels_count_for_more() -> None:
    diary = Diary()
    viewers = {"a": 10_000}
    diary.add({"Chess": "abcd", "Go": "xyz"}, viewers=viewers)
    # Only the largest channel remains in the community.
    history = diary.add({"Chess": "aefg", "Go": "xyz"}, viewers=viewers)
    assert ids(history) == {"Chess": 1, "Go": 2}


def test_births_deaths_splits_merges_and_moves_are_events() -> None:
    diary = Diary()
    diary.add({"Chess": "abcdefgh", "Go": "uvwxyz"}, alone="q")
    history = diary.add({"Chess": "abcdeu", "Poker": "fgh", "Go": "vwxyzq"})
    assert event_rows(history) == [
        ("born", 3, 0, ""),
        ("moved", 1, 2, "u"),
        ("moved", 2, 0, "q"),
        *(("moved", 3, 1, channel) for channel in "fgh"),
        ("split", 1, 1, ""),
        ("split", 3, 1, ""),
    ]
    assert history.events.filter(event="split")["share"].to_list() == [5 / 8, 3 / 8]
    history = diary.add({"Chess": "abcduefgh"}, alone="v")
    assert history.next_id == 4
    events = history.events.filter(pl.col("event") != "moved")
    assert [(row[0], row[1], row[2]) for row in events.rows()] == [
        ("died", 2, 0),
        ("died", 3, 0),
        ("merged", 1, 1),
        ("merged", 1, 3),
    ]
    assert events["share"].to_list() == [None, None, pytest.approx(6 / 9), pytest.approx(3 / 9)]
    assert ("moved", 0, 2, "v") in event_rows(history)


def test_the_id_of_a_community_that_died_is_never_used_again() -> None:
    diary = Diary()
    diary.add({"Chess": "abcd", "Go": "xyz"})
    diary.add({"Chess": "abcd"})
    assert ids(diary.add({"Chess": "abcd", "Go": "xyz"})) == {"Chess": 1, "Go": 3}


def test_a_community_is_renamed_after_a_week_with_another_label() -> None:
    diary = Diary()
    diary.add({"Chess": "abcd", "Go": "xyz"})
    for _ in range(RENAMED_AFTER - 1):
        assert ids(history := diary.add({"Shogi": "abcd", "Go": "xyz"})) == {"Chess": 1, "Go": 2}
        assert history.events.is_empty()
    history = diary.add({"Shogi": "abcd", "Go": "xyz"})
    assert ids(history) == {"Shogi": 1, "Go": 2}
    assert event_rows(history) == [("renamed", 1, 0, "")]


def test_names_that_people_chose_win_and_names_are_unique() -> None:
    diary = Diary({1: "The Board", 2: "Chess"})
    history = diary.add({"Go": "abcd", "Poker": "xyz", "Chess": "mno"})
    assert ids(history) == {"The Board": 1, "Chess": 2, "Chess · m": 3}
    diary.given_names = None
    # The names stay until the communities have had their own labels for a week.
    assert set(ids(diary.add({"Go": "abcd", "Poker": "xyz", "Chess": "mno"}))) == set(ids(history))
    new = diary.add({"Go": "abcd", "Poker": "xyz", "Chess": "mno", "Chess ": "rst"})
    assert len(ids(new)) == 4


def test_a_community_whose_new_name_is_taken_keeps_its_own() -> None:
    diary = Diary({1: "Chess"})
    diary.add({"Go": "abcd", "Poker": "xyz"})
    for _ in range(RENAMED_AFTER + 3):
        history = diary.add({"Go": "abcd", "Chess": "xyz"})
        assert ids(history) == {"Chess": 1, "Poker": 2}
        assert history.events.is_empty()


def test_channels_that_the_earlier_graph_lacks_count_little() -> None:
    diary = Diary()
    diary.add({"Chess": "abcd", "Go": "xyz"})
    assert diary.earlier is not None
    gone = diary.earlier.nodes.filter(~pl.col("channel").is_in(["x", "y", "z"]))
    diary.earlier = replace(diary.earlier, nodes=gone)
    assert ids(diary.add({"Chess": "abcd"})) == {"Chess": 1}


PARTITIONS = st.lists(st.lists(st.integers(0, 4), min_size=12, max_size=12), min_size=2, max_size=6)


@given(PARTITIONS)
def test_on_any_days_ids_and_names_are_unique_and_moves_are_exactly_the_changes(days: Sequence[list[int]]) -> None:
    diary = Diary()
    before: dict[str, int | None] = {}
    seen: set[int] = set()
    for labels in days:
        members = {label: [chr(97 + place) for place, each in enumerate(labels) if each == label] for label in labels}
        # Label 0 means no community; the others are sorted by size, as detection numbers them.
        order = sorted((label for label in members if label), key=lambda label: (-len(members[label]), label))
        groups = {f"game {label}": "".join(members[label]) for label in order}
        living = (
            {} if diary.earlier is None else dict(diary.earlier.history.select("community_id", "name").iter_rows())
        )
        history = diary.add(groups, alone="".join(members.get(0, [])))
        rows = history.communities
        assert rows["community_id"].n_unique() == rows["name"].n_unique() == rows.height == len(groups)
        assert all(number < history.next_id for number in rows["community_id"])
        fresh = set(rows["community_id"]) - set(living)
        assert not fresh & seen
        seen |= set(rows["community_id"])
        kept = rows.filter(pl.col("community_id").is_in(list(living)))
        assert all(living[number] == name for number, name in kept.select("community_id", "name").iter_rows())
        assert (kept["similarity"] >= SAME_FROM).all()
        number_of = dict(rows.select("community", "community_id").iter_rows())
        place = {game: number_of[number] for number, game in enumerate(groups)}
        now = {channel: place[game] for game, channels in groups.items() for channel in channels}
        now_all = {chr(97 + number): now.get(chr(97 + number)) for number in range(12)}
        if before:
            moved = {row[3]: (row[2] or None, row[1] or None) for row in history.events.filter(event="moved").rows()}
            changed = {each: (before[each], now_all[each]) for each in now_all if before[each] != now_all[each]}
            assert moved == changed
            assert set(history.events.filter(event="born")["community_id"]) == fresh
            assert set(history.events.filter(event="died")["community_id"]) == set(living) - set(rows["community_id"])
        before = now_all
