"""How measurements are written: Prometheus's text, and CloudWatch's embedded metric format.

Belongs here: the formats. Not here: what is measured (metrics).
"""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from vieweratlas_assets.monitoring.measurements import Measurement, Metric


def prometheus_name(name: str) -> str:
    """A metric or dimension in Prometheus's way: QueueVods is vieweratlas_queue_vods."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


class _Measured(Collector):
    """Measures anew whenever Prometheus asks."""

    def __init__(self, measure: Callable[[], Iterable[Measurement]]) -> None:
        self._measure = measure

    def collect(self) -> Iterator[GaugeMetricFamily]:
        found: dict[Metric, list[Measurement]] = defaultdict(list)
        for measurement in self._measure():
            found[measurement.metric].append(measurement)
        for metric, measurements in found.items():
            labels = [] if metric.dimension is None else [prometheus_name(metric.dimension)]
            family = GaugeMetricFamily(f"vieweratlas_{prometheus_name(metric.name)}", metric.meaning, labels=labels)
            for each in measurements:
                family.add_metric(list(each.labels.values()), each.value)
            yield family

    def describe(self) -> list[GaugeMetricFamily]:
        """Nothing is measured before somebody asks."""
        return []


def prometheus_registry(measure: Callable[[], Iterable[Measurement]]) -> CollectorRegistry:
    """A registry that measures whenever it is read, such as by prometheus_client.start_http_server."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Measured(measure))
    return registry


def prometheus_text(measurements: Iterable[Measurement]) -> str:
    """Measurements in Prometheus's text format."""
    return generate_latest(prometheus_registry(lambda: measurements)).decode()


def embedded_lines(measurements: Iterable[Measurement], at_s: float, namespace: str) -> Iterator[str]:
    """Measurements in CloudWatch's embedded metric format: a line of JSON for each value of a dimension.

    CloudWatch makes metrics of such lines by itself when they come into a log group.
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html

    Args:
        at_s: s since 1970.
    """
    together: dict[tuple[tuple[str, str], ...], list[Measurement]] = defaultdict(list)
    for each in measurements:
        together[tuple(each.labels.items())].append(each)
    for labels, told in together.items():
        directive = {
            "Namespace": namespace,
            "Dimensions": [[name for name, _ in labels]],
            "Metrics": [{"Name": each.metric.name, "Unit": str(each.metric.unit)} for each in told],
        }
        line = {"_aws": {"Timestamp": round(1000 * at_s), "CloudWatchMetrics": [directive]}}
        yield json.dumps(line | dict(labels) | {each.metric.name: each.value for each in told})
