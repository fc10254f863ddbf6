"""What people write in the sandbox: for every broadcast, who wrote in which second.

Belongs here: attendance and messages, drawn per broadcast, so that the chat of any broadcast can be drawn alone and
is always the same. Not here: who exists (world), buckets and tables (planted_presence).
"""

import datetime as dt

import numpy as np
import polars as pl

from vieweratlas_assets.sandbox.world import MINUTES_PER_DAY, ROLES, World

_CHAT = pl.Schema({"viewer_no": pl.UInt32, "second": pl.Int32})

_VIEWER, _BROADCASTER, _BOT = range(len(ROLES.categories))
_CHAT_STREAM = 1
"""Separates the random numbers of chats from others that are drawn by number."""
_WAITS_MINUTES = 150
_OFF_HOURS = 0.15
_MEAN_GAP_S = {_VIEWER: 240.0, _BROADCASTER: 420.0}


def stream_chat(world: World, stream_no: int) -> pl.DataFrame:
    """Draw the chat of one broadcast.

    Args:
        world: the world.
        stream_no: row of `world.streams`.

    Returns:
        One row per message: viewer_no (row of `world.viewers`) and second (since the broadcast started, below its
        duration_s); sorted by second.
    """
    generator = np.random.default_rng([world.spec.seed, _CHAT_STREAM, stream_no])
    stream = world.streams.row(stream_no, named=True)
    duration_s = stream["duration_s"]
    followers = world.followers(stream["channel_no"])
    role = followers["role"].to_physical().to_numpy()
    arrival_s, messages = _visits(world, followers, stream["started_at"], duration_s, generator)
    gap_s = np.where(role == _BROADCASTER, _MEAN_GAP_S[_BROADCASTER], _MEAN_GAP_S[_VIEWER])
    # A bot writes at a fixed interval per channel.
    gap_s = np.where(role == _BOT, 900 + 900 * followers["affinity"].to_numpy(), gap_s)
    serves = role != _VIEWER
    arrival_s[serves] = generator.uniform(5, 180, int(serves.sum()))
    messages[serves] = np.ceil(duration_s / gap_s[serves]).astype(np.int64) + 2
    writer = np.repeat(np.arange(role.size), messages)
    steady = role[writer] == _BOT
    gaps = np.where(steady, generator.uniform(0.95, 1.05, writer.size), generator.exponential(1, writer.size))
    second = _running_sums(gaps * gap_s[writer], messages) + arrival_s[writer]
    heard = second < duration_s
    return (
        pl.DataFrame({"viewer_no": followers["viewer_no"].to_numpy()[writer[heard]], "second": second[heard]})
        .cast(_CHAT)
        .sort("second", "viewer_no")
    )


def _visits(
    world: World,
    followers: pl.DataFrame,
    started_at: dt.datetime,
    duration_s: int,
    generator: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw when each follower arrives (seconds after the start) and how many messages they write (0: absent)."""
    viewers = world.viewers[followers["viewer_no"]]
    count = viewers.height
    start_minute = started_at.hour * 60 + started_at.minute
    comes_today = (viewers["weekdays"].to_numpy() >> started_at.weekday() & 1).astype(bool)
    evening = viewers["evening"].to_numpy() + generator.normal(0, 60, count)
    after_start = (evening - start_minute) % MINUTES_PER_DAY
    waited = after_start > MINUTES_PER_DAY - _WAITS_MINUTES
    suits = waited | (after_start < duration_s / 60)
    arrival_s = np.where(waited, generator.exponential(600, count), after_start * 60)
    arrival_s = np.where(suits, arrival_s, generator.uniform(0, duration_s, count))
    chance = followers["affinity"].to_numpy() * np.where(suits, 1.0, _OFF_HOURS)
    comes = comes_today & (generator.random(count) < chance)
    messages = generator.geometric(1 / viewers["chattiness"].to_numpy())
    return arrival_s, np.where(comes, messages, 0)


def _running_sums(values: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Sum values within consecutive segments of these lengths; each segment starts at 0 and omits its last value."""
    before = np.concatenate([[0.0], np.cumsum(values)])
    first = np.cumsum(lengths) - lengths
    sums: np.ndarray = before[:-1] - np.repeat(before[first], lengths)
    return sums
