"""Audiences for the tests of this folder, and shared viewers counted by hand."""

import datetime as dt
import itertools
from collections import defaultdict
from collections.abc import Iterable

import polars as pl
from hypothesis import strategies as st

from vieweratlas_assets.domain.overlap.pairs import WindowPairs, code_audience
from vieweratlas_assets.domain.schemas import CHANNEL_ACTIVITY
from vieweratlas_tests.domain.atlas.samples import table

Pairs = list[tuple[str, str]]

FIRST = dt.date(2026, 3, 1)
PLENTY = 2**20

# These names sort the same as bytes and as code points, but differently by the rules of a locale.
CHANNELS = ("alpha", "Beta", "beta", '"quoted", name', "line\nbreak", "emoji 😀", " ", "é", "z", "_")
VIEWERS = ("ann", "ANN", "bob", "o'neil", "tab\t", "😀", "", "null", "한글")

# Few names, so that audiences overlap; pairs may repeat.
pair_lists = st.lists(st.tuples(st.sampled_from(CHANNELS), st.sampled_from(VIEWERS)), max_size=60)


def pairs_frame(pairs: Iterable[tuple[str, str]]) -> pl.DataFrame:
    return pl.DataFrame(list(pairs), schema={"channel": pl.String, "viewer": pl.String}, orient="row")


def window_of(days: list[Pairs], memory_bytes: int = PLENTY) -> WindowPairs:
    """Consecutive days of pairs from FIRST, each in two chunks."""
    window = WindowPairs(memory_bytes)
    for number, pairs in enumerate(days):
        half = len(pairs) // 2
        chunks = [code_audience(pairs_frame(part), window.codes) for part in (pairs[:half], pairs[half:])]
        window.add(FIRST + dt.timedelta(days=number), chunks)
    return window


def audiences(pairs: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    viewers: dict[str, set[str]] = defaultdict(set)
    for channel, viewer in pairs:
        viewers[channel].add(viewer)
    return dict(viewers)


def shared_by_hand(pairs: Iterable[tuple[str, str]], min_shared: int = 1) -> list[tuple[str, str, int]]:
    """Every pair of channels, one by one."""
    viewers = audiences(pairs)
    counted = [(a, b, len(viewers[a] & viewers[b])) for a, b in itertools.combinations(sorted(viewers), 2)]
    return [row for row in counted if row[2] >= min_shared]


def activity(*rows: tuple[str, int, str | None, str | None]) -> pl.DataFrame:
    """(channel, viewer_minutes, game, language) as a day's CHANNEL_ACTIVITY; viewers are wrong on purpose."""
    if not rows:
        return CHANNEL_ACTIVITY.empty()
    channels, minutes, games, languages = (list(column) for column in zip(*rows, strict=True))
    return table(
        CHANNEL_ACTIVITY,
        channel=channels,
        viewer_minutes=minutes,
        game_name=games,
        language=languages,
        viewers=[10**6] * len(rows),
    )
