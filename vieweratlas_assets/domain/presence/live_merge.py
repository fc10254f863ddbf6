"""Raw snapshots of live chat, and the live presence that follows from them.

Belongs here: snapshots to RAW_SNAPSHOTS, merging the rows of several files or collectors, RAW_SNAPSHOTS to PRESENCE.
Not here: reading files of others (importers), which objects make up an hour (storage.raw_snapshots).
"""

import polars as pl

from vieweratlas_assets.domain.presence.names import ViewerNames, distinct_chatters
from vieweratlas_assets.domain.presence.records import BUCKET_LEN_S
from vieweratlas_assets.domain.schemas import PRESENCE, RAW_SNAPSHOTS
from vieweratlas_assets.domain.tables import TIMESTAMP

ABOUT_BROADCAST = ("channel_id", "stream_id", "game_name", "language", "title", "started_at")
COUNTS = ("messages", "dropped_mirrors", "dropped_bots", "unreadable_lines")
UNKNOWN_STREAM = "unknown"

# Snapshots as importers and collectors deliver them, any number per minute.
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
    """Merge snapshots of live chat into 60 s buckets. Every name of a live viewer passes through this function.

    Args:
        snapshots: schema SNAPSHOTS; chatters as received, with any case, blanks, nulls and duplicates.
        names: how names are stored, and which channels are left out.

    Returns:
        Schema RAW_SNAPSHOTS. Snapshots of one channel and origin in one bucket become one row: the union of their
        chatters, the sum of their coverage up to the whole bucket, and the latest known value of other columns.
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


def merge_raw_snapshots(existing: pl.DataFrame, added: pl.DataFrame) -> pl.DataFrame:
    """Add rows to those of an hour; both and the result have schema RAW_SNAPSHOTS.

    For a row that exists already, the chatters are united, and known values of the added row replace existing ones.
    Adding the same rows again changes nothing.
    """
    merged = (
        pl.concat([existing, added])
        .group_by(RAW_SNAPSHOTS.key, maintain_order=True)
        .agg(
            pl.col("chatters").explode(empty_as_null=True, keep_nulls=True),
            *(pl.col(name).drop_nulls().last() for name in ("concurrent_viewers", *ABOUT_BROADCAST, "gap_reasons")),
            pl.col("coverage_s", *COUNTS).max(),
        )
    )
    return RAW_SNAPSHOTS.conform(merged.with_columns(distinct_chatters(pl.col("chatters"))))


def live_presence_of(raw: pl.DataFrame) -> pl.DataFrame:
    """Live presence from raw snapshots: one row per channel and minute, merged over all origins.

    Args:
        raw: schema RAW_SNAPSHOTS, of all collectors and files.

    Returns:
        Schema PRESENCE. Chatters are the union over the origins. Each value about the broadcast comes from the origin
        that covers most of the minute and knows the value; ties go by origin. A minute without any coverage has no
        row, since that differs from a minute in which nobody wrote.
    """
    observed = (pl.col("coverage_s").fill_null(1) > 0) | (pl.col("chatters").list.len() > 0)
    # Lines without a channel are counted under the channel "".
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
    """Merge two live presences of a day, one row per channel and minute; the first wins for broadcast metadata."""
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
