"""Times with and without a zone, and what happens when clocks change."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from vieweratlas_assets.importers.local_time import LocalTimes, Moment, UnclearTimeError

BERLIN = LocalTimes(ZoneInfo("Europe/Berlin"))
NOON = dt.datetime(2024, 7, 1, 12, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("written", "utc", "local"),
    [
        ("2024-07-01T14:00:00+02:00", "2024-07-01 12:00:00", False),
        ("2024-07-01T12:00:00Z", "2024-07-01 12:00:00", False),
        ("2024-07-01T12:00:00.250-00:30", "2024-07-01 12:30:00.250", False),
        (" 2024-07-01 14:00:00 ", "2024-07-01 12:00:00", True),
        ("2024-01-01T14:00", "2024-01-01 13:00:00", True),
        ("20240101_140059", "2024-01-01 13:00:59", True),
        ("20240101T1400", "2024-01-01 13:00:00", True),
    ],
)
def test_a_time_is_of_its_own_zone_or_of_the_one_that_was_given(written: str, utc: str, local: bool) -> None:
    expected = dt.datetime.fromisoformat(f"{utc}+00:00")
    assert BERLIN.moment(written) == Moment(expected, local=local)


@pytest.mark.parametrize("minute", [0, 30, 59])
def test_an_hour_that_was_shown_twice_is_the_first_of_the_two(minute: int) -> None:
    shown = BERLIN.moment(f"2024-10-27 02:{minute:02d}:00")
    assert shown == Moment(dt.datetime(2024, 10, 27, 0, minute, tzinfo=dt.UTC), local=True, ambiguous=True)


@pytest.mark.parametrize(
    ("written", "hour"), [("2024-10-27 01:59:59", 23), ("2024-10-27 03:00:00", 2), ("2024-03-31 03:00:00", 1)]
)
def test_the_hours_beside_a_change_are_clear(written: str, hour: int) -> None:
    moment = BERLIN.moment(written)
    assert (moment.utc.hour, moment.ambiguous) == (hour, False)


@pytest.mark.parametrize("written", ["2024-03-31 02:00:00", "20240331_025959"])
def test_an_hour_that_was_never_shown_is_refused_with_the_zone(written: str) -> None:
    with pytest.raises(UnclearTimeError, match="was never shown in Europe/Berlin, where clocks went forward"):
        BERLIN.moment(written)
    assert LocalTimes(ZoneInfo("UTC")).moment(written).utc.hour == 2


def test_a_day_of_local_times_is_told_apart_minute_by_minute_whatever_its_length() -> None:
    """Every minute that a clock showed leads to the minute in which it did; only the second time is lost."""
    zone = ZoneInfo("Europe/Berlin")
    for day, hours, twice in (
        (dt.date(2024, 3, 31), 23, 0),
        (dt.date(2024, 10, 27), 25, 60),
        (dt.date(2024, 5, 5), 24, 0),
    ):
        start = dt.datetime.combine(day, dt.time(), zone).astimezone(dt.UTC)
        shown = [start + dt.timedelta(minutes=minute) for minute in range(hours * 60)]
        assert shown[-1].astimezone(zone).date() == day
        read = [BERLIN.moment(moment.astimezone(zone).strftime("%Y-%m-%d %H:%M")).utc for moment in shown]
        wrong = [(moment, back) for moment, back in zip(shown, read, strict=True) if moment != back]
        assert len(wrong) == twice
        assert all(moment - back == dt.timedelta(hours=1) for moment, back in wrong)


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("", "is not a time in ISO 8601"),
        ("yesterday", "'yesterday' is not a time in ISO 8601"),
        ("2024-02-30T12:00", "is not a time"),
        ("20240230_120000", "is not a time"),
        ("2024-02-03", "is a day without a time"),
        ("0001-01-01T00:00:00+02:00", "lies outside the calendar"),
        ("9999-12-31T23:59:59-02:00", "lies outside the calendar"),
        (1719835200, "1719835200 is not a time as text"),
        (["2024-07-01T12:00:00Z"], "is not a time as text"),
        ("x" * 100_000, "is not a time in ISO 8601"),
    ],
)
def test_what_is_no_time_is_refused_with_a_short_word(written: object, told: str) -> None:
    with pytest.raises(UnclearTimeError, match=told) as raised:
        BERLIN.moment(written)
    assert len(str(raised.value)) < 120


@pytest.mark.parametrize(
    ("written", "ago"),
    [
        (5400, 5400),
        ("5400", 5400),
        (90.5, 90.5),
        ("1:30:00", 5400),
        ("01:30:00.123", 5400),
        ("1:30", 5400),
        ("100:00:00", 360000),
        ("3h21m33s", 12093),
        ("2h 5m", 7500),
        ("1d2h", 93600),
        ("45s", 45),
        ("0", 0),
    ],
)
def test_a_running_time_is_counted_back_from_the_snapshot(written: object, ago: float) -> None:
    assert BERLIN.started_at(written, NOON).utc == NOON - dt.timedelta(seconds=ago)


def test_a_start_may_be_a_time_as_any_other() -> None:
    assert BERLIN.started_at("2024-07-01T10:00:00", NOON) == Moment(NOON - dt.timedelta(hours=4), local=True)


@pytest.mark.parametrize("written", ["soon", True, "9" * 400, 10**20, {"h": 3}, "1:99", "3x", "2024-03-31 02:30"])
def test_what_is_neither_is_refused(written: object) -> None:
    with pytest.raises(UnclearTimeError):
        BERLIN.started_at(written, NOON)
