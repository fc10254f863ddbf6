"""Assets through Dagster: what they store, report and refuse, on small hand-written lakes."""

import datetime as dt
import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import polars as pl
import pytest

from vieweratlas_assets.defs.build import build_defs
from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.presence.names import PLAIN
from vieweratlas_assets.domain.presence.records import complete_vod_presence
from vieweratlas_assets.domain.schemas import (
    CHANNEL_ACTIVITY,
    CHANNEL_AUDIENCE,
    COMMUNITIES,
    COMMUNITY_TAGS,
    GRAPH_EDGES,
    GRAPH_NODES,
    PRESENCE,
    VOD_CATALOG,
)
from vieweratlas_assets.domain.tables import Table
from vieweratlas_assets.settings import StorageSettings
from vieweratlas_assets.steps import graph, results
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_assets.storage.sealed import SealedPartitions, table_files
from vieweratlas_tests.dagster_results import check_results, latest_materialization, metadata_values, step_failure
from vieweratlas_tests.lake_factories import DAY, live_rows, put_live, put_roster, run, settings_for, two_groups
from vieweratlas_tests.sealed_records import sealed_record, sealed_table

NEXT = DAY + dt.timedelta(days=1)
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


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path)


def read(store: LocalStore, asset: str, day: dt.date, table: Table) -> pl.DataFrame:
    return sealed_table(SealedPartitions(store), asset, day, table)


def facts(store: LocalStore, asset: str, day: dt.date) -> dict[str, Any]:
    return sealed_record(SealedPartitions(store), asset, day).facts


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
    communities = dict(read(store, "communities", DAY, COMMUNITIES).iter_rows())
    assert communities["a1"] == communities["a2"] == communities["a3"]
    assert communities["b1"] == communities["b2"] == communities["b3"] != communities["a1"]
    labels = dict(read(store, "community_tags", DAY, COMMUNITY_TAGS).select("community", "label").iter_rows())
    assert labels == {communities["a1"]: "Chess", communities["b1"]: "Art"}


def test_query_tables_are_the_tables_of_the_atlas_in_one_folder_each(
    store: LocalStore, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    put_live(store, DAY, two_groups())
    put_live(store, NEXT, two_groups())
    assert run(settings_for(tmp_path), "daily_atlas", DAY, NEXT, instance=instance).success
    for name in ("graph_nodes", "graph_edges", "communities", "community_tags", "community_history"):
        for day in (DAY, NEXT):
            sealed_table = store.download_bytes(lake.atlas_file(day, f"{name}.parquet"))
            assert store.download_bytes(lake.query_table(name, day)) == sealed_table
        with duckdb.connect() as database:
            query = f"SELECT DISTINCT date FROM '{tmp_path}/curated/{name}/*/*.parquet' ORDER BY date"
            assert database.execute(query).fetchall() == [(DAY,), (NEXT,)]


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
    result = run(blocked, "daily_atlas", DAY, instance=instance)
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
        read(store, "channel_audience", DAY, CHANNEL_AUDIENCE)
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


@pytest.mark.parametrize(("mode", "natural"), [("natural", 1.0), ("absolute", None)])
def test_results_hold_the_resolution_used_and_the_resolution_profile(
    store: LocalStore, tmp_path: Path, instance: dg.DagsterInstance, mode: str, natural: float | None
) -> None:
    put_live(store, DAY, two_groups())
    settings = settings_for(tmp_path, resolution=1.5, resolution_mode=mode)
    assert run(settings, "daily_atlas", DAY, instance=instance).success
    results = store.download_json(lake.atlas_file(DAY, "analysis_results.json"))
    detection = results["statistics"]["detection"]
    assert results["settings"]["detection"]["resolution_mode"] == mode
    assert (detection["natural_resolution"], detection["resolution_used"]) == (natural, 1.5)
    profile = detection["resolution_profile"]
    assert [step["relative"] for step in profile][::4] == ([0.25, 1.0, 4.0] if natural else [])
    metadata = latest_materialization(instance, "communities").metadata
    assert ("profile" in metadata) is (mode == "natural")


def test_a_range_of_days_runs_once_and_reports_each_day(
    store: LocalStore, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    days = [DAY + dt.timedelta(days=n) for n in range(4)]
    for day in days:
        put_live(store, day, {"a1": [[f"viewer{day.day}", "regular"]], "a2": [["regular"]]})
    result = run(settings_for(tmp_path), "daily_atlas", days[0], days[-1], instance=instance)
    assert result.success
    for asset in ("channel_audience", "overlap_graph", "analysis_results"):
        assert instance.get_materialized_partitions(dg.AssetKey(asset)) == {str(day) for day in days}
    # The window of three days: the fourth day sees days two to four, and no viewer of day one.
    nodes = read(store, "overlap_graph", days[3], GRAPH_NODES)
    assert dict(nodes.select("channel", "viewers").iter_rows()) == {"a1": 4, "a2": 1}
    assert facts(store, "overlap_graph", days[3])["days"] == [str(d) for d in days[1:]]


def test_a_window_takes_the_days_that_exist(store: LocalStore, tmp_path: Path, instance: dg.DagsterInstance) -> None:
    put_live(store, DAY, two_groups())
    settings = settings_for(tmp_path)
    assert run(settings, "audience", DAY, instance=instance).success
    later = DAY + dt.timedelta(days=2)
    assert run(settings, "overlap_and_atlas", later, instance=instance).success
    graph = facts(store, "overlap_graph", later)
    assert (graph["days_present"], graph["window_days"], graph["days"]) == (1, 3, [str(DAY)])


def test_a_day_without_presence_is_an_empty_audience_and_a_warning(
    store: LocalStore, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    put_live(store, DAY, two_groups())
    settings = settings_for(tmp_path)
    assert run(settings, "daily_atlas", DAY, instance=instance).success
    before = {key: store.download_bytes(key) for key in store.list_files(f"atlas/date={DAY}/")}
    result = run(settings, "daily_atlas", NEXT, instance=instance)
    assert result.success
    assert read(store, "channel_audience", NEXT, CHANNEL_AUDIENCE).is_empty()
    assert check_results(result, "channel_audience") == {
        "schema": True,
        "has_presence": False,
        "files_readable": True,
    }
    assert before == {key: store.download_bytes(key) for key in store.list_files(f"atlas/date={DAY}/")}


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
    result = run(settings, "overlap_and_atlas", DAY, NEXT, instance=instance)
    assert not result.success
    assert f"failed for 1 of 2 day(s): {DAY}: no presence" in step_failure(result, "overlap_graph")
    assert SealedPartitions(store).record("overlap_graph", NEXT) is not None
    assert instance.get_materialized_partitions(dg.AssetKey("overlap_graph")) == {str(NEXT)}


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (b"", "empty"),
        (b"PAR1 and then nothing", "cut off"),
        (b"channel,viewer\na,b\n", "not a Parquet file"),
    ],
)
def test_a_broken_file_is_named_and_the_rest_is_read(
    store: LocalStore, tmp_path: Path, instance: dg.DagsterInstance, broken: bytes, reason: str
) -> None:
    put_live(store, DAY, two_groups())
    put_roster(store, DAY, {"a1": ("Chess", "en")})
    store.upload_bytes(lake.channel_roster(DAY, 13), broken)
    result = run(settings_for(tmp_path), "audience", DAY, instance=instance)
    assert result.success
    assert check_results(result, "channel_audience")["files_readable"] is False
    report = store.download_json(lake.atlas_file(DAY, "quality_report.json"))
    assert report["total_unique_viewers"] == 16
    assert [item["file"] for item in report["rejected_files"]] == [lake.channel_roster(DAY, 13)]
    assert reason in report["rejected_files"][0]["reason"]


def test_a_day_without_a_readable_file_fails_and_keeps_its_earlier_files(
    store: LocalStore, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    put_live(store, DAY, two_groups())
    settings = settings_for(tmp_path)
    assert run(settings, "daily_atlas", DAY, instance=instance).success
    before = {key: store.download_bytes(key) for key in store.list_files(suffix="")}
    whole = store.download_bytes(lake.live_presence(DAY))
    store.upload_bytes(lake.live_presence(DAY), whole[: len(whole) // 2])
    result = run(settings, "daily_atlas", DAY, instance=instance)
    assert not result.success
    failure = step_failure(result, "channel_audience")
    assert "none of the 1 file(s)" in failure
    assert "cut off" in failure
    assert "part-0000.parquet" in failure
    after = {key: store.download_bytes(key) for key in store.list_files(suffix="")}
    assert {key for key in before if before[key] != after[key]} == {lake.live_presence(DAY)}


def test_a_presence_file_with_wrong_columns_is_named(
    store: LocalStore, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    put_live(store, DAY, two_groups())
    frame = live_rows(DAY, two_groups()).drop("chatters")
    frame.write_parquet(tmp_path / lake.live_presence(DAY))
    result = run(settings_for(tmp_path), "audience", DAY, instance=instance)
    assert "missing column chatters" in step_failure(result, "channel_audience")


def test_hostile_names_pass_through_to_every_product(
    store: LocalStore, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    names = ['say "hi"', "a,b", "line\nbreak", "<script>alert(1)</script>", "🎮", "o'neil"]
    put_live(store, DAY, {name: [["v1", "v2", '"; drop', "<b>", "💬"]] for name in names})
    assert run(settings_for(tmp_path), "daily_atlas", DAY, instance=instance).success
    edges = read(store, "overlap_graph", DAY, GRAPH_EDGES)
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


def test_one_channel_and_a_channel_without_viewers(
    store: LocalStore, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    put_live(store, DAY, {"alone": [["v1"]], "silent": [[], []]})
    result = run(settings_for(tmp_path, min_channel_viewers=0), "daily_atlas", DAY, instance=instance)
    assert result.success
    activity = read(store, "channel_audience", DAY, CHANNEL_ACTIVITY)
    assert dict(activity.select("channel", "viewers").iter_rows()) == {"alone": 1, "silent": 0}
    assert read(store, "communities", DAY, COMMUNITIES)["community"].to_list() == [None, None]
    assert check_results(result, "overlap_graph")["has_edges"] is False


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
    assert run(settings, "daily_atlas", DAY, instance=instance).success
    assert read(store, "overlap_graph", DAY, GRAPH_NODES)["viewers"].to_list() == [1, 1]


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
    assert run(settings, "daily_atlas", DAY, instance=instance).success
    assert read(store, "overlap_graph", DAY, GRAPH_NODES)["channel"].to_list() == ["x", "y"]
    results = json.loads(store.download_bytes(lake.atlas_file(DAY, "analysis_results.json")))
    assert results["statistics"]["graph"]["origin"] == "import atlas other.csv"
    assert run(settings, "daily_atlas", DAY, instance=instance, force=True).success
    assert read(store, "overlap_graph", DAY, GRAPH_NODES)["channel"].to_list() == sorted(two_groups())


def test_settings_can_be_changed_for_one_run_in_the_launchpad(
    store: LocalStore, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    put_live(store, DAY, two_groups())
    job = build_defs(settings_for(tmp_path)).resolve_job_def("daily_atlas")
    config = {"resources": {"analysis": {"config": {"overlap_threshold": 4}}}}
    assert job.execute_in_process(run_config=config, instance=instance, partition_key=str(DAY)).success
    edges = read(store, "overlap_graph", DAY, GRAPH_EDGES)
    assert edges.height
    assert min(edges["shared_viewers"]) >= 4
    assert facts(store, "overlap_graph", DAY)["settings"]["overlap_threshold"] == 4


def test_a_vod_counts_whole_on_the_day_it_was_created(
    store: LocalStore, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    created = dt.datetime.combine(DAY, dt.time(23, 59), dt.UTC)
    rows = pl.DataFrame(
        {"channel": "c", "content_id": "vod:7", "offset_s": [0, 60, 120], "chatters": [["v1"], ["v1", "v2"], ["v3"]]}
    )
    store.upload_parquet(
        lake.vod_presence("c", "7"), complete_vod_presence(rows, created_at=created, names=PLAIN), PRESENCE
    )
    catalog = pl.DataFrame([{"channel": "c", "vod_id": "7", "created_at": created}], schema=VOD_CATALOG.schema)
    store.upload_parquet(lake.vod_catalog(DAY), catalog, VOD_CATALOG)
    assert run(settings_for(tmp_path), "audience", DAY, NEXT, instance=instance).success
    audience = read(store, "channel_audience", DAY, CHANNEL_AUDIENCE)
    assert dict(audience.select("viewer", "buckets").iter_rows()) == {"v1": 2, "v2": 1, "v3": 1}
    assert read(store, "channel_audience", NEXT, CHANNEL_AUDIENCE).is_empty()


def test_results_hold_the_settings_of_each_step_and_a_mixed_window_warns(
    store: LocalStore, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    put_live(store, DAY, two_groups())
    put_live(store, NEXT, two_groups())
    assert run(settings_for(tmp_path, min_buckets_per_viewer=2), "audience", DAY, instance=instance).success
    result = run(settings_for(tmp_path, resolution=1.5), "daily_atlas", NEXT, instance=instance)
    assert result.success
    assert check_results(result, "overlap_graph")["same_filters"] is False
    stored = store.download_json(lake.atlas_file(NEXT, "analysis_results.json"))
    assert stored["settings"]["aggregation"]["min_buckets_per_viewer"] == 1
    assert stored["settings"]["detection"]["resolution"] == 1.5
    assert stored["settings"]["graph"] == {"window_days": 3, "overlap_threshold": 1, "min_channel_viewers": 1}
    assert stored["statistics"]["graph"]["window"]["snapshots"] == 16


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
