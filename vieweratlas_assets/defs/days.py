"""Running an asset over its days: one, or a range in one run.

Belongs here: the loop over days, sealing, metadata and check results a day, going on past a day that fails.
Not here: what a day is made of (assets), when a partition is whole (storage.sealed).
"""

import datetime as dt
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
import polars as pl

from vieweratlas_assets.defs import checks, metadata
from vieweratlas_assets.defs.checks import Check, Verdict
from vieweratlas_assets.defs.spark_overlap import SparkFailed
from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.overlap.graph import EmptyWindow
from vieweratlas_assets.domain.tables import SchemaError, Table
from vieweratlas_assets.settings import SettingsError
from vieweratlas_assets.storage.objects import StorageError
from vieweratlas_assets.storage.row_groups import EncodedTable
from vieweratlas_assets.storage.sealed import MissingPartition, PartitionRecord, SealedPartitions, table_files

# Errors whose message says what to do; a traceback would only hide it.
SPEAKING_FOR_ITSELF = (EmptyWindow, MissingPartition, SchemaError, SettingsError, SparkFailed, StorageError)

# Failed days told one by one in the step's failure; all stand in the run's log.
MOST_TOLD = 10

LOG = logging.getLogger("vieweratlas.days")
PROGRESS = logging.getLogger("vieweratlas.progress")


@dataclass(frozen=True)
class DayResult:
    """What an asset made of one day.

    Attributes:
        tables: frames, or encoded already, by their contract; each is checked, encoded and sealed.
        products: other files of the day's atlas, by name.
        files: files that lie elsewhere, by key.
        facts: figures, JSON-ready; kept in the partition's record and shown in the UI.
        verdicts: of the asset's checks, by name; the schema check judges itself.
        pictures: small PNGs for the UI.
        made_from: fingerprint of the inputs, kept in the record too.
        kept: the partition as it was, where it is to stay; nothing is written.
        unsealed: why nothing is sealed, where there is nothing to seal; facts and verdicts are told all the same.
    """

    tables: Mapping[Table, pl.DataFrame | EncodedTable] = field(default_factory=dict)
    products: Mapping[str, bytes] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    pictures: Mapping[str, bytes] = field(default_factory=dict)
    made_from: str = ""
    kept: PartitionRecord | None = None
    unsealed: str = ""


@dataclass(frozen=True)
class StepProgress:
    """How far an asset is: what progress displays get to know (`record.step_progress` on PROGRESS).

    Attributes:
        finished, of: days.
        day: the day worked on.
    """

    asset: str
    finished: int
    of: int
    day: dt.date


@dataclass(frozen=True)
class Made:
    """A sealed day with what is reported about it."""

    verdicts: dict[str, Verdict]
    metadata: dict[str, dg.MetadataValue]


def each_day(
    context: dg.AssetExecutionContext,
    sealed: SealedPartitions,
    compute: Callable[[dt.date], DayResult],
    *,
    tables: Sequence[Table] = (),
    asset_checks: Sequence[Check] = (),
) -> dg.MaterializeResult:
    """Make and seal every day that the run asks for, in order.

    A day that fails does not stop the others: the finished ones are reported to Dagster, then the step fails with
    the reason of each.

    Raises:
        dg.Failure: at least one day failed.
    """
    asset = context.asset_key.to_user_string()
    days = [dt.date.fromisoformat(key) for key in context.partition_keys]
    made: dict[dt.date, Made] = {}
    failed: dict[dt.date, Exception] = {}
    for number, day in enumerate(days):
        _tell(StepProgress(asset, number, len(days), day))
        try:
            made[day] = _make(asset, day, sealed, compute, tables)
        except Exception as error:
            failed[day] = error
            context.log.error(f"{asset} of {day}: {error}", exc_info=not isinstance(error, SPEAKING_FOR_ITSELF))
    _tell(StepProgress(asset, len(days), len(days), days[-1]))
    if failed:
        _report_finished(context, made)
        told = "; ".join(f"{day}: {error}" for day, error in list(failed.items())[:MOST_TOLD])
        told += f"; and {len(failed) - MOST_TOLD} more" if len(failed) > MOST_TOLD else ""
        raise dg.Failure(
            f"{asset} failed for {len(failed)} of {len(days)} day(s): {told}", allow_retries=False
        ) from next(iter(failed.values()))
    for day, finished in made.items():
        context.add_asset_metadata(finished.metadata, partition_key=day.isoformat())
    results = checks.results(asset_checks, {day: finished.verdicts for day, finished in made.items()})
    return dg.MaterializeResult(check_results=results)


def _make(
    asset: str,
    day: dt.date,
    sealed: SealedPartitions,
    compute: Callable[[dt.date], DayResult],
    tables: Sequence[Table],
) -> Made:
    started = time.process_time()
    result = compute(day)
    if result.unsealed:
        told = {**metadata.shown(result.facts), "not_sealed": dg.MetadataValue.text(result.unsealed)}
        return Made(dict(result.verdicts), told)
    record = result.kept
    if record is None:
        files = table_files(day, result.tables)
        files |= {lake.atlas_file(day, name): data for name, data in result.products.items()} | dict(result.files)
        record = sealed.seal(asset, day, files, facts=result.facts, made_from=result.made_from)
    verdicts = dict(result.verdicts)
    if tables:
        verdicts["schema"] = checks.schema_verdict(sealed, record, tables)
    first = next(iter(record.files))
    told = {
        **metadata.shown(record.facts),
        **{name: metadata.picture(png) for name, png in result.pictures.items()},
        "origin": dg.MetadataValue.text(record.origin),
        "files": dg.MetadataValue.json([sealed.store.uri(key) for key in record.files]),
        **metadata.links({name: sealed.store.uri(lake.atlas_file(day, name)) for name in result.products}),
        "dagster/uri": dg.MetadataValue.text(sealed.store.uri(first)),
        "cpu_seconds": dg.MetadataValue.float(round(time.process_time() - started, 3)),
    }
    LOG.info("%s of %s %s: %s", asset, day, "kept" if result.kept else "sealed", _figures(record.facts))
    LOG.debug("%s of %s: %s", asset, day, ", ".join(sealed.store.uri(key) for key in record.files))
    if "rows" in record.facts:
        told["dagster/row_count"] = dg.MetadataValue.int(record.facts["rows"])
    return Made(verdicts, told)


def _figures(facts: Mapping[str, Any]) -> str:
    """The plain numbers among a partition's facts; no name of a viewer or channel is one."""
    numbers = {name: value for name, value in facts.items() if isinstance(value, int | float)}
    told = (f"{name} {round(value, 4)}" for name, value in numbers.items())
    return ", ".join(told) or "no figures"


def _tell(progress: StepProgress) -> None:
    PROGRESS.info("%s: %d of %d", progress.asset, progress.finished, progress.of, extra={"step_progress": progress})


def _report_finished(context: dg.AssetExecutionContext, made: Mapping[dt.date, Made]) -> None:
    """Tell Dagster of days that are sealed although the step fails: it drops the events of a failed range."""
    for day, finished in made.items():
        context.log_event(
            dg.AssetMaterialization(context.asset_key, partition=day.isoformat(), metadata=finished.metadata)
        )
