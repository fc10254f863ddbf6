"""What a community is about: a label from the games and languages of its channels.

Belongs here: the rules, their order and their reasons. Not here: names of languages (languages), drawing (atlas).
"""

import itertools
import math
from collections import Counter
from dataclasses import dataclass

import polars as pl

from vieweratlas_assets.domain.schemas import COMMUNITY_TAGS
from vieweratlas_assets.domain.tagging.languages import language_name

VARIETY_LANGUAGE_THRESHOLD = 0.50

# What Twitch sends for a broadcast that names no language.
NO_LANGUAGE = ("", "other")


@dataclass(frozen=True)
class Profile:
    """Games and languages of one community.

    Attributes:
        games, languages: (value, channels), most frequent first, ties by name.
        known: channels whose game or language is known.
    """

    channels: int
    largest_channel: str
    games: tuple[tuple[str, int], ...]
    languages: tuple[tuple[str, int], ...]
    known: int

    def share(self, counted: tuple[tuple[str, int], ...]) -> float:
        """Share of the most frequent value among the channels known."""
        return counted[0][1] / self.known if counted else 0.0


def tag_communities(
    nodes: pl.DataFrame,
    communities: pl.DataFrame,
    *,
    game_threshold: float = 0.60,
    language_threshold: float = 0.40,
) -> pl.DataFrame:
    """Name every community: schema COMMUNITY_TAGS.

    Args:
        nodes: schema GRAPH_NODES.
        communities: schema COMMUNITIES; unclustered channels are left aside.
        game_threshold: share of the channels known from which one game names the community alone; 0 to 1.
        language_threshold: share from which a game and a language name it together; 0 to 1.
    """
    members = communities.drop_nulls("community").join(nodes, on="channel")
    rows = []
    for (community,), group in members.sort("community", "channel").group_by("community", maintain_order=True):
        found = profile(group)
        label, reason = label_of(found, game_threshold, language_threshold)
        viewers = group["viewers"].drop_nulls()
        rows.append(
            {
                "community": community,
                "label": label,
                "reason": reason,
                "channels": found.channels,
                "viewers": viewers.sum() if viewers.len() else None,
                "largest_channel": found.largest_channel,
                "channels_known": found.known,
                "top_game": found.games[0][0] if found.games else None,
                "top_game_share": found.share(found.games) if found.games else None,
                "top_language": found.languages[0][0] if found.languages else None,
                "top_language_share": found.share(found.languages) if found.languages else None,
            }
        )
    tags = pl.DataFrame(rows, schema=COMMUNITY_TAGS.schema)
    return COMMUNITY_TAGS.conform(tags.with_columns(label=pl.Series(_unique_labels(tags), dtype=pl.String)))


def profile(group: pl.DataFrame) -> Profile:
    """Count the games and languages of one community's channels (schema GRAPH_NODES, at least one row)."""
    games = [name for name in group["game_name"] if name]
    spoken = [code.lower() for code in group["language"] if code is not None]
    languages = [code for code in spoken if code not in NO_LANGUAGE]
    told = (pl.col("game_name").fill_null("") != "") | (
        ~pl.col("language").fill_null("").str.to_lowercase().is_in(NO_LANGUAGE)
    )
    largest = group.sort(["viewers", "channel"], descending=[True, False], nulls_last=True)["channel"][0]
    return Profile(group.height, largest, _most_frequent(games), _most_frequent(languages), group.filter(told).height)


def label_of(found: Profile, game_threshold: float, language_threshold: float) -> tuple[str, str]:
    """The label and its reason, by the first rule that fits.

    1. the top game at `game_threshold` or above: "<Game>"
    2. the top game and the top language both at `language_threshold` or above: "<Game> (<Language>)"
    3. the top language at 50 % or above: "<Language>-speaking Variety"
    4. two or more games: "<Game> / <Game> Mix"
    5. else "Variety Community (<n> channels)"; without any metadata "Around <largest channel>"
    """
    if not found.known:
        return (
            f"Around {found.largest_channel}",
            "no channel's game or language is known: named after the largest",
        )
    of_known = f"of the {found.known} channels with a known game or language"
    game, language = found.share(found.games), found.share(found.languages)
    top_game = found.games[0][0] if found.games else ""
    spoken = language_name(found.languages[0][0]) if found.languages else ""
    if found.games and game >= game_threshold:
        return top_game, f"{_percent(game)} {of_known} play {top_game} (at least {_percent(game_threshold)})"
    if found.games and found.languages and min(game, language) >= language_threshold:
        reason = f"{_percent(game)} play {top_game} and {_percent(language)} speak {spoken}"
        return (
            f"{top_game} ({spoken})",
            f"{reason}, {of_known} (both at least {_percent(language_threshold)})",
        )
    if found.languages and language >= VARIETY_LANGUAGE_THRESHOLD:
        return f"{spoken}-speaking Variety", f"{_percent(language)} {of_known} speak {spoken}, no game leads"
    if len(found.games) >= 2:
        second, count = found.games[1]
        shares = f"{top_game} {_percent(game)}, {second} {_percent(count / found.known)}"
        return f"{top_game} / {second} Mix", f"no game or language leads: {shares} {of_known}"
    return (
        f"Variety Community ({found.channels} channels)",
        f"no game or language leads among {found.known} known",
    )


def _most_frequent(values: list[str]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(Counter(values).items(), key=lambda item: (-item[1], item[0])))


def _percent(share: float) -> str:
    """Whole percent, rounded down: 59.6 % must not read as the 60 % it did not reach."""
    return f"{math.floor(100 * share + 1e-9)} %"


def _unique_labels(tags: pl.DataFrame) -> list[str]:
    """Add the largest channel to labels that stand more than once, and the number where that is not enough.

    More than once, because a game may be named as another community's label with its addition. It ends: labels with
    a number differ from one another, so that each round adds the first number to at least one more.
    """
    labels = tags["label"].to_list()
    numbers = [f"#{number}" for number in tags["community"]]
    for addition in itertools.chain([tags["largest_channel"].to_list()], itertools.repeat(numbers)):
        counts = Counter(labels)
        if len(counts) == len(labels):
            break
        labels = [
            f"{label} · {more}" if counts[label] > 1 else label for label, more in zip(labels, addition, strict=True)
        ]
    return labels
