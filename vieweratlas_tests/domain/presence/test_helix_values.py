"""Parsing values in the records of Helix."""

import datetime as dt
from typing import Any

import pytest

from vieweratlas_assets.domain.presence.helix_values import LIMIT, count, duration_s, text, texts, time

NOON = dt.datetime(2026, 11, 26, 12, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("value", "parsed"), [("hi", "hi"), ("", None), (None, None), (7, None), (["hi"], None), ("cut \ud83d", "cut ?")]
)
def test_text_is_a_non_empty_string(value: Any, parsed: str | None) -> None:
    assert text(value) == parsed


def test_texts_skips_entries_that_are_not_texts() -> None:
    assert texts(["a", "", None, 7, "b"]) == ["a", "b"]
    assert texts("ab") == []


@pytest.mark.parametrize(
    ("value", "parsed"),
    [(0, 0), (LIMIT - 1, LIMIT - 1), (LIMIT, None), (-1, None), (True, None), (1.0, None), ("1", None), (None, None)],
)
def test_count_is_an_integer_in_range(value: Any, parsed: int | None) -> None:
    assert count(value) == parsed


@pytest.mark.parametrize(
    ("value", "parsed"),
    [
        ("2026-11-26T12:00:00Z", NOON),
        ("2026-11-26T13:00:00+01:00", NOON),
        ("2026-11-26T12:00:00", NOON),
        ("0001-01-01T00:00:00+14:00", None),
        ("noon", None),
        (7, None),
    ],
)
def test_time_is_in_utc(value: Any, parsed: dt.datetime | None) -> None:
    assert time(value) == parsed


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("3h21m33s", 12093), ("1h", 3600), ("2m5s", 125), ("", None), ("5", None), ("1s2m", None), (5, None)],
)
def test_duration_is_in_seconds(value: Any, seconds: int | None) -> None:
    assert duration_s(value) == seconds
