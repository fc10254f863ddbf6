"""Minutes: a message counts in the minute in which it was sent; each second is watched, or a gap with a reason."""

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterable

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vieweratlas_assets.clients.chat import (
    BANNED,
    CONNECTION_LOST,
    CONNECTION_SILENT,
    JOINING,
    ChatEvent,
    ChatMessage,
    Released,
    UnreadableLine,
    Unwatched,
    Watched,
)
from vieweratlas_assets.collector.minutes import NOT_WANTED, MinuteBook
from vieweratlas_assets.domain.presence.coverage import chat_coverage_of
from vieweratlas_assets.domain.presence.live_merge import live_presence_of
from vieweratlas_assets.domain.presence.names import ViewerNames
from vieweratlas_assets.domain.presence.roster import roster_of
from vieweratlas_assets.domain.schemas import CHANNEL_ROSTER, RAW_SNAPSHOTS

START = 1_790_000_040
"""A whole minute, s since 1970."""
NO_ROSTER = CHANNEL_ROSTER.empty()
MINUTES = 4


def book(*, bots: Iterable[str] = ("nightbot",), names: ViewerNames | None = None) -> MinuteBook:
    return MinuteBook("test", names or ViewerNames(), set(bots))


def always(_: str) -> float:
    return float("inf")


def wrote(
    login: str, at: float, channel: str = "ann", *, mirrored: bool = False, by_bot: bool = False
) -> ChatMessage:
    return ChatMessage(channel, login, round((START + at) * 1000), f"{login}{at}", mirrored, by_bot)


def rows_of(events: Iterable[ChatEvent], end: float = 60.0, *, of: MinuteBook | None = None) -> pl.DataFrame:
    """The rows of a book after one call with some events."""
    of = of or book()
    of.take(events, START + end)
    return of.close(START, START + end, always, NO_ROSTER)


def test_a_minute_has_its_writers_and_the_counts_of_dropped_messages() -> None:
    events: list[ChatEvent] = [
        Watched("ann", START),
        wrote("carl", 0),
        wrote("carl", 59.999),
        wrote("dora", 30),
        wrote("ann", 31),
        wrote("emil", 32, mirrored=True),
        wrote("nightbot", 33),
        wrote("ownbot", 34, by_bot=True),
        UnreadableLine("ann", START + 35),
    ]
    (row,) = rows_of(events).to_dicts()
    assert row["channel"] == "ann"
    assert row["chatters"] == ["ann", "carl", "dora"]
    assert row["bucket_start"] == dt.datetime.fromtimestamp(START, dt.UTC)
    assert (row["messages"], row["dropped_mirrors"], row["dropped_bots"], row["unreadable_lines"]) == (4, 1, 2, 1)
    assert (row["coverage_s"], row["gap_reasons"], row["origin"]) == (60, None, "test")


def test_a_quiet_minute_differs_from_an_unwatched_one() -> None:
    rows = rows_of([Watched("quiet", START - 5), Unwatched("lost", START - 5, CONNECTION_LOST)])
    assert dict(rows.select("channel", "coverage_s").iter_rows()) == {"quiet": 60, "lost": 0}
    assert dict(rows.select("channel", "gap_reasons").iter_rows()) == {"quiet": None, "lost": CONNECTION_LOST}
    assert live_presence_of(rows)["channel"].to_list() == ["quiet"]


def test_a_gap_is_exact_to_the_second() -> None:
    events: list[ChatEvent] = [
        Unwatched("ann", START + 3, JOINING),
        Watched("ann", START + 10.4),
        Unwatched("ann", START + 40.1, CONNECTION_LOST),
        Watched("ann", START + 52.6),
    ]
    (row,) = rows_of(events).to_dicts()
    assert row["coverage_s"] == round(40.1 - 10.4 + 60 - 52.6)
    assert row["gap_reasons"] == f"{CONNECTION_LOST}+{JOINING}+{NOT_WANTED}"


def test_a_watched_channel_counts_only_while_its_connection_is_proven_alive() -> None:
    minutes = book()
    minutes.take([Watched("ann", START), Watched("bob", START)], START + 60)
    rows = minutes.close(START, START + 60, {"ann": START + 42.0, "bob": START + 99.0}.__getitem__, NO_ROSTER)
    assert rows.select("channel", "coverage_s", "gap_reasons").rows() == [
        ("ann", 42, CONNECTION_SILENT),
        ("bob", 60, None),
    ]


def test_a_late_message_is_counted_in_its_minute_without_additional_coverage() -> None:
    minutes = book()
    first = rows_of([Watched("ann", START), wrote("carl", 5)], of=minutes)
    minutes.take([wrote("dora", 6), wrote("emil", 65)], START + 121)
    second = minutes.close(START + 60, START + 120, always, NO_ROSTER)
    late = second.filter(pl.col("bucket_start") == first["bucket_start"][0])
    assert late.select("messages", "coverage_s").rows() == [(1, 0)]
    both = pl.concat([first, second])
    assert chat_coverage_of(both).select("coverage_s", "messages").rows() == [(60, 2), (60, 1)]
    assert live_presence_of(both)["chatters"].to_list() == [["carl", "dora"], ["emil"]]


def test_a_message_with_an_impossible_time_counts_as_unreadable_now() -> None:
    events: list[ChatEvent] = [Watched("ann", START), wrote("carl", -7200), wrote("dora", 7200), wrote("emil", 1)]
    (row,) = rows_of(events, end=59.0).to_dicts()
    assert (row["chatters"], row["unreadable_lines"]) == (["emil"], 2)


def test_lines_without_a_channel_are_counted_but_are_not_presence() -> None:
    rows = rows_of([Watched("ann", START), UnreadableLine("", START + 3)])
    assert rows.filter(pl.col("channel") == "").select("coverage_s", "unreadable_lines").rows() == [(None, 1)]
    assert live_presence_of(rows)["channel"].to_list() == ["ann"]
    assert chat_coverage_of(rows)["channel"].to_list() == ["ann"]


@pytest.mark.parametrize("ahead", [-3600, -90, -3, 3, 90, 3600])
def test_coverage_follows_the_server_s_clock_if_ours_is_wrong(ahead: int) -> None:
    minutes = book()
    ours = START - ahead
    minutes.take([Watched("ann", ours + 10)], ours + 10)
    for number in range(100):
        # The message arrives 0.1 s after it was sent.
        at = 10.5 + number / 10
        minutes.take([wrote("carl", at)], ours + at + 0.1)
    assert abs(minutes.skew_s - ahead) < 0.2
    minutes.take([Unwatched("ann", ours + 40, CONNECTION_LOST)], ours + 40)
    rows = minutes.close(START, START + 60, always, NO_ROSTER).filter(pl.col("messages") > 0)
    assert rows.select("coverage_s", "gap_reasons").rows() == [(30, f"{CONNECTION_LOST}+{NOT_WANTED}")]
    # Before the skew was known, messages with a time too far off counted as unreadable.
    assert rows["messages"].item() == (100 if abs(ahead) < 600 else 100 - 10)


def test_a_few_messages_with_absurd_times_do_not_change_the_skew() -> None:
    minutes = book()
    minutes.take([Watched("ann", START)], START)
    for number in range(60):
        absurd = number % 3 == 0
        minutes.take([wrote("carl", -9e6 if absurd else number)], START + number + 0.2)
    assert minutes.skew_s == 0
    assert (minutes.messages, minutes.unreadable_lines) == (40, 20)


def test_minutes_have_the_roster_s_facts_and_no_viewers_or_channels_that_opted_out() -> None:
    stream = {
        "id": "9", "user_id": "1", "user_login": "ann", "viewer_count": 77, "language": "de", "game_name": "Chess",
        "title": "hi", "started_at": "2026-09-21T10:00:00Z", "tags": ["a"],
    }  # fmt: skip
    minutes = book(names=ViewerNames(opted_out_viewers=["carl"], opted_out_channels=["bob"]))
    minutes.take([Watched("ann", START), Watched("bob", START), wrote("carl", 1), wrote("dora", 2)], START + 60)
    roster = roster_of([stream], dt.datetime.fromtimestamp(START, dt.UTC))
    (row,) = minutes.close(START, START + 60, always, roster).to_dicts()
    assert (row["channel"], row["chatters"], row["stream_id"], row["game_name"]) == ("ann", ["dora"], "9", "Chess")
    assert (row["concurrent_viewers"], row["language"]) == (77, "de")


SECONDS = st.integers(0, 60 * MINUTES - 1)
CHANGES = st.lists(st.tuples(SECONDS, st.sampled_from([None, CONNECTION_LOST, BANNED, "released"])), max_size=8).map(
    lambda changes: sorted(changes, key=lambda change: change[0])
)


@given(
    changes=CHANGES,
    sent=st.lists(SECONDS, max_size=20),
    cuts=st.sets(st.integers(1, MINUTES)),
    ends_early=st.integers(0, 59),
)
def test_every_second_is_accounted_for_in_any_order_of_closing(
    changes: list[tuple[int, str | None]], sent: list[int], cuts: set[int], ends_early: int
) -> None:
    minutes, frames, taken = book(), [RAW_SNAPSHOTS.empty()], 0.0
    end = 60 * MINUTES - ends_early
    events: list[tuple[float, ChatEvent]] = []
    for at, state in changes:
        moment = START + at
        event: ChatEvent = Watched("ann", moment) if state is None else Unwatched("ann", moment, state)
        events.append((at, Released("ann", moment) if state == "released" else event))
    events += [(at, wrote("carl", at)) for at in sent]
    for cut in [*(60 * number for number in sorted(cuts) if 60 * number < end), end]:
        minutes.take([event for at, event in events if taken <= at < cut], START + cut)
        begin = 60 * (-(-int(taken) // 60))
        frames.append(minutes.close(START + begin, START + cut, always, NO_ROSTER))
        taken = cut
    states: list[str | None] = ["released"] * end
    for at, state in changes:
        states[at:] = [state] * (end - min(at, end))
    expected: dict[int, Counter[str | None]] = defaultdict(Counter)
    for second, state in enumerate(states):
        expected[second // 60][state] += 1
    rows = pl.concat(frames)
    assert rows["messages"].sum() == sum(at < end for at in sent)
    by_minute = {
        (row["bucket_start"].timestamp() - START) // 60: row for row in chat_coverage_of(rows).iter_rows(named=True)
    }
    for minute in range(-(-end // 60)):
        seconds = expected[minute]
        row = by_minute.get(minute)
        if row is None:
            assert set(seconds) == {"released"}
            assert not any(at // 60 == minute for at in sent if at < end)
            continue
        assert row["coverage_s"] == seconds[None]
        assert row["messages"] == sum(at // 60 == minute for at in sent if at < end)
        reasons = {reason for reason in seconds if reason not in (None, "released")}
        if seconds.total() < 60 or seconds["released"]:
            reasons.add(NOT_WANTED)
        if set(seconds) != {"released"}:
            assert set((row["gap_reasons"] or "").split("+")) - {""} == reasons
