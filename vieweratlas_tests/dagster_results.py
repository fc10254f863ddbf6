"""What Dagster recorded about a run: the failure of a step, results of checks, metadata."""

from collections.abc import Mapping
from typing import Any

import dagster as dg


def step_failure(result: dg.ExecuteInProcessResult, asset: str | None = None) -> str:
    """The failure of the step of an asset, as the UI shows it; of the first step that failed without an asset.

    Raises:
        AssertionError: the step did not fail.
    """
    for event in result.all_events:
        if event.is_step_failure and asset in (None, event.step_key):
            return str(event.step_failure_data.user_failure_data or event.step_failure_data.error)
    raise AssertionError(f"no failure of {asset or 'any step'}")


def check_results(result: dg.ExecuteInProcessResult, asset: str) -> dict[str, bool]:
    """Whether each check of an asset passed, by its name."""
    evaluations = result.get_asset_check_evaluations()
    return {each.check_name: each.passed for each in evaluations if each.asset_key == dg.AssetKey(asset)}


def latest_materialization(instance: dg.DagsterInstance, asset: str) -> dg.AssetMaterialization:
    """The newest materialization of an asset.

    Raises:
        AssertionError: the asset was never materialized.
    """
    event = instance.get_latest_materialization_event(dg.AssetKey(asset))
    assert event is not None, f"{asset} was not materialized"
    assert event.asset_materialization is not None
    return event.asset_materialization


def latest_metadata(instance: dg.DagsterInstance, asset: str) -> dict[str, Any]:
    """The metadata of the newest materialization of an asset; raises as `latest_materialization`."""
    return metadata_values(latest_materialization(instance, asset).metadata)


def metadata_values(metadata: Mapping[str, dg.MetadataValue[Any]]) -> dict[str, Any]:
    """Plain values of metadata, by name."""
    return {name: entry.value for name, entry in metadata.items()}
