"""Ranges of days, and partition keys."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vieweratlas_assets.domain.days import (
    MOST_DAYS_PER_RUN,
    days_between,
    first_of_window,
    hour_key,
    partition_end,
    range_text,
    ranges,
)

DAY = dt.date(2026, 2, 28)


def test_a_window_and_a_range_include_both_ends() -> None:
    assert first_of_window(DAY, 1) == DAY
    assert list(days_between(first_of_window(DAY, 3), DAY)) == [DAY - dt.timedelta(days=ago) for ago in (2, 1, 0)]
    assert list(days_between(DAY, DAY - dt.timedelta(days=1))) == []


@given(st.sets(st.dates(DAY, DAY + dt.timedelta(days=120))))
def test_ranges_cover_exactly_the_days_and_respect_the_limit(days: set[dt.date]) -> None:
    joined = ranges(days)
    assert [day for first, last in joined for day in days_between(first, last)] == sorted(days)
    assert all((last - first).days < MOST_DAYS_PER_RUN for first, last in joined)


def test_consecutive_days_become_as_few_ranges_as_the_limit_allows() -> None:
    last = DAY + dt.timedelta(days=MOST_DAYS_PER_RUN)
    assert ranges(days_between(DAY, last)) == [(DAY, last - dt.timedelta(days=1)), (last, last)]


def test_ranges_are_written_for_people() -> None:
    assert range_text(DAY, DAY) == "2026-02-28"
    assert range_text(DAY, DAY + dt.timedelta(days=1)) == "2026-02-28 to 2026-03-01"


def test_a_partition_ends_after_its_day_or_hour() -> None:
    assert partition_end(str(DAY)) == dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
    assert partition_end(hour_key(DAY, 23)) == dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
    assert partition_end(hour_key(DAY, 7)) == dt.datetime(2026, 2, 28, 8, tzinfo=dt.UTC)


@pytest.mark.parametrize("key", ["", "vod-1", "2026-02", "2026-02-28-7", "2026-02-28|a"])
def test_keys_of_another_form_have_no_end(key: str) -> None:
    assert partition_end(key) is None
