"""Coverage of chat: per minute, as gaps, and in totals."""

import datetime as dt
from typing import Any

import polars as pl

from vieweratlas_assets.domain.presence.coverage import MAX_GAPS, CoverageTotals, chat_coverage_of, coverage_gaps
from vieweratlas_assets.domain.schemas import RAW_SNAPSHOTS

NOON = dt.datetime(2026, 3, 10, 12, tzinfo=dt.UTC)


def raw(*rows: tuple[str, int, str, int | None, str | None]) -> pl.DataFrame:
    """(channel, minute, origin, coverage_s, gap_reasons), each with one message."""
    filled: list[dict[str, Any]] = [
        {
            "channel": channel,
            "bucket_start": NOON + dt.timedelta(minutes=minute),
            "chatters": [],
            "origin": origin,
            "coverage_s": coverage_s,
            "gap_reasons": reasons,
            "messages": 1,
        }
        for channel, minute, origin, coverage_s, reasons in rows
    ]
    return pl.DataFrame(filled, schema=RAW_SNAPSHOTS.schema)


def test_rows_of_one_origin_are_summed_and_the_best_origin_counts() -> None:
    coverage = chat_coverage_of(
        raw(
            ("a", 0, "one", 20, "restart"),
            ("a", 0, "one", 25, "late+restart"),
            ("a", 0, "two", 30, "connection"),
            ("a", 1, "one", 40, "restart"),
            ("a", 1, "one", 40, None),
            ("a", 2, "file", None, None),
            ("b", 0, "two", 10, None),
        )
    )
    assert coverage.select("channel", "bucket_start", "coverage_s", "messages", "gap_reasons").rows() == [
        ("a", NOON, 45, 2, "late+restart"),
        ("a", NOON + dt.timedelta(minutes=1), 60, 2, None),
        ("b", NOON, 10, 1, None),
    ]


def test_consecutive_minutes_are_one_gap_and_gaps_by_design_do_not_count() -> None:
    coverage = chat_coverage_of(
        raw(
            ("a", 0, "one", 50, "connection"),
            ("a", 1, "one", 0, "connection+rotation"),
            ("a", 2, "one", 60, None),
            ("a", 3, "one", 59, None),
            ("b", 0, "one", 0, "rotation"),
            ("b", 1, "one", 0, "not_wanted+rotation"),
        )
    )
    assert coverage_gaps(coverage).rows() == [
        ("a", NOON, 2, 70, "connection+rotation"),
        ("a", NOON + dt.timedelta(minutes=3), 1, 1, "unknown"),
    ]


def test_totals_add_hours_and_keep_the_longest_gaps() -> None:
    totals = CoverageTotals()
    assert (totals.share, totals.fault_free_share, totals.gap_texts()) == (None, None, [])
    totals.add(chat_coverage_of(raw(("a", 0, "one", 30, "connection"), ("b", 0, "one", 0, "rotation"))))
    totals.add(chat_coverage_of(raw(("a", 60, "one", 15, "restart"), ("b", 60, "one", 60, None))))
    assert totals.share == 105 / 240
    assert totals.fault_free_share == 1 - 75 / 240
    assert totals.figures() == {
        "channel_minutes": 4,
        "coverage": 0.4375,
        "messages": 4,
        "dropped_mirrors": 0,
        "dropped_bots": 0,
        "unreadable_lines": 0,
        "missing_s_by_reason": {"connection": 30, "restart": 45},
        "longest_gaps": [
            "a from 2026-03-10T13:00: 45 s of 1 min (restart)",
            "a from 2026-03-10T12:00: 30 s of 1 min (connection)",
        ],
    }
    totals.add(chat_coverage_of(raw(*((f"c{number}", 0, "one", 59, None) for number in range(2 * MAX_GAPS)))))
    assert totals.longest.height == MAX_GAPS
    assert totals.longest["missing_s"].to_list()[:3] == [45, 30, 1]
