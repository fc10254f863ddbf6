"""Sensors: what asks for runs as there is work.

Belongs here: `vod_discovery_sensor`. Not here: finding VODs (cataloging), fetching them (fetching, vods).
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
from vieweratlas_assets.clients.twitch_token import TokenRefusedError
from vieweratlas_assets.defs.io_managers import LakeIOManager
from vieweratlas_assets.defs.jobs import VODS_JOB
from vieweratlas_assets.domain.presence.names import ViewerNames
from vieweratlas_assets.domain.schemas import VOD_CATALOG
from vieweratlas_assets.errors import SettingsError, StorageError
from vieweratlas_assets.settings import Settings
from vieweratlas_assets.vods.queue import QueuedVod, VodQueue
from vieweratlas_assets.wiring import vod_discovery

# Dagster ends a tick after 60 s.
TICK_S = 35.0
EVERY_S = 60
MOST_DAYS = 31
MOST_TO_FAIL = 10
UNDER_WAY = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
AGAIN_S = 3600
"""A day whose work a run left untouched, as one that crashed, is asked for again after so long."""


@dataclass(frozen=True)
class Sweep:
    """How far the sensor is with all channels.

    Attributes:
        began: s since 1970; 0 before the first sweep.
        last: login that was paged last; "" at the beginning; None once the sweep is over.
        failed: logins that Twitch did not tell of, to be asked for once more.
    """

    began: float = 0.0
    last: str | None = None
    failed: tuple[str, ...] = ()

    def text(self) -> str:
        """As a cursor."""
        return json.dumps(asdict(self))

    @classmethod
    def of(cls, cursor: str | None) -> "Sweep":
        """Of a cursor; one that cannot be read begins anew."""
        try:
            told = json.loads(cursor or "{}")
            return cls(float(told.get("began", 0.0)), told.get("last"), tuple(told.get("failed", ())))
        except (ValueError, TypeError, AttributeError):
            return cls()


def rests(sweep: Sweep, now: float, interval_s: float) -> bool:
    """Whether a sweep is over and the next one not to begin yet."""
    return sweep.last is None and sweep.began <= now < sweep.began + interval_s


def next_channels(sweep: Sweep, channels: Iterable[str], now: float) -> tuple[Sweep, list[str]]:
    """Which channels are to be paged now, and the sweep that they belong to: the next one where one is over.

    Args:
        channels: all tracked, sorted.
    """
    if sweep.last is None:
        sweep = Sweep(now, "", sweep.failed)
    begun = sweep.last or ""
    return sweep, [*sweep.failed, *(login for login in channels if login > begun and login not in sweep.failed)]


def due_days(
    vods: Mapping[QueuedVod, int], *, first: dt.date, today: dt.date, busy: Collection[str]
) -> dict[str, dict[QueuedVod, int]]:
    """The VODs that are due, with their attempts, by day, as partition keys.

    Args:
        first: of the daily partitions; today's begins to exist when the day is over.
        busy: days of which a run is under way; they are left out.
    """
    days: dict[str, dict[QueuedVod, int]] = defaultdict(dict)
    for vod, attempts in vods.items():
        if first <= vod.day < today and str(vod.day) not in busy:
            days[str(vod.day)][vod] = attempts
    return dict(sorted(days.items()))


def run_key(day: str, vods: Mapping[QueuedVod, int], now: float) -> str:
    """The same for the same attempts at the same VODs in the same hour, so that they are asked for once."""
    attempts = sorted(f"{vod.vod_id}:{attempts}" for vod, attempts in vods.items())
    work = hashlib.sha256(" ".join(attempts).encode()).hexdigest()[:12]
    return f"{day}/{work}/{int(now // AGAIN_S)}"


def vod_discovery_sensor(settings: Settings) -> dg.SensorDefinition:
    """Build the sensor; it runs from the start where vod.enabled says so."""
    status = dg.DefaultSensorStatus.RUNNING if settings.vod.enabled else dg.DefaultSensorStatus.STOPPED

    @dg.sensor(
        name="vod_discovery_sensor",
        job=VODS_JOB,
        minimum_interval_seconds=EVERY_S,
        default_status=status,
        description="Finds new VODs of the tracked channels where vod.auto_discover says so, and asks for the days "
        "that have VODs to fetch.",
        required_resource_keys={"lake", "viewer_names", "helix", "watch_list", "vod_queue"},
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        now = time.time()
        found, is_broken = "", False
        with context.resources.vod_queue() as queue:
            if settings.vod.auto_discover:
                found, is_broken = _discover(context, settings, queue, now)
            due = queue.due()
            busy = _busy_days(context.instance)
        today = dt.datetime.fromtimestamp(now, dt.UTC).date()
        days = due_days(due, first=settings.partitions.daily_start, today=today, busy=busy)
        if not days and is_broken:
            raise RuntimeError(found)
        if not days:
            waits = f"{len(due)} VOD(s) are due: runs of their days are under way, or the day is not over"
            return dg.SkipReason(f"{found}{waits if due else 'no VOD is due'}")
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
    """Page some channels, as many as a tick has time for; tells how far it came, and whether Twitch tells nothing.

    Chat is fetched without Helix, so that its trouble must keep nobody from asking for what is due.
    """
    deadline = time.monotonic() + TICK_S
    resources = context.resources
    lake: LakeIOManager = resources.lake
    names: ViewerNames = resources.viewer_names
    helix: Callable[..., HelixClient] = resources.helix
    sweep = Sweep.of(context.cursor)
    if rests(sweep, now, settings.vod.discovery_interval):
        return "the last sweep is recent; ", False
    try:
        client = helix(fail_fast=True)
        channels = vod_discovery.tracked_channels(settings, lake.store, client, resources.watch_list(), names)
    except PointsSpentError as error:
        return f"{error}; ", False
    except (HelixError, NoAnswerError, SettingsError, StorageError, TokenRefusedError) as error:
        context.log.error("no VOD can be found: %s", error)
        return f"no VOD can be found: {error}; ", True
    sweep, waiting = next_channels(sweep, channels, now)
    paged, added, trouble = _page(client, queue, channels, waiting, settings, now, deadline)
    failed = tuple(trouble)
    if len(failed) == len(paged) > MOST_TO_FAIL:
        # It is not the channels; the sweep stays where it is.
        return f"all of {len(failed)} channels failed: {trouble[failed[0]]}; ", True
    in_order = [login for login in paged if login not in sweep.failed]
    over = len(paged) == len(waiting)
    last = None if over else max([sweep.last or "", *in_order])
    left = tuple(login for login in sweep.failed if login not in paged)
    context.update_cursor(Sweep(sweep.began, last, (*left, *failed)).text())
    told = f"paged {len(paged)} of {len(waiting)} channels, {added} new VOD(s)"
    if failed:
        told += f", {len(failed)} failed: {trouble[failed[0]]}"
    context.log.info(told)
    return f"{told}; ", False


def _page(
    client: HelixClient,
    queue: VodQueue,
    channels: Mapping[str, str],
    waiting: Iterable[str],
    settings: Settings,
    now: float,
    deadline: float,
) -> tuple[list[str], int, dict[str, str]]:
    """Page channels until the time is over: which were paged, how many VODs are new, and why some failed."""
    limits, moment = vod_discovery.discovery_limits(settings), dt.datetime.fromtimestamp(now, dt.UTC)
    discover = partial(vod_discovery.discover, client, limits=limits, now=moment)
    paged: list[str] = []
    trouble: dict[str, str] = {}
    added = 0
    for login in waiting:
        if time.monotonic() >= deadline:
            break
        try:
            # A channel that is tracked no more has nothing to find.
            found = discover(channels[login]) if login in channels else VOD_CATALOG.empty()
        except PointsSpentError:
            # The rest has its turn in a later tick.
            break
        except (HelixError, NoAnswerError) as error:
            trouble[login] = str(error)
        else:
            added += queue.add(vod_discovery.as_queued(found))
        paged.append(login)
    return paged, added, trouble


def _busy_days(instance: dg.DagsterInstance) -> set[str]:
    """The days, as partition keys, of which a run of the job is queued or under way."""
    runs = instance.get_runs(dg.RunsFilter(job_name=VODS_JOB.name, statuses=UNDER_WAY))
    return {run.tags["dagster/partition"] for run in runs if "dagster/partition" in run.tags}
