"""Running the assets without the UI: the plan of an analysis, its runs.

Belongs here: which days need what, and running the jobs for them in this process. Not here: options and displays
(commands, terminal), the jobs (defs), the history (instance).
"""

import datetime as dt
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import dagster as dg
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

from vieweratlas_assets.build import build_defs
from vieweratlas_assets.defs.assets.atlas import window_fingerprint
from vieweratlas_assets.defs.assets.live import is_live_current
from vieweratlas_assets.defs.assets.presence import audience_fingerprint
from vieweratlas_assets.defs.io_managers import LakeIOManager, lake_of
from vieweratlas_assets.defs.jobs import ATLAS_JOB, AUDIENCE_JOB, BELOW_GRAPH_JOB, LIVE_JOB
from vieweratlas_assets.defs.resources import Analysis, analysis_resource
from vieweratlas_assets.domain.lake import ATLAS, CHANNEL_AUDIENCE
from vieweratlas_assets.domain.presence.names import ViewerNames
from vieweratlas_assets.faults import Mendable
from vieweratlas_assets.partitions import RANGE, days_between
from vieweratlas_assets.privacy import viewer_names
from vieweratlas_assets.settings import Settings
from vieweratlas_assets.storage.audiences import PRUNED, is_pruned
from vieweratlas_assets.storage.objects import CorruptObject
from vieweratlas_assets.storage.presence import days_with_presence, find_day
from vieweratlas_assets.storage.sealed import PartitionRecord, SealedPartitions, dates_of

LOG = logging.getLogger("vieweratlas.runs")


class NothingToAnalyse(Mendable, ValueError):
    """No day of the range has anything to work on; the message says what the lake has."""


@dataclass(frozen=True)
class Plan:
    """What an analysis has to do.

    Attributes:
        audience: days whose audience is made: those asked for, and those before them in the window whose audience is
            missing or was made of other files or filters.
        graph: days from whose audience windows a graph is built, and all below it.
        imported: days whose graph was imported: only what lies below it.
        empty: days asked for in whose window there is no presence; no graph is built for them.
        live: days whose live presence is made first, as their raw snapshots are newer.
    """

    audience: tuple[dt.date, ...]
    graph: tuple[dt.date, ...]
    imported: tuple[dt.date, ...]
    empty: tuple[dt.date, ...]
    live: tuple[dt.date, ...] = ()

    @property
    def analysed(self) -> list[dt.date]:
        """The days that the analysis ends with."""
        return sorted((*self.graph, *self.imported))


def newest_day(lake: LakeIOManager) -> dt.date:
    """The newest day with presence or an imported graph, of those that are over where there is one.

    Raises:
        NothingToAnalyse: the lake is empty.
    """
    present = _days_to_work_on(lake)
    after = present[-1] if present else dt.date.min
    days = [*present, *lake.sealed.imported_days("overlap_graph", after=after)]
    if not days:
        raise NothingToAnalyse(
            f"the lake {lake.store.root} has no presence: import some first (vieweratlas import --help)"
        )
    today = dt.datetime.now(dt.UTC).date()
    return max([day for day in days if day < today] or days)


def plan_analysis(settings: Settings, first: dt.date, last: dt.date, *, force: bool = False) -> Plan:
    """Work out what an analysis of the days from first to last needs.

    Args:
        force: imported graphs are replaced.

    Raises:
        NothingToAnalyse: the range is impossible, or not one of its days has presence in its window.
    """
    lake = lake_of(settings)
    _refuse_impossible(settings, first, last)
    present = _days_to_work_on(lake)
    look_back = dt.timedelta(days=settings.partitions.window_days - 1)
    asked = list(days_between(first, last))
    imported = {day for day in asked if not force and _is_imported(lake, day)}
    graph = [day for day in asked if day not in imported and any(day - look_back <= seen <= day for seen in present)]
    below = [day for day in asked if day in imported]
    if not graph and not below:
        known = f"its presence reaches from {present[0]} to {present[-1]}" if present else "it has no presence"
        raise NothingToAnalyse(
            f"no presence in the lake {lake.store.root} from {first - look_back} to {last}: {known}"
        )
    audience = {day for day in asked if day not in imported and graph and graph[0] <= day}
    live: list[dt.date] = []
    if graph:
        start = max(graph[0] - look_back, settings.partitions.daily_start, present[0])
        names = viewer_names(settings)
        live = [day for day in days_between(start, graph[-1]) if not is_live_current(lake.sealed, names, day)]
        audience |= set(live)
        earlier = [day for day in days_between(start, graph[-1]) if day not in audience]
        made_with = analysis_resource(settings.analysis), names
        audience |= {day for day in earlier if not _is_current(lake, *made_with, day)}
    empty = [day for day in asked if day not in imported and day not in graph]
    return Plan(tuple(sorted(audience)), tuple(graph), tuple(below), tuple(empty), tuple(live))


def _days_to_work_on(lake: LakeIOManager) -> list[dt.date]:
    """Days that have presence, or an audience that is all that is left of it; sorted."""
    present = set(days_with_presence(lake.store))
    audiences = dates_of(lake.store.folders(f"{CHANNEL_AUDIENCE}/"))
    return sorted(present | {day for day in audiences if day not in present and is_pruned(lake.sealed, day)})


def outdated_days(settings: Settings) -> list[dt.date]:
    """Days of the atlas whose computed graph no longer counts the viewers that it would count now, oldest first.

    Their window has an audience that is missing or was made of other files, filters, names or opt-outs, or that was
    made anew since; which settings the graph itself was made with is not looked at.
    """
    lake = lake_of(settings)
    made_with = analysis_resource(settings.analysis), viewer_names(settings)
    present = {day for day in _days_to_work_on(lake) if day >= settings.partitions.daily_start}
    audiences: dict[dt.date, PartitionRecord | None] = {}
    found = []
    for day in dates_of(lake.store.folders(f"{ATLAS}/")):
        graph = lake.sealed.record("overlap_graph", day)
        if graph is None or graph.imported:
            continue
        window = [each for each in days_between(_first_of(day, graph.facts["window_days"]), day) if each in present]
        for each in window:
            if each not in audiences:
                current = _is_current(lake, *made_with, each)
                audiences[each] = lake.sealed.record("channel_audience", each) if current else None
        records = [record for each in window if (record := audiences[each]) is not None]
        if len(records) < len(window) or graph.made_from != window_fingerprint(records):
            found.append(day)
    return found


def _first_of(last: dt.date, window_days: int) -> dt.date:
    return last - dt.timedelta(days=window_days - 1)


def _refuse_impossible(settings: Settings, first: dt.date, last: dt.date) -> None:
    start = settings.partitions.daily_start
    today = dt.datetime.now(dt.UTC).date()
    if first > last:
        raise NothingToAnalyse(f"the range ends before it begins: from {first} to {last}")
    if first < start:
        raise NothingToAnalyse(f"{first} is before the first partition {start} (setting partitions.daily_start)")
    if last >= today:
        raise NothingToAnalyse(f"{last} is not over yet: a day can be analysed from the next on, UTC")


def _is_imported(lake: LakeIOManager, day: dt.date) -> bool:
    record = lake.sealed.record("overlap_graph", day)
    return record is not None and record.imported


def _is_current(lake: LakeIOManager, analysis: Analysis, names: ViewerNames, day: dt.date) -> bool:
    """Whether the audience of a day is there, and was made of the files, filters, names and opt-outs of now."""
    try:
        record = lake.sealed.record("channel_audience", day)
        if record is None:
            return False
        if record.made_from == PRUNED:
            return True
        return record.made_from == audience_fingerprint(find_day(lake.store, day), analysis, names)
    except CorruptObject:
        # The run that makes the audience anew mends a damaged record, and names a catalogue that it cannot read.
        return False


def ranges(days: Iterable[dt.date]) -> list[tuple[dt.date, dt.date]]:
    """Join days that follow one another to ranges, none longer than a backfill's run."""
    found: list[tuple[dt.date, dt.date]] = []
    for day in sorted(days):
        if found and day - found[-1][1] == dt.timedelta(days=1) and (day - found[-1][0]).days < _LONGEST:
            found[-1] = (found[-1][0], day)
        else:
            found.append((day, day))
    return found


_LONGEST = RANGE.max_partitions_per_run or 1


def execute(settings: Settings, plan: Plan, instance: dg.DagsterInstance, *, force: bool = False) -> list[str]:
    """Run a plan in this process, recorded by the instance as any other run.

    A day that fails does not stop the others: a window takes the audiences that exist.

    Returns:
        Why steps failed, one text a failure; none when all went well.
    """
    _tell(settings, plan)
    definitions = build_defs(settings)
    config: dict[str, Any] = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    forced = {**config, "ops": {"overlap_graph": {"config": {"force": force}}}}

    def run(job: str, days: Iterable[dt.date], run_config: dict[str, Any]) -> Iterator[str]:
        for first, last in ranges(days):
            LOG.info("running %s from %s to %s", job, first, last)
            tags = {ASSET_PARTITION_RANGE_START_TAG: str(first), ASSET_PARTITION_RANGE_END_TAG: str(last)}
            result = definitions.resolve_job_def(job).execute_in_process(
                run_config=run_config, instance=instance, tags=tags, raise_on_error=False
            )
            yield from (_reason(event) for event in result.all_events if event.is_step_failure)

    failures = list(run(LIVE_JOB.name, plan.live, config))
    failures += run(AUDIENCE_JOB.name, plan.audience, config)
    sealed = lake_of(settings).sealed
    graph = [day for day in plan.graph if not failures or _has_audience(sealed, day, settings.partitions.window_days)]
    failures += run(ATLAS_JOB.name, graph, forced)
    failures += run(BELOW_GRAPH_JOB.name, plan.imported, config)
    return failures


def _tell(settings: Settings, plan: Plan) -> None:
    LOG.info(
        "lake %s: audiences to make %d, graphs to build %d, imported graphs to go on from %d, days passed over %d",
        settings.root,
        *map(len, (plan.audience, plan.graph, plan.imported, plan.empty)),
    )
    for what, days in (("audiences", plan.audience), ("graphs", plan.graph), ("imported graphs", plan.imported)):
        if days:
            LOG.debug("%s of %s", what, ", ".join(f"{first} to {last}" for first, last in ranges(days)))


def _has_audience(sealed: SealedPartitions, day: dt.date, window_days: int) -> bool:
    window = days_between(_first_of(day, window_days), day)
    records = (sealed.record("channel_audience", each) for each in window)
    return any(record is not None and record.facts["total_snapshots"] for record in records)


def _reason(event: dg.DagsterEvent) -> str:
    """What a failed step says of itself: our own word where there is one, else the error's."""
    data = event.step_failure_data
    if data.user_failure_data is not None and data.user_failure_data.description:
        return data.user_failure_data.description
    return data.error.message.strip() if data.error is not None else f"{event.step_key} failed"
