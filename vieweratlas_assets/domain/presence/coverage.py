"""Coverage: how much of each channel's chat was observed. Without it, a lost connection looks like an empty chat.

Belongs here: coverage per channel and minute from raw snapshots, gaps, totals. Not here: presence (live_merge),
observing chat (collector).
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from vieweratlas_assets.domain.presence.live_merge import COUNTS
from vieweratlas_assets.domain.presence.records import BUCKET_LEN_S
from vieweratlas_assets.domain.schemas import RAW_SNAPSHOTS

# Reasons for not watching a channel although nothing failed.
BY_DESIGN = ("not_wanted", "rotation")
MAX_GAPS = 20
UNKNOWN = "unknown"


def chat_coverage_of(raw: pl.DataFrame) -> pl.DataFrame:
    """How many seconds of each channel's chat were observed, per minute.

    A collector that restarted, or received late data, has several rows per minute: they are summed. Of two collectors
    that watched the same minute, the one with more coverage counts.

    Args:
        raw: schema RAW_SNAPSHOTS, of all collectors and files.

    Returns:
        channel, bucket_start, coverage_s (0 to 60), the counts (COUNTS) and gap_reasons (null for a fully observed
        minute); one row per channel and minute with known coverage. Sorted.
    """
    reasons = pl.col("gap_reasons").drop_nulls().str.split("+").explode(empty_as_null=False).unique().sort()
    by_origin = (
        raw.drop_nulls("coverage_s")
        .group_by("channel", "bucket_start", "origin")
        .agg(
            pl.col("coverage_s").sum().clip(upper_bound=BUCKET_LEN_S),
            pl.col(*COUNTS).sum(),
            reasons.str.join("+").alias("gap_reasons"),
        )
    )
    best = by_origin.sort("coverage_s", "origin", descending=[True, False]).unique(
        ["channel", "bucket_start"], keep="first", maintain_order=True
    )
    gap_reasons = pl.when(pl.col("coverage_s") < BUCKET_LEN_S, pl.col("gap_reasons") != "").then("gap_reasons")
    return best.with_columns(gap_reasons=gap_reasons).drop("origin").sort("channel", "bucket_start")


def coverage_gaps(coverage: pl.DataFrame) -> pl.DataFrame:
    """The times in which chat that should be observed was missed in part or entirely; without gaps by design.

    Args:
        coverage: as returned by chat_coverage_of.

    Returns:
        channel, begin (of the first minute), minutes, missing_s and gap_reasons, one row per sequence of consecutive
        minutes; the longest gap first.
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
    """Coverage of a period, as reported to people; hours are added one by one, so a day is never in memory at once.

    Attributes:
        channel_minutes: number of minutes with known coverage, summed over channels.
        observed_s: seconds of these minutes that were observed.
        faulty_s: seconds of these minutes that were missed, except by design.
        counts: sums of COUNTS.
        by_reason: missed seconds by reason.
        longest: the longest gaps; a gap across the end of an hour appears once per hour.
    """

    channel_minutes: int = 0
    observed_s: int = 0
    faulty_s: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    by_reason: Counter[str] = field(default_factory=Counter)
    longest: pl.DataFrame = field(default_factory=lambda: coverage_gaps(chat_coverage_of(RAW_SNAPSHOTS.empty())))

    def add(self, coverage: pl.DataFrame) -> None:
        """Add the coverage of an hour, as returned by chat_coverage_of."""
        gaps = coverage_gaps(coverage)
        self.channel_minutes += coverage.height
        self.observed_s += int(coverage["coverage_s"].sum())
        self.faulty_s += int(gaps["missing_s"].sum())
        self.counts.update({name: int(coverage[name].sum()) for name in COUNTS})
        self.by_reason.update(dict(gaps.group_by("gap_reasons").agg(pl.col("missing_s").sum()).iter_rows()))
        self.longest = pl.concat([self.longest, gaps.head(MAX_GAPS)]).sort(
            "missing_s", "channel", "begin", descending=[True, False, False]
        )[:MAX_GAPS]

    @property
    def share(self) -> float | None:
        """Share of the time that was observed; None without any known minutes."""
        return self.observed_s / (BUCKET_LEN_S * self.channel_minutes) if self.channel_minutes else None

    @property
    def fault_free_share(self) -> float | None:
        """Share of the time without faulty gaps; None without any known minutes."""
        return 1 - self.faulty_s / (BUCKET_LEN_S * self.channel_minutes) if self.channel_minutes else None

    def gap_texts(self) -> list[str]:
        """The longest gaps, one line per gap."""
        return [
            f"{channel} from {begin:%Y-%m-%dT%H:%M}: {missing_s} s of {minutes} min ({reasons})"
            for channel, begin, minutes, missing_s, reasons in self.longest.iter_rows()
        ]

    def figures(self) -> dict[str, Any]:
        """The totals, ready for JSON."""
        return {
            "channel_minutes": self.channel_minutes,
            "coverage": None if self.share is None else round(self.share, 4),
            **{name: self.counts[name] for name in COUNTS},
            "missing_s_by_reason": dict(sorted(self.by_reason.items())),
            "longest_gaps": self.gap_texts(),
        }
