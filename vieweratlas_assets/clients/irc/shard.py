"""A shard: channels that share a connection, also after it was replaced.

Belongs here: staying connected and joined, and gap events for channels that are not read. Not here: the bytes
(connection), which channels share a connection (reader).
"""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from vieweratlas_assets.clients.chat import (
    CHANNEL_LIMIT,
    CONNECTING,
    CONNECTION_LOST,
    JOIN_UNANSWERED,
    JOINING,
    LOGIN_REFUSED,
    SERVER_RECONNECT,
    ChatEvent,
    ChatMessage,
    UnreadableLine,
)
from vieweratlas_assets.clients.event_queue import ChannelStates
from vieweratlas_assets.clients.irc.connection import LEAVE_S, Account, Address, Connection
from vieweratlas_assets.clients.irc.pacing import Pacing
from vieweratlas_assets.clients.retry import RetryPolicy, backoff_s, first_done, wait_until

SIGNS_PER_CHANNEL = 2
"""Unanswered JOINs per channel that count as signs of a pace that is too fast."""
LOG = logging.getLogger("vieweratlas.irc")


@dataclass
class Hub:
    """What all shards of a reader share.

    Attributes:
        account: called before each connection.
        clock: s since 1970, for the times of events.
        publish: takes events.
        reconnects: connections that replaced another.
    """

    address: Address
    account: Callable[[], Account]
    pacing: Pacing
    retry_policy: RetryPolicy
    clock: Callable[[], float]
    publish: Callable[[Sequence[ChatEvent]], None]
    connections_made: int = 0
    reconnects: int = 0

    def connection(self, shard: "Shard") -> Connection:
        """A connection that is not open yet."""
        self.connections_made += 1
        return Connection(self.connections_made, self.account(), shard, self.clock)


@dataclass
class _Holding:
    """A connection and its channels.

    Attributes:
        joined: channels that it has joined.
        requested: channels with a JOIN that has no answer yet, and its deadline in the loop's time.
        wake: set when there may be another channel to join.
        announced: set when the server has announced that it will close the connection.
        is_left: another connection has taken over, and this one is being closed.
    """

    connection: Connection
    joined: set[str] = field(default_factory=set)
    requested: dict[str, float] = field(default_factory=dict)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    announced: asyncio.Event = field(default_factory=asyncio.Event)
    is_left: bool = False


class Shard:
    """Keeps its channels joined on one connection, and on two while the second takes over from the first."""

    def __init__(self, hub: Hub) -> None:
        self.channels: dict[str, None] = {}
        self._hub = hub
        self._holdings: list[_Holding] = []
        self._states = ChannelStates(hub.publish)
        self._not_before: dict[str, float] = {}
        self._unanswered: dict[str, int] = {}
        self._failures = 0
        self._seen: set[str] = set()
        self._seen_until = 0.0

    def add(self, channel: str) -> None:
        """Start watching a channel."""
        self.channels[channel] = None
        self._states.set(channel, JOINING if self._holdings else CONNECTING, self._hub.clock())
        self._wake()

    def remove(self, channel: str) -> None:
        """Stop watching a channel, and leave it."""
        del self.channels[channel]
        for holding in self._holdings:
            if channel in holding.joined or channel in holding.requested:
                holding.connection.part(channel)
            holding.joined.discard(channel)
            holding.requested.pop(channel, None)
        self._not_before.pop(channel, None)
        self._unanswered.pop(channel, None)
        self._states.release(channel, self._hub.clock())

    @property
    def joined_channels(self) -> int:
        """How many of its channels are read now."""
        return sum(1 for _ in self._states.channels_in({None}))

    @property
    def connections(self) -> list[Connection]:
        """The open connections, the newest last."""
        return [holding.connection for holding in self._holdings]

    def proven_until(self, channel: str) -> float:
        """When a connection that has joined the channel last received bytes; 0 if none has joined it."""
        alive_at = (holding.connection.alive_at for holding in self._holdings if channel in holding.joined)
        return max(alive_at, default=0.0)

    async def run(self) -> None:
        """Stay connected and joined until canceled."""
        tasks: set[asyncio.Task[None]] = set()
        try:
            while True:
                holding = _Holding(await self._connect())
                self._holdings.append(holding)
                self._set_waiting(JOINING)
                began = asyncio.get_running_loop().time()
                task = asyncio.create_task(self._use(holding))
                tasks.add(task)
                announced = asyncio.create_task(holding.announced.wait())
                try:
                    await first_done(task, announced)
                finally:
                    announced.cancel()
                self._hub.reconnects += 1
                has_lasted = asyncio.get_running_loop().time() - began >= self._hub.retry_policy.lasted_s
                self._failures = 0 if has_lasted else self._failures + 1
                for done in [task for task in tasks if task.done()]:
                    tasks.remove(done)
                    done.result()
        finally:
            for task in tasks:
                task.cancel()
            await self._disconnect()

    def received(self, messages: list[ChatMessage]) -> None:
        """Pass messages on, each once."""
        if len(self._holdings) > 1:
            self._seen_until = asyncio.get_running_loop().time() + self._hub.retry_policy.overlap_s
        elif self._seen and asyncio.get_running_loop().time() >= self._seen_until:
            self._seen.clear()
            self._seen_until = 0.0
        if self._seen_until:
            fresh = [message for message in messages if not message.id or message.id not in self._seen]
            self._seen.update(message.id for message in fresh)
            messages = fresh
        self._hub.publish(messages)

    def unreadable(self, channel: str) -> None:
        """Count a line that could not be read."""
        self._hub.publish([UnreadableLine(channel, self._hub.clock())])

    def joined(self, connection: Connection, channel: str) -> None:
        """Record that a channel is read from now on."""
        holding = self._holding(connection)
        if holding is None or channel not in self.channels:
            return
        holding.requested.pop(channel, None)
        holding.joined.add(channel)
        self._unanswered.pop(channel, None)
        self._not_before.pop(channel, None)
        self._states.set(channel, None, self._hub.clock())
        self._leave_replaced()
        holding.wake.set()

    def refused(self, connection: Connection, channel: str, reason: str) -> None:
        """Record that a channel cannot be read, and when to join again."""
        holding = self._holding(connection)
        if holding is None or channel not in self.channels:
            return
        holding.requested.pop(channel, None)
        holding.joined.discard(channel)
        retry_policy = self._hub.retry_policy
        wait_s = retry_policy.refused_s
        if reason == CHANNEL_LIMIT:
            self._hub.pacing.trouble()
            wait_s = retry_policy.limit_s
        self._not_before[channel] = asyncio.get_running_loop().time() + wait_s
        if not self._is_joined(channel):
            self._states.set(channel, reason, self._hub.clock())
        self._leave_replaced()

    def asked_to_reconnect(self, connection: Connection) -> None:
        """Open the next connection while this one still lasts."""
        if (holding := self._holding(connection)) is not None:
            holding.announced.set()

    async def _disconnect(self) -> None:
        if connections := self.connections:
            for connection in connections:
                connection.leave()
            await asyncio.wait([connection.closed for connection in connections], timeout=LEAVE_S)
            for connection in connections:
                connection.abort(CONNECTION_LOST)

    async def _connect(self) -> Connection:
        """Open connections until one is registered, and return it."""
        retry_policy = self._hub.retry_policy
        while True:
            if self._failures:
                longest = backoff_s(
                    retry_policy.first_reconnect_s, self._failures - 1, retry_policy.longest_reconnect_s
                )
                await asyncio.sleep(random.uniform(longest / 2, longest))
            await self._hub.pacing.turn_to_connect()
            connection = self._hub.connection(self)
            reason = await self._register(connection)
            if reason is None:
                return connection
            self._failures += 1
            self._set_waiting(CONNECTING)
            if reason == LOGIN_REFUSED:
                pause_s = retry_policy.login_s
                LOG.error("%s refuses the account's token; trying again in %.0f s", self._hub.address.url, pause_s)
                self._set_waiting(LOGIN_REFUSED)
                await asyncio.sleep(pause_s)

    async def _register(self, connection: Connection) -> str | None:
        """Open a connection and register; returns None, or why it failed: a key of chat.GAP_REASONS."""
        is_registered = False
        try:
            async with asyncio.timeout(self._hub.retry_policy.register_s):
                await self._hub.address.connect(connection)
                is_registered = await connection.registered
                return None if is_registered else await connection.closed
        except (OSError, TimeoutError) as error:
            LOG.warning("no connection to %s: %s", self._hub.address.url, error or type(error).__name__)
            return CONNECTING
        finally:
            if not is_registered:
                connection.abort(CONNECTING)

    def _set_waiting(self, reason: str) -> None:
        """Set why channels that were never joined are not read now."""
        self._states.set_all((CONNECTING, JOINING, LOGIN_REFUSED), reason, self._hub.clock())

    async def _use(self, holding: _Holding) -> None:
        """Join the wanted channels on a connection and keep it alive, until it is closed."""
        tasks = [asyncio.create_task(work(holding)) for work in (self._keep_joined, self._keep_alive)]
        try:
            await first_done(holding.connection.closed, *tasks)
        finally:
            for task in tasks:
                task.cancel()
        for task in tasks:
            if task.done() and not task.cancelled():
                task.result()
        self._lost(holding)

    def _lost(self, holding: _Holding) -> None:
        self._holdings.remove(holding)
        self._hub.pacing.forget(holding.connection.number)
        reason = SERVER_RECONNECT if holding.announced.is_set() else holding.connection.closed.result()
        unread = [name for name in holding.joined if not self._is_joined(name)]
        if unread:
            number = holding.connection.number
            LOG.warning("connection %d: %s; %d channels are not read", number, reason, len(unread))
        for channel in unread:
            self._states.set(channel, reason, holding.connection.lost_at)
        self._wake()

    async def _keep_alive(self, holding: _Holding) -> None:
        retry_policy = self._hub.retry_policy
        while True:
            await asyncio.sleep(retry_policy.ping_every_s)
            await holding.connection.ping(retry_policy.pong_s)

    async def _keep_joined(self, holding: _Holding) -> None:
        """Send JOINs, each in its turn, for wanted channels that are neither joined nor requested."""
        loop, pacing = asyncio.get_running_loop(), self._hub.pacing
        while True:
            self._give_up_waiting(holding)
            channel = self._next_to_join(holding)
            if channel is None:
                holding.wake.clear()
                await wait_until(holding.wake, self._next_deadline(holding))
                continue
            await pacing.turn_to_join(holding.connection.number)
            # The channel may have changed while we waited.
            if channel in self.channels and channel not in holding.joined:
                holding.connection.join(channel)
                self._not_before.pop(channel, None)
                holding.requested[channel] = loop.time() + self._hub.retry_policy.answer_s

    def _next_to_join(self, holding: _Holding) -> str | None:
        if holding is not self._holdings[-1]:
            return None
        now = asyncio.get_running_loop().time()
        for channel in self.channels:
            if (
                channel not in holding.joined
                and channel not in holding.requested
                and self._not_before.get(channel, 0.0) <= now
            ):
                return channel
        return None

    def _next_deadline(self, holding: _Holding) -> float:
        # Only the newest connection joins.
        waits = [until for name, until in self._not_before.items() if name not in holding.joined]
        if holding is not self._holdings[-1]:
            waits = []
        return min([*holding.requested.values(), *waits], default=float("inf"))

    def _give_up_waiting(self, holding: _Holding) -> None:
        """Treat JOINs without an answer as lost: they are sent again, after a longer pause each time."""
        now, retry_policy = asyncio.get_running_loop().time(), self._hub.retry_policy
        for channel in [name for name, until in holding.requested.items() if until <= now]:
            del holding.requested[channel]
            times = self._unanswered[channel] = self._unanswered.get(channel, 0) + 1
            # A channel that never answers, for example one that was renamed, says nothing about the pace.
            if times <= SIGNS_PER_CHANNEL:
                self._hub.pacing.trouble()
            self._not_before[channel] = now + backoff_s(
                retry_policy.first_retry_s, times - 1, retry_policy.longest_retry_s
            )
            if not self._is_joined(channel):
                self._states.set(channel, JOIN_UNANSWERED, self._hub.clock())

    def _leave_replaced(self) -> None:
        """Close connections whose channels are all joined on the newest one."""
        *replaced, newest = self._holdings
        for old in replaced:
            if old.joined <= newest.joined and not old.is_left:
                old.is_left = True
                old.connection.leave()

    def _is_joined(self, channel: str) -> bool:
        return any(channel in holding.joined for holding in self._holdings)

    def _holding(self, connection: Connection) -> _Holding | None:
        return next((holding for holding in self._holdings if holding.connection is connection), None)

    def _wake(self) -> None:
        for holding in self._holdings:
            holding.wake.set()
