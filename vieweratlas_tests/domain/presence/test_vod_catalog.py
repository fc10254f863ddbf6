"""The VOD catalog: from records of Helix, merged, and which VODs are finished."""

import datetime as dt
from typing import Any

from vieweratlas_assets.domain.presence.vod_catalog import (
    ENDED_FOR,
    LONGEST,
    catalog_of,
    finished_by,
    finished_vods,
    merge_catalogs,
)
from vieweratlas_assets.domain.schemas import VOD_CATALOG

NOW = dt.datetime(2026, 11, 26, 12, tzinfo=dt.UTC)


def video(vod_id: str = "1", *, login: str = "Ann", **fields: Any) -> dict[str, Any]:
    """An archive of one hour, created four hours ago."""
    filled = {"type": "archive", "created_at": "2026-11-26T08:00:00Z", "duration": "1h0m0s"}
    return {"id": vod_id, "user_id": "7", "user_login": login, **filled, **fields}


def test_a_record_becomes_a_row_and_unusable_records_are_left_out() -> None:
    catalog = catalog_of(
        [
            video(title="hi", language="de", view_count=3, stream_id="40"),
            video("2", type="highlight"),
            video("3", created_at="yesterday"),
            video(""),
        ],
        NOW,
    )
    created_at = dt.datetime(2026, 11, 26, 8, tzinfo=dt.UTC)
    assert catalog.rows() == [("ann", "7", "1", created_at, "hi", "de", 3600, 3, "40")]
    assert catalog_of([], NOW).equals(VOD_CATALOG.empty())


def test_the_duration_of_a_vod_that_may_still_grow_is_unknown() -> None:
    ended = dt.datetime(2026, 11, 26, 9, tzinfo=dt.UTC)
    before, after = (
        catalog_of([video()], ended + ENDED_FOR - dt.timedelta(seconds=1)),
        catalog_of([video()], ended + ENDED_FOR),
    )
    assert (before["duration_s"][0], after["duration_s"][0]) == (None, 3600)
    assert finished_vods(before, NOW).is_empty()
    assert finished_vods(after, NOW).equals(after)


def test_a_vod_of_unknown_duration_is_finished_after_the_longest_broadcast() -> None:
    catalog = catalog_of([video(duration=None)], NOW)
    end = finished_by(catalog["created_at"][0])
    assert end == catalog["created_at"][0] + LONGEST + ENDED_FOR
    assert finished_vods(catalog, end - dt.timedelta(seconds=1)).is_empty()
    assert finished_vods(catalog, end).height == 1


def test_merging_keeps_known_vods_and_logins_and_takes_newer_values() -> None:
    known = catalog_of([video("1", title="old", view_count=3), video("2", title="gone")], NOW)
    listed = catalog_of([video("1", login="renamed", title="new"), video("3", login="renamed")], NOW)
    merged = VOD_CATALOG.conform(merge_catalogs(known, listed))
    assert merged.select("channel", "vod_id", "title", "view_count").rows() == [
        ("ann", "1", "new", 3),
        ("ann", "2", "gone", None),
        ("renamed", "3", None, None),
    ]
