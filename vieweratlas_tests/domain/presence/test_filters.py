import json

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vieweratlas_assets.domain.presence.bots import known_bots
from vieweratlas_assets.domain.presence.filters import AudienceFilters, FilterEffect
from vieweratlas_assets.domain.schemas import CHANNEL_AUDIENCE
from vieweratlas_tests.domain.presence.samples import CHANNELS, VIEWERS, audience, filtered

NAMES = (
    "known_bots",
    "broadcaster",
    "min_buckets_per_viewer",
    "min_channels_per_viewer",
    "max_channels_per_viewer",
)
KEEP_ALL = AudienceFilters(drop_known_bots=False, drop_broadcaster=False)

DAY = audience(
    ("alpha", "alpha", 9),
    ("alpha", "ann", 5),
    ("alpha", "bob", 1),
    ("alpha", "nightbot", 9),
    ("beta", "alpha", 2),
    ("beta", "ann", 1),
    ("beta", "nightbot", 9),
    ("gamma", "ann", 2),
)


def _left(frame: pl.DataFrame) -> list[tuple[str, str]]:
    return frame.select("channel", "viewer").rows()


def _by_hand(
    pairs: list[tuple[str, str, int]], filters: AudienceFilters
) -> tuple[list[tuple[str, str, int]], list[tuple[int, int]]]:
    def times(viewer: str) -> int:
        return sum(other == viewer for _, other, _ in pairs)

    counts = []
    for drops, test in (
        (filters.drop_known_bots, lambda c, v, b: v in known_bots()),
        (filters.drop_broadcaster, lambda c, v, b: c == v),
        (True, lambda c, v, b: b < filters.min_buckets_per_viewer),
        (True, lambda c, v, b: times(v) < filters.min_channels_per_viewer),
        (filters.drop_viewers_over_max, lambda c, v, b: times(v) > filters.max_channels_per_viewer),
    ):
        matches = [pair for pair in pairs if test(*pair)]
        counts.append((len(matches), len({viewer for _, viewer, _ in matches})))
        if drops:
            pairs = [pair for pair in pairs if pair not in matches]
    return pairs, counts


small_days = st.dictionaries(
    st.tuples(st.sampled_from(CHANNELS), st.sampled_from(VIEWERS)), st.integers(1, 4), max_size=20
).map(lambda day: sorted((channel, viewer, buckets) for (channel, viewer), buckets in day.items()))

settings_of_filters = st.builds(
    AudienceFilters,
    st.booleans(),
    st.booleans(),
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(1, 3),
    st.booleans(),
)


@given(small_days, settings_of_filters)
def test_every_mix_of_filters_gives_the_same_pairs_as_by_hand(
    pairs: list[tuple[str, str, int]], filters: AudienceFilters
) -> None:
    left, effects = filtered(audience(*pairs) if pairs else CHANNEL_AUDIENCE.empty(), filters)
    expected, counts = _by_hand(pairs, filters)
    assert left.schema == CHANNEL_AUDIENCE.schema
    assert left.select("channel", "viewer", "buckets").rows() == expected
    assert [effect.name for effect in effects] == list(NAMES)
    assert [(effect.pairs, effect.viewers) for effect in effects] == counts


@pytest.mark.parametrize(
    ("filters", "effect", "gone"),
    [
        (
            AudienceFilters(drop_broadcaster=False),
            FilterEffect("known_bots", True, 2, 1),
            {("alpha", "nightbot"), ("beta", "nightbot")},
        ),
        (
            AudienceFilters(drop_known_bots=False),
            FilterEffect("broadcaster", True, 1, 1),
            {("alpha", "alpha")},
        ),
        (
            AudienceFilters(False, False, min_buckets_per_viewer=2),
            FilterEffect("min_buckets_per_viewer", True, 2, 2),
            {("alpha", "bob"), ("beta", "ann")},
        ),
        (
            AudienceFilters(False, False, min_channels_per_viewer=2),
            FilterEffect("min_channels_per_viewer", True, 1, 1),
            {("alpha", "bob")},
        ),
        (
            AudienceFilters(False, False, max_channels_per_viewer=2, drop_viewers_over_max=True),
            FilterEffect("max_channels_per_viewer", True, 3, 1),
            {("alpha", "ann"), ("beta", "ann"), ("gamma", "ann")},
        ),
    ],
)
def test_each_filter_drops_its_pairs_and_reports_them(
    filters: AudienceFilters, effect: FilterEffect, gone: set[tuple[str, str]]
) -> None:
    left, effects = filtered(DAY, filters)
    assert effect in effects
    assert _left(left) == [pair for pair in _left(DAY) if pair not in gone]


def test_a_disabled_filter_only_reports() -> None:
    left, effects = filtered(DAY, AudienceFilters(False, False, max_channels_per_viewer=2))
    assert left.equals(DAY)
    assert [(effect.removed, effect.pairs, effect.viewers) for effect in effects] == [
        (False, 2, 1),
        (False, 1, 1),
        (True, 0, 0),
        (True, 0, 0),
        (False, 3, 1),
    ]


def test_a_later_filter_sees_only_what_earlier_ones_left() -> None:
    day = audience(("alpha", "alpha", 5), ("beta", "alpha", 5), ("alpha", "ann", 5), ("beta", "ann", 1))
    left, effects = filtered(day, AudienceFilters(min_buckets_per_viewer=2, min_channels_per_viewer=2))
    # Without the broadcaster and the single bucket both viewers are left with one channel.
    assert left.is_empty()
    assert effects[3] == FilterEffect("min_channels_per_viewer", True, 2, 2)


def test_values_at_the_bounds_are_kept() -> None:
    day = audience(("alpha", "ann", 2), ("beta", "ann", 2))
    left, _ = filtered(
        day,
        AudienceFilters(
            min_buckets_per_viewer=2,
            min_channels_per_viewer=2,
            max_channels_per_viewer=2,
            drop_viewers_over_max=True,
        ),
    )
    assert left.equals(day)


def test_defaults_are_those_of_the_issue() -> None:
    _, effects = filtered(DAY, AudienceFilters())
    assert {effect.name: effect.removed for effect in effects} == dict(zip(NAMES, [True] * 4 + [False], strict=True))
    assert filtered(DAY, KEEP_ALL)[0].equals(DAY)


def test_effects_are_ready_for_json() -> None:
    _, effects = filtered(DAY, AudienceFilters())
    assert json.loads(json.dumps([effect.as_dict() for effect in effects]))[0] == {
        "name": "known_bots",
        "removed": True,
        "pairs": 2,
        "viewers": 1,
    }
