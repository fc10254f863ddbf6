"""Presence for the tests of this folder: built by hand, and drawn at random."""

import datetime as dt
from collections.abc import Iterable

import polars as pl
from hypothesis import strategies as st

from vieweratlas_assets.domain.presence.filters import (
    AudienceFilters,
    FilterEffect,
    apply_filters,
    channel_sizes,
)
from vieweratlas_assets.domain.presence.names import PLAIN, ViewerNames
from vieweratlas_assets.domain.schemas import CHANNEL_AUDIENCE, CHANNEL_ROSTER, PRESENCE
from vieweratlas_tests.domain.atlas.samples import table

NOON = dt.datetime(2020, 4, 30, 12, tzinfo=dt.UTC)

WEIRD = (
    '"quoted", name',
    "it's",
    "line\nbreak",
    "emoji 😀👩‍👩‍👧",
    "<script>",
    "MiXeD",
    " ",
    "null",
    "NaN",
    "한글",
    "a\x00b",
)


def snapshot(channel: str, chatters: list[str], **values: object) -> dict[str, object]:
    """One presence row: live, at noon, unless `values` differ."""
    row: dict[str, object] = dict.fromkeys(PRESENCE.schema)
    row |= {"platform": "twitch", "source": "live", "content_id": "live:1", "bucket_len_s": 60, "bucket_start": NOON}
    row |= {"channel": channel, "chatters": chatters, "viewer_count": len(chatters), **values}
    row["timestamp"] = values.get("timestamp") or f"{row['content_id']}@{row['bucket_start']}"
    return row


def presence(*rows: dict[str, object]) -> pl.DataFrame:
    """The rows as a frame with the columns of PRESENCE, in the order given."""
    return pl.DataFrame(list(rows), schema=PRESENCE.schema)


def roster(*rows: tuple[str, str | None, str | None]) -> pl.DataFrame:
    """(channel, game, language) as the concatenated hours of a roster: channels may repeat."""
    filled = [
        {**dict.fromkeys(CHANNEL_ROSTER.schema), "channel": c, "game_name": g, "language": lang}
        for c, g, lang in rows
    ]
    return pl.DataFrame(filled, schema=CHANNEL_ROSTER.schema)


def audience(*pairs: tuple[str, str, int]) -> pl.DataFrame:
    """(channel, viewer, buckets) as CHANNEL_AUDIENCE."""
    channels, viewers, buckets = ([pair[part] for pair in pairs] for part in range(3))
    return table(CHANNEL_AUDIENCE, channel=channels, viewer=viewers, buckets=buckets, sources=["live"] * len(pairs))


def one_frame(frames: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Frames of CHANNEL_AUDIENCE, concatenated."""
    return pl.concat([CHANNEL_AUDIENCE.empty(), *frames])


def filtered(
    pairs: pl.DataFrame, filters: AudienceFilters, names: ViewerNames = PLAIN
) -> tuple[pl.DataFrame, tuple[FilterEffect, ...]]:
    """An audience after the filters, processed channel by channel, and the filters' effects."""
    result = apply_filters(pairs.partition_by("channel"), filters, _hold_in_twos, names)
    left = one_frame(result.audience)
    assert result.channels.sort("channel").equals(channel_sizes(left).sort("channel"))
    assert sorted(result.viewers.channels.tolist()) == left["viewer"].value_counts()["count"].sort().to_list()
    return left, result.effects


def _hold_in_twos(frames: Iterable[pl.DataFrame]) -> list[pl.DataFrame]:
    return list(one_frame(frames).iter_slices(2))


CHANNELS = ("alpha", "beta", "<b>", "emoji 😀")
VIEWERS = ("ann", "bob", "cid", "alpha", "nightbot", *WEIRD[:4])


@st.composite
def snapshots(draw: st.DrawFn) -> dict[str, object]:
    """A row of a small world, so that minutes, channels and viewers collide."""
    source = draw(st.sampled_from(("live", "vod")))
    content = f"{source}:{draw(st.integers(1, 2))}"
    minute, second = draw(st.integers(0, 3)), draw(st.sampled_from((0, 0, 17, 59)))
    start = NOON + dt.timedelta(minutes=minute, seconds=second)
    unknown = source == "vod" and draw(st.booleans())
    return snapshot(
        draw(st.sampled_from(CHANNELS)),
        draw(st.lists(st.sampled_from(VIEWERS), max_size=4, unique=True)),
        source=source,
        content_id=content,
        bucket_start=None if unknown else start,
        timestamp=f"{content}_offset_{60 * minute}" if source == "vod" else start.isoformat(),
        game_name=draw(st.sampled_from((None, "", "Chess", "Art"))),
        language=draw(st.sampled_from((None, "en", "de"))),
    )


days = st.lists(snapshots(), max_size=12)
