"""Both output formats have every measurement."""

import datetime as dt
import json

from prometheus_client.parser import text_string_to_metric_families

from vieweratlas_assets.monitoring import measurements
from vieweratlas_assets.monitoring.formats import embedded_lines, prometheus_name, prometheus_text

NOW = dt.datetime(2026, 3, 10, 12, tzinfo=dt.UTC)


SOME = [
    *measurements.run_measurements({"QUEUED": 1200, "STARTED": 2}, failed=3),
    *measurements.asset_measurements({'odd"name\n': NOW}, NOW + dt.timedelta(seconds=5)),
]


def test_prometheus_reads_every_value() -> None:
    families = text_string_to_metric_families(prometheus_text(SOME))
    read = {(sample.name, *sample.labels.items()): sample.value for family in families for sample in family.samples}
    expected = {
        (
            f"vieweratlas_{prometheus_name(each.metric.name)}",
            *((prometheus_name(name), value) for name, value in each.labels.items()),
        ): each.value
        for each in SOME
    }
    assert read == expected
    assert read["vieweratlas_runs", ("state", "QUEUED")] == 1200


def test_embedded_metrics_hold_every_value_under_its_dimension() -> None:
    read = {}
    for line in map(json.loads, embedded_lines(SOME, NOW.timestamp(), "ViewerAtlas/test")):
        assert line["_aws"]["Timestamp"] == 1000 * NOW.timestamp()
        [directive] = line["_aws"]["CloudWatchMetrics"]
        [names] = directive["Dimensions"]
        assert directive["Namespace"] == "ViewerAtlas/test"
        assert len(directive["Metrics"]) <= 100
        for metric in directive["Metrics"]:
            read[metric["Name"], *(line[name] for name in names)] = line[metric["Name"]]
    assert read == {(each.metric.name, *each.labels.values()): each.value for each in SOME}
