"""Raw snapshots of live chat, and the presence that a day of them makes.

Belongs here: what a snapshot becomes in RAW_SNAPSHOTS, merging what several files or collectors saw of a minute.
Not here: reading what others wrote (importers), which objects make up an hour (storage.raw).
"""

import polars as pl

from vieweratlas_assets.domain.presence.names import ViewerNames, distinct_chatters
from vieweratlas_assets.domain.presence.records import BUCKET_LEN_S
from vieweratlas_assets.domain.schemas import PRESENCE, RAW_SNAPSHOTS
from vieweratlas_assets.domain.tables import TIMESTAMP

ABOUT_BROADCAST = ("channel_id", "stream_id", "game_name", "language", "title", "started_at")
COUNTS = ("messages", "dropped_mirrors", "dropped_bots", "unreadable_lines")
UNKNOWN_STREAM = "unknown"

# Snapshots as importers and collectors hand them over, in any number a minute.
SNAPSHOTS = pl.Schema(
    {
        "channel": pl.String(),
        "observed_at": TIMESTAMP,
        "chatters": pl.List(pl.String()),
        "concurrent_viewers": pl.Int64(),
        **{name: RAW_SNAPSHOTS.schema[name] for name in ABOUT_BROADCAST},
        "coverage_s": pl.Int32(),
        "origin": pl.String(),
    }
)


def complete_raw_snapshots(snapshots: pl.DataFrame, names: ViewerNames) -> pl.DataFrame:
    """Bring snapshots of live chat into 60 s buckets. Every name of a live viewer passes through here.

    Args:
        snapshots: schema SNAPSHOTS; chatters as written, with any case, blanks, nulls and duplicates.
        names: what viewers' names become, and which channels are left out.

    Returns:
        Schema RAW_SNAPSHOTS. Snapshots of one channel and origin in one bucket are one row: the union of their
        chatters, their seconds of coverage up to the whole bucket, and of all else the latest that is known.
    """
    known_latest = [pl.col(name).drop_nulls().last() for name in ("concurrent_viewers", *ABOUT_BROADCAST)]
    merged = (
        names.without_opted_out(snapshots)
        .sort("observed_at", maintain_order=True)
        .with_columns(bucket_start=pl.col("observed_at").dt.truncate(f"{BUCKET_LEN_S}s"))
        .group_by("channel", "bucket_start", "origin", maintain_order=True)
        .agg(
            pl.col("chatters").explode(empty_as_null=True, keep_nulls=True),
            *known_latest,
            _total_coverage(),
        )
    )
    completed = merged.with_columns(names.chatters(merged["chatters"]).alias("chatters"))
    return RAW_SNAPSHOTS.conform(RAW_SNAPSHOTS.upgraded(completed))


def merge_raw_snapshots(there: pl.DataFrame, added: pl.DataFrame) -> pl.DataFrame:
    """Add rows to those of an hour; both and the result are schema RAW_SNAPSHOTS.

    Of a row that is there already the chatters are joined and what is added wins, as far as it knows anything:
    adding the same rows again changes nothing.
    """
    merged = (
        pl.concat([there, added])
        .group_by(RAW_SNAPSHOTS.key, maintain_order=True)
        .agg(
            pl.col("chatters").explode(empty_as_null=True, keep_nulls=True),
            *(pl.col(name).drop_nulls().last() for name in ("concurrent_viewers", *ABOUT_BROADCAST, "gap_reasons")),
            pl.col("coverage_s", *COUNTS).max(),
        )
    )
    return RAW_SNAPSHOTS.conform(merged.with_columns(distinct_chatters(pl.col("chatters"))))


def live_presence_of(raw: pl.DataFrame) -> pl.DataFrame:
    """The presence that raw snapshots make: one row a channel and minute, whoever saw it.

    Args:
        raw: schema RAW_SNAPSHOTS, of all collectors and files.

    Returns:
        Schema PRESENCE. Chatters are those that anybody saw; what is told of the broadcast comes from the row that
        covers most of the minute, by origin where they are equal, and where that does not know it from the next.
        A minute that nobody observed is no minute in which nobody wrote: it is not there.
    """
    observed = (pl.col("coverage_s").fill_null(1) > 0) | (pl.col("chatters").list.len() > 0)
    # Lines that name no channel are counted for "".
    observed &= pl.col("channel") != ""
    minutes = (
        raw.filter(observed)
        .sort("origin")
        .sort("coverage_s", descending=True, nulls_last=True, maintain_order=True)
        .group_by("channel", "bucket_start", maintain_order=True)
        .agg(
            pl.col("chatters").explode(empty_as_null=True, keep_nulls=True),
            *(pl.col(name).drop_nulls().first() for name in ABOUT_BROADCAST),
        )
        .with_columns(distinct_chatters(pl.col("chatters")))
    )
    return PRESENCE.conform(
        minutes.with_columns(
            platform=pl.lit("twitch"),
            source=pl.lit("live"),
            content_id=pl.format("live:{}", pl.col("stream_id").fill_null(UNKNOWN_STREAM)),
            bucket_len_s=BUCKET_LEN_S,
            offset_s=None,
            viewer_count=pl.col("chatters").list.len(),
            timestamp=pl.col("bucket_start").dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
        )
    )


def merge_live_presence(first: pl.DataFrame, second: pl.DataFrame) -> pl.DataFrame:
    """Join two live presences of a day, one row a channel and minute; what the first tells of a broadcast wins."""
    about = ("channel_id", "game_name", "language", "title", "started_at")
    merged = (
        pl.concat([first, second])
        .group_by("channel", "bucket_start", maintain_order=True)
        .agg(
            pl.col("chatters").explode(empty_as_null=True, keep_nulls=True),
            *(pl.col(name).drop_nulls().first() for name in about),
            pl.col("platform", "source", "bucket_len_s", "offset_s", "timestamp").first(),
            pl.col("content_id").filter(pl.col("content_id") != f"live:{UNKNOWN_STREAM}").first(),
        )
        .with_columns(distinct_chatters(pl.col("chatters")), pl.col("content_id").fill_null(f"live:{UNKNOWN_STREAM}"))
    )
    return PRESENCE.conform(merged.with_columns(viewer_count=pl.col("chatters").list.len()))


def _total_coverage() -> pl.Expr:
    known = pl.col("coverage_s").drop_nulls()
    return pl.when(known.len() > 0).then(known.sum().clip(upper_bound=BUCKET_LEN_S)).alias("coverage_s")
