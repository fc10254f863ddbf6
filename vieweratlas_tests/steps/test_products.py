"""The products of a day, through Dagster: query tables, results, and names in every file."""

import datetime as dt
import gzip
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import duckdb
import polars as pl
import pytest

from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.schemas import (
    GRAPH_EDGES,
)
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_tests.dagster_results import check_results, latest_materialization
from vieweratlas_tests.lake_factories import DAY, TABLES, put_live, run, settings_for, two_groups
from vieweratlas_tests.sealed_records import stored_table

NEXT = DAY + dt.timedelta(days=1)


def test_query_tables_are_the_tables_of_the_atlas_in_one_folder_each(
    store: LocalStore, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    put_live(store, DAY, two_groups())
    put_live(store, NEXT, two_groups())
    assets = (*TABLES, "query_tables")
    assert run(settings_for(tmp_path), "daily_atlas", DAY, NEXT, instance=instance, assets=assets).success
    for name in ("graph_nodes", "graph_edges", "communities", "community_tags", "community_history"):
        for day in (DAY, NEXT):
            sealed_table = store.download_bytes(lake.atlas_file(day, f"{name}.parquet"))
            assert store.download_bytes(lake.query_table(name, day)) == sealed_table
        with duckdb.connect() as database:
            query = f"SELECT DISTINCT date FROM '{tmp_path}/curated/{name}/*/*.parquet' ORDER BY date"
            assert database.execute(query).fetchall() == [(DAY,), (NEXT,)]


@pytest.mark.parametrize(("mode", "natural"), [("natural", 1.0), ("absolute", None)])
def test_results_hold_the_resolution_used_and_the_resolution_profile(
    store: LocalStore, tmp_path: Path, instance: dg.DagsterInstance, mode: str, natural: float | None
) -> None:
    put_live(store, DAY, two_groups())
    settings = settings_for(tmp_path, resolution=1.5, resolution_mode=mode)
    assert run(settings, "daily_atlas", DAY, instance=instance, assets=(*TABLES, "analysis_results")).success
    results = store.download_json(lake.atlas_file(DAY, "analysis_results.json"))
    detection = results["statistics"]["detection"]
    assert results["settings"]["detection"]["resolution_mode"] == mode
    assert (detection["natural_resolution"], detection["resolution_used"]) == (natural, 1.5)
    profile = detection["resolution_profile"]
    assert [step["relative"] for step in profile][::4] == ([0.25, 1.0, 4.0] if natural else [])
    metadata = latest_materialization(instance, "communities").metadata
    assert ("profile" in metadata) is (mode == "natural")


def test_hostile_names_pass_through_to_every_product(
    store: LocalStore, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    names = ['say "hi"', "a,b", "line\nbreak", "<script>alert(1)</script>", "🎮", "o'neil"]
    put_live(store, DAY, {name: [["v1", "v2", '"; drop', "<b>", "💬"]] for name in names})
    assert run(settings_for(tmp_path), "daily_atlas", DAY, instance=instance).success
    edges = stored_table(store, "overlap_graph", DAY, GRAPH_EDGES)
    assert edges.height == len(names) * (len(names) - 1) // 2
    assert edges["shared_viewers"].unique().to_list() == [5]
    nodes = pl.read_csv(store.download_bytes(lake.atlas_file(DAY, "graph_nodes.csv")), infer_schema=False)
    assert sorted(nodes["id"]) == sorted(names)
    page = store.download_bytes(lake.atlas_file(DAY, "community_graph.html")).decode()
    assert "<script>alert(1)" not in page
    results = store.download_json(lake.atlas_file(DAY, "analysis_results.json"))
    assert sorted(results["partition"]) == sorted(names)


def test_no_product_holds_viewer_names(store: LocalStore, tmp_path: Path, instance: dg.DagsterInstance) -> None:
    put_live(store, DAY, {"a1": [["secretviewer1", "secretviewer2"]], "a2": [["secretviewer1"]]})
    assert run(settings_for(tmp_path), "daily_atlas", DAY, instance=instance).success

    def as_json(parquet: bytes) -> bytes:
        return pl.read_parquet(parquet).write_json().encode()

    # The name would not be visible in compressed bytes.
    decode: dict[str, Callable[[bytes], bytes]] = {".bin": gzip.decompress, ".parquet": as_json}
    for key in [*store.list_files("atlas/"), *store.list_files("site/")]:
        data = store.download_bytes(key)
        assert b"secretviewer" not in decode.get(Path(key).suffix, bytes)(data), key


def test_results_hold_the_settings_of_each_step_and_a_mixed_window_warns(
    store: LocalStore, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    put_live(store, DAY, two_groups())
    put_live(store, NEXT, two_groups())
    assert run(settings_for(tmp_path, min_buckets_per_viewer=2), "audience", DAY, instance=instance).success
    settings, assets = settings_for(tmp_path, resolution=1.5), (*TABLES, "analysis_results")
    result = run(settings, "daily_atlas", NEXT, instance=instance, assets=assets)
    assert result.success
    assert check_results(result, "overlap_graph")["same_filters"] is False
    stored = store.download_json(lake.atlas_file(NEXT, "analysis_results.json"))
    assert stored["settings"]["aggregation"]["min_buckets_per_viewer"] == 1
    assert stored["settings"]["detection"]["resolution"] == 1.5
    assert stored["settings"]["graph"] == {"window_days": 3, "overlap_threshold": 1, "min_channel_viewers": 1}
    assert stored["statistics"]["graph"]["window"]["snapshots"] == 16
