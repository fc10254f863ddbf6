"""Live chat over IRC: the default source.

Belongs here: distributing channels over connections, and the stream of events. Not here: the channels of one
connection (shard).
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Collection, Sequence

from vieweratlas_assets.clients.chat import ChatEvent
from vieweratlas_assets.clients.event_queue import EventQueue
from vieweratlas_assets.clients.irc.connection import Account, Address, anonymous
from vieweratlas_assets.clients.irc.pacing import PROFILES, Pacing, Profile
from vieweratlas_assets.clients.irc.shard import Hub, Shard
from vieweratlas_assets.clients.retry import RETRY_POLICY, RetryPolicy

CHANNELS_PER_CONNECTION = 90
"""The number that readers in production use; Twitch documents none."""


class IrcReader:
    """Reads any number of channels; see chat.ChatSource.

    >>> async with IrcReader(Address("ircs://irc.chat.twitch.tv:6697")) as reader:  # doctest: +SKIP
    ...     reader.watch(["forsen"])
    ...     async for events in reader.events():
    ...         print(events)
    """

    def __init__(
        self,
        address: Address,
        *,
        account: Callable[[], Account] = anonymous,
        profile: Profile = PROFILES["default"],
        retry_policy: RetryPolicy = RETRY_POLICY,
        clock: Callable[[], float] = time.time,
        channels_per_connection: int = CHANNELS_PER_CONNECTION,
    ) -> None:
        """Prepare a reader; nothing is connected yet.

        Args:
            account: called before each connection.
            clock: s since 1970, for the times of events.
        """
        self._queue = EventQueue()
        self._pacing = Pacing(profile, now=time.monotonic)
        self._hub = Hub(address, account, self._pacing, retry_policy, clock, self._queue.put)
        self._channels_per_connection = channels_per_connection
        self._shards: dict[Shard, asyncio.Task[None]] = {}
        self._shard_by_channel: dict[str, Shard] = {}

    async def __aenter__(self) -> "IrcReader":
        """Start listening."""
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Leave all channels and close all connections."""
        tasks = list(self._shards.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._queue.close()

    def watch(self, channels: Collection[str]) -> None:
        """From now on, watch exactly these channels (logins)."""
        wanted = dict.fromkeys(channels)
        for channel in [name for name in self._shard_by_channel if name not in wanted]:
            self._shard_by_channel.pop(channel).remove(channel)
        with_room = [shard for shard in self._shards if len(shard.channels) < self._channels_per_connection]
        for channel in wanted:
            if channel in self._shard_by_channel:
                continue
            if not with_room:
                with_room.append(self._new_shard())
            self._shard_by_channel[channel] = with_room[0]
            with_room[0].add(channel)
            if len(with_room[0].channels) >= self._channels_per_connection:
                del with_room[0]
        # Only now, so that a shard whose channels all change keeps its connection.
        for empty in [shard for shard in self._shards if not shard.channels]:
            self._shards.pop(empty).cancel()

    def events(self) -> AsyncIterator[Sequence[ChatEvent]]:
        """Yield events in batches until the reader is closed."""
        return self._queue.events()

    def proven_until(self, channel: str) -> float:
        """The last moment at which a watched channel was certainly read."""
        shard = self._shard_by_channel.get(channel)
        return 0.0 if shard is None else shard.proven_until(channel)

    async def prove(self) -> None:
        """Send a PING on every connection and wait for the answers; close connections that do not answer."""
        timeout_s = self._hub.retry_policy.pong_s
        pings = [connection.ping(timeout_s) for shard in self._shards for connection in shard.connections]
        await asyncio.gather(*pings)

    @property
    def joined_channels(self) -> int:
        """How many channels are read now."""
        return sum(shard.joined_channels for shard in self._shards)

    @property
    def connections(self) -> int:
        """How many connections are open now."""
        return sum(len(shard.connections) for shard in self._shards)

    @property
    def connections_made(self) -> int:
        """How many connections were attempted so far."""
        return self._hub.connections_made

    @property
    def reconnects(self) -> int:
        """How many of them replaced a connection that was lost or ended."""
        return self._hub.reconnects

    def _new_shard(self) -> Shard:
        shard = Shard(self._hub)
        task = asyncio.create_task(shard.run())
        self._queue.guard(task)
        self._shards[shard] = task
        return shard
