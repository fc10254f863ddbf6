"""Who counts as a viewer: filters over the distinct (channel, viewer) pairs of a day.

Belongs here: the filters and what each removed. Not here: the list of bots (bots), the settings' source (settings).
"""

from dataclasses import asdict, dataclass

import polars as pl

from vieweratlas_assets.domain.presence.bots import known_bots
from vieweratlas_assets.domain.presence.names import PLAIN, ViewerNames


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


def apply_filters(
    audience: pl.DataFrame, filters: AudienceFilters, names: ViewerNames = PLAIN
) -> tuple[pl.DataFrame, tuple[FilterEffect, ...]]:
    """Drop pairs by each filter in turn; a later filter sees what the earlier ones left.

    Args:
        audience: schema CHANNEL_AUDIENCE.
        names: under which forms bots and broadcasters may stand there.

    Returns:
        The pairs that stay, in the same order, and one effect a filter, also for a filter that found nothing.
    """
    channels_seen = pl.len().over("viewer")
    bots = sorted(names.forms(known_bots()))
    audience = audience.with_columns(names.is_owner(audience).alias("is_owner"))
    # Counting the channels of every viewer is most of the cost: not where nobody can be in too few.
    least = filters.min_channels_per_viewer
    too_few = channels_seen < least if least > 1 else pl.lit(False)
    steps: tuple[tuple[str, bool, pl.Expr], ...] = (
        ("known_bots", filters.drop_known_bots, pl.col("viewer").is_in(bots)),
        ("broadcaster", filters.drop_broadcaster, pl.col("is_owner")),
        ("min_buckets_per_viewer", True, pl.col("buckets") < filters.min_buckets_per_viewer),
        ("min_channels_per_viewer", True, too_few),
        (
            "max_channels_per_viewer",
            filters.drop_viewers_over_max,
            channels_seen > filters.max_channels_per_viewer,
        ),
    )
    effects = []
    for name, removes, found_by in steps:
        marked = audience.with_columns(found_by.alias("found"))
        found = marked.filter("found")
        effects.append(FilterEffect(name, removes, found.height, found["viewer"].n_unique()))
        if removes and found.height:
            audience = marked.filter(~pl.col("found")).drop("found")
    return audience.drop("is_owner"), tuple(effects)
