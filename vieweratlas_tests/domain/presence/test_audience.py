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
            # A VOD's bucket that lies in two minutes counts where live chat saw the viewer in neither.
            "buckets": len(minutes[pair])
            + len({minute for minute in astride[pair] - minutes[pair] if minute + MINUTE not in live[pair]}),
            "sources": "+".join(sorted(sources[pair])),
            "first_seen": min(starts[pair], default=None),
            "last_seen": max(starts[pair], default=None),
        }
        for pair in sorted(sources)
    ]


@given(days)
def test_pairs_are_those_counted_by_hand(rows: list[dict[str, Any]]) -> None:
    found = _pairs(presence(*rows))
    assert found.schema == CHANNEL_AUDIENCE.schema
    assert found.to_dicts() == _pairs_by_hand(rows)


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
    found = _pairs(presence(live, vod, later))
    assert found.select("viewer", "buckets", "sources").rows() == [
        ("ann", 2, "live+vod"),
        ("bob", 1, "live"),
        ("cid", 1, "vod"),
    ]
    assert found.row(0, named=True)["first_seen"] == NOON
    assert found.row(0, named=True)["last_seen"] == NOON + MINUTE


def test_a_bucket_of_a_vod_that_ends_in_a_minute_seen_live_counts_no_second_one() -> None:
    vod = {"source": "vod", "content_id": "vod:1"}
    rows = [
        # At 12:01:03 ann wrote, who is in a bucket that began at 12:00:31; bob wrote before live chat was heard.
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
    found = _pairs(presence(*(snapshot(name, list(WEIRD)) for name in WEIRD)))
    assert found.select("channel", "viewer").rows() == sorted((a, b) for a in WEIRD for b in WEIRD)


@pytest.mark.parametrize("rows", [[], [snapshot("alpha", [])]])
def test_where_nobody_wrote_there_are_no_pairs(rows: list[dict[str, Any]]) -> None:
    found = _pairs(presence(*rows))
    assert found.is_empty()
    assert found.schema == CHANNEL_AUDIENCE.schema


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


def test_the_roster_speaks_before_live_and_live_before_vod() -> None:
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
    told = roster(("rostered", "Art", None), ("live", None, None), ("vod", "", None), ("absent", "Art", "en"))
    activity = channel_activity(sightings(rows), told, NOBODY)
    assert dict(activity.select("channel", "game_name").iter_rows()) == {
        "rostered": "Art",
        "live": "Chess",
        "vod": "Go",
        "unknown": None,
    }
    assert activity["language"].null_count() == 4


def test_only_the_roster_tells_how_a_channel_writes_its_name() -> None:
    told = roster(("ann", None, None), ("ann", None, None)).with_columns(display_name=pl.Series(["Ann", "アン"]))
    named = channel_activity(sightings(presence(snapshot("ann", []), snapshot("bob", []))), told, NOBODY)
    assert named.select("channel", "display_name").rows() == [("ann", "Ann"), ("bob", None)]


def test_the_most_frequent_word_wins_and_ties_go_by_name() -> None:
    rows = presence(snapshot("a", []), snapshot("b", []))
    told = roster(
        ("a", "Chess", "de"), ("a", "Go", "en"), ("a", "Chess", "en"), ("b", "Go", "en"), ("b", "Art", "de")
    )
    for frame in (told, told.reverse()):
        activity = channel_activity(sightings(rows), frame, NOBODY)
        assert activity.select("channel", "game_name", "language").rows() == [
            ("a", "Chess", "en"),
            ("b", "Art", "de"),
        ]


@given(days)
def test_activity_is_that_counted_by_hand(rows: list[dict[str, Any]]) -> None:
    day = build_day_audience([presence(*rows)], roster(), AudienceFilters(False, False), list)
    pairs = _pairs_by_hand(rows)
    assert day.activity.schema == CHANNEL_ACTIVITY.schema
    assert day.activity["channel"].to_list() == sorted({row["channel"] for row in rows})
    for found in day.activity.iter_rows(named=True):
        own = [row for row in rows if row["channel"] == found["channel"]]
        seen = [pair for pair in pairs if pair["channel"] == found["channel"]]
        assert found["snapshots"] == len(own)
        assert (found["viewers"], found["viewer_minutes"]) == (len(seen), sum(pair["buckets"] for pair in seen))
        for column in ("game_name", "language"):
            told = [
                Counter(row[column] for row in own if row["source"] == s and row[column]) for s in ("live", "vod")
            ]
            counts = next((counted for counted in told if counted), None)
            expected = min(counts, key=lambda name: (-counts[name], name)) if counts else None
            assert found[column] == expected


def test_filters_bear_on_viewers_and_minutes_but_not_on_snapshots() -> None:
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
def test_a_day_in_pieces_of_whole_channels_is_the_day(rows: list[dict[str, Any]]) -> None:
    frame = presence(*rows)
    pieces = frame.sort("channel").partition_by("channel")
    told = roster(("alpha", "Chess", "en"))
    filters = AudienceFilters(min_channels_per_viewer=2)
    whole, piecewise = (build_day_audience(each, told, filters, list) for each in ([frame], pieces))
    assert one_frame(piecewise.audience).equals(one_frame(whole.audience))
    assert piecewise.activity.equals(whole.activity)
    assert piecewise.filters == whole.filters
