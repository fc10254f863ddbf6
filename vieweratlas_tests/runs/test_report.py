"""Data written outside of Dagster's runs appears in its history, with figures and the place in the lake."""

import datetime as dt
from pathlib import Path
from typing import Any

import dagster as dg

from vieweratlas_assets.domain import lake as paths
from vieweratlas_assets.runs import report
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_tests.dagster_results import latest_materialization, metadata_values
from vieweratlas_tests.lake_factories import put_raw

DAY = dt.date(2026, 3, 10)
HOUR = dt.datetime(2026, 3, 10, 17, tzinfo=dt.UTC)


def reported(instance: dg.DagsterInstance, asset: str) -> tuple[str | None, dict[str, Any]]:
    """Partition and metadata of the newest materialization of an asset."""
    materialization = latest_materialization(instance, asset)
    return materialization.partition, metadata_values(materialization.metadata)


def test_a_collected_hour_is_reported_with_the_figures_of_the_lake(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    store = LocalStore(str(tmp_path))
    put_raw(store, HOUR, {"ann": [["x", "y"], ["x"]], "bob": [["z"]]})
    assert report.report_collected_hour(instance, store, HOUR, {"collector": "one"})
    partition, facts = reported(instance, "raw_snapshots")
    assert partition == "2026-03-10-17:00"
    assert (facts["dagster/row_count"], facts["channels"], facts["chatters"]) == (3, 2, 3)
    assert facts["collector"] == "one"
    assert report.reported_partitions(instance, "raw_snapshots") == {"2026-03-10-17:00"}


def test_an_hour_without_raw_snapshots_is_not_reported(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    assert not report.report_collected_hour(instance, LocalStore(str(tmp_path)), HOUR)
    assert report.reported_partitions(instance, "raw_snapshots") == set()


def test_a_day_of_vods_is_reported_as_catalog_and_presence(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    store = LocalStore(str(tmp_path))
    report.report_vods(instance, store, DAY, origin="vods process", presence={"vods_completed": 2})
    assert reported(instance, "vod_catalog") == (
        "2026-03-10",
        {"dagster/uri": store.uri(paths.vod_catalog(DAY)), "origin": "vods process"},
    )
    assert reported(instance, "vod_presence") == ("2026-03-10", {"vods_completed": 2, "origin": "vods process"})


def test_an_imported_graph_and_an_erasure_are_reported(instance: dg.DagsterInstance) -> None:
    report.report_graph(instance, DAY, {"nodes": 3, "density": 0.5}, origin="import atlas e.csv")
    assert reported(instance, "overlap_graph") == (
        "2026-03-10",
        {"nodes": 3, "density": 0.5, "origin": "import atlas e.csv"},
    )
    report.report_erasures(instance, [("live_presence", DAY, 7)])
    assert reported(instance, "live_presence") == ("2026-03-10", {"origin": "erase", "rows_changed": 7})
