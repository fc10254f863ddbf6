"""Which world to build: every field has a range, and the rest follows from them."""

import datetime as dt
import re
from typing import Any

import pytest

from vieweratlas_assets.sandbox.world_spec import WorldSpec


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("seed", -1, "from 0"),
        ("channels", 71, "from 72 to"),
        ("channels", 180.0, "a whole number"),
        ("viewers", 1_799, "from 1,800"),
        ("languages", 0, "from 1 to 12"),
        ("languages", 13, "from 1 to 12"),
        ("games", 99, "from 1 to 12"),
        ("days", 0, "from 1 to 366"),
        ("days", True, "a whole number"),
        ("start", dt.datetime(2026, 10, 5, tzinfo=dt.UTC), "a date"),
        ("start", "2026-10-05", "a date"),
    ],
)
def test_a_spec_out_of_range_names_field_value_and_range(field: str, value: Any, allowed: str) -> None:
    with pytest.raises(ValueError, match=rf"^{field} is {re.escape(repr(value))}; allowed: .*{allowed}"):
        WorldSpec(**{field: value})


@pytest.mark.parametrize(
    ("languages", "games", "communities"), [(1, 1, 1), (4, 4, 12), (12, 1, 12), (3, 2, 4), (12, 12, 108), (1, 12, 9)]
)
def test_three_quarters_of_languages_and_games_are_communities_and_every_language_has_one(
    languages: int, games: int, communities: int
) -> None:
    spec = WorldSpec(channels=10_000, viewers=100_000, languages=languages, games=games)
    assert spec.communities == communities


def test_the_days_of_a_world_follow_each_other_from_its_start() -> None:
    spec = WorldSpec(start=dt.date(2024, 2, 28), days=3)
    assert spec.dates == [dt.date(2024, 2, 28), dt.date(2024, 2, 29), dt.date(2024, 3, 1)]
