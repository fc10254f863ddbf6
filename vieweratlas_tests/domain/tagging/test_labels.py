import itertools
import re
from collections.abc import Sequence
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vieweratlas_assets.domain.schemas import COMMUNITIES, COMMUNITY_TAGS, GRAPH_NODES
from vieweratlas_assets.domain.tagging.labels import tag_communities
from vieweratlas_tests.domain.atlas.samples import HOSTILE, table

Known = tuple[str | None, str | None]


def _tables(
    *communities: Sequence[Known] | None, viewers: list[int | None] | None = None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Each list is a community of channels (game, language); channels are c00, c01 … in that order."""
    rows = [(number, game, code) for number, members in enumerate(communities) for game, code in members or []]
    names = [f"c{index:02}" for index in range(len(rows))]
    nodes = table(
        GRAPH_NODES,
        channel=names,
        game_name=[game for _, game, _ in rows],
        language=[code for *_, code in rows],
        viewers=viewers or list(range(1000, 1000 - len(rows), -1)),
    )
    return nodes, table(COMMUNITIES, channel=names, community=[number for number, *_ in rows])


def _tag(members: list[Known], *, game_threshold: float = 0.60, language_threshold: float = 0.40) -> dict[str, Any]:
    nodes, communities = _tables(members)
    tags = tag_communities(nodes, communities, game_threshold=game_threshold, language_threshold=language_threshold)
    return tags.row(0, named=True)


def _games(*counts: tuple[str | None, int]) -> list[str | None]:
    return list(itertools.chain.from_iterable([game] * count for game, count in counts))


def _mixed(games: list[str | None], languages: list[str | None]) -> list[Known]:
    return list(zip(games, languages, strict=True))


@pytest.mark.parametrize(
    ("games", "languages", "label"),
    [
        # Exactly 60 %, and just below it.
        ([("Chess", 6), ("Go", 4)], [("en", 10)], "Chess"),
        ([("Chess", 59), ("Go", 41)], [("en", 100)], "Chess (English)"),
        ([("Chess", 3), ("Go", 2)], [("de", 2), ("en", 2), ("fr", 1)], "Chess"),
        # Both at exactly 40 %; one below it.
        ([("Chess", 4), ("Go", 3), ("Art", 3)], [("de", 4), ("en", 3), ("fr", 3)], "Chess (German)"),
        ([("Chess", 39), ("Go", 31), ("Art", 30)], [("de", 45), ("en", 30), ("fr", 25)], "Chess / Go Mix"),
        ([("Chess", 4), ("Go", 3), ("Art", 3)], [("de", 3), ("en", 3), ("fr", 3), ("it", 1)], "Chess / Art Mix"),
        # A language at exactly 50 % and just below it, while no game leads.
        ([("Chess", 3), ("Go", 3), ("Art", 2), ("Music", 2)], [("pt", 5), ("en", 5)], "English-speaking Variety"),
        ([("Chess", 3), ("Go", 3), ("Art", 4)], [("pt", 4), ("en", 3), ("fr", 3)], "Art (Portuguese)"),
        ([("Chess", 30), ("Go", 35), ("Art", 35)], [("pt", 49), ("en", 26), ("fr", 25)], "Art / Go Mix"),
        ([("Chess", 35), ("Go", 33), ("Art", 32)], [("pt", 50), ("en", 25), ("fr", 25)], "Portuguese-speaking Variety"),  # noqa: E501
        # Only games, only languages, one game that does not lead.
        ([("Chess", 10)], [(None, 10)], "Chess"),
        ([("Chess", 5), ("Go", 5)], [(None, 10)], "Chess / Go Mix"),
        ([(None, 10)], [("ja", 6), ("en", 4)], "Japanese-speaking Variety"),
        ([(None, 10)], [("ja", 4), ("en", 3), ("de", 3)], "Variety Community (10 channels)"),
        ([("Chess", 3), (None, 7)], [(None, 3), ("en", 3), ("de", 2), ("fr", 2)], "Variety Community (10 channels)"),
        # Two games are enough for a mix, even rare ones.
        ([("Chess", 1), ("Go", 1), (None, 8)], [(None, 2), ("en", 3), ("de", 3), ("fr", 2)], "Chess / Go Mix"),
        ([(None, 3)], [(None, 3)], "Around c00"),
    ],
)  # fmt: skip
def test_each_rule_at_its_bounds(
    games: list[tuple[str | None, int]], languages: list[tuple[str | None, int]], label: str
) -> None:
    members = _mixed(_games(*games), _games(*languages))
    assert _tag(members)["label"] == label
    assert _tag(members[::-1])["label"] == label


def test_thresholds_are_settings() -> None:
    members = _mixed(_games(("Chess", 5), ("Go", 5)), _games(("en", 7), ("de", 3)))
    assert _tag(members, game_threshold=0.5)["label"] == "Chess"
    assert _tag(members, language_threshold=0.5)["label"] == "Chess (English)"
    assert _tag(members, language_threshold=0.51)["label"] == "English-speaking Variety"
    assert _tag([("Chess", "en"), ("Chess", "de")], game_threshold=1.0)["label"] == "Chess"


def test_shares_are_of_the_channels_whose_game_or_language_is_known() -> None:
    members: list[Known] = [("Chess", None)] * 6 + [(None, "en")] * 4 + [(None, None)] * 30
    tag = _tag(members)
    assert tag["label"] == "Chess"
    assert (tag["channels"], tag["channels_known"]) == (40, 10)
    assert (tag["top_game"], tag["top_game_share"]) == ("Chess", 0.6)
    assert (tag["top_language"], tag["top_language_share"]) == ("en", 0.4)
    assert tag["reason"].startswith("60 % of the 10 channels")


@pytest.mark.parametrize("nothing", ["", "other", "Other", "OTHER", None])
def test_a_language_that_twitch_does_not_name_is_unknown(nothing: str | None) -> None:
    tag = _tag([("", nothing)] * 9 + [(None, "fr")])
    assert (tag["label"], tag["channels_known"], tag["top_language_share"]) == ("French-speaking Variety", 1, 1.0)
    silent = _tag([("", nothing)] * 3)
    assert (silent["label"], silent["channels_known"]) == ("Around c00", 0)
    assert [silent[name] for name in COMMUNITY_TAGS.schema if name.startswith("top_")] == [None] * 4


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("en", "English"),
        ("pt", "Portuguese"),
        ("zh-hk", "Cantonese"),
        ("asl", "American Sign Language"),
        ("zz9", "ZZ9"),
    ],
)
def test_languages_are_named_in_labels_and_stored_as_codes(code: str, name: str) -> None:
    tag = _tag([(None, code)])
    assert (tag["label"], tag["top_language"]) == (f"{name}-speaking Variety", code)


@pytest.mark.parametrize(
    ("members", "parts"),
    [
        ([("Chess", "en")] * 2 + [("Go", "de")], ["66 %", "the 3 channels", "Chess", "at least 60 %"]),
        (
            _mixed(_games(("Chess", 596), ("Go", 404)), ["en"] * 1000),
            ["59 % play Chess", "100 % speak", "40 %"],
        ),
        ([("Chess", "en"), ("Go", "en"), ("Art", "de")], ["66 %", "English"]),
        ([("Chess", "en"), ("Go", "fr"), ("Art", "de")], ["Art 33 %", "Chess 33 %"]),
        (_mixed([None] * 3, ["en", "de", "fr"]), ["no game or language leads", "3 known"]),
        ([(None, None)], ["named after the largest"]),
    ],
)
def test_reasons_contain_their_percentages(members: list[Known], parts: list[str]) -> None:
    reason = _tag(members)["reason"]
    assert [part for part in parts if part not in reason] == []


def test_a_share_below_a_threshold_does_not_read_as_the_threshold() -> None:
    reason = _tag(_mixed(_games(("Chess", 1199), ("Go", 801)), ["en"] * 2000))["reason"]
    assert "59 %" in reason
    assert "60 %" not in reason
    # In binary, 0.29 is slightly less than 29 hundredths.
    assert (
        "29 %"
        in _tag(_mixed(_games(("Chess", 29), (None, 71)), [None] * 29 + ["en"] * 71), game_threshold=0.29)["reason"]
    )


def test_largest_channel_and_viewers_with_some_unknown() -> None:
    members = [[("Chess", None)] * 3, [("Go", None)] * 2, [("Art", None)] * 2]
    tags = tag_communities(*_tables(*members, viewers=[5, 7, None, None, None, 4, 4]))
    assert tags.select("viewers", "largest_channel").rows() == [(12, "c01"), (None, "c03"), (8, "c05")]


def test_repeated_labels_get_the_largest_channel() -> None:
    tags = tag_communities(*_tables([("Chess", "en")] * 2, [("Chess", "de")], [("Go", "en")]))
    assert tags["label"].to_list() == ["Chess · c00", "Chess · c02", "Go"]


def test_a_game_named_like_a_label_with_its_suffix_stays_distinct() -> None:
    games = ["X", "X", "X · c00", "X · c00 · #0", "X · c00 · #2", "X · c00 · #0 · #0"]
    tags = tag_communities(*_tables(*([(game, None)] for game in games)))
    assert tags["label"].n_unique() == 6


def test_unclustered_channels_do_not_count() -> None:
    nodes, communities = _tables([("Chess", "en")], [("Go", "en")] * 5)
    unclustered = communities.with_columns(
        pl.when(pl.col("community") == 0).then("community").cast(pl.Int32).alias("community")
    )
    tags = tag_communities(nodes, unclustered)
    assert tags.select("community", "label", "channels").rows() == [(0, "Chess", 1)]


@pytest.mark.parametrize("names", [[], ["a", "b"]])
def test_without_communities_there_are_no_labels(names: list[str]) -> None:
    nodes = table(GRAPH_NODES, channel=names) if names else GRAPH_NODES.empty()
    communities = table(COMMUNITIES, channel=names) if names else COMMUNITIES.empty()
    assert tag_communities(nodes, communities).equals(COMMUNITY_TAGS.empty())


def test_hostile_names_do_not_change() -> None:
    tags = tag_communities(*_tables(*([(name, name)] for name in HOSTILE)))
    assert tags["label"].to_list() == tags["top_game"].to_list() == list(HOSTILE)
    spoken = tag_communities(*_tables(*([(None, name)] for name in HOSTILE)))
    assert all(label.endswith("-speaking Variety") for label in spoken["label"])
    nodes = table(GRAPH_NODES, channel=list(HOSTILE))
    alone = tag_communities(nodes, table(COMMUNITIES, channel=list(HOSTILE), community=list(range(len(HOSTILE)))))
    assert sorted(alone["label"]) == sorted(f"Around {name}" for name in HOSTILE)


# Some are named like labels that the rules produce.
GAMES = (None, "", "Chess", "Go", "Around c00", "Chess · c00", "Chess · c00 · #0", "English-speaking Variety")
CODES = (None, "", "other", "en", "EN", "de", "asl", "qqq", " ")


@given(
    st.lists(
        st.tuples(
            st.sampled_from(GAMES),
            st.sampled_from(CODES),
            st.none() | st.integers(0, 5),
            st.none() | st.integers(0, 4),
        ),
        max_size=14,
    ),
    st.sampled_from((0.0, 0.4, 0.6, 1.0)),
    st.sampled_from((0.0, 0.4, 1.0)),
    st.integers(0, 99),
)
def test_any_day_has_one_unique_label_per_community(
    channels: list[tuple[str | None, str | None, int | None, int | None]],
    game_threshold: float,
    language_threshold: float,
    seed: int,
) -> None:
    names = [f"c{index:02}" for index in range(len(channels))]
    games, codes, viewers, numbers = ([row[part] for row in channels] for part in range(4))
    if not names:
        return
    nodes = table(GRAPH_NODES, channel=names, game_name=games, language=codes, viewers=viewers)
    communities = table(COMMUNITIES, channel=names, community=numbers)

    def tag(nodes: pl.DataFrame, communities: pl.DataFrame) -> pl.DataFrame:
        return tag_communities(
            nodes, communities, game_threshold=game_threshold, language_threshold=language_threshold
        )

    tags = tag(nodes, communities)
    assert tag(*(frame.sample(fraction=1, shuffle=True, seed=seed) for frame in (nodes, communities))).equals(tags)

    assert tags.schema == COMMUNITY_TAGS.schema
    assert tags["community"].to_list() == sorted({number for number in numbers if number is not None})
    assert tags["label"].n_unique() == tags.height
    assert "" not in tags["label"].to_list()
    for row in tags.iter_rows(named=True):
        own = [channel for channel in channels if channel[3] == row["community"]]
        known = [bool(game) or (code or "").lower() not in ("", "other") for game, code, *_ in own]
        sizes = [channel[2] for channel in own if channel[2] is not None]
        assert (row["channels"], row["channels_known"]) == (len(own), sum(known))
        assert row["viewers"] == (sum(sizes) if sizes else None)
        assert bool(re.search(r"\d+ %", row["reason"])) or "known" in row["reason"]
        if row["top_game"] is not None:
            counts = {game: sum(channel[0] == game for channel in own) for game, *_ in own if game}
            assert row["top_game"] == min(counts, key=lambda game: (-counts[game], game))
            assert row["top_game_share"] == counts[row["top_game"]] / sum(known)
