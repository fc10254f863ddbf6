"""Times with and without a zone, and times around a change of clocks."""

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
def test_a_time_is_in_its_own_zone_or_else_in_the_configured_one(written: str, utc: str, local: bool) -> None:
    expected = dt.datetime.fromisoformat(f"{utc}+00:00")
    assert BERLIN.moment(written) == Moment(expected, local=local)


@pytest.mark.parametrize("minute", [0, 30, 59])
def test_an_hour_that_occurs_twice_is_read_as_its_first_occurrence(minute: int) -> None:
    shown = BERLIN.moment(f"2024-10-27 02:{minute:02d}:00")
    assert shown == Moment(dt.datetime(2024, 10, 27, 0, minute, tzinfo=dt.UTC), local=True, ambiguous=True)


@pytest.mark.parametrize(
    ("written", "hour"), [("2024-10-27 01:59:59", 23), ("2024-10-27 03:00:00", 2), ("2024-03-31 03:00:00", 1)]
)
def test_the_hours_next_to_a_change_are_not_ambiguous(written: str, hour: int) -> None:
    moment = BERLIN.moment(written)
    assert (moment.utc.hour, moment.ambiguous) == (hour, False)


@pytest.mark.parametrize("written", ["2024-03-31 02:00:00", "20240331_025959"])
def test_an_hour_that_clocks_skipped_is_refused_with_the_zone(written: str) -> None:
    with pytest.raises(UnclearTimeError, match="does not exist in Europe/Berlin, where clocks skipped it"):
        BERLIN.moment(written)
    assert LocalTimes(ZoneInfo("UTC")).moment(written).utc.hour == 2


def test_every_local_minute_of_a_day_is_read_right_however_long_the_day_is() -> None:
    """Every minute that a clock showed is read as that minute; only a second occurrence is read as the first."""
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
    ("written", "message"),
    [
        ("", "is not an ISO 8601 time such as 2020-03-01T20:31:25Z"),
        ("yesterday", "'yesterday' is not an ISO 8601 time"),
        ("2024-02-30T12:00", "is not an ISO 8601 time"),
        ("20240230_120000", "is not an ISO 8601 time"),
        ("2024-02-03", "has no time of day"),
        ("0001-01-01T00:00:00+02:00", "is outside the years 1 to 9999"),
        ("9999-12-31T23:59:59-02:00", "is outside the years 1 to 9999"),
        (1719835200, "1719835200 is not text; expected an ISO 8601 time"),
        (["2024-07-01T12:00:00Z"], "is not text"),
        (["2024-07-01T12:00:00Z"] * 100, "is not text"),
        ("x" * 100_000, "is not an ISO 8601 time"),
    ],
)
def test_a_value_that_is_not_a_time_is_refused_with_a_short_message(written: object, message: str) -> None:
    with pytest.raises(UnclearTimeError, match=message) as raised:
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
def test_an_uptime_is_counted_back_from_the_snapshot(written: object, ago: float) -> None:
    assert BERLIN.started_at(written, NOON).utc == NOON - dt.timedelta(seconds=ago)


def test_a_start_may_be_a_time_instead_of_an_uptime() -> None:
    assert BERLIN.started_at("2024-07-01T10:00:00", NOON) == Moment(NOON - dt.timedelta(hours=4), local=True)


@pytest.mark.parametrize("written", ["soon", True, "9" * 400, 10**20, {"h": 3}, "1:99", "3x", "2024-03-31 02:30"])
def test_a_start_that_is_neither_is_refused(written: object) -> None:
    with pytest.raises(UnclearTimeError):
        BERLIN.started_at(written, NOON)
