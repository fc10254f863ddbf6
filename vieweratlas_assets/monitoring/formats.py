"""Output formats of metrics: Prometheus's text, and CloudWatch's embedded metric format.

Belongs here: the formats. Not here: the metrics (measurements).
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
    """The name of a metric or dimension in Prometheus, without prefix: QueueVods becomes queue_vods."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


class _MeasuringCollector(Collector):
    """Measures again at each request of Prometheus."""

    def __init__(self, measure: Callable[[], Iterable[Measurement]]) -> None:
        self._measure = measure

    def collect(self) -> Iterator[GaugeMetricFamily]:
        by_metric: dict[Metric, list[Measurement]] = defaultdict(list)
        for measurement in self._measure():
            by_metric[measurement.metric].append(measurement)
        for metric, measurements in by_metric.items():
            labels = [] if metric.dimension is None else [prometheus_name(metric.dimension)]
            family = GaugeMetricFamily(f"vieweratlas_{prometheus_name(metric.name)}", metric.meaning, labels=labels)
            for measurement in measurements:
                family.add_metric(list(measurement.labels.values()), measurement.value)
            yield family

    def describe(self) -> list[GaugeMetricFamily]:
        """Describe no metrics: registering the collector must not measure."""
        return []


def prometheus_registry(measure: Callable[[], Iterable[Measurement]]) -> CollectorRegistry:
    """A registry that measures at each read, for example by prometheus_client.start_http_server."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_MeasuringCollector(measure))
    return registry


def prometheus_text(measurements: Iterable[Measurement]) -> str:
    """Measurements in Prometheus's text format."""
    return generate_latest(prometheus_registry(lambda: measurements)).decode()


def embedded_lines(measurements: Iterable[Measurement], at_s: float, namespace: str) -> Iterator[str]:
    """Measurements in CloudWatch's embedded metric format: one line of JSON per value of a dimension.

    CloudWatch creates metrics from such lines in a log group.
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html

    Args:
        at_s: time of the measurements, s since 1970.
        namespace: of the metrics in CloudWatch.
    """
    by_labels: dict[tuple[tuple[str, str], ...], list[Measurement]] = defaultdict(list)
    for measurement in measurements:
        by_labels[tuple(measurement.labels.items())].append(measurement)
    for labels, group in by_labels.items():
        directive = {
            "Namespace": namespace,
            "Dimensions": [[name for name, _ in labels]],
            "Metrics": [{"Name": each.metric.name, "Unit": str(each.metric.unit)} for each in group],
        }
        line = {"_aws": {"Timestamp": round(1000 * at_s), "CloudWatchMetrics": [directive]}}
        yield json.dumps(line | dict(labels) | {each.metric.name: each.value for each in group})
