"""The overlap graph of a real Spark job through Dagster Pipes, compared with the local engine's."""

import datetime as dt
import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from vieweratlas_assets.defs.build import build_defs
from vieweratlas_assets.defs.spark.door import spark_launcher
from vieweratlas_assets.defs.spark.launching import SparkError
from vieweratlas_assets.defs.spark.local import LocalSpark
from vieweratlas_assets.domain import lake
from vieweratlas_assets.errors import SettingsError
from vieweratlas_assets.sandbox.world import build_world
from vieweratlas_assets.sandbox.world_spec import WorldSpec
from vieweratlas_assets.settings import EngineSettings, Settings
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_assets.storage.opening import open_store
from vieweratlas_assets.storage.sealed import SealedPartitions
from vieweratlas_tests.dagster_results import step_failure
from vieweratlas_tests.lake_factories import DAY, put_live, run, settings_for, two_groups
from vieweratlas_tests.sandbox.worlds import write_world
from vieweratlas_tests.sealed_records import sealed_record

SMALL_SPARK = (
    "--master local[2] --driver-memory 1g --conf spark.driver.host=127.0.0.1 "
    "--conf spark.driver.bindAddress=127.0.0.1 --conf spark.ui.enabled=false "
    "--conf spark.ui.showConsoleProgress=false --conf spark.sql.shuffle.partitions=4 "
    # The jobs are over before the second compiler of the JVM pays for itself.
    "--driver-java-options '-XX:TieredStopAtLevel=1 -XX:+UseSerialGC'"
)
EMR = EngineSettings(
    overlap_engine="spark",
    spark_launcher="emr_serverless",
    spark_submit_parameters="--conf spark.executor.memory=8g",
    emr_serverless_application_id="00fabc",
    emr_serverless_role_arn="arn:aws:iam::123456789012:role/vieweratlas-spark",
)
GRAPH = ("graph_nodes.parquet", "graph_edges.parquet")


def on_spark(settings: Settings, **engine: str) -> Settings:
    options = {"overlap_engine": "spark", "spark_submit_parameters": SMALL_SPARK} | engine
    return settings.model_copy(update={"engine": EngineSettings.model_validate(options)})


def graph_bytes(store: LocalStore, day: dt.date) -> list[bytes]:
    return [store.download_bytes(lake.atlas_file(day, name)) for name in GRAPH]


def graph_facts(store: LocalStore, day: dt.date) -> dict[str, Any]:
    return dict(sealed_record(SealedPartitions(store), "overlap_graph", day).facts)


def logged(instance: dg.DagsterInstance, result: dg.ExecuteInProcessResult) -> str:
    return "\n".join(entry.user_message for entry in instance.all_logs(result.run_id))


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(900)
def test_spark_builds_the_same_graph_byte_for_byte(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    # An awkward folder name: Spark reads paths as patterns and URIs.
    root = tmp_path / "a lake [x] 50%20 {é}"
    store = LocalStore(root)
    spec = WorldSpec(channels=72, viewers=1_500, days=3, seed=5)
    write_world(store, build_world(spec))
    days = spec.dates[1:]
    settings = settings_for(root, overlap_threshold=2, min_channel_viewers=5)
    assert run(settings, "audience", spec.dates[0], days[-1], instance=instance).success
    assert run(settings, "overlap_and_atlas", *days, instance=instance, assets=["overlap_graph"]).success
    local = {day: (graph_bytes(store, day), graph_facts(store, day)) for day in days}
    for key in [lake.atlas_file(day, name) for day in days for name in GRAPH]:
        store.delete(key)

    result = run(on_spark(settings), "overlap_and_atlas", *days, instance=instance, assets=["overlap_graph"])

    assert result.success, step_failure(result)
    log = logged(instance, result)
    for day, (tables, facts) in local.items():
        assert graph_bytes(store, day) == tables
        spark_facts = graph_facts(store, day)
        figures, local_figures = spark_facts.pop("engine"), facts.pop("engine")
        assert spark_facts == facts
        assert (figures["engine"], local_figures["engine"]) == ("spark", "local")
        assert figures["total_viewers"] == facts["total_viewers"]
        assert figures["rows_read"] > figures["distinct_pairs"] > figures["total_viewers"]
        assert f"{figures['rows_read']} rows" in log
        assert "Spark 4" in log
        assert facts["edges"] > 50
        assert facts["channels_below_minimum"] > 0
    assert [facts["days_present"] for _, facts in local.values()] == [2, 3]
    assert not store.list_files("work/")
    assert not list(root.glob("work/overlap_graph/*/*"))


@pytest.fixture
def audience(tmp_path: Path, instance: dg.DagsterInstance) -> Settings:
    """Settings with the Spark engine, and a lake with the audience of one day."""
    put_live(LocalStore(tmp_path), DAY, two_groups())
    settings = on_spark(settings_for(tmp_path))
    assert run(settings, "audience", DAY, instance=instance).success
    return settings


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(600)
def test_the_message_of_a_failed_job_says_why_and_no_file_stays(
    audience: Settings, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    (tmp_path / lake.channel_audience(DAY)).write_bytes(b"no Parquet at all")

    result = run(audience, "overlap_and_atlas", DAY, instance=instance)

    failure = step_failure(result)
    assert "the Spark job failed: " in failure
    assert "part-0000.parquet is not a Parquet file" in failure
    assert "engine.spark_submit_parameters" in failure
    assert SealedPartitions(LocalStore(tmp_path)).record("overlap_graph", DAY) is None
    assert not list(tmp_path.glob("work/overlap_graph/*/*"))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_an_audience_that_is_not_the_sealed_one_is_refused(
    audience: Settings, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    other = LocalStore(tmp_path / "other")
    put_live(other, DAY, {"a1": [["ann", "bob"]], "a2": [["bob"]]})
    assert run(settings_for(other.root), "audience", DAY, instance=instance).success
    key = lake.channel_audience(DAY)
    LocalStore(tmp_path).upload_bytes(key, other.download_bytes(key))

    failure = step_failure(run(audience, "overlap_and_atlas", DAY, instance=instance))

    assert "Spark read 3 rows of audience and 37 were sealed: materialize channel_audience" in failure


def test_without_java_the_message_says_how_to_install_it(
    audience: Settings, tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    failure = step_failure(run(audience, "overlap_and_atlas", DAY, instance=instance))
    assert f"JAVA_HOME={tmp_path} has no bin/java" in failure
    assert "openjdk-17-jre-headless" in failure

    monkeypatch.delenv("JAVA_HOME")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "there is no java on the PATH" in step_failure(run(audience, "overlap_and_atlas", DAY, instance=instance))


def hide_package(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    """Let a package seem not installed."""
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == package else find_spec(name))


def test_without_pyspark_the_message_says_what_to_install(
    audience: Settings, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    hide_package(monkeypatch, "pyspark")
    assert "pip install 'vieweratlas[spark]'" in step_failure(
        run(audience, "overlap_and_atlas", DAY, instance=instance)
    )


def test_without_dagster_aws_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    hide_package(monkeypatch, "dagster_aws")
    with pytest.raises(SettingsError, match=r"needs dagster-aws, .*: pip install 'vieweratlas\[spark\]'"):
        build_defs(Settings(engine=EMR))


def test_a_lake_that_spark_cannot_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    emr = spark_launcher(EMR)
    assert emr is not None
    folder, bucket, other = (open_store(root) for root in (str(tmp_path), "s3://b/p/", "memory://lake"))
    assert LocalSpark().root_of(folder) == f"file://{tmp_path}"
    assert LocalSpark().root_of(bucket) == "s3a://b/p"
    assert emr.root_of(bucket) == "s3://b/p"
    with pytest.raises(SparkError, match="cannot read the lake at memory://lake: it reads a folder or s3://"):
        LocalSpark().root_of(other)
    for store in (folder, other):
        with pytest.raises(SparkError, match=f"cannot read the lake at {store.root}: put it on s3://"):
            emr.root_of(store)


def test_the_code_location_loads_neither_spark_nor_aws(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from vieweratlas_assets.defs.build import build_defs\n"
        "from vieweratlas_assets.settings import EngineSettings, Settings\n"
        "build_defs(Settings(root='.'))\n"
        "build_defs(Settings(root='.', engine=EngineSettings(overlap_engine='spark')))\n"
        "print(sorted({'pyspark', 'py4j', 'dagster_aws', 'boto3'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=tmp_path)
    assert ran.stdout == "[]\n"


def test_the_kinds_of_the_graph_name_the_spark_engine(tmp_path: Path) -> None:
    def kinds(settings: Settings) -> set[str]:
        specs = build_defs(settings).resolve_all_asset_specs()
        return next(set(spec.kinds) for spec in specs if spec.key == dg.AssetKey("overlap_graph"))

    settings = settings_for(tmp_path)
    assert "spark" in kinds(on_spark(settings))
    assert "spark" not in kinds(settings)
