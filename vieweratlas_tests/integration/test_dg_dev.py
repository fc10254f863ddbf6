"""The real `dg dev`: definitions load, and a backfill of days completes."""

import datetime as dt
import time
from pathlib import Path
from typing import Any

import pytest

from vieweratlas_assets.defs.build import ASSETS, PRODUCTS, build_defs
from vieweratlas_assets.domain.days import days_between
from vieweratlas_assets.domain.lake import live_presence
from vieweratlas_assets.sandbox.world import build_world
from vieweratlas_assets.sandbox.world_spec import WorldSpec
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_assets.storage.sealed import SealedPartitions
from vieweratlas_tests.integration.dg_dev import DagsterDev, dg_dev
from vieweratlas_tests.sandbox.worlds import write_world
from vieweratlas_tests.sealed_records import sealed_record

SPEC = WorldSpec(channels=72, viewers=4_000, days=10)
DAYS = list(days_between(SPEC.start, SPEC.start + dt.timedelta(days=SPEC.days - 1)))

LAUNCH = """
mutation ($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
    ... on PartitionSetNotFoundError { message }
  }
}
"""
STATUS = """
query ($id: String!) {
  partitionBackfillOrError(backfillId: $id) {
    __typename
    ... on PartitionBackfill { status runs { status } error { message } }
  }
}
"""
TERMINAL = {"COMPLETED_SUCCESS", "COMPLETED_FAILED", "FAILED", "CANCELED"}


def computed_assets() -> list[str]:
    names = [spec.key.to_user_string() for spec in build_defs().resolve_all_asset_specs()]
    observed = {"channel_roster", "vod_catalog", "vod_presence", "raw_snapshots"}
    return [name for name in names if name not in observed | {"output_copies"}]


def wait_for_backfill(dev: DagsterDev, backfill: str) -> dict[str, Any]:
    """Wait until a backfill has ended; its status, runs and error."""
    state: dict[str, Any] = {}
    for _ in range(600):
        state = dev.graphql(STATUS, id=backfill)["partitionBackfillOrError"]
        if state["status"] in TERMINAL:
            return state
        time.sleep(1)
    raise AssertionError(f"the backfill did not end: {state}")


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_backfill_of_ten_days_builds_every_partition(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "lake")
    write_world(store, build_world(SPEC))
    planted = {day: store.download_bytes(live_presence(day)) for day in DAYS}
    assets = computed_assets()
    assert len(assets) == len(ASSETS) + len(PRODUCTS) + 4
    # Dagster also builds later windows that contain these days: 2 more graphs for windows of 3 days, 29 for 30.
    copies = tmp_path / "for_people"
    settings = {
        "VIEWERATLAS_PARTITIONS__WINDOW_DAYS": "3",
        "VIEWERATLAS_STORAGE__OUTPUT_DIR": str(copies),
        "LOG_LEVEL": "INFO",
    }
    with dg_dev(tmp_path / "lake", tmp_path / "home", **settings) as dev:
        params = {
            "assetSelection": [{"path": [name]} for name in (*assets, "output_copies")],
            "partitionNames": [str(day) for day in DAYS],
        }
        launched = dev.graphql(LAUNCH, params=params)["launchPartitionBackfill"]
        assert launched["__typename"] == "LaunchBackfillSuccess", launched
        done = wait_for_backfill(dev, launched["backfillId"])
    assert done["status"] == "COMPLETED_SUCCESS", done
    assert {run["status"] for run in done["runs"]} == {"SUCCESS"}
    # One run for each of the three assets that continue the day before, and three or four for the rest.
    assert len(done["runs"]) <= 8, "a range of days takes few runs, not one per day"
    sealed = SealedPartitions(store)
    missing = [(name, day) for name in assets for day in DAYS if sealed.record(name, day) is None]
    # The world writes live presence itself: without raw snapshots it stays unchanged.
    assert missing == [("live_presence", day) for day in DAYS]
    assert {day: store.download_bytes(live_presence(day)) for day in DAYS} == planted
    logged = (tmp_path / "home/vieweratlas.log").read_text()
    for day in DAYS:
        assert (copies / f"{day}/community_graph.png").exists()
        assert (copies / f"{day}/quality_report.json").exists()
        assert f"overlap_graph of {day} sealed" in logged, "runs write to the log that the settings name"
    assert sealed_record(sealed, "overlap_graph", DAYS[-1]).facts["days"] == [str(day) for day in DAYS[-3:]]
    for asset in ("communities", "atlas_layout", "community_history"):
        continued = [sealed_record(sealed, asset, day).facts["went_on_from"] for day in DAYS]
        assert continued == [None, *(str(day) for day in DAYS[:-1])], "days are built in order"
