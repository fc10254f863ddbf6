"""Reporting to Dagster what was written outside its runs: by collectors, imports, the demo and erasures.

Belongs here: every materialization of such writers, with its metadata. Not here: materializations of runs
(defs.days), what a command prints (commands).
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

import dagster as dg

from vieweratlas_assets.defs import metadata
from vieweratlas_assets.domain import lake as paths
from vieweratlas_assets.domain.days import hour_key
from vieweratlas_assets.storage.objects import ObjectStore
from vieweratlas_assets.storage.raw_snapshots import hour_figures


def reported_partitions(instance: dg.DagsterInstance, asset: str) -> set[str]:
    """The partition keys that Dagster knows as materialized."""
    return set(instance.get_materialized_partitions(dg.AssetKey(asset)))


def report_hour(instance: dg.DagsterInstance, asset: str, hour: dt.datetime, facts: Mapping[str, Any]) -> None:
    """Report an hour of `channel_roster` or `raw_snapshots`."""
    _report(instance, asset, hour_key(hour.date(), hour.hour), facts)


def report_collected_hour(
    instance: dg.DagsterInstance, store: ObjectStore, hour: dt.datetime, facts: Mapping[str, Any] | None = None
) -> bool:
    """Report an hour of `raw_snapshots` with the figures of the lake; False where the lake has nothing of it."""
    figures = hour_figures(store, hour)
    if figures is None:
        return False
    report_hour(instance, "raw_snapshots", hour, {**figures, **(facts or {})})
    return True


def report_vods(
    instance: dg.DagsterInstance,
    store: ObjectStore,
    day: dt.date,
    *,
    origin: str,
    catalog: Mapping[str, Any] | None = None,
    presence: Mapping[str, Any] | None = None,
) -> None:
    """Report a day of `vod_catalog` and `vod_presence`.

    Args:
        origin: the command that wrote them.
        catalog, presence: figures of each.
    """
    uri = store.uri(paths.vod_catalog(day))
    _report(instance, "vod_catalog", str(day), {**(catalog or {}), "dagster/uri": uri, "origin": origin})
    _report(instance, "vod_presence", str(day), {**(presence or {}), "origin": origin})


def report_graph(instance: dg.DagsterInstance, day: dt.date, facts: Mapping[str, Any], *, origin: str) -> None:
    """Report an imported `overlap_graph`."""
    _report(instance, "overlap_graph", str(day), {**facts, "origin": origin})


def report_erasures(instance: dg.DagsterInstance, rows_changed: Iterable[tuple[str, dt.date, int]]) -> None:
    """Report rewritten presence (asset, day, rows changed): what was made of it shows as out of date in the UI."""
    for asset, day, rows in rows_changed:
        _report(instance, asset, str(day), {"origin": "erase", "rows_changed": rows})


def _report(instance: dg.DagsterInstance, asset: str, partition: str, facts: Mapping[str, Any]) -> None:
    materialization = dg.AssetMaterialization(asset, partition=partition, metadata=metadata.shown(facts))
    instance.report_runless_asset_event(materialization)
