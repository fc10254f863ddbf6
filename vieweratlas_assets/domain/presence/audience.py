"""A day's audience: presence rows reduced to distinct (channel, viewer) pairs.

Belongs here: the reduction, applying the filters, and the day's figures per channel.
Not here: which files make up a day (storage.day_presence), overlap between channels (overlap).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple

import numpy as np
import polars as pl

from vieweratlas_assets.domain.presence.filters import (
    AudienceFilters,
    FilterEffect,
    Held,
    apply_filters,
    channel_sizes,
)
from vieweratlas_assets.domain.presence.names import PLAIN, ViewerNames
from vieweratlas_assets.domain.presence.source_bits import LIVE, SOURCE_BITS, UNKNOWN_TIME, VOD
from vieweratlas_assets.domain.presence.viewer_counts import ViewerCounts
from vieweratlas_assets.domain.schemas import CHANNEL_ACTIVITY, CHANNEL_AUDIENCE
from vieweratlas_assets.domain.tables import TIMESTAMP


@dataclass(frozen=True)
class DayAudience(Generic[Held]):
    """A day's audience.

    Attributes:
        audience: frames of schema CHANNEL_AUDIENCE, after the filters.
        activity: schema CHANNEL_ACTIVITY; a channel in which nobody wrote has a row with 0 viewers.
        viewers: the number of channels per viewer, after the filters.
        filters: what each filter removed, in the order of application.
        sightings: schema SIGHTINGS, the metadata of channels in the presence rows.
    """

    audience: Held
    activity: pl.DataFrame
    viewers: ViewerCounts
    filters: tuple[FilterEffect, ...]
    sightings: pl.DataFrame


METADATA = ("channel_id", "game_name", "language")
SIGHTINGS = pl.Schema(
    {"channel": pl.String, "source": pl.String, **dict.fromkeys(METADATA, pl.String), "snapshots": pl.Int64}
)


def build_day_audience(
    presence: Iterable[pl.DataFrame],
    roster: pl.DataFrame,
    filters: AudienceFilters,
    hold: Callable[[Iterable[pl.DataFrame]], Held],
    names: ViewerNames = PLAIN,
) -> DayAudience[Held]:
    """Reduce a day's presence to its audience, piece by piece.

    Memory holds one piece, 8 bytes per pair until viewers are counted, and what `hold` keeps.

    Args:
        presence: schema PRESENCE, live and VOD together; all rows of a channel are in one piece. `names` is applied
            to the rows, since the settings of names may have changed after they were stored.
        roster: schema CHANNEL_ROSTER, the hours of the day concatenated.
        hold: as in `apply_filters`; if the pieces are sorted by channel, the frames are in the table's order.
        names: how names are stored, and the forms in which bots and broadcasters may appear.
    """
    seen = [SIGHTINGS.to_frame()]

    def pairs() -> Iterator[pl.DataFrame]:
        for piece in presence:
            rows = names.apply(piece)
            seen.append(sightings(rows))
            yield distinct_pairs(rows)

    filtered = apply_filters(pairs(), filters, hold, names)
    all_sightings = pl.concat(seen)
    activity = channel_activity(all_sightings, roster, filtered.channels)
    return DayAudience(filtered.audience, activity, filtered.viewers, filtered.effects, all_sightings)


def sightings(presence: pl.DataFrame) -> pl.DataFrame:
    """The number of presence rows per channel, source and METADATA values: schema SIGHTINGS."""
    columns = ("channel", "source", *METADATA)
    # Most rows repeat the values of the previous row: runs of equal rows are counted before grouping.
    changes = presence.select(pl.any_horizontal(pl.col(name).ne_missing(pl.col(name).shift()) for name in columns))
    first = np.flatnonzero(changes.to_series().to_numpy() | (np.arange(presence.height) == 0))
    runs = presence.select(columns)[first].with_columns(snapshots=pl.Series(np.diff(first, append=presence.height)))
    return runs.group_by(columns).agg(pl.col("snapshots").sum().cast(pl.Int64)).select(SIGHTINGS.names())


def distinct_pairs(presence: pl.DataFrame) -> pl.DataFrame:
    """Distinct (channel, viewer) pairs of presence rows, with the number of buckets.

    A minute that both live chat and a VOD cover counts once, even if the VOD's bucket starts within it: a broadcast
    and its VOD are matched by channel and time. Returns schema CHANNEL_AUDIENCE, sorted.
    """
    minute = pl.col("bucket_start").dt.epoch("s") // 60
    if presence["bucket_start"].null_count():
        # Each bucket of unknown time gets its own negative number, which no clock time has.
        minute = minute.fill_null(-1 - pl.struct("content_id", "timestamp").rank("dense").cast(pl.Int64))
    listed = pl.col("chatters").list.len().cast(pl.Int64)
    # Sort references to the rows instead of the rows, because sorting would copy their lists.
    rows = presence.select(
        "channel",
        minute.alias("minute"),
        pl.col("bucket_start").dt.epoch("us").fill_null(UNKNOWN_TIME).alias("time"),
        pl.when(pl.col("source") == "live").then(LIVE).otherwise(VOD).cast(pl.Int8).alias("source"),
        (listed.cum_sum() - listed).alias("begin"),
        listed.cum_sum().alias("stop"),
    ).sort("channel", "minute", "source", "time")
    channels = rows["channel"].rle().struct.unnest()
    ends = channels["len"].cast(pl.Int64).cum_sum().to_numpy().copy()
    names = presence["chatters"].explode(empty_as_null=False, keep_nulls=False)
    seen = _viewers_by_channel(rows, ends, names)
    runs = np.diff(ends, prepend=0)
    pairs = pl.DataFrame(
        {
            "channel": pl.Series(np.arange(runs.size, dtype=np.uint32).repeat(runs)),
            "viewer": names.gather(seen.position),
            "buckets": seen.minutes,
            "sources": pl.Series(seen.source).replace_strict(SOURCE_NAMES, return_dtype=pl.String),
            "first_seen": _times(seen.first),
            "last_seen": _times(seen.last),
        }
    )
    # Numbers sort faster than names, and the channels' numbers have the order of their names.
    pairs = pairs.sort("channel", "viewer")
    return pairs.with_columns(channel=channels["value"].gather(pairs["channel"])).cast(CHANNEL_AUDIENCE.schema)


SOURCE_NAMES = {bits: name for name, bits in SOURCE_BITS.items()}


class _Seen(NamedTuple):
    """Viewers ordered by channel; the columns of `out` in `kernels.viewers_by_channel`."""

    position: np.ndarray
    minutes: np.ndarray
    latest: np.ndarray
    first: np.ndarray
    last: np.ndarray
    source: np.ndarray
    by_vod: np.ndarray


def _viewers_by_channel(rows: pl.DataFrame, ends: np.ndarray, names: pl.Series) -> _Seen:
    """Run the kernel; it rewrites `ends` from the channels' last rows to their last viewers."""
    most = int(np.diff((rows["stop"] - rows["begin"]).cum_sum().to_numpy()[ends - 1], prepend=0).max(initial=1))
    slots = 1 << (2 * most).bit_length()
    seen = _Seen(*(np.empty(names.len(), np.int64) for _ in _Seen._fields))
    # Imported here because numba takes long to load, and planning an analysis does not need it.
    from vieweratlas_assets.domain.presence import kernels

    written = kernels.viewers_by_channel(
        ends,
        *(rows[name].to_numpy() for name in ("begin", "stop", "minute", "time", "source")),
        names.hash().to_numpy(),
        np.empty(slots, np.uint64),
        np.full(slots, -1, np.int64),
        tuple(seen),
    )
    return _Seen(*(column[:written] for column in seen))


def _times(microseconds: np.ndarray) -> pl.Series:
    times = pl.Series(microseconds)
    return times.set(times == UNKNOWN_TIME, None).cast(TIMESTAMP)


def channel_activity(sightings: pl.DataFrame, roster: pl.DataFrame, sizes: pl.DataFrame) -> pl.DataFrame:
    """The day's figures per channel: schema CHANNEL_ACTIVITY.

    Args:
        sightings: schema SIGHTINGS, of all presence rows.
        roster: schema CHANNEL_ROSTER.
        sizes: `channel_sizes` of the day's audience.

    Id, game and language are the most frequent ones. The roster takes precedence over live presence, and live
    presence over VODs, which often lack both. Only the roster has the display name.
    """
    channels = sightings.group_by("channel").agg(pl.col("snapshots").sum())
    by_precedence = (
        roster.with_columns(snapshots=pl.lit(1, pl.Int64)),
        sightings.filter(pl.col("source") == "live"),
        sightings.filter(pl.col("source") == "vod"),
    )
    activity = _with_viewers(channels, sizes)
    for column in METADATA:
        activity = activity.join(_first_known(by_precedence, column), on="channel", how="left")
    activity = activity.join(_first_known(by_precedence[:1], "display_name"), on="channel", how="left")
    return CHANNEL_ACTIVITY.conform(activity)


def without_viewers(
    audience: pl.DataFrame, activity: pl.DataFrame, viewers: frozenset[str]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Remove viewers (stored forms) from a day's audience, and recompute its activity.

    Args:
        audience: schema CHANNEL_AUDIENCE.
        activity: schema CHANNEL_ACTIVITY.

    Returns:
        Both, in the same schemas. The filters are not applied again, so other viewers stay as they are.
    """
    kept = audience.filter(~pl.col("viewer").is_in(sorted(viewers)))
    return kept, _recount(activity, kept)


def apply_names(
    audience: pl.DataFrame, activity: pl.DataFrame, names: ViewerNames
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Apply the current settings of names to a stored audience that cannot be rebuilt, and to its activity.

    Args:
        audience: schema CHANNEL_AUDIENCE.
        activity: schema CHANNEL_ACTIVITY.
        names: opt-outs and pseudonyms to apply. A stored pseudonym cannot be turned back into a plain name.

    Returns:
        Both, in the same schemas. The filters are not applied again.
    """
    if not names.changes_stored:
        return audience, activity
    kept = names.without_opted_out(audience)
    kept = kept.with_columns(names.stored(kept["viewer"]).alias("viewer")).drop_nulls("viewer")
    if kept.select(CHANNEL_AUDIENCE.key).is_duplicated().any():
        kept = _merge_forms(kept)
    return CHANNEL_AUDIENCE.conform(kept), _recount(names.without_opted_out(activity), kept)


def _merge_forms(audience: pl.DataFrame) -> pl.DataFrame:
    """Merge pairs that were stored under two forms of a name; the higher number of buckets counts."""
    bits = pl.col("sources").replace_strict(SOURCE_BITS, return_dtype=pl.Int64)
    return audience.group_by(CHANNEL_AUDIENCE.key).agg(
        pl.col("buckets").max(),
        bits.bitwise_or().replace_strict(SOURCE_NAMES, return_dtype=pl.String),
        pl.col("first_seen").min(),
        pl.col("last_seen").max(),
    )


def _recount(activity: pl.DataFrame, audience: pl.DataFrame) -> pl.DataFrame:
    return CHANNEL_ACTIVITY.conform(
        _with_viewers(activity.drop("viewers", "viewer_minutes"), channel_sizes(audience))
    )


def _with_viewers(channels: pl.DataFrame, sizes: pl.DataFrame) -> pl.DataFrame:
    """Add the columns viewers and viewer_minutes; 0 for channels without an audience."""
    return channels.join(sizes, on="channel", how="left").with_columns(
        pl.col("viewers", "viewer_minutes").fill_null(0)
    )


def _first_known(tables: Sequence[pl.DataFrame], column: str) -> pl.DataFrame:
    """The most frequent value of a column per channel, from the first table that has one; ties go by name."""
    counts = [
        table.filter(pl.col(column).is_not_null() & (pl.col(column) != ""))
        .group_by("channel", column)
        .agg(pl.col("snapshots").sum().alias("rows"))
        .with_columns(pl.lit(rank).alias("rank"))
        for rank, table in enumerate(tables)
    ]
    return (
        pl.concat(counts)
        .sort("channel", "rank", -pl.col("rows").cast(pl.Int64), column)
        .unique("channel", keep="first", maintain_order=True)
        .select("channel", column)
    )
