"""Thirty historical dates of VODs, backfilled through the real `dg dev`."""

import datetime as dt
import os
import time
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import sync_playwright

from vieweratlas_assets.domain.days import days_between
from vieweratlas_assets.settings import LEGACY_VARIABLES
from vieweratlas_assets.vods.tables import State
from vieweratlas_assets.wiring.vod_workers import open_queue
from vieweratlas_tests.integration.dg_dev import dg_dev
from vieweratlas_tests.integration.test_dg_dev import LAUNCH, TERMINAL, wait_for_backfill
from vieweratlas_tests.vods.made_up import MadeUpTwitch, made_up_twitch

CHANNELS, DAYS = 50, 30
BACKFILLS = "{ partitionBackfillsOrError { ... on PartitionBackfills { results { status } } } }"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def environment(twitch: MadeUpTwitch) -> dict[str, str]:
    """The environment of that Twitch, without settings of the surrounding shell."""
    return {name: "" for name in os.environ if name in LEGACY_VARIABLES} | twitch.environment()


def assert_all_completed(twitch: MadeUpTwitch, first: dt.date, last: dt.date) -> None:
    """Check that every VOD of the days is completed, and that each row of its presence is what was written."""
    vods = twitch.vods(first, last)
    twitch.exact(vods)
    with open_queue(twitch.settings()) as queue:
        counts = queue.counts(list(days_between(first, last)))
    assert sum(counts[day].get(State.COMPLETED, 0) for day in counts) == vods.height
    assert all(set(states) == {State.COMPLETED} for states in counts.values())
    assert len(twitch.store.list_files("curated/presence_snapshots/")) == vods.height


@pytest.mark.long
def test_thirty_historical_dates_are_backfilled_in_few_runs(tmp_path: Path) -> None:
    with made_up_twitch(tmp_path, channels=CHANNELS, days=DAYS, languages=2) as twitch:
        days = twitch.world.spec.dates
        home = tmp_path / "home"
        with dg_dev(tmp_path / "lake", home, **environment(twitch)) as dev:
            params = {
                "assetSelection": [{"path": [name]} for name in ("vod_catalog", "vod_presence")],
                "partitionNames": [str(day) for day in days],
            }
            launched = dev.graphql(LAUNCH, params=params)["launchPartitionBackfill"]
            assert launched["__typename"] == "LaunchBackfillSuccess", launched
            done = wait_for_backfill(dev, launched["backfillId"])
        assert done["status"] == "COMPLETED_SUCCESS", done
        assert {run["status"] for run in done["runs"]} == {"SUCCESS"}
        assert len(done["runs"]) <= 2, "a range of days takes few runs, not one per day"
        assert_all_completed(twitch, days[0], days[-1])
        # A token, the logins, and one page per channel, not one per channel and day.
        assert twitch.helix.requests <= 2 * (1 + CHANNELS)


def test_dates_are_backfilled_by_clicking_in_the_ui(tmp_path: Path) -> None:
    with (
        made_up_twitch(tmp_path, channels=CHANNELS, days=3, languages=2) as twitch,
        dg_dev(tmp_path / "lake", tmp_path / "home", **environment(twitch)) as dev,
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"]) as browser,
    ):
        days = twitch.world.spec.dates
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.set_default_timeout(60_000)
        page.goto(f"{dev.url}/locations/vieweratlas/jobs/vods")
        page.get_by_role("button", name="Materialize all").first.click()
        # The dialog offers the last 90 days.
        page.get_by_text("Show all partitions").click()
        chosen = page.get_by_placeholder("No matching partitions").or_(page.locator("input[placeholder*='...']"))
        chosen.first.fill(f"[{days[0]}...{days[-1]}]")
        chosen.first.press("Enter")
        page.get_by_role("button", name="Launch backfill").click()
        backfills: list[dict[str, Any]] = []
        for _ in range(240):
            backfills = dev.graphql(BACKFILLS)["partitionBackfillsOrError"]["results"]
            if backfills and backfills[0]["status"] in TERMINAL:
                break
            time.sleep(1)
        assert [backfill["status"] for backfill in backfills] == ["COMPLETED_SUCCESS"], backfills
        assert_all_completed(twitch, days[0], days[-1])
