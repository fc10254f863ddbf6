"""What the code location offers, compared with a snapshot: every change of it shows in a diff."""

import datetime as dt
import json
import warnings
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from vieweratlas_assets.defs.build import build_defs
from vieweratlas_assets.settings import PartitionSettings, Settings

SNAPSHOT = Path(__file__).with_name("definitions.json")


def describe(definitions: dg.Definitions) -> dict[str, Any]:
    """Assets, checks, jobs, schedules and resources, as JSON."""
    graph = definitions.resolve_asset_graph()
    assets = {}
    for spec in definitions.resolve_all_asset_specs():
        node = graph.get(spec.key)
        checks = {key.name: graph.get(key) for key in node.check_keys}
        assets[spec.key.to_user_string()] = {
            "deps": sorted(dep.asset_key.to_user_string() for dep in spec.deps),
            "group": spec.group_name,
            "kinds": sorted(spec.kinds),
            "owners": list(spec.owners),
            "partitions": type(spec.partitions_def).__name__,
            "description": spec.description,
            "days_in_one_run": node.backfill_policy.max_partitions_per_run if node.backfill_policy else None,
            "checks": {name: "blocks" if check.blocking else "warns" for name, check in sorted(checks.items())},
        }
    return {
        "assets": assets,
        "jobs": {
            job.name: sorted(
                key.to_user_string() for key in definitions.resolve_job_def(job.name).asset_layer.selected_asset_keys
            )
            for job in definitions.jobs or ()
        },
        "schedules": {
            schedule.name: schedule.cron_schedule for schedule in definitions.get_repository_def().schedule_defs
        },
        "resources": sorted(definitions.resources or ()),
    }


def test_definitions_equal_the_snapshot() -> None:
    described = json.loads(json.dumps(describe(build_defs(Settings(root="./data")))))
    assert described == json.loads(SNAPSHOT.read_text()), f"write an intended change to {SNAPSHOT.name}"


def test_every_asset_has_a_description_owners_kinds_and_a_group() -> None:
    for name, asset in describe(build_defs(Settings(root="./data")))["assets"].items():
        assert all(asset[field] for field in ("description", "owners", "kinds", "group")), name


def test_definitions_load_without_a_warning_and_without_touching_the_lake(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dg.Definitions.validate_loadable(build_defs(Settings(root=str(tmp_path / "lake"))))
    assert list(tmp_path.iterdir()) == []


def partitions(definitions: dg.Definitions, asset: str) -> dg.PartitionsDefinition[str]:
    definition = definitions.resolve_asset_graph().get(dg.AssetKey(asset)).partitions_def
    assert definition is not None
    return definition


def test_partitions_follow_the_settings() -> None:
    settings = Settings(partitions=PartitionSettings(daily_start="2024-02-29", hourly_start="2026-01-02T03:00Z"))
    definitions = build_defs(settings)
    assert partitions(definitions, "overlap_graph").get_first_partition_key() == "2024-02-29"
    assert partitions(definitions, "channel_roster").get_first_partition_key() == "2026-01-02-03:00"


# Dagster 1.13 builds the schedule's request with a function that it has deprecated.
@pytest.mark.filterwarnings("ignore:Function `JobDefinition.run_request_for_partition`:DeprecationWarning")
def test_the_schedule_asks_for_the_day_before() -> None:
    schedule = build_defs(Settings()).get_repository_def().get_schedule_def("daily_atlas_schedule")
    context = dg.build_schedule_context(scheduled_execution_time=dt.datetime(2026, 3, 11, 2, 30, tzinfo=dt.UTC))
    tick = schedule.evaluate_tick(context)
    assert [request.partition_key for request in tick.run_requests or ()] == ["2026-03-10"]


def test_a_day_of_the_graph_depends_on_the_window_of_audiences() -> None:
    definitions = build_defs(Settings(partitions=PartitionSettings(window_days=5)))
    graph = definitions.resolve_asset_graph()
    mapping = graph.get_partition_mapping(dg.AssetKey("overlap_graph"), dg.AssetKey("channel_audience"))
    daily = partitions(definitions, "overlap_graph")
    keys = mapping.get_upstream_mapped_partitions_result_for_partitions(
        daily.subset_with_partition_keys(["2026-03-10"]), daily, daily
    ).partitions_subset.get_partition_keys()
    assert sorted(keys) == [f"2026-03-{day:02d}" for day in range(6, 11)]
