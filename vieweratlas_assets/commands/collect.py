"""The commands `collect`, `continuous` and `health`: live chat as a service, and its health.

Belongs here: options, what is printed. Not here: collecting (wiring.collector, collector), the daemon (runs.daemon),
reporting hours to Dagster (runs.report).
"""

import datetime as dt
import math
import sys
import time
from typing import TYPE_CHECKING

import click

from vieweratlas_assets.commands import display
from vieweratlas_assets.commands.metrics import namespace_option
from vieweratlas_assets.errors import VieweratlasError

if TYPE_CHECKING:
    from vieweratlas_assets.collector.health import Metrics
    from vieweratlas_assets.settings import Settings
    from vieweratlas_assets.storage.objects import ObjectStore


class UnhealthyCollectorError(VieweratlasError):
    """The collector on this machine does not run, or does not do its work; the message lists what is wrong."""


@click.command("collect")
@click.option(
    "--minutes", type=click.FloatRange(min=0, min_open=True), help="Stop after N minutes.  [default: never]"
)
@click.option(
    "--metrics",
    "form",
    type=click.Choice(["json", "emf"]),
    default="json",
    show_default=True,
    help="Format of the per-minute status line; emf is CloudWatch's embedded metric format.",
)
@namespace_option
@click.pass_obj
def collect(settings: "Settings", minutes: float | None, form: str, namespace: str) -> None:
    """Collect live chat until interrupted.

    Watches the channels with the most viewers (needs TWITCH_CLIENT_ID and TWITCH_CLIENT_SECRET) and those of the
    watch list. Writes one file per minute to raw/snapshots; while the lake does not answer, files wait on disk.
    Reports each finished hour to Dagster as a materialization of raw_snapshots. Prints a status line per minute;
    `vieweratlas health` reads the last one. SIGTERM and Ctrl-C write what was collected so far, and stop.
    """
    until = math.inf if minutes is None else time.time() + 60 * minutes
    _collect(settings, until, namespace=namespace if form == "emf" else None)


@click.command("continuous")
@click.option("--max-runtime-hours", type=click.FloatRange(min=0, min_open=True), help="Stop after N hours.")
@click.option(
    "--max-cycles", type=click.IntRange(1), help="Stop at the end of the Nth hour; the first may be a partial one."
)
@click.option("--port", type=click.IntRange(1, 65535), help="Also serve the Dagster UI on 127.0.0.1 at this port.")
@click.pass_obj
def continuous(
    settings: "Settings", max_runtime_hours: float | None, max_cycles: int | None, port: int | None
) -> None:
    """Collect live chat and build every day's atlas, until interrupted.

    Runs `vieweratlas collect` together with Dagster's daemon. The daemon builds the day's atlas at 02:30 UTC and,
    where Twitch credentials are set, takes the hourly roster; it is restarted if it dies. SIGTERM and Ctrl-C write
    what was collected so far, and stop both. --max-runtime-hours and --max-cycles limit the cost of a rented machine.
    """
    from vieweratlas_assets.runs.daemon import kept_running
    from vieweratlas_assets.wiring.home import prepare_home

    prepare_home()
    until = math.inf if max_runtime_hours is None else time.time() + 3600 * max_runtime_hours
    variables = {"VIEWERATLAS_ROOT": settings.root, "VIEWERATLAS_SCHEDULES__RUNNING": ",".join(_schedules(settings))}
    with kept_running(variables, port):
        _collect(settings, until, math.inf if max_cycles is None else max_cycles)


def _schedules(settings: "Settings") -> list[str]:
    """The schedules that run next to our collector, without the one that would collect a second time."""
    with_roster = ["channel_roster_schedule"] if settings.twitch.has_helix_credentials else []
    schedules = {*settings.schedules.running, "daily_atlas_schedule", *with_roster}
    return sorted(schedules - {"live_collection_schedule"})


def _collect(settings: "Settings", until: float, most_hours: float = math.inf, namespace: str | None = None) -> None:
    """Collect with a status line per minute, and print the totals at the end.

    Args:
        until: when to stop, seconds since 1970.
        most_hours: how many hours to finish before stopping.
        namespace: CloudWatch namespace of the status lines; None prints JSON.
    """
    from vieweratlas_assets.collector.collector import Listeners
    from vieweratlas_assets.collector.health import write_health
    from vieweratlas_assets.domain.lake import RAW_SNAPSHOTS
    from vieweratlas_assets.monitoring.formats import embedded_lines
    from vieweratlas_assets.monitoring.measurements import collector_measurements
    from vieweratlas_assets.wiring.collector import collect_until_stopped, collector_from_settings, spool_folder
    from vieweratlas_assets.wiring.lake import open_lake

    lake = open_lake(settings)
    spool = spool_folder(settings)

    def on_metrics(metrics: "Metrics") -> None:
        if namespace is None:
            print(metrics.line(), flush=True)
        else:
            measurements = collector_measurements(metrics, settings.collection.collector, metrics.at)
            print("\n".join(embedded_lines(measurements, metrics.at, namespace)), flush=True)
        write_health(spool, metrics)

    listeners = Listeners(lambda hour, _: _report(settings, lake.store, hour), on_metrics)
    collector = collector_from_settings(settings, lake.store, lake.names, listeners=listeners)
    hours, _ = collect_until_stopped(collector, until, hours=most_hours)
    totals = {name: sum(figures[name] for figures in hours.values()) for name in ("messages", "channel_minutes")}
    display.console.print(
        f"Collected {totals['messages']:,} messages in {totals['channel_minutes']:,} channel-minutes "
        f"to {lake.store.uri(RAW_SNAPSHOTS)}"
    )


@click.command("health")
@click.option(
    "--alive",
    is_flag=True,
    help="Liveness only. For restart probes: a restart loses minutes that are not uploaded yet.",
)
@click.pass_obj
def health(settings: "Settings", alive: bool) -> None:
    """Report the health of the collector on this machine; exits with 1 if it is unhealthy.

    For a container's health check: reads the last status line of `vieweratlas collect`, and contacts no service.
    """
    from vieweratlas_assets.collector.health import health_problems, read_health, staleness
    from vieweratlas_assets.wiring.collector import spool_folder

    folder = spool_folder(settings)
    try:
        metrics = read_health(folder)
    except (OSError, ValueError) as error:
        raise UnhealthyCollectorError(
            f"no health file in {folder}: {error}; start `vieweratlas collect` with the same settings"
        ) from error
    problems = (staleness if alive else health_problems)(metrics, time.time())
    if problems:
        raise UnhealthyCollectorError(f"collector unhealthy: {'; '.join(problems)}")
    display.console.print(
        f"Collector healthy: {metrics.channels_joined} of {metrics.channels_wanted} channels joined, "
        f"{metrics.messages_per_s} messages/s, reported {time.time() - metrics.at:.0f} s ago"
    )


def _report(settings: "Settings", store: "ObjectStore", hour: int) -> None:
    """Report an hour that the lake has to Dagster."""
    from vieweratlas_assets.runs import history, report

    moment = dt.datetime.fromtimestamp(hour, dt.UTC)
    facts = {"collector": settings.collection.collector}
    with history.open_instance() as instance:
        if not report.report_collected_hour(instance, store, moment, facts):
            print(f"the lake has nothing of {moment:%Y-%m-%d-%H}:00", file=sys.stderr)
