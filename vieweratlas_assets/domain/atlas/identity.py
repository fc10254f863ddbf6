"""What a community keeps on the map from one day to the next: its id, name and colour.

Belongs here: colours for new communities, unlike those of the countries that they touch. Not here: who is who
(communities.history), the colours (palette).
"""

from collections.abc import Mapping
from dataclasses import replace

import polars as pl

from vieweratlas_assets.domain.atlas.countries import Countries
from vieweratlas_assets.domain.atlas.palette import choose_colours
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
    """Find out who the communities of a day are, and give the new ones a colour.

    Args:
        tags: schema COMMUNITY_TAGS.
        layout: schema LAYOUT.
        earlier: None on the first day: every community is new.
        given_names: names by id that people gave; they win over all others.
        first_id: of a first day.

    Returns:
        Its communities in schema COMMUNITY_HISTORY.
    """
    found = community_history(today, tags, earlier, given_names, first_id=first_id)
    channels = today.nodes.join(today.communities, on="channel", how="left").join(layout, on="channel")
    countries = Countries(channels.sort("channel"))
    rows = found.communities.sort("community").join(tags.select("community", "channels"), on="community")
    place = {community: index for index, community in enumerate(countries.communities)}
    kept = {place[row["community"]]: row["colour"] for row in rows.iter_rows(named=True) if row["colour"] is not None}
    colours = choose_colours(countries.touching, rows["channels"].to_numpy(), kept)
    coloured = rows.with_columns(colour=pl.Series(colours, dtype=pl.Int32))
    return replace(found, communities=COMMUNITY_HISTORY.conform(coloured))
