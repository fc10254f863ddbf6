"""Raw snapshots: merging into buckets, merging with existing rows, and building live presence."""

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
    """Snapshots of channel alpha at noon by one collector, unless the rows differ."""
    filled = {"channel": "alpha", "observed_at": NOON, "chatters": [], "origin": "one"}
    return pl.DataFrame([filled | row for row in rows], schema=SNAPSHOTS)


def completed(*rows: dict[str, Any]) -> pl.DataFrame:
    return complete_raw_snapshots(snapshots(*rows), PLAIN)


def after(seconds: int) -> dt.datetime:
    return NOON + dt.timedelta(seconds=seconds)


def test_snapshots_become_one_row_per_channel_minute_and_origin() -> None:
    raw = completed(
        {"observed_at": after(59), "chatters": ["Bob", " ann", None], "title": "late"},
        {"observed_at": after(1), "chatters": ["BOB", ""], "title": "early", "language": "de"},
        {"observed_at": after(60), "chatters": ["cid"]},
        {"origin": "two", "chatters": ["dan"]},
        {"channel": "beta"},
    )
    RAW_SNAPSHOTS.validate(raw)
    assert raw.select("channel", "bucket_start", "origin", "chatters", "title", "language").rows() == [
        ("alpha", NOON, "one", ["ann", "bob"], "late", "de"),
        ("alpha", NOON, "two", ["dan"], None, None),
        ("alpha", after(60), "one", ["cid"], None, None),
        ("beta", NOON, "one", [], None, None),
    ]


def test_coverage_adds_up_to_the_whole_minute_and_unknown_coverage_stays_unknown() -> None:
    raw = completed(
        {"coverage_s": 20},
        {"coverage_s": 15, "observed_at": after(30)},
        {"coverage_s": 45, "observed_at": after(60)},
        {"coverage_s": 45, "observed_at": after(61)},
        {"observed_at": after(120)},
    )
    assert raw["coverage_s"].to_list() == [35, 60, None]


def test_no_snapshots_give_no_rows() -> None:
    assert completed().equals(RAW_SNAPSHOTS.empty())
    assert live_presence_of(RAW_SNAPSHOTS.empty()).equals(PRESENCE.empty())


def test_adding_rows_unites_chatters_and_known_added_values_win() -> None:
    existing = completed({"chatters": ["ann"], "title": "old", "game_name": "Chess", "coverage_s": 60})
    added = completed({"chatters": ["bob"], "title": "new", "coverage_s": 30}, {"origin": "two"})

    merged = merge_raw_snapshots(existing, added)

    assert merged.select("origin", "chatters", "title", "game_name", "coverage_s").rows() == [
        ("one", ["ann", "bob"], "new", "Chess", 60),
        ("two", [], None, None, None),
    ]
    assert merge_raw_snapshots(merged, added).equals(merged)


def test_live_presence_is_one_row_per_minute_with_metadata_of_the_best_observer() -> None:
    raw = completed(
        {"origin": "a", "chatters": ["ann"], "coverage_s": 10, "title": "a", "language": "de", "stream_id": "1"},
        {"origin": "b", "chatters": ["bob", "ann"], "coverage_s": 60, "title": "b"},
        {"origin": "0 file", "chatters": ["cid"], "title": "file", "game_name": "Go", "concurrent_viewers": 99},
        {"channel": "beta", "observed_at": after(60)},
    )

    presence = live_presence_of(raw)

    PRESENCE.validate(presence)
    columns = ("channel", "content_id", "chatters", "viewer_count", "timestamp", "title", "language", "game_name")
    assert presence.select(columns).rows() == [
        ("alpha", "live:1", ["ann", "bob", "cid"], 3, "2026-03-10T12:00:00Z", "b", "de", "Go"),
        ("beta", "live:unknown", [], 0, "2026-03-10T12:01:00Z", None, None, None),
    ]
    assert presence.select("platform", "source", "bucket_len_s", "offset_s").unique().rows() == [
        ("twitch", "live", 60, None)
    ]


def test_the_order_of_raw_rows_does_not_matter() -> None:
    raw = completed(*({"origin": origin, "title": origin, "chatters": [origin]} for origin in "cab"))
    assert {live_presence_of(raw.sample(fraction=1, shuffle=True, seed=seed))["title"][0] for seed in range(5)} == {
        "a"
    }


def test_merging_presences_loses_no_chatter_and_the_first_has_the_metadata() -> None:
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
