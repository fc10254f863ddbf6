"""A shard: channels that share a connection, whichever connection that is.

Belongs here: staying connected and joined, and telling since when and why not. Not here: the bytes (connection),
which channels belong together (reader).
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
from vieweratlas_assets.clients.event_queue import Watching
from vieweratlas_assets.clients.irc.connection import LEAVE_S, Account, Address, Connection
from vieweratlas_assets.clients.irc.pacing import Pacing
from vieweratlas_assets.clients.retry import RetryPolicy, doubled, first_done, wait_until

PACE_IS_TO_BLAME = 2
"""JOINs of a channel that are not answered for which the pace may be too fast."""
LOG = logging.getLogger("vieweratlas.irc")


@dataclass
class Hub:
    """What all shards of a reader share.

    Attributes:
        account: who listens; asked for every connection.
        clock: s since 1970, as events tell it.
        tell: takes events.
        reconnects: connections that were made to replace another.
    """

    address: Address
    account: Callable[[], Account]
    pacing: Pacing
    retry_policy: RetryPolicy
    clock: Callable[[], float]
    tell: Callable[[Sequence[ChatEvent]], None]
    connections_made: int = 0
    reconnects: int = 0

    def connection(self, shard: "Shard") -> Connection:
        """A connection that is not made yet."""
        self.connections_made += 1
        return Connection(self.connections_made, self.account(), shard, self.clock)


@dataclass
class _Holding:
    """A connection and the channels that it has joined (`held`) or asked for (`asked`: until when is waited).

    Attributes:
        is_left: another has taken over, and it is about to be closed.
    """

    connection: Connection
    held: set[str] = field(default_factory=set)
    asked: dict[str, float] = field(default_factory=dict)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    announced: asyncio.Event = field(default_factory=asyncio.Event)
    is_left: bool = False


class Shard:
    """Keeps its channels joined on one connection, and on two while the second takes over from the first."""

    def __init__(self, hub: Hub) -> None:
        self.channels: dict[str, None] = {}
        self._hub = hub
        self._holdings: list[_Holding] = []
        self._watching = Watching(hub.tell)
        self._not_before: dict[str, float] = {}
        self._unanswered: dict[str, int] = {}
        self._failures = 0
        self._seen: set[str] = set()
        self._seen_until = 0.0

    def add(self, channel: str) -> None:
        """Want a channel."""
        self.channels[channel] = None
        self._watching.note(channel, JOINING if self._holdings else CONNECTING, self._hub.clock())
        self._wake()

    def remove(self, channel: str) -> None:
        """Want a channel no more, and leave it."""
        del self.channels[channel]
        for holding in self._holdings:
            if channel in holding.held or channel in holding.asked:
                holding.connection.part(channel)
            holding.held.discard(channel)
            holding.asked.pop(channel, None)
        for noted in (self._not_before, self._unanswered):
            noted.pop(channel, None)
        self._watching.release(channel, self._hub.clock())

    @property
    def joined_channels(self) -> int:
        """How many of its channels are read now."""
        return sum(1 for _ in self._watching.those({None}))

    @property
    def connections(self) -> list[Connection]:
        """Those that are open, the newest last."""
        return [holding.connection for holding in self._holdings]

    def proven_until(self, channel: str) -> float:
        """When a connection that holds the channel last showed that it lives; 0 without one."""
        return max((each.connection.alive_at for each in self._holdings if channel in each.held), default=0.0)

    async def run(self) -> None:
        """Stay connected and joined until canceled."""
        tended: set[asyncio.Task[None]] = set()
        try:
            while True:
                holding = _Holding(await self._connected())
                self._holdings.append(holding)
                self._tell_waiting(JOINING)
                began = asyncio.get_running_loop().time()
                task = asyncio.create_task(self._tend(holding))
                tended.add(task)
                announced = asyncio.create_task(holding.announced.wait())
                try:
                    await first_done(task, announced)
                finally:
                    announced.cancel()
                self._hub.reconnects += 1
                lasted = asyncio.get_running_loop().time() - began >= self._hub.retry_policy.lasted_s
                self._failures = 0 if lasted else self._failures + 1
                for done in [each for each in tended if each.done()]:
                    tended.remove(done)
                    done.result()
        finally:
            for task in tended:
                task.cancel()
            await self._quit()

    def received(self, messages: list[ChatMessage]) -> None:
        """Hand on messages, each once."""
        if len(self._holdings) > 1:
            self._seen_until = asyncio.get_running_loop().time() + self._hub.retry_policy.overlap_s
        elif self._seen and asyncio.get_running_loop().time() >= self._seen_until:
            self._seen.clear()
            self._seen_until = 0.0
        if self._seen_until:
            fresh = [message for message in messages if not message.id or message.id not in self._seen]
            self._seen.update(message.id for message in fresh)
            messages = fresh
        self._hub.tell(messages)

    def unreadable(self, channel: str) -> None:
        """Count a line that could not be read."""
        self._hub.tell([UnreadableLine(channel, self._hub.clock())])

    def joined(self, connection: Connection, channel: str) -> None:
        """Note a channel that is read from now on."""
        holding = self._holding(connection)
        if holding is None or channel not in self.channels:
            return
        holding.asked.pop(channel, None)
        holding.held.add(channel)
        self._unanswered.pop(channel, None)
        self._not_before.pop(channel, None)
        self._watching.note(channel, None, self._hub.clock())
        self._leave_replaced()
        holding.wake.set()

    def refused(self, connection: Connection, channel: str, reason: str) -> None:
        """Note a channel that cannot be read, and when to ask again."""
        holding = self._holding(connection)
        if holding is None or channel not in self.channels:
            return
        holding.asked.pop(channel, None)
        holding.held.discard(channel)
        retry_policy = self._hub.retry_policy
        wait_s = retry_policy.refused_s
        if reason == CHANNEL_LIMIT:
            self._hub.pacing.trouble()
            wait_s = retry_policy.limit_s
        self._not_before[channel] = asyncio.get_running_loop().time() + wait_s
        if not any(channel in each.held for each in self._holdings):
            self._watching.note(channel, reason, self._hub.clock())
        self._leave_replaced()

    def asked_to_reconnect(self, connection: Connection) -> None:
        """Make the next connection while this one still lasts."""
        if (holding := self._holding(connection)) is not None:
            holding.announced.set()

    async def _quit(self) -> None:
        if connections := self.connections:
            for connection in connections:
                connection.leave()
            await asyncio.wait([connection.closed for connection in connections], timeout=LEAVE_S)
            for connection in connections:
                connection.abort(CONNECTION_LOST)

    async def _connected(self) -> Connection:
        """A new connection, registered; tried until there is one."""
        retry_policy = self._hub.retry_policy
        while True:
            if self._failures:
                longest = doubled(
                    retry_policy.first_reconnect_s, self._failures - 1, retry_policy.longest_reconnect_s
                )
                await asyncio.sleep(random.uniform(longest / 2, longest))
            await self._hub.pacing.turn_to_connect()
            connection = self._hub.connection(self)
            reason = await self._registered(connection)
            if reason is None:
                return connection
            self._failures += 1
            self._tell_waiting(CONNECTING)
            if reason == LOGIN_REFUSED:
                LOG.error("%s refuses the account's token; it is tried again", self._hub.address.url)
                self._tell_waiting(LOGIN_REFUSED)
                await asyncio.sleep(retry_policy.login_s)

    async def _registered(self, connection: Connection) -> str | None:
        """Make a connection and register; returns why not, or None."""
        made = False
        try:
            async with asyncio.timeout(self._hub.retry_policy.register_s):
                await self._hub.address.connect(connection)
                made = await connection.registered
                return None if made else await connection.closed
        except (OSError, TimeoutError) as error:
            LOG.warning("no connection to %s: %s", self._hub.address.url, error or type(error).__name__)
            return CONNECTING
        finally:
            if not made:
                connection.abort(CONNECTING)

    def _tell_waiting(self, reason: str) -> None:
        """Tell what channels that never were joined wait for now."""
        self._watching.note_all((CONNECTING, JOINING, LOGIN_REFUSED), reason, self._hub.clock())

    async def _tend(self, holding: _Holding) -> None:
        """Join what is wanted on a connection and see that it lives, until it is closed."""
        tasks = [asyncio.create_task(each(holding)) for each in (self._keep_joined, self._keep_alive)]
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
        gone = [name for name in holding.held if not any(name in each.held for each in self._holdings)]
        if gone:
            LOG.warning("connection %d: %s, %d channels", holding.connection.number, reason, len(gone))
        for channel in gone:
            self._watching.note(channel, reason, holding.connection.lost_at)
        self._wake()

    async def _keep_alive(self, holding: _Holding) -> None:
        retry_policy = self._hub.retry_policy
        while True:
            await asyncio.sleep(retry_policy.ping_every_s)
            await holding.connection.ping(retry_policy.pong_s)

    async def _keep_joined(self, holding: _Holding) -> None:
        """Send JOINs, each at its turn, for what is wanted and neither joined nor asked for."""
        loop, pacing = asyncio.get_running_loop(), self._hub.pacing
        while True:
            self._give_up_waiting(holding)
            channel = self._next_to_join(holding)
            if channel is None:
                holding.wake.clear()
                await wait_until(holding.wake, self._next_deadline(holding))
                continue
            await pacing.turn_to_join(holding.connection.number)
            # It may have gone while we waited.
            if channel in self.channels and channel not in holding.held:
                holding.connection.join(channel)
                self._not_before.pop(channel, None)
                holding.asked[channel] = loop.time() + self._hub.retry_policy.answer_s

    def _next_to_join(self, holding: _Holding) -> str | None:
        if holding is not self._holdings[-1]:
            return None
        now = asyncio.get_running_loop().time()
        for channel in self.channels:
            if (
                channel not in holding.held
                and channel not in holding.asked
                and self._not_before.get(channel, 0.0) <= now
            ):
                return channel
        return None

    def _next_deadline(self, holding: _Holding) -> float:
        # Only the newest connection joins.
        waits = [until for name, until in self._not_before.items() if name not in holding.held]
        if holding is not self._holdings[-1]:
            waits = []
        return min([*holding.asked.values(), *waits], default=float("inf"))

    def _give_up_waiting(self, holding: _Holding) -> None:
        """Take JOINs that nobody answered for lost: they are asked for again, later each time."""
        now, retry_policy = asyncio.get_running_loop().time(), self._hub.retry_policy
        for channel in [name for name, until in holding.asked.items() if until <= now]:
            del holding.asked[channel]
            times = self._unanswered[channel] = self._unanswered.get(channel, 0) + 1
            # One that never answers, as a renamed channel, says nothing about the pace.
            if times <= PACE_IS_TO_BLAME:
                self._hub.pacing.trouble()
            self._not_before[channel] = now + doubled(
                retry_policy.first_retry_s, times - 1, retry_policy.longest_retry_s
            )
            if not any(channel in each.held for each in self._holdings):
                self._watching.note(channel, JOIN_UNANSWERED, self._hub.clock())

    def _leave_replaced(self) -> None:
        """Close connections that a newer one has taken all channels over from."""
        *replaced, newest = self._holdings
        for old in replaced:
            if old.held <= newest.held and not old.is_left:
                old.is_left = True
                old.connection.leave()

    def _holding(self, connection: Connection) -> _Holding | None:
        return next((each for each in self._holdings if each.connection is connection), None)

    def _wake(self) -> None:
        for holding in self._holdings:
            holding.wake.set()
