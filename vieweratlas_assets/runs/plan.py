"""The plan of an analysis: which days need what.

Belongs here: deciding, without Dagster. Not here: executing the plan (execute), options and displays (commands).
"""

import datetime as dt
from dataclasses import dataclass

from vieweratlas_assets.domain.days import days_between, first_of_window
from vieweratlas_assets.domain.lake import ATLAS, CHANNEL_AUDIENCE
from vieweratlas_assets.errors import LakeStateError
from vieweratlas_assets.settings import Settings
from vieweratlas_assets.steps.freshness import is_audience_current, is_live_presence_current, window_fingerprint
from vieweratlas_assets.storage.audiences import is_pruned
from vieweratlas_assets.storage.day_files import days_with_presence
from vieweratlas_assets.storage.lake import Lake
from vieweratlas_assets.storage.sealed import PartitionRecord, folder_dates


class NothingToAnalyzeError(LakeStateError):
    """No day of the range can be analyzed; the message says what the lake has."""


@dataclass(frozen=True)
class Plan:
    """What an analysis has to do.

    Attributes:
        audience: days whose audience is built: the requested days, and earlier days of the window whose audience is
            missing or was built from other files or filters.
        graph: days whose graph is built from the audiences of its window, with everything that follows from it.
        imported: days whose graph was imported: only what follows from it is built.
        empty: requested days without presence in their window; nothing is built for them.
        live: days whose live presence is rebuilt first, because their raw snapshots are newer.
    """

    audience: tuple[dt.date, ...]
    graph: tuple[dt.date, ...]
    imported: tuple[dt.date, ...]
    empty: tuple[dt.date, ...]
    live: tuple[dt.date, ...] = ()

    @property
    def analyzed(self) -> list[dt.date]:
        """The days that have an atlas after the analysis."""
        return sorted((*self.graph, *self.imported))


def newest_day(lake: Lake) -> dt.date:
    """The newest day with presence or an imported graph; today only where no earlier day has any.

    Raises:
        NothingToAnalyzeError: the lake is empty.
    """
    present = _days_to_work_on(lake)
    after = present[-1] if present else dt.date.min
    days = [*present, *lake.sealed.imported_days("overlap_graph", after=after)]
    if not days:
        raise NothingToAnalyzeError(
            f"the lake {lake.store.root} has no presence: import some first (vieweratlas import --help)"
        )
    today = dt.datetime.now(dt.UTC).date()
    return max([day for day in days if day < today] or days)


def plan_analysis(settings: Settings, lake: Lake, first: dt.date, last: dt.date, *, force: bool = False) -> Plan:
    """Work out what an analysis of the days from first to last needs.

    Args:
        force: replace imported graphs.

    Raises:
        NothingToAnalyzeError: the range is impossible, or none of its days has presence in its window.
    """
    _refuse_impossible(settings, first, last)
    present = _days_to_work_on(lake)
    window_days = settings.partitions.window_days
    requested = list(days_between(first, last))
    imported = [day for day in requested if not force and _is_imported(lake, day)]
    computed = [day for day in requested if day not in set(imported)]
    graph = [day for day in computed if any(first_of_window(day, window_days) <= seen <= day for seen in present)]
    if not graph and not imported:
        known = f"its presence reaches from {present[0]} to {present[-1]}" if present else "it has no presence"
        raise NothingToAnalyzeError(
            f"no presence in the lake {lake.store.root} from {first_of_window(first, window_days)} to {last}: {known}"
        )
    audience = {day for day in computed if graph and graph[0] <= day}
    live: list[dt.date] = []
    if graph:
        start = max(first_of_window(graph[0], window_days), settings.partitions.daily_start, present[0])
        window = list(days_between(start, graph[-1]))
        live = [day for day in window if not is_live_presence_current(lake.sealed, lake.names, day)]
        audience |= set(live)
        others = [day for day in window if day not in audience]
        audience |= {day for day in others if not _is_audience_current(settings, lake, day)}
    empty = [day for day in computed if day not in graph]
    return Plan(tuple(sorted(audience)), tuple(graph), tuple(imported), tuple(empty), tuple(live))


def _days_to_work_on(lake: Lake) -> list[dt.date]:
    """Days that have presence, or an audience whose presence was pruned; sorted."""
    present = set(days_with_presence(lake.store))
    audiences = folder_dates(lake.store.folders(f"{CHANNEL_AUDIENCE}/"))
    return sorted(present | {day for day in audiences if day not in present and is_pruned(lake.sealed, day)})


def outdated_days(settings: Settings, lake: Lake) -> list[dt.date]:
    """Days of the atlas whose computed graph no longer counts the current viewers, oldest first.

    An audience of their window is missing, was built from other files, filters, names or opt-outs, or was rebuilt
    since. The settings that the graph itself was built with are not compared.
    """
    present = {day for day in _days_to_work_on(lake) if day >= settings.partitions.daily_start}
    audiences: dict[dt.date, PartitionRecord | None] = {}
    outdated = []
    for day in folder_dates(lake.store.folders(f"{ATLAS}/")):
        graph = lake.sealed.record("overlap_graph", day)
        if graph is None or graph.imported:
            continue
        first = first_of_window(day, graph.facts["window_days"])
        window = [each for each in days_between(first, day) if each in present]
        for each in window:
            if each not in audiences:
                current = _is_audience_current(settings, lake, each)
                audiences[each] = lake.sealed.record("channel_audience", each) if current else None
        records = [record for each in window if (record := audiences[each]) is not None]
        if len(records) < len(window) or graph.made_from != window_fingerprint(records):
            outdated.append(day)
    return outdated


def _refuse_impossible(settings: Settings, first: dt.date, last: dt.date) -> None:
    start = settings.partitions.daily_start
    today = dt.datetime.now(dt.UTC).date()
    if first > last:
        raise NothingToAnalyzeError(f"the range ends before it begins: from {first} to {last}")
    if first < start:
        raise NothingToAnalyzeError(f"{first} is before the first partition {start} (setting partitions.daily_start)")
    if last >= today:
        raise NothingToAnalyzeError(f"{last} is not over: a day can be analyzed from the next day on, UTC")


def _is_imported(lake: Lake, day: dt.date) -> bool:
    record = lake.sealed.record("overlap_graph", day)
    return record is not None and record.imported


def _is_audience_current(settings: Settings, lake: Lake, day: dt.date) -> bool:
    return is_audience_current(lake.sealed, day, settings.analysis, lake.names)
