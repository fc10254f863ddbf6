"""Assets through Dagster: a day's products, their metadata, copies and checks, on small hand-written lakes."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from vieweratlas_assets.defs.build import build_defs
from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.schemas import (
    CHANNEL_AUDIENCE,
    COMMUNITIES,
    COMMUNITY_TAGS,
    GRAPH_EDGES,
    GRAPH_NODES,
)
from vieweratlas_assets.settings import StorageSettings
from vieweratlas_assets.steps import graph, results
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_assets.storage.sealed import SealedPartitions
from vieweratlas_tests.dagster_results import check_results, latest_materialization, metadata_values, step_failure
from vieweratlas_tests.lake_factories import DAY, TABLES, put_live, put_roster, run, settings_for, two_groups
from vieweratlas_tests.sealed_records import stored_facts, stored_table

PRODUCTS = {
    "graph_nodes.parquet",
    "graph_edges.parquet",
    "communities.parquet",
    "community_tags.parquet",
    "layout.parquet",
    "community_history.parquet",
    "community_events.parquet",
    "graph_nodes.csv",
    "graph_edges.csv",
    "graph.gexf",
    "community_graph.png",
    "community_graph-light.png",
    "community_graph-card.png",
    "community_graph.html",
    "explorer.html",
    "explorer_data.bin",
    "analysis_results.json",
    "quality_report.json",
}


def test_a_day_of_presence_becomes_every_product(
    store: LocalStore, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    put_live(store, DAY, two_groups())
    put_roster(store, DAY, dict.fromkeys(("a1", "a2", "a3"), ("Chess", "en")) | {"b1": ("Art", "pt")})
    result = run(settings_for(tmp_path), "daily_atlas", DAY, instance=instance)
    assert result.success
    published = {key.rpartition("/")[2] for key in store.list_files(f"atlas/date={DAY}/")}
    assert {name for name in published if not name.startswith("_")} == PRODUCTS
    for name in PRODUCTS:
        assert store.download_bytes(lake.latest_file(name)) == store.download_bytes(lake.atlas_file(DAY, name))
    communities = dict(stored_table(store, "communities", DAY, COMMUNITIES).iter_rows())
    assert communities["a1"] == communities["a2"] == communities["a3"]
    assert communities["b1"] == communities["b2"] == communities["b3"] != communities["a1"]
    labels = dict(stored_table(store, "community_tags", DAY, COMMUNITY_TAGS).select("community", "label").iter_rows())
    assert labels == {communities["a1"]: "Chess", communities["b1"]: "Art"}


def test_every_run_copies_the_products_to_the_output_folder(
    store: LocalStore, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    put_live(store, DAY, two_groups())
    folder = tmp_path / "for_people"
    settings = settings_for(tmp_path).model_copy(update={"storage": StorageSettings(output_dir=folder)})
    assert run(settings, "daily_atlas", DAY, instance=instance).success
    tables = {name for name in PRODUCTS if name.endswith(".parquet")}
    copied = {path.name: path.read_bytes() for path in (folder / str(DAY)).iterdir()}
    assert copied.keys() >= PRODUCTS - tables
    assert all(data == store.download_bytes(lake.atlas_file(DAY, name)) for name, data in copied.items())
    assert latest_materialization(instance, "output_copies").metadata["files"].value == len(copied)
    (tmp_path / "file").write_text("")
    blocked = settings.model_copy(update={"storage": StorageSettings(output_dir=tmp_path / "file")})
    result = run(blocked, "daily_atlas", DAY, instance=instance, assets=["output_copies"])
    assert not result.success
    assert f"{tmp_path / 'file'}" in step_failure(result, "output_copies")


def test_metadata_shows_figures_columns_and_a_picture(
    store: LocalStore, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    put_live(store, DAY, two_groups())
    assert run(settings_for(tmp_path), "daily_atlas", DAY, instance=instance).success

    def metadata(asset: str) -> dict[str, Any]:
        materialization = latest_materialization(instance, asset)
        assert materialization.partition == str(DAY)
        return metadata_values(materialization.metadata)

    assert metadata("channel_audience")["total_unique_viewers"] == 16
    assert metadata("channel_audience")["dagster/row_count"] == len(
        stored_table(store, "channel_audience", DAY, CHANNEL_AUDIENCE)
    )
    assert metadata("overlap_graph")["days_present"] == 1
    assert metadata("overlap_graph")["dagster/uri"].endswith("graph_nodes.parquet")
    assert metadata("atlas_png")["map"].startswith("![map](data:image/png;base64,")
    assert len(metadata("atlas_png")["map"]) < 100_000
    for asset, file in (("atlas_html", "community_graph.html"), ("atlas_explorer", "explorer.html")):
        assert metadata(asset)["map"].startswith("![map](data:image/png;base64,")
        assert metadata(asset)[f"open {file}"] == (tmp_path / lake.atlas_file(DAY, file)).as_uri()
    assert metadata("atlas_site")["map"] == metadata("atlas_explorer")["map"]
    assert metadata("communities")["profile"].startswith("![map](data:image/png;base64,")
    assert len(metadata("communities")["profile"]) < 80_000
    assert metadata("communities")["natural_resolution"] == 1.0


def test_a_second_run_of_a_day_replaces_it_and_gives_the_same_bytes(
    store: LocalStore, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    put_live(store, DAY, two_groups())
    settings = settings_for(tmp_path)
    assert run(settings, "daily_atlas", DAY, instance=instance).success
    first = {key: store.download_bytes(key) for key in store.list_files()}
    assert run(settings, "daily_atlas", DAY, instance=instance).success
    assert first == {key: store.download_bytes(key) for key in store.list_files()}
    put_live(store, DAY, {"a1": [["only"]], "a2": [["only"]]})
    assert run(settings, "daily_atlas", DAY, instance=instance, assets=TABLES).success
    assert stored_table(store, "overlap_graph", DAY, GRAPH_NODES)["viewers"].to_list() == [1, 1]


def test_settings_can_be_changed_for_one_run_in_the_launchpad(
    store: LocalStore, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    put_live(store, DAY, two_groups())
    job = build_defs(settings_for(tmp_path)).resolve_job_def("daily_atlas")
    config = {"resources": {"analysis": {"config": {"overlap_threshold": 4}}}}
    chosen = [dg.AssetKey(asset) for asset in TABLES]
    assert job.execute_in_process(
        run_config=config, instance=instance, partition_key=str(DAY), asset_selection=chosen
    ).success
    edges = stored_table(store, "overlap_graph", DAY, GRAPH_EDGES)
    assert edges.height
    assert min(edges["shared_viewers"]) >= 4
    assert stored_facts(store, "overlap_graph", DAY)["settings"]["overlap_threshold"] == 4


def test_a_blocking_check_that_fails_stops_the_steps_after_it(
    store: LocalStore, tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_live(store, DAY, two_groups())
    wrong = results.Verdict(False, "planted")
    monkeypatch.setattr(graph, "graph_verdicts", lambda _: {"shared_within_sizes": wrong})
    result = run(settings_for(tmp_path), "daily_atlas", DAY, instance=instance)
    assert not result.success
    assert check_results(result, "overlap_graph")["shared_within_sizes"] is False
    assert SealedPartitions(store).record("communities", DAY) is None
