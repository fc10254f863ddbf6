"""Sensors: request runs when there is work.

Belongs here: `vod_discovery_sensor`. Not here: finding VODs (wiring.vod_discovery), fetching them (vods).
"""

import datetime as dt
import hashlib
import json
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import partial

import dagster as dg

from vieweratlas_assets.clients.helix import HelixClient, HelixError, PointsSpentError
from vieweratlas_assets.clients.http import NoAnswerError
from vieweratlas_assets.defs.io_managers import LakeIOManager
from vieweratlas_assets.defs.jobs import VODS_JOB
from vieweratlas_assets.domain.presence.names import ViewerNames
from vieweratlas_assets.domain.schemas import VOD_CATALOG
from vieweratlas_assets.errors import VieweratlasError
from vieweratlas_assets.settings import Settings
from vieweratlas_assets.vods.queue import QueuedVod, VodQueue
from vieweratlas_assets.wiring import vod_discovery

# Dagster ends a tick after 60 s.
TICK_S = 35.0
EVERY_S = 60
MOST_DAYS = 31
MOST_TO_FAIL = 10
IN_PROGRESS = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
AGAIN_S = 3600
"""A day whose run left its work undone, such as a crashed one, is requested again after this time."""


@dataclass(frozen=True)
class Sweep:
    """One pass over all channels, as the cursor stores it.

    Attributes:
        began: seconds since 1970; 0 before the first sweep.
        last: the login that was paged last; "" at the beginning; None after the end.
        failed: logins whose request failed, to be paged once more.
    """

    began: float = 0.0
    last: str | None = None
    failed: tuple[str, ...] = ()

    def text(self) -> str:
        """The sweep as a cursor."""
        return json.dumps(asdict(self))

    @classmethod
    def from_cursor(cls, cursor: str | None) -> "Sweep":
        """The sweep in a cursor; an unreadable cursor starts over."""
        try:
            stored = json.loads(cursor or "{}")
            return cls(float(stored.get("began", 0.0)), stored.get("last"), tuple(stored.get("failed", ())))
        except (ValueError, TypeError, AttributeError):
            return cls()


def rests(sweep: Sweep, now: float, interval_s: float) -> bool:
    """Whether the sweep has ended and the next one is not due yet."""
    return sweep.last is None and sweep.began <= now < sweep.began + interval_s


def next_channels(sweep: Sweep, channels: Iterable[str], now: float) -> tuple[Sweep, list[str]]:
    """The channels to page now, and their sweep: the next one if the last has ended.

    Args:
        channels: all tracked channels, sorted.
    """
    if sweep.last is None:
        sweep = Sweep(now, "", sweep.failed)
    begun = sweep.last or ""
    return sweep, [*sweep.failed, *(login for login in channels if login > begun and login not in sweep.failed)]


def due_days(
    vods: Mapping[QueuedVod, int], *, first: dt.date, today: dt.date, busy: Collection[str]
) -> dict[str, dict[QueuedVod, int]]:
    """The VODs that are due, with their attempts, by partition key of their day.

    Args:
        first: the first daily partition; today's partition exists only after the day.
        busy: days with a run in progress; they are left out.
    """
    days: dict[str, dict[QueuedVod, int]] = defaultdict(dict)
    for vod, attempts in vods.items():
        if first <= vod.day < today and str(vod.day) not in busy:
            days[str(vod.day)][vod] = attempts
    return dict(sorted(days.items()))


def run_key(day: str, vods: Mapping[QueuedVod, int], now: float) -> str:
    """Equal for the same attempts at the same VODs in the same hour, so that Dagster launches one run."""
    attempts = sorted(f"{vod.vod_id}:{attempts}" for vod, attempts in vods.items())
    work = hashlib.sha256(" ".join(attempts).encode()).hexdigest()[:12]
    return f"{day}/{work}/{int(now // AGAIN_S)}"


def vod_discovery_sensor(settings: Settings) -> dg.SensorDefinition:
    """Build the sensor; vod.enabled switches it on by default."""
    status = dg.DefaultSensorStatus.RUNNING if settings.vod.enabled else dg.DefaultSensorStatus.STOPPED

    @dg.sensor(
        name="vod_discovery_sensor",
        job=VODS_JOB,
        minimum_interval_seconds=EVERY_S,
        default_status=status,
        description="Finds new VODs of the tracked channels if vod.auto_discover is on, and requests runs for days "
        "that have VODs to fetch.",
        required_resource_keys={"lake", "viewer_names", "helix", "watch_list", "vod_queue"},
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        now = time.time()
        summary, is_broken = "", False
        with context.resources.vod_queue() as queue:
            if settings.vod.auto_discover:
                summary, is_broken = _discover(context, settings, queue, now)
            due = queue.due()
            busy = _busy_days(context.instance)
        today = dt.datetime.fromtimestamp(now, dt.UTC).date()
        days = due_days(due, first=settings.partitions.daily_start, today=today, busy=busy)
        if not days and is_broken:
            raise RuntimeError(summary)
        if not days:
            waiting = f"{len(due)} VOD(s) are due, but their days have a running run or are not over"
            return dg.SkipReason(f"{summary}{waiting if due else 'no VOD is due'}")
        requests = [
            dg.RunRequest(
                run_key=run_key(day, vods, now),
                partition_key=day,
                run_config={"ops": {"vod_catalog": {"config": {"ask_for_channels": False}}}},
            )
            for day, vods in list(days.items())[:MOST_DAYS]
        ]
        return dg.SensorResult(run_requests=requests)

    return sensor


def _discover(
    context: dg.SensorEvaluationContext, settings: Settings, queue: VodQueue, now: float
) -> tuple[str, bool]:
    """Page as many channels as a tick has time for.

    Chat is fetched without Helix, so that trouble with Helix must not stop requests for VODs that are due.

    Returns:
        A summary for the skip reason, and whether discovery failed as a whole.
    """
    deadline = time.monotonic() + TICK_S
    resources = context.resources
    lake: LakeIOManager = resources.lake
    names: ViewerNames = resources.viewer_names
    helix: Callable[..., HelixClient] = resources.helix
    sweep = Sweep.from_cursor(context.cursor)
    if rests(sweep, now, settings.vod.discovery_interval):
        return "the last sweep is recent; ", False
    try:
        client = helix(fail_fast=True)
        channels = vod_discovery.tracked_channels(settings, lake.store, client, resources.watch_list(), names)
    except PointsSpentError as error:
        return f"{error}; ", False
    except VieweratlasError as error:
        context.log.error("discovery failed: %s", error)
        return f"discovery failed: {error}; ", True
    sweep, waiting = next_channels(sweep, channels, now)
    paged, added, errors = _page(client, queue, channels, waiting, settings, now, deadline)
    failed = tuple(errors)
    if len(failed) == len(paged) > MOST_TO_FAIL:
        # The cause is not the channels; the sweep stays where it is.
        return f"all {len(failed)} channels failed: {errors[failed[0]]}; ", True
    in_order = [login for login in paged if login not in sweep.failed]
    over = len(paged) == len(waiting)
    last = None if over else max([sweep.last or "", *in_order])
    left = tuple(login for login in sweep.failed if login not in paged)
    context.update_cursor(Sweep(sweep.began, last, (*left, *failed)).text())
    summary = f"paged {len(paged)} of {len(waiting)} channels, {added} new VOD(s)"
    if failed:
        summary += f", {len(failed)} failed: {errors[failed[0]]}"
    context.log.info(summary)
    return f"{summary}; ", False


def _page(
    client: HelixClient,
    queue: VodQueue,
    channels: Mapping[str, str],
    waiting: Iterable[str],
    settings: Settings,
    now: float,
    deadline: float,
) -> tuple[list[str], int, dict[str, str]]:
    """Page channels until the deadline.

    Returns:
        The logins that were paged, the number of new VODs, and the errors by login.
    """
    limits, moment = vod_discovery.discovery_limits(settings), dt.datetime.fromtimestamp(now, dt.UTC)
    discover = partial(vod_discovery.discover, client, limits=limits, now=moment)
    paged: list[str] = []
    errors: dict[str, str] = {}
    added = 0
    for login in waiting:
        if time.monotonic() >= deadline:
            break
        try:
            # A channel that is no longer tracked has nothing to discover.
            archives = discover(channels[login]) if login in channels else VOD_CATALOG.empty()
        except PointsSpentError:
            # The rest follows in a later tick.
            break
        except (HelixError, NoAnswerError) as error:
            errors[login] = str(error)
        else:
            added += queue.add(vod_discovery.as_queued(archives))
        paged.append(login)
    return paged, added, errors


def _busy_days(instance: dg.DagsterInstance) -> set[str]:
    """The partition keys of days with a queued or running run of the job."""
    runs = instance.get_runs(dg.RunsFilter(job_name=VODS_JOB.name, statuses=IN_PROGRESS))
    return {run.tags["dagster/partition"] for run in runs if "dagster/partition" in run.tags}
