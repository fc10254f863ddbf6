"""Who counts as a viewer: filters over the distinct (channel, viewer) pairs of a day.

Belongs here: the filters and their effects. Not here: the list of bots (bots), reading settings (settings).
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
        drop_known_bots: drop the service bots of the bundled list.
        drop_broadcaster: drop a channel's owner from the audience of their own channel.
        min_buckets_per_viewer: drop a viewer from a channel if they wrote in fewer 60 s buckets that day.
        min_channels_per_viewer: drop viewers seen in fewer channels that day; 2 keeps repeat viewers only.
        max_channels_per_viewer: report viewers seen in more channels that day.
        drop_viewers_over_max: also drop these viewers.
    """

    drop_known_bots: bool = True
    drop_broadcaster: bool = True
    min_buckets_per_viewer: int = 1
    min_channels_per_viewer: int = 1
    max_channels_per_viewer: int = 300
    drop_viewers_over_max: bool = False


@dataclass(frozen=True)
class FilterEffect:
    """The effect of one filter: matching pairs and distinct viewers, and whether it removed them."""

    name: str
    removed: bool
    pairs: int
    viewers: int

    def as_dict(self) -> dict[str, str | bool | int]:
        """The effect, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Filtered(Generic[Held]):
    """A day's audience after the filters.

    Attributes:
        audience: frames of schema CHANNEL_AUDIENCE.
        channels: columns channel, viewers and viewer_minutes; channels without remaining viewers have no row.
        viewers: the number of channels per viewer.
        effects: one per filter, in the order of application, also for filters without any match.
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
    """Drop pairs by each filter in turn; a later filter sees only what the earlier ones left.

    Which viewers are in too few or too many channels is known only after all pairs. To drop such viewers, the frames
    held are processed once more.

    Args:
        pieces: frames of schema CHANNEL_AUDIENCE; all pairs of a channel are in one piece.
        hold: stores the remaining frames in something that can be iterated again: `list`, or writing a table.
        names: the forms in which bots and broadcasters may appear.
    """
    pair_filters = _PairFilters(filters, names)
    digests: list[np.ndarray] = []
    held, channels = _hold_and_measure((pair_filters.apply(piece) for piece in pieces), hold, digests)
    viewers = count_viewers(digests)
    digests.clear()
    few = viewers.channels < filters.min_channels_per_viewer
    many = ~few & (viewers.channels > filters.max_channels_per_viewer)
    effects = (
        *pair_filters.effects(),
        _effect("min_channels_per_viewer", True, viewers.those(few)),
        _effect("max_channels_per_viewer", filters.drop_viewers_over_max, viewers.those(many)),
    )
    gone = few | many if filters.drop_viewers_over_max else few
    if gone.any():
        dropped = viewers.viewers[gone]
        held, channels = _hold_and_measure((_without(frame, dropped) for frame in held), hold)
        viewers = viewers.those(~gone)
    return Filtered(held, channels, viewers, effects)


class _PairFilters:
    """The filters that need to see one pair only, with the digests of the pairs that each matched so far."""

    def __init__(self, filters: AudienceFilters, names: ViewerNames) -> None:
        bots = sorted(names.forms(known_bots()))
        self._names = names
        self._steps: tuple[tuple[str, bool, pl.Expr], ...] = (
            ("known_bots", filters.drop_known_bots, pl.col("viewer").is_in(bots)),
            ("broadcaster", filters.drop_broadcaster, pl.col("is_owner")),
            ("min_buckets_per_viewer", True, pl.col("buckets") < filters.min_buckets_per_viewer),
        )
        self._matches: dict[str, list[np.ndarray]] = {name: [] for name, _, _ in self._steps}

    def apply(self, piece: pl.DataFrame) -> pl.DataFrame:
        remaining = piece.with_columns(self._names.is_owner(piece).alias("is_owner"))
        for name, removes, condition in self._steps:
            mask = remaining.select(condition.alias("matches")).to_series()
            if mask.any():
                self._matches[name].append(pair_digests(remaining.filter(mask)))
                remaining = remaining.filter(~mask) if removes else remaining
        return remaining.drop("is_owner")

    def effects(self) -> Iterator[FilterEffect]:
        for name, removes, _ in self._steps:
            yield _effect(name, removes, count_viewers(self._matches[name]))


def _effect(name: str, removes: bool, matches: ViewerCounts) -> FilterEffect:
    return FilterEffect(name, removes, int(matches.channels.sum()), matches.viewers.size)


def _without(frame: pl.DataFrame, dropped: np.ndarray) -> pl.DataFrame:
    """The rows whose viewers are not in `dropped` (digests, ascending)."""
    digests = viewer_digests(frame["viewer"])
    place = np.minimum(np.searchsorted(dropped, digests), dropped.size - 1)
    return frame.filter(pl.Series(dropped[place] != digests))


def channel_sizes(audience: pl.DataFrame) -> pl.DataFrame:
    """Columns channel, viewers and viewer_minutes of pairs (schema CHANNEL_AUDIENCE)."""
    return audience.group_by("channel").agg(
        pl.len().alias("viewers"), pl.col("buckets").cast(pl.Int64).sum().alias("viewer_minutes")
    )


def _hold_and_measure(
    frames: Iterable[pl.DataFrame],
    hold: Callable[[Iterable[pl.DataFrame]], Held],
    digests: list[np.ndarray] | None = None,
) -> tuple[Held, pl.DataFrame]:
    """The result of `hold`, and the sizes of the channels; adds the digests of all pairs to `digests`."""
    channels = [channel_sizes(CHANNEL_AUDIENCE.empty())]

    def measured() -> Iterator[pl.DataFrame]:
        for frame in frames:
            channels.append(channel_sizes(frame))
            if digests is not None:
                digests.append(pair_digests(frame))
            yield frame

    held = hold(measured())
    # A frame may end within a channel.
    return held, pl.concat(channels).group_by("channel").sum()
