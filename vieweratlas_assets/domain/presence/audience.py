"""A day's audience: presence rows reduced to distinct (channel, viewer) pairs.

Belongs here: the reduction, the filters' place in it, and what a channel did that day.
Not here: which files make up a day (storage.presence), overlap between channels (overlap).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple

import numpy as np
import polars as pl

from vieweratlas_assets.domain.presence import kernels
from vieweratlas_assets.domain.presence.filters import (
    AudienceFilters,
    FilterEffect,
    Held,
    apply_filters,
    channel_sizes,
)
from vieweratlas_assets.domain.presence.names import PLAIN, ViewerNames
from vieweratlas_assets.domain.presence.viewer_counts import ViewerCounts
from vieweratlas_assets.domain.schemas import CHANNEL_ACTIVITY, CHANNEL_AUDIENCE
from vieweratlas_assets.domain.tables import TIMESTAMP


@dataclass(frozen=True)
class DayAudience(Generic[Held]):
    """A day's audience.

    Attributes:
        audience: frames of schema CHANNEL_AUDIENCE, after the filters.
        activity: schema CHANNEL_ACTIVITY; a channel in whose chat nobody wrote has a row with 0 viewers.
        viewers: in how many channels each viewer is, after the filters.
        filters: what each filter removed, in the order in which they were applied.
        sightings: schema SIGHTINGS, what the presence rows said of the channels.
    """

    audience: Held
    activity: pl.DataFrame
    viewers: ViewerCounts
    filters: tuple[FilterEffect, ...]
    sightings: pl.DataFrame


TOLD = ("channel_id", "game_name", "language")
SIGHTINGS = pl.Schema(
    {"channel": pl.String, "source": pl.String, **dict.fromkeys(TOLD, pl.String), "snapshots": pl.Int64}
)


def build_day_audience(
    presence: Iterable[pl.DataFrame],
    roster: pl.DataFrame,
    filters: AudienceFilters,
    hold: Callable[[Iterable[pl.DataFrame]], Held],
    names: ViewerNames = PLAIN,
) -> DayAudience[Held]:
    """Reduce a day's presence to its audience, one piece after another.

    In memory are a piece, 8 bytes a pair until viewers are counted, and what `hold` keeps.

    Args:
        presence: schema PRESENCE, live and VOD together; a channel's rows are all in one piece. Names are brought
            into the form of `names`, which may have changed since they were stored.
        roster: schema CHANNEL_ROSTER, the day's hours one below the other.
        hold: as in `apply_filters`; of pieces in the order of their channels the frames are in the table's order.
        names: what names become, and under which forms bots and broadcasters may stand.
    """
    seen = [SIGHTINGS.to_frame()]

    def pairs() -> Iterator[pl.DataFrame]:
        for piece in presence:
            rows = names.apply(piece)
            seen.append(sightings(rows))
            yield distinct_pairs(rows)

    filtered = apply_filters(pairs(), filters, hold, names)
    told = pl.concat(seen)
    activity = channel_activity(told, roster, filtered.channels)
    return DayAudience(filtered.audience, activity, filtered.viewers, filtered.effects, told)


def sightings(presence: pl.DataFrame) -> pl.DataFrame:
    """How many presence rows of a channel and source said what of its id, game and language: schema SIGHTINGS."""
    said = ("channel", "source", *TOLD)
    # Most rows say what the one before said: runs of them are counted before they are grouped.
    changes = presence.select(pl.any_horizontal(pl.col(name).ne_missing(pl.col(name).shift()) for name in said))
    first = np.flatnonzero(changes.to_series().to_numpy() | (np.arange(presence.height) == 0))
    runs = presence.select(said)[first].with_columns(snapshots=pl.Series(np.diff(first, append=presence.height)))
    return runs.group_by(said).agg(pl.col("snapshots").sum().cast(pl.Int64)).select(SIGHTINGS.names())


def distinct_pairs(presence: pl.DataFrame) -> pl.DataFrame:
    """Distinct (channel, viewer) of presence rows with the buckets seen.

    A minute that both live chat and a VOD cover counts once, also where the VOD's buckets begin within it: a
    broadcast and its VOD are known to be the same by channel and time. Returns schema CHANNEL_AUDIENCE, sorted.
    """
    minute = pl.col("bucket_start").dt.epoch("s") // 60
    if presence["bucket_start"].null_count():
        # A bucket of unknown time stands for itself: a negative number that no clock time has.
        minute = minute.fill_null(-1 - pl.struct("content_id", "timestamp").rank("dense").cast(pl.Int64))
    listed = pl.col("chatters").list.len().cast(pl.Int64)
    # The order of rows is sorted, not the rows: their lists would be copied.
    rows = presence.select(
        "channel",
        minute.alias("minute"),
        pl.col("bucket_start").dt.epoch("us").fill_null(kernels.UNKNOWN).alias("time"),
        pl.when(pl.col("source") == "live").then(kernels.LIVE).otherwise(kernels.VOD).cast(pl.Int8).alias("source"),
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
            "sources": pl.Series(seen.source).replace_strict(SOURCES_TOLD, return_dtype=pl.String),
            "first_seen": _times(seen.first),
            "last_seen": _times(seen.last),
        }
    )
    # Numbers sort faster than names, and channels have the order of theirs.
    pairs = pairs.sort("channel", "viewer")
    return pairs.with_columns(channel=channels["value"].gather(pairs["channel"])).cast(CHANNEL_AUDIENCE.schema)


SOURCES_TOLD = {bits: told for told, bits in kernels.SOURCE_BITS.items()}


class _Seen(NamedTuple):
    """Viewers in the order of their channels, as `kernels.viewers_of_channels` finds them."""

    position: np.ndarray
    minutes: np.ndarray
    latest: np.ndarray
    first: np.ndarray
    last: np.ndarray
    source: np.ndarray
    by_vod: np.ndarray


def _viewers_by_channel(rows: pl.DataFrame, ends: np.ndarray, names: pl.Series) -> _Seen:
    """Run the loop; `ends` are moved from the rows of the channels to their viewers."""
    most = int(np.diff((rows["stop"] - rows["begin"]).cum_sum().to_numpy()[ends - 1], prepend=0).max(initial=1))
    slots = 1 << (2 * most).bit_length()
    seen = _Seen(*(np.empty(names.len(), np.int64) for _ in _Seen._fields))
    written = kernels.viewers_of_channels(
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
    return times.set(times == kernels.UNKNOWN, None).cast(TIMESTAMP)


def channel_activity(sightings: pl.DataFrame, roster: pl.DataFrame, sizes: pl.DataFrame) -> pl.DataFrame:
    """What each channel did on a day: schema CHANNEL_ACTIVITY.

    Args:
        sightings: schema SIGHTINGS, of all presence rows.
        roster: schema CHANNEL_ROSTER.
        sizes: as from `channel_sizes`, of the day's audience.

    Game and language are the most frequent ones; the roster's word counts before live presence, and that before
    a VOD's, which often knows neither. Only the roster tells how a channel writes its name.
    """
    channels = sightings.group_by("channel").agg(pl.col("snapshots").sum())
    told_by = (
        roster.with_columns(snapshots=pl.lit(1, pl.Int64)),
        sightings.filter(pl.col("source") == "live"),
        sightings.filter(pl.col("source") == "vod"),
    )
    known = _with_viewers(channels, sizes)
    for column in TOLD:
        known = known.join(_first_known(told_by, column), on="channel", how="left")
    known = known.join(_first_known(told_by[:1], "display_name"), on="channel", how="left")
    return CHANNEL_ACTIVITY.conform(known)


def without_viewers(
    audience: pl.DataFrame, activity: pl.DataFrame, viewers: frozenset[str]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """A day's audience as if these viewers (stored forms) had not been there, and its activity with it.

    Args:
        audience: schema CHANNEL_AUDIENCE.
        activity: schema CHANNEL_ACTIVITY.

    Returns:
        Both again, in their schemas. What the filters would now do otherwise to other viewers is left alone.
    """
    kept = audience.filter(~pl.col("viewer").is_in(sorted(viewers)))
    return kept, _counted_anew(activity, kept)


def under_names(
    audience: pl.DataFrame, activity: pl.DataFrame, names: ViewerNames
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """A stored audience and its activity as `names` would have them now, for one that cannot be made again.

    Args:
        audience: schema CHANNEL_AUDIENCE.
        activity: schema CHANNEL_ACTIVITY.
        names: whose opt-outs and pseudonyms apply. What a plain name was cannot be told from a pseudonym.

    Returns:
        Both again, in their schemas; what the filters would now do otherwise is left alone.
    """
    if not names.changes_stored:
        return audience, activity
    kept = names.without_opted_out(audience)
    kept = kept.with_columns(names.stored(kept["viewer"]).alias("viewer")).drop_nulls("viewer")
    if kept.select(CHANNEL_AUDIENCE.key).is_duplicated().any():
        kept = _joined_forms(kept)
    return CHANNEL_AUDIENCE.conform(kept), _counted_anew(names.without_opted_out(activity), kept)


def _joined_forms(audience: pl.DataFrame) -> pl.DataFrame:
    """Pairs that stood there under two forms of a name as one; with the buckets of the form that has most."""
    bits = pl.col("sources").replace_strict(kernels.SOURCE_BITS, return_dtype=pl.Int64)
    return audience.group_by(CHANNEL_AUDIENCE.key).agg(
        pl.col("buckets").max(),
        bits.bitwise_or().replace_strict(SOURCES_TOLD, return_dtype=pl.String),
        pl.col("first_seen").min(),
        pl.col("last_seen").max(),
    )


def _counted_anew(activity: pl.DataFrame, audience: pl.DataFrame) -> pl.DataFrame:
    return CHANNEL_ACTIVITY.conform(
        _with_viewers(activity.drop("viewers", "viewer_minutes"), channel_sizes(audience))
    )


def _with_viewers(channels: pl.DataFrame, sizes: pl.DataFrame) -> pl.DataFrame:
    """Channels with the columns viewers and viewer_minutes, 0 where nobody is in the audience."""
    return channels.join(sizes, on="channel", how="left").with_columns(
        pl.col("viewers", "viewer_minutes").fill_null(0)
    )


def _first_known(tables: Sequence[pl.DataFrame], column: str) -> pl.DataFrame:
    """The most frequent value of a column by channel, from the first table that knows any; ties by name."""
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
