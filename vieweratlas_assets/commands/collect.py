"""The commands `collect`, `continuous` and `health`: live chat as a service, and whether it is well.

Belongs here: options, reporting hours to Dagster, what is printed. Not here: collecting (collecting, collector), the
daemon (daemon).
"""

import datetime as dt
import math
import sys
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from vieweratlas_assets.commands import display
from vieweratlas_assets.commands.metrics import namespace_option

if TYPE_CHECKING:
    from vieweratlas_assets.collector.health import Metrics
    from vieweratlas_assets.settings import Settings
    from vieweratlas_assets.storage.objects import ObjectStore


@click.command("collect")
@click.option("--minutes", type=click.FloatRange(min=0, min_open=True), help="Stop after so long. Default: never.")
@click.option(
    "--metrics",
    "form",
    type=click.Choice(["json", "emf"]),
    default="json",
    show_default=True,
    help="The line a minute. emf: CloudWatch's embedded metric format.",
)
@namespace_option
@click.pass_obj
def collect(settings: "Settings", minutes: float | None, form: str, namespace: str) -> None:
    """Collect live chat until interrupted.

    Watches the channels with the most viewers (which needs twitch.client_id and twitch.client_secret) and those of
    the watch list. Each minute becomes a file of raw/snapshots; while the lake cannot be reached, files wait on disk.
    An hour that is over is reported to Dagster as a materialization of raw_snapshots. A line of JSON a minute tells
    how it does; `vieweratlas health` reads the last. SIGTERM and Ctrl-C seal what there is.
    """
    until = math.inf if minutes is None else time.time() + 60 * minutes
    _collect(settings, until, namespace=namespace if form == "emf" else None)


@click.command("continuous")
@click.option("--max-runtime-hours", type=click.FloatRange(min=0, min_open=True), help="Stop after so long.")
@click.option("--max-cycles", type=click.IntRange(1), help="Stop once so many hours are over, the first part too.")
@click.option("--port", type=click.IntRange(1, 65535), help="Serve the Dagster UI there too, on 127.0.0.1.")
@click.pass_obj
def continuous(
    settings: "Settings", max_runtime_hours: float | None, max_cycles: int | None, port: int | None
) -> None:
    """Collect live chat and make every day's atlas, until interrupted.

    `vieweratlas collect` and Dagster's daemon together, with the schedules of the day's atlas (02:30 UTC) and, where
    twitch.client_id and twitch.client_secret or a token are set, of the hour's roster. A daemon that dies is started
    again. SIGTERM and Ctrl-C seal what there is and end both; --max-runtime-hours and --max-cycles do so by
    themselves, where every hour costs money.
    """
    from vieweratlas_assets.runs.daemon import kept_running
    from vieweratlas_assets.wiring.home import prepare_home

    prepare_home()
    until = math.inf if max_runtime_hours is None else time.time() + 3600 * max_runtime_hours
    variables = {"VIEWERATLAS_ROOT": settings.root, "VIEWERATLAS_SCHEDULES__RUNNING": ",".join(_schedules(settings))}
    with kept_running(variables, port):
        _collect(settings, until, math.inf if max_cycles is None else max_cycles)


def _schedules(settings: "Settings") -> list[str]:
    """Schedules that run beside our collector: not the one that would collect the same once more."""
    knows_helix = settings.twitch.has_helix_credentials
    ours = ["daily_atlas_schedule", *(["channel_roster_schedule"] if knows_helix else [])]
    return sorted({*settings.schedules.running, *ours} - {"live_collection_schedule"})


def _collect(settings: "Settings", until: float, most_hours: float = math.inf, namespace: str | None = None) -> None:
    """Collect, tell every minute how it goes (for CloudWatch, under a namespace), and in the end what came of it."""
    from vieweratlas_assets.collector.collector import Listeners
    from vieweratlas_assets.collector.health import write_health
    from vieweratlas_assets.domain.lake import RAW_SNAPSHOTS
    from vieweratlas_assets.monitoring.formats import embedded_lines
    from vieweratlas_assets.monitoring.measurements import collector_measurements
    from vieweratlas_assets.wiring.collector import collect_until_stopped, collector_from_settings, spool_folder
    from vieweratlas_assets.wiring.lake import open_lake

    lake = open_lake(settings)
    store = lake.store
    spool = spool_folder(settings)

    def on_metrics(metrics: "Metrics") -> None:
        if namespace is None:
            told: Iterable[str] = [metrics.line()]
        else:
            found = collector_measurements(metrics, settings.collection.collector, metrics.at)
            told = embedded_lines(found, metrics.at, namespace)
        print("\n".join(told), flush=True)
        write_health(spool, metrics)

    listeners = Listeners(lambda hour, _: _report(settings, store, hour), on_metrics)
    collector = collector_from_settings(settings, store, lake.names, listeners=listeners)
    hours, _ = collect_until_stopped(collector, until, hours=most_hours)
    told = {name: sum(figures[name] for figures in hours.values()) for name in ("messages", "channel_minutes")}
    display.console.print(
        f"Collected {told['messages']:,} messages in {told['channel_minutes']:,} channel-minutes; "
        f"they are in {store.uri(RAW_SNAPSHOTS)}"
    )


@click.command("health")
@click.option(
    "--alive", is_flag=True, help="Only whether it still tells: for who would end it, and lose what the lake has not."
)
@click.pass_obj
def health(settings: "Settings", alive: bool) -> None:
    """Say whether the collector on this machine is well; exits with 1 where it is not.

    For a container's health check: reads what `vieweratlas collect` told last, and asks nobody.
    """
    from vieweratlas_assets.collector.health import health_problems, read_health, staleness
    from vieweratlas_assets.wiring.collector import spool_folder

    folder = spool_folder(settings)
    try:
        metrics = read_health(folder)
    except (OSError, ValueError) as error:
        raise click.ClickException(f"no collector told how it is in {folder}: {error}") from error
    if found := (staleness if alive else health_problems)(metrics, time.time()):
        raise click.ClickException(f"the collector is not well: {'; '.join(found)}")
    display.console.print(
        f"The collector is well: {metrics.channels_joined} of {metrics.channels_wanted} channels joined, "
        f"{metrics.messages_per_s} messages/s, told {time.time() - metrics.at:.0f} s ago"
    )


def _report(settings: "Settings", store: "ObjectStore", hour: int) -> None:
    """Report an hour that the lake has to Dagster."""
    from vieweratlas_assets.runs import history, report

    moment = dt.datetime.fromtimestamp(hour, dt.UTC)
    facts = {"collector": settings.collection.collector}
    with history.open_instance() as instance:
        if not report.report_collected_hour(instance, store, moment, facts):
            print(f"the lake has nothing of {moment:%Y-%m-%d-%H}:00", file=sys.stderr)
