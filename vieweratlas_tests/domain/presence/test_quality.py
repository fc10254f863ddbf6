import json
import statistics
from collections import defaultdict
from typing import Any

import pytest
from hypothesis import given

from vieweratlas_assets.domain.presence.audience import build_day_audience
from vieweratlas_assets.domain.presence.filters import AudienceFilters
from vieweratlas_assets.domain.presence.quality import RejectedFile, quality_report
from vieweratlas_tests.domain.presence.samples import WEIRD, days, presence, roster, snapshot


def _report(rows: list[dict[str, Any]], **given_files: Any) -> dict[str, Any]:
    day = build_day_audience([presence(*rows)], roster(), AudienceFilters(False, False), list)
    return quality_report(day, given_files.get("files_read", {}), given_files.get("rejected", []))


def _rounded(value: float) -> float:
    return round(value, 4)


@given(days)
def test_figures_are_counted_as_by_hand(rows: list[dict[str, Any]]) -> None:
    report = _report(rows)
    viewers_of: dict[str, set[str]] = defaultdict(set)
    channels_of: dict[str, set[str]] = defaultdict(set)
    seen_in: dict[str, set[str]] = {"live": set(), "vod": set()}
    for row in rows:
        for viewer in row["chatters"]:
            viewers_of[row["channel"]].add(viewer)
            channels_of[viewer].add(row["channel"])
            seen_in[row["source"]].add(viewer)
    sizes, spread = [len(v) for v in viewers_of.values()], [len(c) for c in channels_of.values()]
    one_off = sum(n == 1 for n in spread)

    assert report["total_channels"] == len({row["channel"] for row in rows})
    assert report["total_unique_viewers"] == len(channels_of)
    assert report["total_snapshots"] == len(rows)
    assert report["repeat_viewers_2_or_more"] == sum(n >= 2 for n in spread)
    assert report["repeat_viewers_3_or_more"] == sum(n >= 3 for n in spread)
    assert report["one_off_viewers"] == one_off
    expected = (
        {
            "avg_viewers_per_channel": _rounded(statistics.fmean(sizes)),
            "median_viewers_per_channel": _rounded(statistics.median(sizes)),
            "max_viewers_per_channel": max(sizes),
            "min_viewers_per_channel": min(sizes),
            "avg_channels_per_viewer": _rounded(statistics.fmean(spread)),
            "one_off_viewers_percent": _rounded(100 * one_off / len(spread)),
        }
        if spread
        else dict.fromkeys(
            (
                "avg_viewers_per_channel",
                "median_viewers_per_channel",
                "max_viewers_per_channel",
                "min_viewers_per_channel",
                "avg_channels_per_viewer",
                "one_off_viewers_percent",
            )
        )
    )
    assert {name: report[name] for name in expected} == pytest.approx(expected, abs=1e-4)
    for source, seen in seen_in.items():
        own = [row for row in rows if row["source"] == source]
        assert report["sources"][source] == {
            "channels": len({row["channel"] for row in own}),
            "unique_viewers": len(seen),
            "snapshots": len(own),
            "files_read": 0,
            "files_rejected": 0,
        }
    assert json.loads(json.dumps(report, allow_nan=False)) == report


def test_an_empty_day_has_nulls_for_averages() -> None:
    report = _report([])
    figures = {name: value for name, value in report.items() if name not in ("filters", "sources", "rejected_files")}
    assert figures == {
        "total_channels": 0,
        "total_unique_viewers": 0,
        "total_snapshots": 0,
        "avg_viewers_per_channel": None,
        "median_viewers_per_channel": None,
        "max_viewers_per_channel": None,
        "min_viewers_per_channel": None,
        "avg_channels_per_viewer": None,
        "repeat_viewers_2_or_more": 0,
        "repeat_viewers_3_or_more": 0,
        "one_off_viewers": 0,
        "one_off_viewers_percent": None,
    }
    assert json.loads(json.dumps(report, allow_nan=False)) == report


def test_a_channel_without_viewers_counts_as_a_channel_but_not_in_the_averages() -> None:
    report = _report([snapshot("quiet", []), snapshot("loud", ["ann", "bob"])])
    assert (report["total_channels"], report["min_viewers_per_channel"]) == (2, 2)
    assert report["avg_viewers_per_channel"] == 2.0


def test_files_are_counted_by_source_and_listed_with_their_reason() -> None:
    rejected = [RejectedFile("vod", f"a/{name}", f"no <{name}>") for name in WEIRD[:2]]
    rejected.append(RejectedFile("live", "b", "truncated"))
    report = _report([snapshot("alpha", ["ann"])], files_read={"vod": 5}, rejected=rejected)
    sources = report["sources"]
    assert (sources["vod"]["files_read"], sources["vod"]["files_rejected"]) == (5, 2)
    assert (sources["live"]["files_read"], sources["live"]["files_rejected"]) == (0, 1)
    assert report["rejected_files"] == [{"file": each.key, "reason": each.reason} for each in rejected]
    assert json.loads(json.dumps(report)) == report


def test_the_report_has_the_effect_of_each_filter() -> None:
    frame = presence(snapshot("alpha", ["alpha", "ann", "nightbot"]))
    report = quality_report(build_day_audience([frame], roster(), AudienceFilters(), list), {}, [])
    assert report["total_unique_viewers"] == 1
    assert {each["name"]: (each["removed"], each["pairs"]) for each in report["filters"]} == {
        "known_bots": (True, 1),
        "broadcaster": (True, 1),
        "min_buckets_per_viewer": (True, 0),
        "min_channels_per_viewer": (True, 0),
        "max_channels_per_viewer": (False, 0),
    }
