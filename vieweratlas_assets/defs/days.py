"""Running an asset over its days: one, or a range in one run.

Belongs here: the loop over days, sealing, metadata and check results per day, continuing past a day that fails.
Not here: what a day is made of (steps), when a partition is whole (storage.sealed).
"""

import datetime as dt
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from vieweratlas_assets.defs import checks, metadata
from vieweratlas_assets.defs.checks import Check
from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.tables import Table
from vieweratlas_assets.errors import VieweratlasError
from vieweratlas_assets.steps.results import DayResult, Verdict
from vieweratlas_assets.storage.sealed import SealedPartitions, table_files

# Failed days named in the step's failure; the run's log has all of them.
MOST_FAILED_DAYS_NAMED = 10

LOG = logging.getLogger("vieweratlas.days")
PROGRESS = logging.getLogger("vieweratlas.progress")


@dataclass(frozen=True)
class StepProgress:
    """How far an asset is, for progress displays (`record.step_progress` on PROGRESS).

    Attributes:
        finished, of: days.
        day: the current day.
    """

    asset: str
    finished: int
    of: int
    day: dt.date


@dataclass(frozen=True)
class DayReport:
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
    """Compute and seal every day of the run, in order.

    A day that fails does not stop the others: the finished ones are reported to Dagster, then the step fails with
    the reason of each.

    Raises:
        dg.Failure: at least one day failed.
    """
    asset = context.asset_key.to_user_string()
    days = [dt.date.fromisoformat(key) for key in context.partition_keys]
    reports: dict[dt.date, DayReport] = {}
    failed: dict[dt.date, Exception] = {}
    for number, day in enumerate(days):
        _report_progress(StepProgress(asset, number, len(days), day))
        try:
            reports[day] = _seal(asset, day, sealed, compute, tables)
        except Exception as error:
            failed[day] = error
            # The message of our own errors says what to do; a traceback would only hide it.
            context.log.error(f"{asset} of {day}: {error}", exc_info=not isinstance(error, VieweratlasError))
    _report_progress(StepProgress(asset, len(days), len(days), days[-1]))
    if failed:
        _report_finished(context, reports)
        raise _failure(asset, len(days), failed) from next(iter(failed.values()))
    for day, report in reports.items():
        context.add_asset_metadata(report.metadata, partition_key=day.isoformat())
    results = checks.results(asset_checks, {day: report.verdicts for day, report in reports.items()})
    return dg.MaterializeResult(check_results=results)


def _failure(asset: str, days: int, failed: Mapping[dt.date, Exception]) -> dg.Failure:
    named = "; ".join(f"{day}: {error}" for day, error in list(failed.items())[:MOST_FAILED_DAYS_NAMED])
    more = len(failed) - MOST_FAILED_DAYS_NAMED
    named += f"; and {more} more" if more > 0 else ""
    return dg.Failure(f"{asset} failed for {len(failed)} of {days} day(s): {named}", allow_retries=False)


def _seal(
    asset: str,
    day: dt.date,
    sealed: SealedPartitions,
    compute: Callable[[dt.date], DayResult],
    tables: Sequence[Table],
) -> DayReport:
    started = time.process_time()
    result = compute(day)
    if result.unsealed:
        shown = {**metadata.shown(result.facts), "not_sealed": dg.MetadataValue.text(result.unsealed)}
        return DayReport(dict(result.verdicts), shown)
    record = result.kept
    if record is None:
        files = table_files(day, result.tables)
        files |= {lake.atlas_file(day, name): data for name, data in result.products.items()} | dict(result.files)
        record = sealed.seal(asset, day, files, facts=result.facts, made_from=result.made_from)
    verdicts = dict(result.verdicts)
    if tables:
        verdicts["schema"] = checks.schema_verdict(sealed, record, tables)
    shown = {
        **metadata.shown(record.facts),
        **{name: metadata.picture(png) for name, png in result.pictures.items()},
        "origin": dg.MetadataValue.text(record.origin),
        "files": dg.MetadataValue.json([sealed.store.uri(key) for key in record.files]),
        **metadata.links({name: sealed.store.uri(lake.atlas_file(day, name)) for name in result.products}),
        "dagster/uri": dg.MetadataValue.text(sealed.store.uri(next(iter(record.files)))),
        "cpu_seconds": dg.MetadataValue.float(round(time.process_time() - started, 3)),
    }
    LOG.info("%s of %s %s: %s", asset, day, "kept" if result.kept else "sealed", _figures(record.facts))
    LOG.debug("%s of %s: %s", asset, day, ", ".join(sealed.store.uri(key) for key in record.files))
    if "rows" in record.facts:
        shown["dagster/row_count"] = dg.MetadataValue.int(record.facts["rows"])
    return DayReport(verdicts, shown)


def _figures(facts: Mapping[str, Any]) -> str:
    """The plain numbers among a partition's facts; names of viewers or channels are never among them."""
    numbers = {name: value for name, value in facts.items() if isinstance(value, int | float)}
    return ", ".join(f"{name} {round(value, 4)}" for name, value in numbers.items()) or "no figures"


def _report_progress(progress: StepProgress) -> None:
    PROGRESS.info("%s: %d of %d", progress.asset, progress.finished, progress.of, extra={"step_progress": progress})


def _report_finished(context: dg.AssetExecutionContext, reports: Mapping[dt.date, DayReport]) -> None:
    """Report the days that are sealed although the step fails: Dagster drops the events of a failed range."""
    for day, report in reports.items():
        context.log_event(
            dg.AssetMaterialization(context.asset_key, partition=day.isoformat(), metadata=report.metadata)
        )
