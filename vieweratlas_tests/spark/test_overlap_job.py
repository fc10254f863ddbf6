"""The Spark job on its own: its counts compared with a count by hand, and what it refuses."""

import ast
import itertools
import random
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Protocol

import polars as pl
import pytest
from pyspark.sql import SparkSession

from vieweratlas_assets.spark import overlap_job
from vieweratlas_assets.spark.overlap_job import Order, reason, write_overlap
from vieweratlas_tests.domain.overlap.samples import CHANNELS, VIEWERS, Pairs, audiences, pairs_frame, shared_by_hand

CONFIG = {
    "spark.driver.memory": "1g",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.shuffle.partitions": "3",
    # The jobs are over before the second compiler of the JVM pays for itself.
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
}


@pytest.fixture(scope="module")
def spark() -> Iterator[SparkSession]:
    """Spark in a process of its own; fails without Java."""
    builder = SparkSession.builder.master("local[2]")
    for name, value in CONFIG.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    gateway = session.sparkContext._gateway
    assert gateway is not None
    yield session
    session.stop()
    gateway.shutdown()
    gateway.proc.stdin.close()
    gateway.proc.wait(timeout=60)


Counted = tuple[dict[str, int], list[tuple[str, str, int]], dict[str, int | str]]


class Count(Protocol):
    """Counts pairs with the job."""

    def __call__(
        self,
        pairs: Pairs,
        *,
        overlap_threshold: int = 1,
        min_channel_viewers: int = 0,
        max_channels_per_viewer: int | None = None,
    ) -> Counted: ...


@pytest.fixture
def count(spark: SparkSession, tmp_path: Path) -> Count:
    """Count pairs that are spread over one file per day; returns the written sizes, shared viewers and figures."""

    def run(
        pairs: Pairs,
        *,
        overlap_threshold: int = 1,
        min_channel_viewers: int = 0,
        max_channels_per_viewer: int | None = None,
    ) -> Counted:
        inputs = []
        # The third day repeats the first.
        for number, day_pairs in enumerate((pairs[::2], pairs[1::2], pairs[::2])):
            file = tmp_path / f"date=2026-03-{number + 1:02d}.parquet"
            pairs_frame(day_pairs).with_columns(buckets=pl.lit(1)).write_parquet(file)
            inputs.append(f"file://{file}")
        output = tmp_path / "counted"
        order = Order(inputs, f"file://{output}", overlap_threshold, min_channel_viewers, max_channels_per_viewer)
        reported = write_overlap(spark, order, lambda _: None)
        sizes, shared, figures = (pl.read_parquet(output / f"{n}/*.parquet") for n in ("sizes", "shared", "figures"))
        assert figures.rows(named=True) == [reported]
        assert sizes.schema == {"channel": pl.String, "viewers": pl.Int64}
        assert shared.schema == {"channel_a": pl.String, "channel_b": pl.String, "shared_viewers": pl.Int64}
        assert sizes["channel"].is_unique().all()
        return dict(sizes.iter_rows()), sorted(shared.iter_rows()), reported

    return run


def some_pairs(seed: int) -> Pairs:
    """Unusual names, one viewer in all channels, one channel with all viewers, and a viewer who writes once."""
    generator = random.Random(seed)
    pairs = [(generator.choice(CHANNELS), generator.choice(VIEWERS)) for _ in range(70)]
    pairs += [(channel, "everywhere") for channel in CHANNELS]
    pairs += [("everybody's", viewer) for viewer in VIEWERS]
    pairs += [("lonely", "once")]
    generator.shuffle(pairs)
    return pairs


@pytest.mark.slow
@pytest.mark.xdist_group("spark")
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("seed", "threshold", "least", "most"),
    [(1, 1, 0, None), (2, 5, 6, None), (3, 2, 1, 7), (4, 1, 0, 1), (5, 10**9, 0, None), (6, 1, 10**9, 8)],
)
def test_counts_equal_a_count_by_hand(count: Count, seed: int, threshold: int, least: int, most: int | None) -> None:
    pairs = some_pairs(seed)
    channels_by_viewer = audiences((viewer, channel) for channel, viewer in pairs)
    kept = [(c, v) for c, v in pairs if most is None or len(channels_by_viewer[v]) <= most]
    sizes = {channel: len(viewers) for channel, viewers in audiences(kept).items()}
    large = [(c, v) for c, v in kept if sizes[c] >= least]

    job_sizes, job_shared, figures = count(
        pairs, overlap_threshold=threshold, min_channel_viewers=least, max_channels_per_viewer=most
    )

    assert job_sizes == sizes
    assert job_shared == shared_by_hand(large, threshold)
    assert figures["rows_read"] == len(pairs) + len(pairs[::2])
    assert figures["distinct_pairs"] == len(set(kept))
    assert figures["total_viewers"] == len({v for _, v in kept})
    assert figures["viewers_left_out"] == len(channels_by_viewer) - len({v for _, v in kept})


@pytest.mark.slow
@pytest.mark.xdist_group("spark")
@pytest.mark.timeout(600)
def test_no_viewers_and_one_viewer_in_every_channel_are_counted_too(count: Count) -> None:
    assert count([])[:2] == ({}, [])
    many = [f"channel{n:03d}" for n in range(60)]
    sizes, shared, _ = count([(channel, "ann") for channel in many])
    assert sizes == dict.fromkeys(many, 1)
    assert shared == [(a, b, 1) for a, b in itertools.combinations(many, 2)]


@pytest.mark.slow
@pytest.mark.xdist_group("spark")
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"channel": ["a", "b"], "viewer": ["ann", None]}, "rows without a viewer, or no column viewer"),
        ({"channel": ["a", None], "viewer": ["ann", "bob"]}, "rows without a channel, or no column channel"),
        ({"channel": ["a", "b"], "chatter": ["ann", "bob"]}, "rows without a viewer, or no column viewer"),
    ],
)
def test_an_audience_without_names_is_refused(
    spark: SparkSession, tmp_path: Path, columns: dict[str, list[str | None]], message: str
) -> None:
    pl.DataFrame(columns).write_parquet(tmp_path / "part.parquet")
    order = Order([f"file://{tmp_path}/part.parquet"], f"file://{tmp_path}/counted", 1, 0)
    with pytest.raises(ValueError, match=message):
        write_overlap(spark, order, lambda _: None)
    assert not (tmp_path / "counted").exists()


@pytest.mark.parametrize(
    ("order", "message"),
    [
        (partial(Order, [], "file:///b", 1, 0), "inputs is empty"),
        (partial(Order, ["file:///a"], "file:///b", 0, 0), "overlap_threshold is 0; it must be at least 1"),
        (partial(Order, ["file:///a"], "file:///b", 1, -1), "min_channel_viewers is -1; it must be at least 0"),
        (partial(Order, ["file:///a"], "file:///b", 1, 0, 0), "max_channels_per_viewer is 0; it must be at least 1"),
    ],
)
def test_an_order_out_of_range_is_refused(order: Callable[[], Order], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        order()


def test_the_reason_of_a_failure_is_its_innermost_cause() -> None:
    stack = "An error occurred while calling o52.parquet.\n: org.apache.spark.SparkException: Job aborted.\n"
    stack += (
        "\tat org.apache.spark.A\nCaused by: java.io.IOException: outer\n\tat b\nCaused by: no space left\n\tat c"
    )
    assert reason(RuntimeError(stack)) == "RuntimeError: no space left"
    assert reason(ValueError("one line")) == "ValueError: one line"
    assert len(reason(ValueError("long " * 1000))) < 1000


def test_the_job_imports_only_what_a_cluster_has() -> None:
    tree = ast.parse(Path(overlap_job.__file__).read_text())
    modules = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    modules |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    roots = {module.partition(".")[0] for module in modules}
    assert roots - sys.stdlib_module_names == {"pyspark", "dagster_pipes"}
