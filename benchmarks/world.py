"""Seeded presence at the sizes that the engine is measured at: S, M and L.

Belongs here: a made-up Twitch as plain arrays, and its week of presence in the lake's own table. Not here: days that
look like real ones (vieweratlas_assets.sandbox, smaller). Only how many people write in how many channels matters.
"""

import argparse
import datetime as dt
import json
from dataclasses import dataclass
from pathlib import Path

import numba as nb
import numpy as np
import polars as pl
import pyarrow as pa

from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.schemas import PRESENCE
from vieweratlas_assets.domain.tables import TIMESTAMP

DAYS = 7
START = dt.date(2026, 10, 5)
MINUTES = 1440


@dataclass(frozen=True)
class Size:
    """A world's channels, viewers, planted communities (languages x games) and bots, and how much people write.

    Attributes:
        roaming: log-mean of the channels per viewer.
        chatter: log-mean of the minutes of the week in which a viewer writes in a channel.
    """

    channels: int
    viewers: int
    languages: int
    games: int
    bots: int
    roaming: float
    chatter: float


SIZES = {
    "S": Size(100, 50_000, 4, 3, 10, 0.75, 1.56),
    "M": Size(1_000, 1_000_000, 6, 8, 50, 0.62, 1.56),
    "L": Size(10_000, 10_000_000, 12, 14, 200, 0.90, 1.56),
}


@dataclass(frozen=True)
class Pairs:
    """Who writes where: viewer and channel numbers, sorted by viewer, and the planted community by channel."""

    viewer: np.ndarray
    channel: np.ndarray
    community: np.ndarray


def draw_pairs(size: Size, seed: int) -> Pairs:
    """Draw the distinct (viewer, channel) pairs: power-law channels, heavy-tailed viewers, bots in most channels."""
    generator = np.random.default_rng(seed)
    communities = size.languages * size.games
    community = np.sort(
        np.concatenate(
            [
                np.arange(communities),
                generator.choice(communities, size.channels - communities, p=_shares(size)),
            ]
        )
    )
    popularity = (generator.permutation(size.channels) + 4.0) ** -0.9
    picks = np.minimum(
        np.exp(size.roaming + 1.1 * generator.standard_normal(size.viewers)).astype(np.int64) + 1, size.channels // 4
    )
    viewer = np.repeat(np.arange(size.viewers), picks)
    by_community = np.bincount(community, popularity)
    home = generator.choice(communities, size.viewers, p=by_community / by_community.sum())[viewer]
    reach = generator.random(viewer.size)
    edges = np.concatenate([[0.0], np.cumsum(popularity)])
    first_of = np.searchsorted(community, np.arange(communities + 1))
    low = np.where(reach < 0.80, first_of[home], first_of[home // size.games * size.games])
    high = np.where(reach < 0.80, first_of[home + 1], first_of[(home // size.games + 1) * size.games])
    low, high = np.where(reach < 0.95, low, 0), np.where(reach < 0.95, high, size.channels)
    drawn = edges[low] + generator.random(viewer.size) * (edges[high] - edges[low])
    channel = np.clip(np.searchsorted(edges, drawn, side="right") - 1, low, high - 1)
    seen = [np.flatnonzero(generator.random(size.channels) < 0.6) for _ in range(size.bots)]
    bots = np.repeat(np.arange(size.bots), [len(each) for each in seen])
    key = np.unique(
        np.concatenate([viewer, bots]) * size.channels + np.concatenate([channel, *seen]).astype(np.int64)
    )
    return Pairs((key // size.channels).astype(np.int32), (key % size.channels).astype(np.int32), community)


def _shares(size: Size) -> np.ndarray:
    languages, games = (np.arange(1, number + 1) ** -0.7 for number in (size.languages, size.games))
    shares: np.ndarray = np.outer(languages, games).ravel()
    shares /= shares.sum()
    return shares


@nb.njit(cache=True)
def _mix(state):  # type: ignore[no-untyped-def]  # numba infers the types
    """SplitMix64: draws the same minutes for a pair again without storing them."""
    state = state + np.uint64(0x9E3779B97F4A7C15)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))


@nb.njit(cache=True)
def _write_day(viewers, channels, minutes_of, day, seed, cells, out, fill):  # type: ignore[no-untyped-def]  # numba
    """Count (or, with `fill`, write) the viewers of each (channel, minute) of a day, in the order of the pairs.

    A pair's minutes are spread over 1 to 7 days of the week; on each day they nearly follow one another.
    """
    for pair in range(viewers.shape[0]):
        state = _mix(np.uint64(pair) + np.uint64(seed) * np.uint64(1_000_003))
        days = 1 + np.int64(state % np.uint64(min(7, minutes_of[pair])))
        if (day + np.int64((state >> np.uint64(8)) % np.uint64(7))) % 7 >= days:
            continue
        today = minutes_of[pair] // days
        state = _mix(state + np.uint64(day))
        minute = np.int64(state % np.uint64(MINUTES - 2 * today))
        for _ in range(today):
            cell = np.int64(channels[pair]) * MINUTES + minute
            if fill:
                out[cells[cell]] = viewers[pair]
            cells[cell] += 1
            state = _mix(state)
            minute += 1 + np.int64(state & np.uint64(1))


def names(number: int, stem: str) -> pl.Series:
    """Distinct names as long as logins are, sorted."""
    words = ["lunar", "red", "quiet", "mega", "frost", "wild", "tiny", "neon", "old", "swift", "x", "the_real_"]
    codes = pl.int_range(number, eager=True)
    text = pl.DataFrame({"word": pl.Series(words).gather(codes % len(words)), "code": codes})
    return text.select(pl.format("{}{}{}", "word", pl.lit(stem), pl.col("code") * 7 + 3)).to_series().sort()


def day_presence(size: Size, pairs: Pairs, minutes_of: np.ndarray, day: int, seed: int) -> tuple[np.ndarray, ...]:
    """Cells (channel * 1440 + minute) in which somebody wrote, where the viewers of each end, and the viewers."""
    cells = np.zeros(size.channels * MINUTES, np.int64)
    _write_day(pairs.viewer, pairs.channel, minutes_of, day, seed, cells, np.empty(0, np.int32), False)
    ends = np.cumsum(cells)
    viewers = np.empty(int(ends[-1]), np.int32)
    _write_day(pairs.viewer, pairs.channel, minutes_of, day, seed, ends - cells, viewers, True)
    used = np.flatnonzero(cells)
    return used, ends[used], viewers


def presence_table(
    day: dt.date, used: np.ndarray, ends: np.ndarray, viewers: np.ndarray, logins: pa.Array, channels: pl.Series
) -> pl.DataFrame:
    """The cells as rows of presence; schema PRESENCE."""
    offsets = pa.array(np.concatenate([[0], ends]), pa.int64())
    chatters = pa.LargeListArray.from_arrays(offsets, logins.take(pa.array(viewers)))
    midnight = dt.datetime.combine(day, dt.time(), dt.UTC)
    bucket_start = pl.lit(midnight, TIMESTAMP) + pl.duration(minutes=pl.col("minute"))
    channel = channels.gather(used // MINUTES)
    frame = pl.DataFrame({"channel": channel, "minute": used % MINUTES, "chatters": pl.from_arrow(chatters)})
    nothing = [
        pl.lit(None, PRESENCE.schema[name]).alias(name)
        for name in ("channel_id", "offset_s", "game_name", "language", "title", "started_at")
    ]
    return frame.select(
        pl.lit("twitch").alias("platform"),
        pl.lit("live").alias("source"),
        "channel",
        pl.format("live:{}", "channel").alias("content_id"),
        pl.lit(60, pl.Int32).alias("bucket_len_s"),
        bucket_start.alias("bucket_start"),
        "chatters",
        pl.col("chatters").list.len().cast(pl.Int32).alias("viewer_count"),
        bucket_start.dt.strftime("%Y-%m-%dT%H:%M:%SZ").alias("timestamp"),
        *nothing,
    ).select(PRESENCE.schema.names())


def write_world(name: str, folder: Path, seed: int = 7) -> dict[str, int]:
    """Write the week of a world as a lake with live presence, in the lake's own encoding.

    Its distinct pairs (pairs.npz) and its figures (world.json) stand next to it. Returns the figures.
    """
    size = SIZES[name]
    pairs = draw_pairs(size, seed)
    folder.mkdir(parents=True, exist_ok=True)
    order = np.lexsort((pairs.viewer, pairs.channel))
    np.savez(folder / "pairs.npz", viewer=pairs.viewer[order], channel=pairs.channel[order])
    generator = np.random.default_rng([seed, 1])
    minutes_of = np.minimum(np.exp(size.chatter + 1.1 * generator.standard_normal(pairs.viewer.size)) + 1, 600)
    logins = names(size.viewers, "v").to_arrow()
    channels = names(size.channels, "c")
    entries = rows = size_bytes = 0
    for number in range(DAYS):
        day = START + dt.timedelta(days=number)
        used, ends, viewers = day_presence(size, pairs, minutes_of.astype(np.int64), number, seed)
        path = folder / lake.live_presence(day)
        path.parent.mkdir(parents=True, exist_ok=True)
        presence_table(day, used, ends, viewers, logins, channels).write_parquet(path, compression="zstd")
        entries, rows, size_bytes = entries + viewers.size, rows + used.size, size_bytes + path.stat().st_size
    figures = {
        "channels": size.channels,
        "viewers": size.viewers,
        "distinct_pairs": int(pairs.viewer.size),
        "presence_rows": rows,
        "chatters_listed": entries,
        "parquet_bytes": size_bytes,
        "seed": seed,
    }
    (folder / "world.json").write_text(json.dumps(figures, indent=2) + "\n")
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("size", choices=sorted(SIZES))
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    print(json.dumps(write_world(arguments.size, arguments.folder)))
