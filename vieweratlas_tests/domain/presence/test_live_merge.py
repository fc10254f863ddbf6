"""Raw snapshots: into buckets, merged, and into live presence."""

import datetime as dt
from typing import Any

import polars as pl

from vieweratlas_assets.domain.presence.live_merge import (
    SNAPSHOTS,
    complete_raw_snapshots,
    live_presence_of,
    merge_live_presence,
    merge_raw_snapshots,
)
from vieweratlas_assets.domain.presence.names import PLAIN
from vieweratlas_assets.domain.schemas import PRESENCE, RAW_SNAPSHOTS

NOON = dt.datetime(2026, 3, 10, 12, tzinfo=dt.UTC)


def snapshots(*rows: dict[str, Any]) -> pl.DataFrame:
    """Snapshots of alpha at noon seen by one collector, where the rows say nothing else."""
    filled = {"channel": "alpha", "observed_at": NOON, "chatters": [], "origin": "one"}
    return pl.DataFrame([filled | row for row in rows], schema=SNAPSHOTS)


def completed(*rows: dict[str, Any]) -> pl.DataFrame:
    return complete_raw_snapshots(snapshots(*rows), PLAIN)


def after(seconds: int) -> dt.datetime:
    return NOON + dt.timedelta(seconds=seconds)


def test_snapshots_become_one_row_a_channel_minute_and_origin() -> None:
    found = completed(
        {"observed_at": after(59), "chatters": ["Bob", " ann", None], "title": "late"},
        {"observed_at": after(1), "chatters": ["BOB", ""], "title": "early", "language": "de"},
        {"observed_at": after(60), "chatters": ["cid"]},
        {"origin": "two", "chatters": ["dan"]},
        {"channel": "beta"},
    )
    RAW_SNAPSHOTS.validate(found)
    assert found.select("channel", "bucket_start", "origin", "chatters", "title", "language").rows() == [
        ("alpha", NOON, "one", ["ann", "bob"], "late", "de"),
        ("alpha", NOON, "two", ["dan"], None, None),
        ("alpha", after(60), "one", ["cid"], None, None),
        ("beta", NOON, "one", [], None, None),
    ]


def test_coverage_adds_up_to_the_whole_minute_and_stays_unknown_where_nobody_knows() -> None:
    found = completed(
        {"coverage_s": 20},
        {"coverage_s": 15, "observed_at": after(30)},
        {"coverage_s": 45, "observed_at": after(60)},
        {"coverage_s": 45, "observed_at": after(61)},
        {"observed_at": after(120)},
    )
    assert found["coverage_s"].to_list() == [35, 60, None]


def test_nothing_makes_nothing() -> None:
    assert completed().equals(RAW_SNAPSHOTS.empty())
    assert live_presence_of(RAW_SNAPSHOTS.empty()).equals(PRESENCE.empty())


def test_adding_rows_joins_chatters_and_the_added_word_wins_where_it_knows_one() -> None:
    there = completed({"chatters": ["ann"], "title": "old", "game_name": "Chess", "coverage_s": 60})
    added = completed({"chatters": ["bob"], "title": "new", "coverage_s": 30}, {"origin": "two"})

    merged = merge_raw_snapshots(there, added)

    assert merged.select("origin", "chatters", "title", "game_name", "coverage_s").rows() == [
        ("one", ["ann", "bob"], "new", "Chess", 60),
        ("two", [], None, None, None),
    ]
    assert merge_raw_snapshots(merged, added).equals(merged)


def test_live_presence_is_one_row_a_minute_and_the_best_observer_tells_of_the_broadcast() -> None:
    raw = completed(
        {"origin": "a", "chatters": ["ann"], "coverage_s": 10, "title": "a", "language": "de", "stream_id": "1"},
        {"origin": "b", "chatters": ["bob", "ann"], "coverage_s": 60, "title": "b"},
        {"origin": "0 file", "chatters": ["cid"], "title": "file", "game_name": "Go", "concurrent_viewers": 99},
        {"channel": "beta", "observed_at": after(60)},
    )

    found = live_presence_of(raw)

    PRESENCE.validate(found)
    columns = ("channel", "content_id", "chatters", "viewer_count", "timestamp", "title", "language", "game_name")
    assert found.select(columns).rows() == [
        ("alpha", "live:1", ["ann", "bob", "cid"], 3, "2026-03-10T12:00:00Z", "b", "de", "Go"),
        ("beta", "live:unknown", [], 0, "2026-03-10T12:01:00Z", None, None, None),
    ]
    assert found.select("platform", "source", "bucket_len_s", "offset_s").unique().rows() == [
        ("twitch", "live", 60, None)
    ]


def test_the_order_of_raw_rows_does_not_show_in_the_presence() -> None:
    raw = completed(*({"origin": origin, "title": origin, "chatters": [origin]} for origin in "cab"))
    assert {live_presence_of(raw.sample(fraction=1, shuffle=True, seed=seed))["title"][0] for seed in range(5)} == {
        "a"
    }


def test_joining_presences_loses_no_chatter_and_the_first_tells_of_the_broadcast() -> None:
    first = live_presence_of(completed({"chatters": ["ann"], "title": "first"}))
    second = live_presence_of(
        completed(
            {"chatters": ["bob"], "title": "second", "language": "de", "stream_id": "7"},
            {"observed_at": after(60), "chatters": ["cid"]},
        )
    )

    joined = merge_live_presence(first, second)

    assert joined.select("content_id", "chatters", "viewer_count", "title", "language").rows() == [
        ("live:7", ["ann", "bob"], 2, "first", "de"),
        ("live:unknown", ["cid"], 1, None, None),
    ]
    assert merge_live_presence(joined, joined).equals(joined)
