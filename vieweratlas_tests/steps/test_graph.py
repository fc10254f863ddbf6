"""The overlap graph of a window, through Dagster: which days it has, imported graphs, days that fail."""

import datetime as dt
import json
from pathlib import Path

import dagster as dg
import polars as pl

from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.schemas import (
    GRAPH_EDGES,
    GRAPH_NODES,
)
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_assets.storage.sealed import SealedPartitions, table_files
from vieweratlas_tests.dagster_results import step_failure
from vieweratlas_tests.lake_factories import DAY, TABLES, put_live, run, settings_for, two_groups
from vieweratlas_tests.sealed_records import stored_facts, stored_table

NEXT = DAY + dt.timedelta(days=1)


def test_a_range_of_days_runs_once_and_reports_each_day(
    store: LocalStore, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    days = [DAY + dt.timedelta(days=n) for n in range(4)]
    for day in days:
        put_live(store, day, {"a1": [[f"viewer{day.day}", "regular"]], "a2": [["regular"]]})
    assets = (*TABLES, "analysis_results")
    result = run(settings_for(tmp_path), "daily_atlas", days[0], days[-1], instance=instance, assets=assets)
    assert result.success
    for asset in ("channel_audience", "overlap_graph", "analysis_results"):
        assert instance.get_materialized_partitions(dg.AssetKey(asset)) == {str(day) for day in days}
    # The window of three days: the fourth day sees days two to four, and no viewer of day one.
    nodes = stored_table(store, "overlap_graph", days[3], GRAPH_NODES)
    assert dict(nodes.select("channel", "viewers").iter_rows()) == {"a1": 4, "a2": 1}
    assert stored_facts(store, "overlap_graph", days[3])["days"] == [str(d) for d in days[1:]]


def test_a_window_takes_the_days_that_exist(store: LocalStore, tmp_path: Path, instance: dg.DagsterInstance) -> None:
    put_live(store, DAY, two_groups())
    settings = settings_for(tmp_path)
    assert run(settings, "audience", DAY, instance=instance).success
    later = DAY + dt.timedelta(days=2)
    assert run(settings, "overlap_and_atlas", later, instance=instance, assets=TABLES[1:]).success
    graph = stored_facts(store, "overlap_graph", later)
    assert (graph["days_present"], graph["window_days"], graph["days"]) == (1, 3, [str(DAY)])


def test_an_empty_window_fails_with_a_message_that_helps(
    store: LocalStore, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    result = run(settings_for(tmp_path), "daily_atlas", DAY, instance=instance)
    assert not result.success
    failure = step_failure(result, "overlap_graph")
    assert f"no presence from {DAY - dt.timedelta(days=2)} to {DAY}" in failure
    assert "import or collect some" in failure
    assert SealedPartitions(store).record("overlap_graph", DAY) is None
    assert SealedPartitions(store).record("channel_audience", DAY) is not None


def test_one_failed_day_of_a_range_does_not_stop_the_others(
    store: LocalStore, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    put_live(store, NEXT, two_groups())
    settings = settings_for(tmp_path)
    assert run(settings, "audience", DAY, NEXT, instance=instance).success
    result = run(settings, "overlap_and_atlas", DAY, NEXT, instance=instance, assets=TABLES[1:])
    assert not result.success
    assert f"failed for 1 of 2 day(s): {DAY}: no presence" in step_failure(result, "overlap_graph")
    assert SealedPartitions(store).record("overlap_graph", NEXT) is not None
    assert instance.get_materialized_partitions(dg.AssetKey("overlap_graph")) == {str(NEXT)}


def seal_imported(store: LocalStore, day: dt.date) -> None:
    nodes = pl.DataFrame({"channel": ["x", "y"], "viewers": [10, None]}, schema_overrides={"viewers": pl.Int64})
    unknown = {name: pl.lit(None, kind) for name, kind in GRAPH_NODES.schema.items() if name not in nodes.columns}
    nodes = nodes.with_columns(**unknown)
    edges = GRAPH_EDGES.empty().vstack(
        pl.DataFrame(
            {"channel_a": ["x"], "channel_b": ["y"], "shared_viewers": [5]},
            schema_overrides={"shared_viewers": pl.Int64},
        ).with_columns(
            pl.lit(None, pl.Float64).alias(name) for name in ("jaccard", "overlap_coefficient", "overlap_z")
        )
    )
    files = table_files(day, {GRAPH_NODES: nodes, GRAPH_EDGES: edges})
    figures = {"nodes": 2, "edges": 1, "density": 1.0}
    SealedPartitions(store).seal("overlap_graph", day, files, facts=figures, origin="import atlas other.csv")


def test_an_imported_graph_is_kept_unless_forced(
    store: LocalStore, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    put_live(store, DAY, two_groups())
    seal_imported(store, DAY)
    settings = settings_for(tmp_path)
    assets = (*TABLES, "analysis_results")
    assert run(settings, "daily_atlas", DAY, instance=instance, assets=assets).success
    assert stored_table(store, "overlap_graph", DAY, GRAPH_NODES)["channel"].to_list() == ["x", "y"]
    results = json.loads(store.download_bytes(lake.atlas_file(DAY, "analysis_results.json")))
    assert results["statistics"]["graph"]["origin"] == "import atlas other.csv"
    assert run(settings, "daily_atlas", DAY, instance=instance, force=True, assets=assets).success
    assert stored_table(store, "overlap_graph", DAY, GRAPH_NODES)["channel"].to_list() == sorted(two_groups())
