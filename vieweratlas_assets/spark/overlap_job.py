"""Shared viewers between channels, counted on Spark: a job of its own, submitted to a cluster as it is.

Belongs here: reading audiences, counting, writing the counts. Not here: launching (defs.spark_overlap), measures and
the graph (domain.overlap). Imports pyspark, dagster_pipes and the standard library only: a cluster has no more.

With the sorted codes of a viewer's channels in one array, every pair in it is one shared viewer. The pairs are
exploded array by array instead of joining the audiences with themselves: one shuffle of the audiences, and a viewer
of d channels costs d (d - 1) / 2 rows that are summed up before they leave their task. One viewer is never more than
one task's work; `max_channels_per_viewer` is the remedy for those who write everywhere.
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

# Given as it stands: Spark would take the columns of one file for those of all.
AUDIENCE = "channel string, viewer string"

# What Hadoop takes for a pattern in a path.
PATTERN = re.compile(r"([\\{}\[\]*?])")


@dataclass(frozen=True)
class Order:
    """What is to be counted.

    Attributes:
        inputs: URIs of Parquet files with columns channel and viewer; a pair may stand in several. No patterns.
        output: URI of a folder, written anew.
        overlap_threshold: pairs of channels that share fewer viewers are left out; >= 1.
        min_channel_viewers: channels with fewer distinct viewers have no pairs; their size is told all the same.
        max_channels_per_viewer: viewers in more channels of the window are left out of sizes, pairs and the total;
            None keeps all.
    """

    inputs: list[str]
    output: str
    overlap_threshold: int
    min_channel_viewers: int
    max_channels_per_viewer: int | None = None

    def __post_init__(self) -> None:
        """Refuse what has no meaning.

        Raises:
            ValueError: no inputs, or a number out of its range.
        """
        if not self.inputs:
            raise ValueError("inputs is empty: name at least one file of audience")
        for name, least in (("overlap_threshold", 1), ("min_channel_viewers", 0), ("max_channels_per_viewer", 1)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise ValueError(f"{name} is {value}; it must be at least {least}")


def main() -> None:
    """Take the order from Dagster Pipes, count, and report what was found."""
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


def write_overlap(spark: SparkSession, order: Order, tell: Callable[[str], None]) -> dict[str, int | str]:
    """Count and write the order's three tables below its output.

    - `sizes`: channel, viewers (distinct, of the window).
    - `shared`: channel_a < channel_b (by bytes), shared_viewers.
    - `figures`: one row, written last: rows_read, distinct_pairs, total_viewers, viewers_left_out, spark_version.

    Rows stand in no order; counts are exact. Returns the figures.

    Raises:
        ValueError: a file has rows without a channel or a viewer, or no such columns.
    """
    tell(f"Spark {spark.version} at {spark.sparkContext.master}: reading {len(order.inputs)} file(s)")
    audience = spark.read.schema(AUDIENCE).parquet(*(PATTERN.sub(r"\\\1", uri) for uri in order.inputs))
    counted = audience.groupBy("channel").agg(F.count("*").alias("rows")).collect()
    rows = {row["channel"]: row["rows"] for row in counted}
    if None in rows:
        raise ValueError("a file of audience has rows without a channel, or no column channel")
    # Python sorts by code point, which is the order of UTF-8 bytes: what Spark and Polars sort by.
    channels = sorted(rows)
    tell(f"{sum(rows.values())} rows, {len(channels)} channels")
    names = spark.createDataFrame(list(enumerate(channels)), "code int, channel string")
    everybody = _channels_of_viewers(audience, names).persist(StorageLevel.MEMORY_AND_DISK)
    most = order.max_channels_per_viewer
    viewers = everybody if most is None else everybody.where(F.size("codes") <= most)
    figures = {"rows_read": sum(rows.values()), **_totals(everybody, viewers), "spark_version": spark.version}
    tell(f"{figures['total_viewers']} viewers, {figures['distinct_pairs']} distinct pairs")
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
        tell(f"wrote {name}")
    return figures


def _channels_of_viewers(audience: DataFrame, names: DataFrame) -> DataFrame:
    """A row a viewer: codes (their channels, distinct, ascending) and nameless (whether the viewer is null)."""
    return (
        audience.join(F.broadcast(names), "channel")
        .groupBy("viewer")
        .agg(F.sort_array(F.collect_set("code")).alias("codes"))
        .select("codes", F.isnull("viewer").alias("nameless"))
    )


def _totals(everybody: DataFrame, viewers: DataFrame) -> dict[str, int]:
    """Figures over all viewers, and over those who count.

    Raises:
        ValueError: a viewer has no name.
    """
    of_all = everybody.agg(F.count("*").alias("viewers"), F.bool_or("nameless").alias("nameless")).first()
    counted = viewers.agg(F.count("*").alias("viewers"), F.sum(F.size("codes")).alias("pairs")).first()
    if of_all is None or counted is None:
        raise RuntimeError("Spark gave an aggregate without a row")
    if of_all["nameless"]:
        raise ValueError("a file of audience has rows without a viewer, or no column viewer")
    return {
        "distinct_pairs": counted["pairs"] or 0,
        "total_viewers": counted["viewers"],
        "viewers_left_out": of_all["viewers"] - counted["viewers"],
    }


def _shared(viewers: DataFrame, kept: DataFrame) -> DataFrame:
    """Count the viewers of every pair of the kept channels: channel_a, channel_b, shared_viewers.

    In two steps, each channel with those that follow it: never more than one array in memory for a viewer.
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
    """What went wrong in one line: of Spark's pages of stack the innermost cause."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    causes = [line.removeprefix("Caused by: ") for line in lines if line.startswith("Caused by: ")]
    told = causes[-1] if causes else " ".join(lines[:2])
    return f"{type(error).__name__}: {told}"[:MOST_REASON_CHARACTERS]


if __name__ == "__main__":
    main()
