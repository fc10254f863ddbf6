"""The Spark job that counts shared viewers between channels; this file alone is submitted to a cluster.

Belongs here: reading audiences, counting, writing the counts. Not here: starting the job (defs.spark), measures and
the graph (domain.overlap). It imports only pyspark, dagster_pipes and the standard library: a cluster has no more.

The job collects the sorted codes of each viewer's channels in an array; every pair in the array is one shared viewer.
Exploding the arrays replaces a self-join of the audiences: it takes one shuffle of the audiences, and a viewer of d
channels yields d (d - 1) / 2 rows, which are summed within their task. One task yields all rows of a viewer;
`max_channels_per_viewer` drops viewers who write everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from dagster_pipes import open_dagster_pipes
from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

MOST_REASON_CHARACTERS = 600

# Explicit, because Spark would assume that all files have the columns of the first.
AUDIENCE = "channel string, viewer string"

# Characters that Hadoop reads as a pattern in a path.
PATTERN = re.compile(r"([\\{}\[\]*?])")


@dataclass(frozen=True)
class Order:
    """The parameters of the job.

    Attributes:
        inputs: URIs of Parquet files with columns channel and viewer, without patterns; files may share pairs.
        output: URI of a folder, which is overwritten.
        overlap_threshold: pairs of channels that share fewer viewers are left out; >= 1.
        min_channel_viewers: channels with fewer distinct viewers have no pairs; their sizes are still written.
        max_channels_per_viewer: viewers in more channels of the window are left out of sizes, pairs and the total;
            None keeps all.
    """

    inputs: list[str]
    output: str
    overlap_threshold: int
    min_channel_viewers: int
    max_channels_per_viewer: int | None = None

    def __post_init__(self) -> None:
        """Check the parameters.

        Raises:
            ValueError: there are no inputs, or a number is out of range.
        """
        if not self.inputs:
            raise ValueError("inputs is empty: name at least one audience file")
        for name, least in (("overlap_threshold", 1), ("min_channel_viewers", 0), ("max_channels_per_viewer", 1)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise ValueError(f"{name} is {value}; it must be at least {least}")


def main() -> None:
    """Read the order from Dagster Pipes, count, and report the figures."""
    with open_dagster_pipes() as pipes:
        try:
            order = Order(**pipes.extras)
            spark = SparkSession.builder.appName("vieweratlas overlap").getOrCreate()
            try:
                figures = write_overlap(spark, order, pipes.log.info)
            finally:
                spark.stop()
        except Exception as error:
            pipes.report_custom_message({"failed": reason(error)})
            raise
        pipes.report_custom_message(figures)


def write_overlap(spark: SparkSession, order: Order, report: Callable[[str], None]) -> dict[str, int | str]:
    """Count, and write three tables below the order's output.

    - `sizes`: channel, viewers (distinct, of the window).
    - `shared`: channel_a < channel_b (by bytes), shared_viewers.
    - `figures`: one row, written last: rows_read, distinct_pairs, total_viewers, viewers_left_out, spark_version.

    Rows have no order; counts are exact. Returns the figures.

    Raises:
        ValueError: a file has rows without a channel or a viewer, or lacks such a column.
    """
    report(f"Spark {spark.version} at {spark.sparkContext.master}: reading {len(order.inputs)} file(s)")
    audience = spark.read.schema(AUDIENCE).parquet(*(PATTERN.sub(r"\\\1", uri) for uri in order.inputs))
    counted = audience.groupBy("channel").agg(F.count("*").alias("rows")).collect()
    rows = {row["channel"]: row["rows"] for row in counted}
    if None in rows:
        raise ValueError("an audience file has rows without a channel, or no column channel")
    # Python sorts by code point, which is the order of UTF-8 bytes, by which Spark and Polars sort.
    channels = sorted(rows)
    report(f"{sum(rows.values())} rows, {len(channels)} channels")
    names = spark.createDataFrame(list(enumerate(channels)), "code int, channel string")
    all_viewers = _group_by_viewer(audience, names).persist(StorageLevel.MEMORY_AND_DISK)
    most = order.max_channels_per_viewer
    viewers = all_viewers if most is None else all_viewers.where(F.size("codes") <= most)
    figures = {"rows_read": sum(rows.values()), **_totals(all_viewers, viewers), "spark_version": spark.version}
    report(f"{figures['total_viewers']} viewers, {figures['distinct_pairs']} distinct pairs")
    sizes = (
        viewers.select(F.explode("codes").alias("code"))
        .groupBy("code")
        .agg(F.count("*").alias("viewers"))
        .persist(StorageLevel.MEMORY_AND_DISK)
    )
    kept = sizes.where(F.col("viewers") >= order.min_channel_viewers).join(names, "code").select("code", "channel")
    tables = {
        "sizes": sizes.join(F.broadcast(names), "code").select("channel", "viewers"),
        "shared": _shared(viewers, kept).where(F.col("shared_viewers") >= order.overlap_threshold),
        "figures": spark.createDataFrame([tuple(figures.values())], _types(figures)),
    }
    for name, table in tables.items():
        table.write.mode("overwrite").parquet(f"{order.output}/{name}")
        report(f"wrote {name}")
    return figures


def _group_by_viewer(audience: DataFrame, names: DataFrame) -> DataFrame:
    """One row per viewer: codes (their channels, distinct, ascending) and nameless (whether viewer is null)."""
    return (
        audience.join(F.broadcast(names), "channel")
        .groupBy("viewer")
        .agg(F.sort_array(F.collect_set("code")).alias("codes"))
        .select("codes", F.isnull("viewer").alias("nameless"))
    )


def _totals(all_viewers: DataFrame, viewers: DataFrame) -> dict[str, int]:
    """Totals of the viewers that count, and how many were left out.

    Raises:
        ValueError: a viewer has no name.
    """
    total = all_viewers.agg(F.count("*").alias("viewers"), F.bool_or("nameless").alias("nameless")).first()
    counted = viewers.agg(F.count("*").alias("viewers"), F.sum(F.size("codes")).alias("pairs")).first()
    if total is None or counted is None:
        raise RuntimeError("Spark returned no row for an aggregate")
    if total["nameless"]:
        raise ValueError("an audience file has rows without a viewer, or no column viewer")
    return {
        "distinct_pairs": counted["pairs"] or 0,
        "total_viewers": counted["viewers"],
        "viewers_left_out": total["viewers"] - counted["viewers"],
    }


def _shared(viewers: DataFrame, kept: DataFrame) -> DataFrame:
    """Count the shared viewers of each pair of kept channels: channel_a, channel_b, shared_viewers.

    Pairs each channel of a viewer with those after it, so that a viewer never takes more memory than one array.
    """
    left = kept.select(F.col("code").alias("a"), F.col("channel").alias("channel_a"))
    right = kept.select(F.col("code").alias("b"), F.col("channel").alias("channel_b"))
    return (
        viewers.select("codes", F.posexplode("codes").alias("at", "a"))
        .join(F.broadcast(left.select("a")), "a")
        .select("a", F.explode(F.slice("codes", F.col("at") + 2, F.size("codes"))).alias("b"))
        .join(F.broadcast(right.select("b")), "b")
        .groupBy("a", "b")
        .agg(F.count("*").alias("shared_viewers"))
        .join(F.broadcast(left), "a")
        .join(F.broadcast(right), "b")
        .select("channel_a", "channel_b", "shared_viewers")
    )


def _types(figures: dict[str, int | str]) -> str:
    return ", ".join(f"{name} {'string' if isinstance(value, str) else 'bigint'}" for name, value in figures.items())


def reason(error: Exception) -> str:
    """The cause of an error in one line: the innermost cause in Spark's stack trace."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    causes = [line.removeprefix("Caused by: ") for line in lines if line.startswith("Caused by: ")]
    cause = causes[-1] if causes else " ".join(lines[:2])
    return f"{type(error).__name__}: {cause}"[:MOST_REASON_CHARACTERS]


if __name__ == "__main__":
    main()
