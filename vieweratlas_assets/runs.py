"""Running the assets without the UI: the instance, the plan of an analysis, its runs.

Belongs here: which days need what, and running the jobs for them in this process. Not here: options and displays
(cli, terminal), the jobs (defs).
"""

import datetime as dt
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

from vieweratlas_assets.build import build_defs
from vieweratlas_assets.defs.assets.presence import audience_fingerprint
from vieweratlas_assets.defs.io_managers import LakeIOManager
from vieweratlas_assets.defs.jobs import ATLAS_JOB, AUDIENCE_JOB, BELOW_GRAPH_JOB
from vieweratlas_assets.defs.resources import Analysis, analysis_resource
from vieweratlas_assets.partitions import RANGE, days_between
from vieweratlas_assets.settings import Settings
from vieweratlas_assets.storage.presence import days_with_presence, find_day

INSTANCE_FILE = "dagster.yaml"


class NothingToAnalyse(ValueError):
    """No day of the range has anything to work on; the message says what the lake has."""


def prepare_home() -> Path:
    """Make DAGSTER_HOME (default ./.dagster) and put the project's dagster.yaml there where there is none."""
    home = Path(os.environ.setdefault("DAGSTER_HOME", str(Path.cwd() / ".dagster")))
    home.mkdir(parents=True, exist_ok=True)
    source = Path.cwd() / INSTANCE_FILE
    if source.exists() and not (home / INSTANCE_FILE).exists():
        shutil.copyfile(source, home / INSTANCE_FILE)
    return home


def open_instance() -> AbstractContextManager[dg.DagsterInstance]:
    """The Dagster instance in DAGSTER_HOME."""
    prepare_home()
    return dg.DagsterInstance.get()


def report_partition(
    instance: dg.DagsterInstance, asset: str, day: dt.date | str, metadata: Mapping[str, Any]
) -> None:
    """Tell Dagster of a partition that was written outside a run."""
    instance.report_runless_asset_event(dg.AssetMaterialization(asset, partition=str(day), metadata=dict(metadata)))


@dataclass(frozen=True)
class Plan:
    """What an analysis has to do.

    Attributes:
        audience: days whose audience is made: those asked for, and those before them in the window whose audience is
            missing or was made of other files or filters.
        graph: days from whose audience windows a graph is built, and all below it.
        imported: days whose graph was imported: only what lies below it.
        empty: days asked for in whose window there is no presence; no graph is built for them.
    """

    audience: tuple[dt.date, ...]
    graph: tuple[dt.date, ...]
    imported: tuple[dt.date, ...]
    empty: tuple[dt.date, ...]

    @property
    def analysed(self) -> list[dt.date]:
        """The days that the analysis ends with."""
        return sorted((*self.graph, *self.imported))


def newest_day(lake: LakeIOManager) -> dt.date:
    """The newest day with presence or an imported graph, of those that are over where there is one.

    Raises:
        NothingToAnalyse: the lake is empty.
    """
    days = [*days_with_presence(lake.store), *lake.sealed.imported_days("overlap_graph")]
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
    lake = LakeIOManager(root=settings.root)
    _refuse_impossible(settings, first, last)
    imported = set() if force else set(lake.sealed.imported_days("overlap_graph"))
    present = days_with_presence(lake.store)
    look_back = dt.timedelta(days=settings.partitions.window_days - 1)
    asked = list(days_between(first, last))
    graph = [day for day in asked if day not in imported and any(day - look_back <= seen <= day for seen in present)]
    below = [day for day in asked if day in imported]
    if not graph and not below:
        known = f"its presence reaches from {present[0]} to {present[-1]}" if present else "it has no presence"
        raise NothingToAnalyse(
            f"no presence in the lake {lake.store.root} from {first - look_back} to {last}: {known}"
        )
    audience = {day for day in asked if day not in imported and graph and graph[0] <= day}
    if graph:
        start = max(graph[0] - look_back, settings.partitions.daily_start, present[0])
        earlier = [day for day in days_between(start, graph[-1]) if day not in audience]
        analysis = analysis_resource(settings.analysis)
        audience |= {day for day in earlier if not _is_current(lake, analysis, day)}
    empty = [day for day in asked if day not in imported and day not in graph]
    return Plan(tuple(sorted(audience)), tuple(graph), tuple(below), tuple(empty))


def _refuse_impossible(settings: Settings, first: dt.date, last: dt.date) -> None:
    start = settings.partitions.daily_start
    today = dt.datetime.now(dt.UTC).date()
    if first > last:
        raise NothingToAnalyse(f"the range ends before it begins: from {first} to {last}")
    if first < start:
        raise NothingToAnalyse(f"{first} is before the first partition {start} (setting partitions.daily_start)")
    if last >= today:
        raise NothingToAnalyse(f"{last} is not over yet: a day can be analysed from the next on, UTC")


def _is_current(lake: LakeIOManager, analysis: Analysis, day: dt.date) -> bool:
    """Whether the audience of a day is there, and was made of the files and filters of now."""
    record = lake.sealed.record("channel_audience", day)
    return record is not None and record.made_from == audience_fingerprint(find_day(lake.store, day), analysis)


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


def execute(
    settings: Settings, plan: Plan, instance: dg.DagsterInstance, *, force: bool = False
) -> Sequence[dg.ExecuteInProcessResult]:
    """Run a plan in this process, recorded by the instance as any other run.

    Raises:
        dg.DagsterExecutionStepExecutionError and kin: a step failed; what was finished before stays.
    """
    definitions = build_defs(settings)
    config: dict[str, Any] = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    forced = {**config, "ops": {"overlap_graph": {"config": {"force": force}}}}
    steps = [(AUDIENCE_JOB, config, each) for each in ranges(plan.audience)]
    steps += [(ATLAS_JOB, forced, each) for each in ranges(plan.graph)]
    steps += [(BELOW_GRAPH_JOB, config, each) for each in ranges(plan.imported)]
    return [
        definitions.resolve_job_def(job.name).execute_in_process(
            run_config=run_config,
            instance=instance,
            tags={ASSET_PARTITION_RANGE_START_TAG: str(first), ASSET_PARTITION_RANGE_END_TAG: str(last)},
        )
        for job, run_config, (first, last) in steps
    ]
