"""The sandbox's chat in the order in which it is written, as the IRC lines that Twitch would send.

Belongs here: the order and the tags of messages, including Shared Chat. Not here: who listens (irc), who writes when
in one broadcast (chat).

https://dev.twitch.tv/docs/chat/irc/#privmsg-tags
"""

import datetime as dt
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import NamedTuple, Protocol

import numpy as np
import polars as pl

from vieweratlas_assets.sandbox.chat import stream_chat
from vieweratlas_assets.sandbox.planted_presence import live_between
from vieweratlas_assets.sandbox.vocabulary import RARE_BOTS
from vieweratlas_assets.sandbox.world import World

HOUR = dt.timedelta(hours=1)
FIRST_USER_ID = 100_000_000
_SHARED_CHAT_DRAW = 3
"""Separates the random numbers of Shared Chat from others that are drawn by hour."""
_SHARES_CHAT = 0.25
_MAX_SHARING = 3
_WRITTEN = pl.Schema({"channel_no": pl.UInt32, "viewer_no": pl.UInt32, "sent_ms": pl.Int64})
_WORDS = ("hello", "gg", "nice", "one more", "no way", "what a play", "so close", "hi from work", "🎉", "¡vamos!")


class FedMessage(NamedTuple):
    """A message that is sent: its time (ms since 1970), its channel, and its line with tags."""

    sent_ms: int
    channel: str
    line: str


class ChatFeed(Protocol):
    """A source of chat messages."""

    @property
    def room_ids(self) -> Mapping[str, str]:
        """Channel ids by login."""
        ...

    def between(self, start: dt.datetime, end: dt.datetime) -> Iterator[FedMessage]:
        """Yield the messages from start on and before end (UTC), in order."""
        ...


class WorldFeed:
    """The messages of a world; none after its last day."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._end = dt.datetime.combine(world.spec.dates[-1] + dt.timedelta(days=1), dt.time(), dt.UTC)
        self._drawn: dict[int, pl.DataFrame] = {}
        self._read(dt.datetime.min.replace(tzinfo=dt.UTC))

    @cached_property
    def room_ids(self) -> Mapping[str, str]:
        """Channel ids by login."""
        return dict(self._world.channels.select("channel", "channel_id").iter_rows())

    def between(self, start: dt.datetime, end: dt.datetime) -> Iterator[FedMessage]:
        """Yield the messages from start on and before end (UTC), in order."""
        hour = start.replace(minute=0, second=0, microsecond=0)
        end = min(end, self._end)
        while hour < end:
            if hour != self._hour:
                self._read(hour)
            first, last = (int(self._sent_ms.searchsorted(_ms(moment))) for moment in (start, end))
            for number, row in enumerate(self._messages[first:last].iter_rows(named=True), first):
                yield FedMessage(row["sent_ms"], row["channel"], _line(row, f"{_ms(hour) // 3_600_000:08x}", number))
            hour += HOUR

    def _read(self, hour: dt.datetime) -> None:
        self._hour = hour
        self._messages = messages_of_hour(self._world, hour, self._drawn)
        self._sent_ms = self._messages["sent_ms"].to_numpy()


def messages_of_hour(world: World, hour: dt.datetime, drawn: dict[int, pl.DataFrame] | None = None) -> pl.DataFrame:
    """Return all messages of an hour, in the order in which they are written.

    In Shared Chat a message occurs once per channel in which it appears.

    Args:
        world: the world.
        hour: start of the hour, UTC.
        drawn: cache of chats by stream_no, filled by the call for the previous hour and updated for this one.

    Returns:
        sent_ms (since 1970), channel, room_id, login, role, user_id, source_room_id (the channel in which it was
        written; null outside Shared Chat) and source_no (the same in all channels of a message).
    """
    streams = live_between(world, hour, hour + HOUR)
    drawn = {} if drawn is None else drawn
    for over in drawn.keys() - set(streams["stream_no"]):
        del drawn[over]
    for stream in streams.select("stream_no", "channel_no", "started_at").iter_rows():
        if stream[0] not in drawn:
            drawn[stream[0]] = _written(world, *stream)
    begin_ms = _ms(hour)
    in_hour = pl.col("sent_ms").is_between(begin_ms, begin_ms + 3_600_000, closed="left")
    written = pl.concat([pl.DataFrame(schema=_WRITTEN), *(drawn[stream_no] for stream_no in streams["stream_no"])])
    own = written.filter(in_hour).sort("sent_ms", "channel_no", "viewer_no").with_row_index("source_no")
    appears = shared_chat_of_hour(world, hour)
    everywhere = own.join(appears, on="channel_no", how="left", maintain_order="left").with_columns(
        source_no_of_channel=pl.when(pl.col("appears_in").is_not_null()).then("channel_no"),
        channel_no=pl.col("appears_in").fill_null(pl.col("channel_no")),
    )
    channels = world.channels.select("channel", room_id="channel_id").with_row_index("channel_no")
    viewers = world.viewers.select("login", pl.col("role").cast(pl.String)).with_row_index("viewer_no")
    return (
        everywhere.join(channels, on="channel_no", how="left", maintain_order="left")
        .join(viewers, on="viewer_no", how="left", maintain_order="left")
        .join(
            channels.select(source_no_of_channel="channel_no", source_room_id="room_id"),
            on="source_no_of_channel",
            how="left",
            maintain_order="left",
        )
        .select(
            "sent_ms",
            "channel",
            "room_id",
            "login",
            "role",
            (pl.col("viewer_no") + FIRST_USER_ID).cast(pl.String).alias("user_id"),
            "source_room_id",
            "source_no",
        )
    )


def _written(world: World, stream_no: int, channel_no: int, started_at: dt.datetime) -> pl.DataFrame:
    """Return all messages of a broadcast."""
    # Chats are drawn to the second; the milliseconds are derived from viewer and broadcast.
    within_ms = (pl.col("viewer_no").cast(pl.Int64) * 7919 + stream_no * 31) % 1000
    sent_ms = _ms(started_at) + pl.col("second").cast(pl.Int64) * 1000 + within_ms
    return stream_chat(world, stream_no).select(
        pl.lit(channel_no, pl.UInt32).alias("channel_no"), "viewer_no", sent_ms=sent_ms
    )


def shared_chat_of_hour(world: World, hour: dt.datetime) -> pl.DataFrame:
    """Return which live channels share their chat for an hour: channel_no and appears_in (including itself).

    Two or three channels of a community share their chat.
    """
    streams = live_between(world, hour, hour + HOUR).unique("channel_no", maintain_order=True).sort("channel_no")
    generator = np.random.default_rng([world.spec.seed, _SHARED_CHAT_DRAW, max(0, _ms(hour) // 3_600_000)])
    pairs: list[tuple[int, int]] = []
    for (_,), community_streams in streams.group_by("community", maintain_order=True):
        draw = generator.random()
        candidates = community_streams["channel_no"].to_list()
        if len(candidates) > 1 and draw < _SHARES_CHAT:
            chosen = sorted(generator.permutation(candidates)[:_MAX_SHARING].tolist())
            pairs += [(source, target) for source in chosen for target in chosen]
    return pl.DataFrame(pairs, schema={"channel_no": pl.UInt32, "appears_in": pl.UInt32}, orient="row")


def _line(row: dict[str, str | int | None], hour: str, number: int) -> str:
    login = row["login"]
    badges = "broadcaster/1" if login == row["channel"] else "bot-badge/1" if login in RARE_BOTS else ""
    source = ""
    if row["source_room_id"] is not None:
        source = (
            f"source-badge-info=;source-badges={badges};source-id={hour}-0000-4000-9000-{row['source_no']:012x};"
            f"source-only=0;source-room-id={row['source_room_id']};"
        )
    return (
        f"@badge-info=;badges={badges};color=#1E90FF;display-name={login};emotes=;first-msg=0;flags=;"
        f"id={hour}-0000-4000-8000-{number:012x};mod=0;returning-chatter=0;room-id={row['room_id']};{source}"
        f"subscriber=0;tmi-sent-ts={row['sent_ms']};turbo=0;user-id={row['user_id']};user-type= "
        f":{login}!{login}@{login}.tmi.twitch.tv PRIVMSG #{row['channel']} :{_WORDS[number % len(_WORDS)]}"
    )


def _ms(moment: dt.datetime) -> int:
    return round((moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) / dt.timedelta(milliseconds=1))
