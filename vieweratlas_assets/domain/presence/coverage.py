"""How far chat was observed: without it, a lost connection would look like an empty chat.

Belongs here: what raw snapshots tell of each channel and minute, its gaps and figures. Not here: presence (raw), who
observes (collector).
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from vieweratlas_assets.domain.presence.live_merge import COUNTS
from vieweratlas_assets.domain.presence.records import BUCKET_LEN_S
from vieweratlas_assets.domain.schemas import RAW_SNAPSHOTS

# Why a channel was not watched although nothing went wrong.
BY_DESIGN = ("not_wanted", "rotation")
MOST_GAPS = 20
UNKNOWN = "unknown"


def chat_coverage_of(raw: pl.DataFrame) -> pl.DataFrame:
    """What is known of how far each channel's chat was observed, minute by minute.

    A collector that began anew, or was told something late, has several rows of a minute: they add up. Two collectors
    watched the same time: the one that watched longer counts.

    Args:
        raw: schema RAW_SNAPSHOTS, of all collectors and files.

    Returns:
        channel, bucket_start, coverage_s (0 to 60), the counts (COUNTS) and gap_reasons (null where all was
        observed); a row for every channel and minute whose coverage is known. Sorted.
    """
    reasons = pl.col("gap_reasons").drop_nulls().str.split("+").explode(empty_as_null=False).unique().sort()
    of_origin = (
        raw.drop_nulls("coverage_s")
        .group_by("channel", "bucket_start", "origin")
        .agg(
            pl.col("coverage_s").sum().clip(upper_bound=BUCKET_LEN_S),
            pl.col(*COUNTS).sum(),
            reasons.str.join("+").alias("gap_reasons"),
        )
    )
    best = of_origin.sort("coverage_s", "origin", descending=[True, False]).unique(
        ["channel", "bucket_start"], keep="first", maintain_order=True
    )
    told = pl.when(pl.col("coverage_s") < BUCKET_LEN_S, pl.col("gap_reasons") != "").then("gap_reasons")
    return best.with_columns(gap_reasons=told).drop("origin").sort("channel", "bucket_start")


def gaps_of(coverage: pl.DataFrame) -> pl.DataFrame:
    """The times in which a channel was wanted and not, or not all, observed; those that are by design left out.

    Args:
        coverage: as chat_coverage_of returns it.

    Returns:
        channel, begin (of the first minute), minutes, missing_s and gap_reasons, one row for minutes that follow each
        other; the longest first.
    """
    reasons = pl.col("gap_reasons").fill_null(UNKNOWN).str.split("+")
    gap = coverage.filter(pl.col("coverage_s") < BUCKET_LEN_S).filter(
        reasons.list.eval(~pl.element().is_in(BY_DESIGN)).list.any()
    )
    follows = pl.col("bucket_start").diff().over("channel") == pl.duration(seconds=BUCKET_LEN_S)
    return (
        gap.with_columns(number=(~follows.fill_null(False)).cum_sum())
        .group_by("number", maintain_order=True)
        .agg(
            pl.col("channel").first(),
            pl.col("bucket_start").first().alias("begin"),
            pl.len().alias("minutes"),
            (BUCKET_LEN_S - pl.col("coverage_s")).sum().alias("missing_s"),
            reasons.explode(empty_as_null=False).unique().sort().str.join("+"),
        )
        .drop("number")
        .sort("missing_s", "channel", "begin", descending=[True, False, False])
    )


@dataclass
class CoverageTotals:
    """What people are told of a time; hour after hour is added, so that a day is never in memory.

    Attributes:
        channel_minutes: how many are known; observed_s: seconds of them that were observed.
        faulty_s: seconds that were not, and not by design.
        longest: of the gaps; one that goes on past an hour's end is told once for each hour.
    """

    channel_minutes: int = 0
    observed_s: int = 0
    faulty_s: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    by_reason: Counter[str] = field(default_factory=Counter)
    longest: pl.DataFrame = field(default_factory=lambda: gaps_of(chat_coverage_of(RAW_SNAPSHOTS.empty())))

    def add(self, coverage: pl.DataFrame) -> None:
        """Add an hour, as chat_coverage_of returns it."""
        gaps = gaps_of(coverage)
        self.channel_minutes += coverage.height
        self.observed_s += int(coverage["coverage_s"].sum())
        self.faulty_s += int(gaps["missing_s"].sum())
        self.counts.update({name: int(coverage[name].sum()) for name in COUNTS})
        self.by_reason.update(dict(gaps.group_by("gap_reasons").agg(pl.col("missing_s").sum()).iter_rows()))
        self.longest = pl.concat([self.longest, gaps.head(MOST_GAPS)]).sort(
            "missing_s", "channel", "begin", descending=[True, False, False]
        )[:MOST_GAPS]

    @property
    def share(self) -> float | None:
        """Share of the time that was observed; None where nothing is known."""
        return self.observed_s / (BUCKET_LEN_S * self.channel_minutes) if self.channel_minutes else None

    @property
    def soundness(self) -> float | None:
        """Share of the time in which nothing went wrong; None where nothing is known."""
        return 1 - self.faulty_s / (BUCKET_LEN_S * self.channel_minutes) if self.channel_minutes else None

    def gap_texts(self) -> list[str]:
        """The longest gaps, a line each."""
        return [
            f"{channel} from {begin:%Y-%m-%dT%H:%M}: {missing_s} s of {minutes} min ({reasons})"
            for channel, begin, minutes, missing_s, reasons in self.longest.iter_rows()
        ]

    def figures(self) -> dict[str, Any]:
        """Figures as JSON."""
        return {
            "channel_minutes": self.channel_minutes,
            "coverage": None if self.share is None else round(self.share, 4),
            **{name: self.counts[name] for name in COUNTS},
            "missing_s_by_reason": dict(sorted(self.by_reason.items())),
            "longest_gaps": self.gap_texts(),
        }
