"""Who counts as a viewer: filters over the distinct (channel, viewer) pairs of a day.

Belongs here: the filters and what each removed. Not here: the list of bots (bots), the settings' source (settings).
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Generic, TypeVar

import numpy as np
import polars as pl

from vieweratlas_assets.domain.presence.bots import known_bots
from vieweratlas_assets.domain.presence.names import PLAIN, ViewerNames
from vieweratlas_assets.domain.presence.viewer_counts import (
    ViewerCounts,
    count_viewers,
    pair_digests,
    viewer_digests,
)
from vieweratlas_assets.domain.schemas import CHANNEL_AUDIENCE

Held = TypeVar("Held", bound=Iterable[pl.DataFrame])


@dataclass(frozen=True)
class AudienceFilters:
    """Which pairs are dropped.

    Attributes:
        drop_known_bots: drop the shipped list of service bots.
        drop_broadcaster: drop a channel's owner from the audience of the own channel.
        min_buckets_per_viewer: drop a viewer from a channel where they wrote in fewer 60 s buckets that day.
        min_channels_per_viewer: drop viewers seen in fewer channels that day; 2 keeps repeat viewers only.
        max_channels_per_viewer: viewers seen in more channels that day are reported.
        drop_viewers_over_max: and dropped.
    """

    drop_known_bots: bool = True
    drop_broadcaster: bool = True
    min_buckets_per_viewer: int = 1
    min_channels_per_viewer: int = 1
    max_channels_per_viewer: int = 300
    drop_viewers_over_max: bool = False


@dataclass(frozen=True)
class FilterEffect:
    """What one filter found: pairs and distinct viewers, and whether it removed them."""

    name: str
    removed: bool
    pairs: int
    viewers: int

    def as_dict(self) -> dict[str, str | bool | int]:
        """The effect as JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Filtered(Generic[Held]):
    """What the filters have left of a day.

    Attributes:
        audience: frames of schema CHANNEL_AUDIENCE.
        channels: columns channel, viewers and viewer_minutes; channels that nobody is left of have no row.
        viewers: in how many channels each viewer is.
        effects: one a filter, in their order, also for a filter that found nothing.
    """

    audience: Held
    channels: pl.DataFrame
    viewers: ViewerCounts
    effects: tuple[FilterEffect, ...]


def apply_filters(
    pieces: Iterable[pl.DataFrame],
    filters: AudienceFilters,
    hold: Callable[[Iterable[pl.DataFrame]], Held],
    names: ViewerNames = PLAIN,
) -> Filtered[Held]:
    """Drop pairs by each filter in turn; a later filter sees what the earlier ones left.

    Which viewers are in too few or too many channels is known only when every pair has gone by. Where such have to
    go, what was held is gone through once more.

    Args:
        pieces: frames of schema CHANNEL_AUDIENCE; the pairs of a channel are all in one.
        hold: takes what is left, frame by frame, to something that can be gone through again: `list`, or a table
            that is being written.
        names: under which forms bots and broadcasters may stand there.
    """
    within = _WithinChannels(filters, names)
    digests: list[np.ndarray] = []
    held, channels = _held((within.left_of(piece) for piece in pieces), hold, digests)
    viewers = count_viewers(digests)
    digests.clear()
    few = viewers.channels < filters.min_channels_per_viewer
    many = ~few & (viewers.channels > filters.max_channels_per_viewer)
    effects = (
        *within.effects(),
        _effect("min_channels_per_viewer", True, viewers.those(few)),
        _effect("max_channels_per_viewer", filters.drop_viewers_over_max, viewers.those(many)),
    )
    gone = few | many if filters.drop_viewers_over_max else few
    if gone.any():
        dropped = viewers.viewers[gone]
        held, channels = _held((_without(frame, dropped) for frame in held), hold)
        viewers = viewers.those(~gone)
    return Filtered(held, channels, viewers, effects)


class _WithinChannels:
    """The filters that judge a pair by itself, with what each has found so far."""

    def __init__(self, filters: AudienceFilters, names: ViewerNames) -> None:
        bots = sorted(names.forms(known_bots()))
        self._names = names
        self._steps: tuple[tuple[str, bool, pl.Expr], ...] = (
            ("known_bots", filters.drop_known_bots, pl.col("viewer").is_in(bots)),
            ("broadcaster", filters.drop_broadcaster, pl.col("is_owner")),
            ("min_buckets_per_viewer", True, pl.col("buckets") < filters.min_buckets_per_viewer),
        )
        self._found: dict[str, list[np.ndarray]] = {name: [] for name, _, _ in self._steps}

    def left_of(self, piece: pl.DataFrame) -> pl.DataFrame:
        left = piece.with_columns(self._names.is_owner(piece).alias("is_owner"))
        for name, removes, found_by in self._steps:
            mask = left.select(found_by.alias("found")).to_series()
            if mask.any():
                self._found[name].append(pair_digests(left.filter(mask)))
                left = left.filter(~mask) if removes else left
        return left.drop("is_owner")

    def effects(self) -> Iterator[FilterEffect]:
        for name, removes, _ in self._steps:
            yield _effect(name, removes, count_viewers(self._found[name]))


def _effect(name: str, removes: bool, found: ViewerCounts) -> FilterEffect:
    return FilterEffect(name, removes, int(found.channels.sum()), found.viewers.size)


def _without(frame: pl.DataFrame, dropped: np.ndarray) -> pl.DataFrame:
    """The rows of viewers other than these (digests, ascending)."""
    digests = viewer_digests(frame["viewer"])
    place = np.minimum(np.searchsorted(dropped, digests), dropped.size - 1)
    return frame.filter(pl.Series(dropped[place] != digests))


def channel_sizes(audience: pl.DataFrame) -> pl.DataFrame:
    """Columns channel, viewers and viewer_minutes of pairs (schema CHANNEL_AUDIENCE)."""
    return audience.group_by("channel").agg(
        pl.len().alias("viewers"), pl.col("buckets").cast(pl.Int64).sum().alias("viewer_minutes")
    )


def _held(
    frames: Iterable[pl.DataFrame],
    hold: Callable[[Iterable[pl.DataFrame]], Held],
    digests: list[np.ndarray] | None = None,
) -> tuple[Held, pl.DataFrame]:
    """What `hold` makes of the frames, and what each channel has; `digests` takes those of all pairs."""
    channels = [channel_sizes(CHANNEL_AUDIENCE.empty())]

    def noted() -> Iterator[pl.DataFrame]:
        for frame in frames:
            channels.append(channel_sizes(frame))
            if digests is not None:
                digests.append(pair_digests(frame))
            yield frame

    held = hold(noted())
    # What was held may have been cut within a channel.
    return held, pl.concat(channels).group_by("channel").sum()
