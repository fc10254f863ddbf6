"""The command `metrics`: the state of the platform, for Prometheus and CloudWatch.

Belongs here: options, and reading the sources. Not here: what is measured (monitoring), a collector's own status line
(collect).
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


namespace_option = click.option("--namespace", default="ViewerAtlas", show_default=True, help="CloudWatch namespace.")


@click.command("metrics")
@click.option(
    "--format",
    "form",
    type=click.Choice(["prometheus", "emf"]),
    default="prometheus",
    show_default=True,
    help="emf is CloudWatch's embedded metric format: it extracts metrics from such log lines.",
)
@namespace_option
@click.option("--every", type=click.IntRange(1), help="Report again every N seconds, until interrupted.")
@click.option(
    "--port", type=click.IntRange(1, 65535), help="Serve /metrics for Prometheus at this port, until interrupted."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to serve on.")
@click.pass_obj
def metrics(settings: "Settings", form: str, namespace: str, every: int | None, port: int | None, host: str) -> None:
    """Report platform metrics: the queue of VODs, runs, and the age of each asset.

    Includes the collector on this machine, if one runs here; elsewhere, `collect --metrics emf` reports it.
    """
    from prometheus_client import start_http_server

    from vieweratlas_assets.monitoring.formats import prometheus_registry

    if port is not None and (form != "prometheus" or every is not None):
        raise click.UsageError("--port serves Prometheus, which sets the pace itself: omit --format emf and --every")
    with until_signalled() as ended:
        if port is not None:
            registry = prometheus_registry(lambda: _measure(settings))
            server, serving = start_http_server(port, host, registry)
            display.console.print(f"Serving metrics on http://{host}:{port}/metrics")
            ended.wait()
            server.shutdown()
            serving.join()
            return
        while True:
            _report(settings, form, namespace, keep_going=every is not None)
            if every is None or ended.wait(every):
                return


def _report(settings: "Settings", form: str, namespace: str, *, keep_going: bool) -> None:
    from vieweratlas_assets.monitoring.formats import embedded_lines, prometheus_text

    try:
        measurements = list(_measure(settings))
    # A source that does not answer now, such as a database, may answer later; missing values raise the alarm.
    except Exception:
        if not keep_going:
            raise
        LOG.exception("the platform could not be measured")
        return
    if form == "prometheus":
        print(prometheus_text(measurements), flush=True)
        return
    for line in embedded_lines(measurements, time.time(), namespace):
        print(line, flush=True)


def _measure(settings: "Settings") -> Iterator["Measurement"]:
    """Measure the queue, Dagster, and the collector on this machine, if one runs here."""
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
