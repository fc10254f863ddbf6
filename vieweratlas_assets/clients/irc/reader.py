"""Live chat over IRC: the default source.

Belongs here: spreading channels over connections, and the stream of events. Not here: one connection's channels
(shard).
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

CHANNELS_A_CONNECTION = 90
"""What readers in production have on one; Twitch is silent about it."""


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
        channels_a_connection: int = CHANNELS_A_CONNECTION,
    ) -> None:
        """Read as an account; nothing is connected yet.

        Args:
            account: asked for every connection.
            clock: s since 1970, as events tell it.
        """
        self._queue = EventQueue()
        self._pacing = Pacing(profile, now=time.monotonic)
        self._hub = Hub(address, account, self._pacing, retry_policy, clock, self._queue.put)
        self._channels_a_connection = channels_a_connection
        self._shards: dict[Shard, asyncio.Task[None]] = {}
        self._shard_of: dict[str, Shard] = {}

    async def __aenter__(self) -> "IrcReader":
        """Begin to listen."""
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Leave all channels and close all connections."""
        tasks = list(self._shards.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._queue.close()

    def watch(self, channels: Collection[str]) -> None:
        """Want these channels (logins) and no others from now on."""
        wanted = dict.fromkeys(channels)
        for channel in [name for name in self._shard_of if name not in wanted]:
            self._shard_of.pop(channel).remove(channel)
        roomy = [each for each in self._shards if len(each.channels) < self._channels_a_connection]
        for channel in wanted:
            if channel in self._shard_of:
                continue
            if not roomy:
                roomy.append(self._new_shard())
            self._shard_of[channel] = roomy[0]
            roomy[0].add(channel)
            if len(roomy[0].channels) >= self._channels_a_connection:
                del roomy[0]
        # Only now: one whose channels all change keeps its connection.
        for shard in [each for each in self._shards if not each.channels]:
            self._shards.pop(shard).cancel()

    def events(self) -> AsyncIterator[Sequence[ChatEvent]]:
        """What happens, some at a time, until the reader is closed."""
        return self._queue.events()

    def proven_until(self, channel: str) -> float:
        """The last moment at which a watched channel was certainly being read."""
        shard = self._shard_of.get(channel)
        return 0.0 if shard is None else shard.proven_until(channel)

    async def prove(self) -> None:
        """Ask all connections for a sign of life, and wait for it; those that give none are closed."""
        within_s = self._hub.retry_policy.pong_s
        asked = [connection.ping(within_s) for shard in self._shards for connection in shard.connections]
        await asyncio.gather(*asked)

    @property
    def joined_channels(self) -> int:
        """How many channels are read now."""
        return sum(shard.joined_channels for shard in self._shards)

    @property
    def connections(self) -> int:
        """How many connections there are now."""
        return sum(len(shard.connections) for shard in self._shards)

    @property
    def connections_made(self) -> int:
        """How many connections were tried by now."""
        return self._hub.connections_made

    @property
    def reconnects(self) -> int:
        """How many of them were to replace one that was lost or ended."""
        return self._hub.reconnects

    def _new_shard(self) -> Shard:
        shard = Shard(self._hub)
        task = asyncio.create_task(shard.run())
        self._queue.guard(task)
        self._shards[shard] = task
        return shard
