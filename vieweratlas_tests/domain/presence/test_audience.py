import datetime as dt
from collections import Counter, defaultdict
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vieweratlas_assets.domain.presence.audience import (
    build_day_audience,
    channel_activity,
    distinct_pairs,
    sightings,
)
from vieweratlas_assets.domain.presence.filters import AudienceFilters, channel_sizes
from vieweratlas_assets.domain.schemas import CHANNEL_ACTIVITY, CHANNEL_AUDIENCE
from vieweratlas_tests.domain.presence.samples import (
    NOON,
    WEIRD,
    audience,
    days,
    one_frame,
    presence,
    roster,
    snapshot,
)

NOBODY = channel_sizes(CHANNEL_AUDIENCE.empty())
MINUTE = dt.timedelta(minutes=1)


def _pairs(rows: pl.DataFrame) -> pl.DataFrame:
    return CHANNEL_AUDIENCE.conform(distinct_pairs(rows))


def _pairs_by_hand(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    minutes: dict[tuple[str, str], set[object]] = defaultdict(set)
    live: dict[tuple[str, str], set[object]] = defaultdict(set)
    astride: dict[tuple[str, str], set[dt.datetime]] = defaultdict(set)
    starts: dict[tuple[str, str], list[dt.datetime]] = defaultdict(list)
    sources: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in rows:
        start = row["bucket_start"]
        minute = start.replace(second=0) if start else (row["content_id"], row["timestamp"])
        for viewer in row["chatters"]:
            pair = (row["channel"], viewer)
            if row["source"] == "live":
                live[pair].add(minute)
            if row["source"] == "vod" and start is not None and start.second:
                astride[pair].add(start.replace(second=0))
            else:
                minutes[pair].add(minute)
            sources[pair].add(row["source"])
            starts[pair] += [start] if start else []
    return [
        {
            "channel": pair[0],
            "viewer": pair[1],
            # A VOD's bucket that overlaps two minutes counts only if live chat saw the viewer in neither.
            "buckets": len(minutes[pair])
            + len({minute for minute in astride[pair] - minutes[pair] if minute + MINUTE not in live[pair]}),
            "sources": "+".join(sorted(sources[pair])),
            "first_seen": min(starts[pair], default=None),
            "last_seen": max(starts[pair], default=None),
        }
        for pair in sorted(sources)
    ]


@given(days)
def test_pairs_are_counted_as_by_hand(rows: list[dict[str, Any]]) -> None:
    pairs = _pairs(presence(*rows))
    assert pairs.schema == CHANNEL_AUDIENCE.schema
    assert pairs.to_dicts() == _pairs_by_hand(rows)


@given(days, st.randoms(use_true_random=False))
def test_order_and_repeats_of_rows_do_not_matter(rows: list[dict[str, Any]], random: Any) -> None:
    mixed = rows + rows[:3]
    random.shuffle(mixed)
    assert _pairs(presence(*mixed)).equals(_pairs(presence(*rows)))


def test_a_minute_seen_live_and_in_the_vod_counts_once() -> None:
    live = snapshot("alpha", ["ann", "bob"])
    vod = snapshot(
        "alpha", ["ann", "cid"], source="vod", content_id="vod:1", bucket_start=NOON + dt.timedelta(seconds=31)
    )
    later = snapshot("alpha", ["ann"], source="vod", content_id="vod:1", bucket_start=NOON + MINUTE)
    pairs = _pairs(presence(live, vod, later))
    assert pairs.select("viewer", "buckets", "sources").rows() == [
        ("ann", 2, "live+vod"),
        ("bob", 1, "live"),
        ("cid", 1, "vod"),
    ]
    assert pairs.row(0, named=True)["first_seen"] == NOON
    assert pairs.row(0, named=True)["last_seen"] == NOON + MINUTE


def test_a_bucket_of_a_vod_that_ends_in_a_minute_seen_live_does_not_count_again() -> None:
    vod = {"source": "vod", "content_id": "vod:1"}
    rows = [
        # ann wrote at 12:01:03, in a bucket that started at 12:00:31; bob wrote before live chat was observed.
        snapshot("alpha", ["ann", "bob"], bucket_start=NOON + dt.timedelta(seconds=31), **vod),
        snapshot("alpha", ["ann"], bucket_start=NOON + MINUTE),
        snapshot("alpha", ["cid"], bucket_start=NOON + dt.timedelta(seconds=91), **vod),
        snapshot("alpha", ["bob", "cid"], bucket_start=NOON + 3 * MINUTE),
    ]
    assert _pairs(presence(*rows)).select("viewer", "buckets").rows() == [("ann", 1), ("bob", 2), ("cid", 2)]


def test_buckets_of_unknown_time_count_each_and_have_no_first_seen() -> None:
    rows = [
        snapshot("alpha", ["ann"], source="vod", content_id=content, bucket_start=None, timestamp=f"{content}_{step}")
        for content in ("vod:1", "vod:2")
        for step in range(3)
    ]
    assert _pairs(presence(*rows)).rows() == [("alpha", "ann", 6, "vod", None, None)]


def test_weird_names_come_through_untouched() -> None:
    pairs = _pairs(presence(*(snapshot(name, list(WEIRD)) for name in WEIRD)))
    assert pairs.select("channel", "viewer").rows() == sorted((a, b) for a in WEIRD for b in WEIRD)


@pytest.mark.parametrize("rows", [[], [snapshot("alpha", [])]])
def test_without_chatters_there_are_no_pairs(rows: list[dict[str, Any]]) -> None:
    pairs = _pairs(presence(*rows))
    assert pairs.is_empty()
    assert pairs.schema == CHANNEL_AUDIENCE.schema


def test_a_channel_without_viewers_keeps_its_row() -> None:
    rows = presence(
        snapshot("quiet", []), snapshot("quiet", [], bucket_start=NOON + MINUTE), snapshot("loud", ["ann"])
    )
    activity = channel_activity(
        sightings(rows), roster(), channel_sizes(audience(("loud", "ann", 3), ("loud", "bob", 4)))
    )
    assert activity.select("channel", "viewers", "viewer_minutes", "snapshots").rows() == [
        ("loud", 2, 7, 1),
        ("quiet", 0, 0, 2),
    ]


def test_the_roster_takes_precedence_over_live_and_live_over_vod() -> None:
    def row(channel: str, source: str, game: str | None, minute: int = 0) -> dict[str, object]:
        return snapshot(channel, [], source=source, game_name=game, bucket_start=NOON + minute * MINUTE)

    rows = presence(
        *(row("rostered", "live", "Chess", minute) for minute in range(5)),
        row("rostered", "vod", "Go"),
        row("live", "live", "Chess"),
        *(row("live", "vod", "Go", minute) for minute in range(5)),
        row("vod", "live", None),
        row("vod", "vod", "Go"),
        row("unknown", "live", ""),
        row("unknown", "vod", None),
    )
    hours = roster(("rostered", "Art", None), ("live", None, None), ("vod", "", None), ("absent", "Art", "en"))
    activity = channel_activity(sightings(rows), hours, NOBODY)
    assert dict(activity.select("channel", "game_name").iter_rows()) == {
        "rostered": "Art",
        "live": "Chess",
        "vod": "Go",
        "unknown": None,
    }
    assert activity["language"].null_count() == 4


def test_only_the_roster_has_the_display_name() -> None:
    hours = roster(("ann", None, None), ("ann", None, None)).with_columns(display_name=pl.Series(["Ann", "アン"]))
    named = channel_activity(sightings(presence(snapshot("ann", []), snapshot("bob", []))), hours, NOBODY)
    assert named.select("channel", "display_name").rows() == [("ann", "Ann"), ("bob", None)]


def test_the_most_frequent_value_wins_and_ties_go_by_name() -> None:
    rows = presence(snapshot("a", []), snapshot("b", []))
    hours = roster(
        ("a", "Chess", "de"), ("a", "Go", "en"), ("a", "Chess", "en"), ("b", "Go", "en"), ("b", "Art", "de")
    )
    for frame in (hours, hours.reverse()):
        activity = channel_activity(sightings(rows), frame, NOBODY)
        assert activity.select("channel", "game_name", "language").rows() == [
            ("a", "Chess", "en"),
            ("b", "Art", "de"),
        ]


@given(days)
def test_activity_is_counted_as_by_hand(rows: list[dict[str, Any]]) -> None:
    day = build_day_audience([presence(*rows)], roster(), AudienceFilters(False, False), list)
    pairs = _pairs_by_hand(rows)
    assert day.activity.schema == CHANNEL_ACTIVITY.schema
    assert day.activity["channel"].to_list() == sorted({row["channel"] for row in rows})
    for activity in day.activity.iter_rows(named=True):
        own = [row for row in rows if row["channel"] == activity["channel"]]
        seen = [pair for pair in pairs if pair["channel"] == activity["channel"]]
        assert activity["snapshots"] == len(own)
        assert (activity["viewers"], activity["viewer_minutes"]) == (len(seen), sum(pair["buckets"] for pair in seen))
        for column in ("game_name", "language"):
            by_source = [
                Counter(row[column] for row in own if row["source"] == s and row[column]) for s in ("live", "vod")
            ]
            counts = next((counted for counted in by_source if counted), None)
            expected = min(counts, key=lambda name: (-counts[name], name)) if counts else None
            assert activity[column] == expected


def test_filters_affect_viewers_and_minutes_but_not_snapshots() -> None:
    rows = presence(snapshot("alpha", ["alpha", "ann", "nightbot"]), snapshot("beta", ["beta", "nightbot"]))
    day = build_day_audience([rows], roster(), AudienceFilters(), list)
    assert one_frame(day.audience).select("channel", "viewer").rows() == [("alpha", "ann")]
    assert day.activity.select("channel", "viewers", "viewer_minutes", "snapshots").rows() == [
        ("alpha", 1, 1, 1),
        ("beta", 0, 0, 1),
    ]
    assert [(effect.name, effect.pairs) for effect in day.filters][:2] == [("known_bots", 2), ("broadcaster", 2)]


def test_an_empty_day_is_an_empty_audience() -> None:
    day = build_day_audience([presence()], roster(("a", "Chess", "en")), AudienceFilters(), list)
    assert one_frame(day.audience).is_empty()
    assert day.activity.equals(CHANNEL_ACTIVITY.empty())
    assert [effect.pairs for effect in day.filters] == [0] * 5


def test_weird_channels_keep_their_figures() -> None:
    rows = presence(*(snapshot(name, ["ann"], language="en") for name in WEIRD))
    day = build_day_audience([rows], roster(), AudienceFilters(), list)
    assert dict(day.activity.select("channel", pl.col("viewers")).iter_rows()) == dict.fromkeys(WEIRD, 1)


@given(days)
def test_a_day_in_pieces_of_whole_channels_gives_the_same_result(rows: list[dict[str, Any]]) -> None:
    frame = presence(*rows)
    pieces = frame.sort("channel").partition_by("channel")
    hours = roster(("alpha", "Chess", "en"))
    filters = AudienceFilters(min_channels_per_viewer=2)
    whole, piecewise = (build_day_audience(parts, hours, filters, list) for parts in ([frame], pieces))
    assert one_frame(piecewise.audience).equals(one_frame(whole.audience))
    assert piecewise.activity.equals(whole.activity)
    assert piecewise.filters == whole.filters
