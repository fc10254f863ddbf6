"""What a community keeps on the map from one day to the next: its id, name and color.

Belongs here: choosing colors for new communities, different from those of touching countries. Not here: matching
communities (communities.history), the colors themselves (palette).
"""

from collections.abc import Mapping
from dataclasses import replace

import polars as pl

from vieweratlas_assets.domain.atlas.countries import Countries
from vieweratlas_assets.domain.atlas.palette import choose_colors
from vieweratlas_assets.domain.communities.history import Day, EarlierDay, History, community_history
from vieweratlas_assets.domain.schemas import COMMUNITY_HISTORY


def identify(
    today: Day,
    tags: pl.DataFrame,
    layout: pl.DataFrame,
    earlier: EarlierDay | None = None,
    given_names: Mapping[int, str] | None = None,
    *,
    first_id: int = 1,
) -> History:
    """Identify the communities of a day, and give new ones a color.

    Args:
        today: the day.
        tags: schema COMMUNITY_TAGS.
        layout: schema LAYOUT.
        earlier: the earlier day to continue; None on a first day, when every community is new.
        given_names: names that people chose, by id; they take precedence over all others.
        first_id: the first id on a first day.

    Returns:
        The history; its communities have schema COMMUNITY_HISTORY, including colors.
    """
    history = community_history(today, tags, earlier, given_names, first_id=first_id)
    channels = today.nodes.join(today.communities, on="channel", how="left").join(layout, on="channel")
    countries = Countries(channels.sort("channel"))
    rows = history.communities.sort("community").join(tags.select("community", "channels"), on="community")
    index = {community: number for number, community in enumerate(countries.communities)}
    kept = {index[row["community"]]: row["colour"] for row in rows.iter_rows(named=True) if row["colour"] is not None}
    colors = choose_colors(countries.touching, rows["channels"].to_numpy(), kept)
    colored = rows.with_columns(colour=pl.Series(colors, dtype=pl.Int32))
    return replace(history, communities=COMMUNITY_HISTORY.conform(colored))
