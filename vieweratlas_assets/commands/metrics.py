"""The command `metrics`: how the platform is, for Prometheus and CloudWatch.

Belongs here: options, and who is asked. Not here: what is measured (monitoring), what a collector tells (collect).
"""

import datetime as dt
import logging
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from vieweratlas_assets.commands import display
from vieweratlas_assets.commands.signals import until_signalled

if TYPE_CHECKING:
    from vieweratlas_assets.monitoring.measurements import Measurement
    from vieweratlas_assets.settings import Settings

LATELY = dt.timedelta(hours=1)
LOG = logging.getLogger("vieweratlas.metrics")


namespace_option = click.option(
    "--namespace", default="ViewerAtlas", show_default=True, help="Of the metrics in CloudWatch."
)


@click.command("metrics")
@click.option(
    "--format",
    "form",
    type=click.Choice(["prometheus", "emf"]),
    default="prometheus",
    show_default=True,
    help="emf: CloudWatch's embedded metric format, of which it makes metrics when it stands in a log group.",
)
@namespace_option
@click.option("--every", type=click.IntRange(1), help="Tell again so many seconds later, until interrupted.")
@click.option("--port", type=click.IntRange(1, 65535), help="Serve Prometheus there, at /metrics, until interrupted.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to serve on.")
@click.pass_obj
def metrics(settings: "Settings", form: str, namespace: str, every: int | None, port: int | None, host: str) -> None:
    """Say how the platform is: the queue of VODs, runs, how fresh each asset is.

    Also how the collector on this machine is, where there is one; elsewhere `collect --metrics emf` tells that.
    """
    from prometheus_client import start_http_server

    from vieweratlas_assets.monitoring.formats import prometheus_registry

    if port is not None and (form != "prometheus" or every is not None):
        raise click.UsageError("--port serves Prometheus, which asks when it likes: without --format emf and --every")
    with until_signalled() as ended:
        if port is not None:
            registry = prometheus_registry(lambda: _measure(settings))
            server, serving = start_http_server(port, host, registry)
            display.console.print(f"Prometheus finds metrics on http://{host}:{port}/metrics")
            ended.wait()
            server.shutdown()
            serving.join()
            return
        while True:
            _tell(settings, form, namespace, goes_on=every is not None)
            if every is None or ended.wait(every):
                return


def _tell(settings: "Settings", form: str, namespace: str, *, goes_on: bool) -> None:
    from vieweratlas_assets.monitoring.formats import embedded_lines, prometheus_text

    try:
        found = list(_measure(settings))
    # Whatever cannot be asked now, such as a database that is away, can be later; missing values raise the alarm.
    except Exception:
        if not goes_on:
            raise
        LOG.exception("it could not be told how the platform is")
        return
    told = [prometheus_text(found)] if form == "prometheus" else embedded_lines(found, time.time(), namespace)
    for line in told:
        print(line, flush=True)


def _measure(settings: "Settings") -> Iterator["Measurement"]:
    """Ask the queue, Dagster, and the collector where there is one on this machine."""
    from vieweratlas_assets.collector.health import HEALTH_FILE, read_health
    from vieweratlas_assets.domain.days import partition_end
    from vieweratlas_assets.monitoring import measurements as measured
    from vieweratlas_assets.runs import history
    from vieweratlas_assets.wiring.collector import spool_folder
    from vieweratlas_assets.wiring.vod_workers import open_queue

    now = dt.datetime.now(dt.UTC)
    with open_queue(settings) as queue:
        yield from measured.queue_measurements(queue.stats(by_whole_days=settings.vod.enabled), now)
    with history.open_instance() as instance:
        yield from measured.run_measurements(
            history.run_counts(instance), history.failed_runs(instance, now - LATELY)
        )
        newest = history.newest_partitions(instance)
    ends = {asset: end for asset, key in newest.items() if (end := partition_end(key)) is not None}
    yield from measured.asset_measurements(ends, now)
    folder = spool_folder(settings)
    if (folder / HEALTH_FILE).exists():
        yield from measured.collector_measurements(
            read_health(folder), settings.collection.collector, now.timestamp()
        )
