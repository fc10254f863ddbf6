"""What a community is about: a label from the games and languages of its channels.

Belongs here: the rules, their order and the reasons they give. Not here: names of languages (languages), drawing
(atlas).
"""

import itertools
import math
from collections import Counter
from dataclasses import dataclass

import polars as pl

from vieweratlas_assets.domain.schemas import COMMUNITY_TAGS
from vieweratlas_assets.domain.tagging.languages import language_name

VARIETY_LANGUAGE_THRESHOLD = 0.50

# Twitch's codes for a broadcast without a language.
NO_LANGUAGE = ("", "other")


@dataclass(frozen=True)
class Profile:
    """Games and languages of one community.

    Attributes:
        channels: number of channels.
        largest_channel: the channel with the most viewers; ties go by name.
        games, languages: (value, number of channels), most frequent first; ties go by name.
        known: number of channels with a known game or language.
    """

    channels: int
    largest_channel: str
    games: tuple[tuple[str, int], ...]
    languages: tuple[tuple[str, int], ...]
    known: int

    def share(self, counted: tuple[tuple[str, int], ...]) -> float:
        """Share of the known channels that have the most frequent value."""
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
        communities: schema COMMUNITIES; unclustered channels are ignored.
        game_threshold: share of the known channels at which a game alone becomes the label; 0 to 1.
        language_threshold: share at which a game and a language become the label together; 0 to 1.
    """
    members = communities.drop_nulls("community").join(nodes, on="channel")
    rows = []
    for (community,), group in members.sort("community", "channel").group_by("community", maintain_order=True):
        profile = profile_channels(group)
        label, reason = choose_label(profile, game_threshold, language_threshold)
        viewers = group["viewers"].drop_nulls()
        rows.append(
            {
                "community": community,
                "label": label,
                "reason": reason,
                "channels": profile.channels,
                "viewers": viewers.sum() if viewers.len() else None,
                "largest_channel": profile.largest_channel,
                "channels_known": profile.known,
                **_top(profile, "game", profile.games),
                **_top(profile, "language", profile.languages),
            }
        )
    tags = pl.DataFrame(rows, schema=COMMUNITY_TAGS.schema)
    return COMMUNITY_TAGS.conform(tags.with_columns(label=pl.Series(_unique_labels(tags), dtype=pl.String)))


def _top(profile: Profile, name: str, counted: tuple[tuple[str, int], ...]) -> dict[str, str | float | None]:
    """The columns top_<name> and top_<name>_share."""
    value, share = (counted[0][0], profile.share(counted)) if counted else (None, None)
    return {f"top_{name}": value, f"top_{name}_share": share}


def profile_channels(group: pl.DataFrame) -> Profile:
    """Count the games and languages of one community's channels (schema GRAPH_NODES, at least one row)."""
    games = [name for name in group["game_name"] if name]
    spoken = [code.lower() for code in group["language"] if code is not None]
    languages = [code for code in spoken if code not in NO_LANGUAGE]
    known = group.filter(
        (pl.col("game_name").fill_null("") != "")
        | ~pl.col("language").fill_null("").str.to_lowercase().is_in(NO_LANGUAGE)
    )
    largest = group.sort(["viewers", "channel"], descending=[True, False], nulls_last=True)["channel"][0]
    return Profile(group.height, largest, _most_frequent(games), _most_frequent(languages), known.height)


def choose_label(profile: Profile, game_threshold: float, language_threshold: float) -> tuple[str, str]:
    """The label and its reason, by the first matching rule.

    1. the top game has at least `game_threshold`: "<Game>"
    2. the top game and the top language both have at least `language_threshold`: "<Game> (<Language>)"
    3. the top language has at least 50 %: "<Language>-speaking Variety"
    4. two or more games: "<Game> / <Game> Mix"
    5. else "Variety Community (<n> channels)"; without any metadata "Around <largest channel>"
    """
    if not profile.known:
        return (
            f"Around {profile.largest_channel}",
            "no channel's game or language is known: named after the largest",
        )
    of_known = f"of the {profile.known} channels with a known game or language"
    game, language = profile.share(profile.games), profile.share(profile.languages)
    top_game = profile.games[0][0] if profile.games else ""
    spoken = language_name(profile.languages[0][0]) if profile.languages else ""
    if profile.games and game >= game_threshold:
        return top_game, f"{_percent(game)} {of_known} play {top_game} (at least {_percent(game_threshold)})"
    if profile.games and profile.languages and min(game, language) >= language_threshold:
        reason = f"{_percent(game)} play {top_game} and {_percent(language)} speak {spoken}"
        return (
            f"{top_game} ({spoken})",
            f"{reason}, {of_known} (both at least {_percent(language_threshold)})",
        )
    if profile.languages and language >= VARIETY_LANGUAGE_THRESHOLD:
        return f"{spoken}-speaking Variety", f"{_percent(language)} {of_known} speak {spoken}, no game leads"
    if len(profile.games) >= 2:
        second, count = profile.games[1]
        shares = f"{top_game} {_percent(game)}, {second} {_percent(count / profile.known)}"
        return f"{top_game} / {second} Mix", f"no game or language leads: {shares} {of_known}"
    return (
        f"Variety Community ({profile.channels} channels)",
        f"no game or language leads among {profile.known} known",
    )


def _most_frequent(values: list[str]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(Counter(values).items(), key=lambda item: (-item[1], item[0])))


def _percent(share: float) -> str:
    """Whole percent, rounded down: 59.6 % must not read as 60 %, a threshold that it did not reach."""
    return f"{math.floor(100 * share + 1e-9)} %"


def _unique_labels(tags: pl.DataFrame) -> list[str]:
    """Append the largest channel to repeated labels, then the community's number until all labels are unique.

    Several rounds may be needed, because a game may have the name of another label with its suffix. The loop ends:
    labels with a number differ from one another, so each round gives at least one more label its first number.
    """
    labels = tags["label"].to_list()
    numbers = [f"#{number}" for number in tags["community"]]
    for suffixes in itertools.chain([tags["largest_channel"].to_list()], itertools.repeat(numbers)):
        counts = Counter(labels)
        if len(counts) == len(labels):
            break
        labels = [
            f"{label} · {suffix}" if counts[label] > 1 else label
            for label, suffix in zip(labels, suffixes, strict=True)
        ]
    return labels
