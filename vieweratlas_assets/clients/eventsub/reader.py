"""Live chat over EventSub: the official route, for an account with a token and up to 100 channels.

Belongs here: staying connected and subscribed, and gap events for channels that are not read. Not here: one
connection (listener), more channels than an account may join (rotation).
"""

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from typing import Self

from vieweratlas_assets.clients.chat import (
    BANNED,
    CHANNEL_LIMIT,
    CONNECTING,
    CONNECTION_LOST,
    CONNECTION_SILENT,
    JOIN_UNANSWERED,
    JOINING,
    LOGIN_REFUSED,
    NO_SUCH_CHANNEL,
    SERVER_RECONNECT,
    SUSPENDED,
    ChatEvent,
    ChatMessage,
)
from vieweratlas_assets.clients.event_queue import ChannelStates, EventQueue
from vieweratlas_assets.clients.eventsub.listener import (
    ALREADY_SUBSCRIBED,
    Listener,
    NotConnectedError,
    NotSubscribedError,
)
from vieweratlas_assets.clients.http import NoAnswerError
from vieweratlas_assets.clients.retry import RETRY_POLICY, RetryPolicy, backoff_s, wait_until
from vieweratlas_assets.clients.twitch_token import TokenRefusedError, TwitchUser

CHANNELS_PER_REQUEST = 100
KEEPALIVE_S = 10.0
"""The server sends a sign of life after this long without a message."""
REVOKED = {"chat_user_banned": BANNED, "user_removed": SUSPENDED, "authorization_revoked": LOGIN_REFUSED}
WAITING = (CONNECTING, JOINING, LOGIN_REFUSED)
LOG = logging.getLogger("vieweratlas.eventsub")


class EventSubReader:
    """Reads channels over one connection; see chat.ChatSource.

    While the server moves the session to a new connection there is a gap: TwitchIO does not read the old one then.
    """

    def __init__(
        self,
        account: Callable[[], TwitchUser],
        *,
        url: str,
        helix_url: str,
        retry_policy: RetryPolicy = RETRY_POLICY,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Prepare a reader; nothing is connected yet.

        Args:
            account: called in a thread before each connection; may raise TokenRefusedError and NoAnswerError.
            url: of EventSub.
            clock: s since 1970, for the times of events.
        """
        self.connections_made = self.reconnects = 0
        self._account, self._url, self._helix_url = account, url, helix_url
        self._retry_policy, self._clock = retry_policy, clock
        self._queue = EventQueue()
        self._states = ChannelStates(self._queue.put)
        self._wanted: dict[str, None] = {}
        self._room_ids: dict[str, str] = {}
        self._subscriptions: dict[str, str] = {}
        self._to_end: list[str] = []
        self._ends_after = 0.0
        self._reconnected_for: set[str] = set()
        self._revoked: dict[str, str] = {}
        self._not_before: dict[str, float] = {}
        self._unanswered: dict[str, int] = {}
        self._seen: tuple[set[str], set[str]] = (set(), set())
        self._seen_until = 0.0
        self._wake = asyncio.Event()
        self._listener: Listener | None = None
        self._reading: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Start listening."""
        self._reading = asyncio.create_task(self._keep_reading())
        self._queue.guard(self._reading)
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Disconnect."""
        assert self._reading is not None
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        self._queue.close()

    def watch(self, channels: Collection[str]) -> None:
        """From now on, watch exactly these channels (logins)."""
        previous, self._wanted, now = self._wanted, dict.fromkeys(channels), self._clock()
        for channel in [name for name in previous if name not in self._wanted]:
            if (subscription := self._subscriptions.pop(channel, None)) is not None:
                self._to_end.append(subscription)
            self._not_before.pop(channel, None)
            self._unanswered.pop(channel, None)
            self._states.release(channel, now)
        for channel in [name for name in self._wanted if name not in previous]:
            self._states.set(channel, CONNECTING if self._listener is None else JOINING, now)
        self._wake.set()

    def events(self) -> AsyncIterator[Sequence[ChatEvent]]:
        """Yield events in batches until the reader is closed."""
        return self._queue.events()

    def proven_until(self, channel: str) -> float:
        """The last moment at which a watched channel was certainly read."""
        is_subscribed = self._listener is not None and channel in self._subscriptions
        return self._listener.alive_at if self._listener is not None and is_subscribed else 0.0

    async def prove(self) -> None:
        """Wait for the server's next sign of life, as EventSub has no PING."""
        started, deadline = self._clock(), time.monotonic() + self._retry_policy.pong_s
        while (listener := self._listener) is not None and self._subscriptions:
            if listener.alive_at >= started or time.monotonic() >= deadline:
                return
            await asyncio.sleep(0.05)

    @property
    def joined_channels(self) -> int:
        """How many channels are read now."""
        return len(self._subscriptions)

    def received(self, message: ChatMessage) -> None:
        """Pass a message on, once: EventSub may deliver it several times."""
        now = time.monotonic()
        if now >= self._seen_until:
            self._seen, self._seen_until = (set(), self._seen[0]), now + self._retry_policy.overlap_s
        if not any(message.id in ids for ids in self._seen):
            self._seen[0].add(message.id)
            self._queue.put([message])

    def revoked(self, subscription: str, status: str) -> None:
        """Record that a channel is no longer read, and subscribe again later."""
        channel = next((name for name, known in self._subscriptions.items() if known == subscription), None)
        # The revocation may come before the answer with the id of the subscription.
        self._revoked[subscription] = status
        if channel is not None:
            del self._subscriptions[channel]
            self._refused(channel, REVOKED.get(status, JOIN_UNANSWERED))
            self._wake.set()

    def handed_over(self, lost_at: float, resumed_at: float) -> None:
        """Record the gap between two connections."""
        self.connections_made += 1
        self.reconnects += 1
        self._states.set_all([None], SERVER_RECONNECT, lost_at)
        self._states.set_all([SERVER_RECONNECT], None, resumed_at)

    def closed(self) -> None:
        """Wake the task that reconnects."""
        self._wake.set()

    def failed(self, error: Exception) -> None:
        """Raise the error in the consumer of events."""
        self._queue.fail(error)

    async def _keep_reading(self) -> None:
        """Stay connected while channels are wanted."""
        loop, failures = asyncio.get_running_loop(), 0
        while True:
            while self._next() is None:
                self._wake.clear()
                await wait_until(self._wake, self._next_deadline())
            if failures:
                longest = backoff_s(
                    self._retry_policy.first_reconnect_s, failures - 1, self._retry_policy.longest_reconnect_s
                )
                await asyncio.sleep(random.uniform(longest / 2, longest))
            began = loop.time()
            await self._read()
            # If nothing is left to subscribe to, the end of the connection is not a failure.
            is_normal_end = loop.time() - began >= self._retry_policy.lasted_s or self._next() is None
            failures = 0 if is_normal_end else failures + 1

    async def _read(self) -> None:
        """Connect, and read until the connection ends."""
        self.connections_made += 1
        try:
            account = await asyncio.to_thread(self._account)
            listener = Listener(
                account,
                self,
                url=self._url,
                helix_url=self._helix_url,
                connect_s=self._retry_policy.register_s,
                answer_s=self._retry_policy.answer_s,
                clock=self._clock,
            )
            async with listener:
                self._listener = listener
                self._states.set_all(WAITING, JOINING, self._clock())
                try:
                    await self._keep_subscribed(listener)
                finally:
                    self._listener = None
        except TokenRefusedError as error:
            LOG.error("%s; trying again in %.0f s", error, self._retry_policy.login_s)
            self._states.set_all(WAITING, LOGIN_REFUSED, self._clock())
            await asyncio.sleep(self._retry_policy.login_s)
        except (NotConnectedError, NoAnswerError) as error:
            LOG.warning("no connection to %s: %s", self._url, error)
            self._states.set_all(WAITING, CONNECTING, self._clock())
        else:
            self._lost(listener.alive_at)

    def _lost(self, alive_at: float) -> None:
        """Record since when no channel is read."""
        is_silent = self._clock() - alive_at > KEEPALIVE_S
        if self._subscriptions:
            self.reconnects += 1
            state = "silent" if is_silent else "lost"
            LOG.warning("the connection is %s; %d channels are not read", state, len(self._subscriptions))
        self._states.set_all([None], CONNECTION_SILENT if is_silent else CONNECTION_LOST, alive_at)
        self._subscriptions.clear()
        self._to_end.clear()
        self._revoked.clear()

    async def _keep_subscribed(self, listener: Listener) -> None:
        """Subscribe to the wanted channels, one after another, until the connection ends or no channel is wanted."""
        while not listener.is_closed:
            self._wake.clear()
            # One ends before the next starts: the account may be at its limit of channels.
            if self._to_end and asyncio.get_running_loop().time() >= self._ends_after:
                await self._end(listener, self._to_end.pop())
            channel = self._next()
            if channel is not None and channel in self._room_ids:
                if not await self._subscribe(listener, channel):
                    return
            elif channel is not None:
                await self._look_up(listener)
            elif not self._wanted and not self._to_end:
                return
            else:
                await wait_until(self._wake, self._next_deadline())

    async def _subscribe(self, listener: Listener, channel: str) -> bool:
        """Subscribe to a channel; returns whether the connection can still be used."""
        try:
            subscription = await listener.subscribe(self._room_ids[channel])
        except NotSubscribedError as error:
            LOG.warning("no subscription to %s: %s", channel, error)
            if error.status == ALREADY_SUBSCRIBED and not self._to_end and channel not in self._reconnected_for:
                # The answer with its id was lost, so only a new connection ends it.
                self._reconnected_for.add(channel)
                return False
            if channel in self._wanted and not listener.is_closed:
                self._refused(channel, _reason(error))
            return True
        self._reconnected_for.discard(channel)
        # The channel may no longer be wanted.
        if channel not in self._wanted:
            self._to_end.append(subscription)
        elif (status := self._revoked.pop(subscription, None)) is not None:
            self._refused(channel, REVOKED.get(status, JOIN_UNANSWERED))
        else:
            self._subscriptions[channel] = subscription
            self._unanswered.pop(channel, None)
            self._states.set(channel, None, self._clock())
        return True

    async def _end(self, listener: Listener, subscription: str) -> None:
        try:
            await listener.unsubscribe(subscription)
        except NotSubscribedError as error:
            LOG.warning("a subscription could not be ended, trying again later: %s", error)
            self._to_end.insert(0, subscription)
            self._ends_after = asyncio.get_running_loop().time() + self._retry_policy.first_retry_s

    async def _look_up(self, listener: Listener) -> None:
        """Ask for the ids of channels that have none yet."""
        unknown = [name for name in self._wanted if name not in self._room_ids][:CHANNELS_PER_REQUEST]
        try:
            ids = await listener.room_ids(unknown)
        except NotSubscribedError as error:
            LOG.warning("no ids of %d channels: %s", len(unknown), error)
            for channel in unknown:
                # The channel may no longer be wanted.
                if channel in self._wanted:
                    self._refused(channel, _reason(error))
            return
        self._room_ids |= ids
        for channel in unknown:
            if channel not in ids and channel in self._wanted:
                self._refused(channel, NO_SUCH_CHANNEL)

    def _refused(self, channel: str, reason: str) -> None:
        """Record why a channel is not read, and when to subscribe again."""
        retry_policy = self._retry_policy
        if reason in (JOIN_UNANSWERED, LOGIN_REFUSED):
            times = self._unanswered[channel] = self._unanswered.get(channel, 0) + 1
            wait_s = backoff_s(retry_policy.first_retry_s, times - 1, retry_policy.longest_retry_s)
        else:
            wait_s = retry_policy.limit_s if reason == CHANNEL_LIMIT else retry_policy.refused_s
        self._not_before[channel] = asyncio.get_running_loop().time() + wait_s
        self._states.set(channel, reason, self._clock())

    def _next(self) -> str | None:
        """The next channel to subscribe to."""
        now = asyncio.get_running_loop().time()
        missing = (name for name in self._wanted if name not in self._subscriptions)
        return next((name for name in missing if self._not_before.get(name, 0.0) <= now), None)

    def _next_deadline(self) -> float:
        waits = [until for name, until in self._not_before.items() if name not in self._subscriptions]
        return min([*waits, *([self._ends_after] if self._to_end else [])], default=float("inf"))


def _reason(error: NotSubscribedError) -> str:
    """Why a channel is not read: a key of chat.GAP_REASONS."""
    match error.status:
        case 401:
            return LOGIN_REFUSED
        case 403:
            return BANNED
        # Without "exceeded", it is about requests per minute, not about subscriptions.
        case 429 if "exceeded" in str(error):
            return CHANNEL_LIMIT
        case _:
            return JOIN_UNANSWERED
