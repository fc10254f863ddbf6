"""Live chat over EventSub: the official route, for an account with a token and up to 100 channels.

Belongs here: staying connected and subscribed, and telling since when and why not. Not here: one connection
(listener), more channels than an account may be in (rotation).
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
from vieweratlas_assets.clients.event_queue import EventQueue, Watching
from vieweratlas_assets.clients.eventsub.listener import (
    THERE_ALREADY,
    Listener,
    NotConnectedError,
    NotSubscribedError,
)
from vieweratlas_assets.clients.http import NoAnswerError
from vieweratlas_assets.clients.retry import RETRY_POLICY, RetryPolicy, doubled, wait_until
from vieweratlas_assets.clients.twitch_token import TokenRefusedError, TwitchUser

CHANNELS_A_CALL = 100
KEEPALIVE_S = 10.0
"""The server gives a sign of life so often, where it has nothing else to tell."""
REVOKED = {"chat_user_banned": BANNED, "user_removed": SUSPENDED, "authorization_revoked": LOGIN_REFUSED}
WAITING = (CONNECTING, JOINING, LOGIN_REFUSED)
LOG = logging.getLogger("vieweratlas.eventsub")


class EventSubReader:
    """Reads channels over one connection; see chat.ChatSource.

    What comes while the server has another connection made is a gap: TwitchIO does not read the old one meanwhile.
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
        """Read as an account; nothing is connected yet.

        Args:
            account: asked in a thread for every connection; may raise TokenRefusedError and NoAnswerError.
            url: of EventSub.
            clock: s since 1970, as events tell it.
        """
        self.connections_made = self.reconnects = 0
        self._account, self._url, self._helix_url = account, url, helix_url
        self._retry_policy, self._clock = retry_policy, clock
        self._queue = EventQueue()
        self._watching = Watching(self._queue.put)
        self._wanted: dict[str, None] = {}
        self._room_ids: dict[str, str] = {}
        self._subscriptions: dict[str, str] = {}
        self._to_end: list[str] = []
        self._ends_after = 0.0
        self._renewed_for: set[str] = set()
        self._revoked: dict[str, str] = {}
        self._not_before: dict[str, float] = {}
        self._unanswered: dict[str, int] = {}
        self._seen: tuple[set[str], set[str]] = (set(), set())
        self._seen_until = 0.0
        self._wake = asyncio.Event()
        self._listener: Listener | None = None
        self._listening: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Begin to listen."""
        self._listening = asyncio.create_task(self._keep_listening())
        self._queue.guard(self._listening)
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Leave."""
        assert self._listening is not None
        self._listening.cancel()
        await asyncio.gather(self._listening, return_exceptions=True)
        self._queue.close()

    def watch(self, channels: Collection[str]) -> None:
        """Want these channels (logins) and no others from now on."""
        before, self._wanted, now = self._wanted, dict.fromkeys(channels), self._clock()
        for channel in [name for name in before if name not in self._wanted]:
            if (subscription := self._subscriptions.pop(channel, None)) is not None:
                self._to_end.append(subscription)
            for noted in (self._not_before, self._unanswered):
                noted.pop(channel, None)
            self._watching.release(channel, now)
        for channel in [name for name in self._wanted if name not in before]:
            self._watching.note(channel, CONNECTING if self._listener is None else JOINING, now)
        self._wake.set()

    def events(self) -> AsyncIterator[Sequence[ChatEvent]]:
        """What happens, some at a time, until the reader is closed."""
        return self._queue.events()

    def proven_until(self, channel: str) -> float:
        """The last moment at which a watched channel was certainly being read."""
        subscribed = self._listener is not None and channel in self._subscriptions
        return self._listener.alive_at if self._listener is not None and subscribed else 0.0

    async def prove(self) -> None:
        """Wait for a sign of life: nothing may be asked for over EventSub."""
        asked, deadline = self._clock(), time.monotonic() + self._retry_policy.pong_s
        while (listener := self._listener) is not None and self._subscriptions:
            if listener.alive_at >= asked or time.monotonic() >= deadline:
                return
            await asyncio.sleep(0.05)

    @property
    def joined_channels(self) -> int:
        """How many channels are read now."""
        return len(self._subscriptions)

    def received(self, message: ChatMessage) -> None:
        """Hand on a message, once: EventSub may tell it several times."""
        now = time.monotonic()
        if now >= self._seen_until:
            self._seen, self._seen_until = (set(), self._seen[0]), now + self._retry_policy.overlap_s
        if not any(message.id in each for each in self._seen):
            self._seen[0].add(message.id)
            self._queue.put([message])

    def revoked(self, subscription: str, status: str) -> None:
        """Note a channel that is told no more, and ask for it again later."""
        channel = next((name for name, each in self._subscriptions.items() if each == subscription), None)
        # It may come before the answer that tells the subscription.
        self._revoked[subscription] = status
        if channel is not None:
            del self._subscriptions[channel]
            self._refused(channel, REVOKED.get(status, JOIN_UNANSWERED))
            self._wake.set()

    def handed_over(self, lost_at: float, found_at: float) -> None:
        """Tell of the time between two connections."""
        self.connections_made += 1
        self.reconnects += 1
        self._watching.note_all([None], SERVER_RECONNECT, lost_at)
        self._watching.note_all([SERVER_RECONNECT], None, found_at)

    def closed(self) -> None:
        """Make the next connection."""
        self._wake.set()

    def failed(self, error: Exception) -> None:
        """End with a fault of ours."""
        self._queue.fail(error)

    async def _keep_listening(self) -> None:
        """Stay connected while somebody is wanted."""
        loop, failures = asyncio.get_running_loop(), 0
        while True:
            while self._next() is None:
                self._wake.clear()
                await wait_until(self._wake, self._next_deadline())
            if failures:
                longest = doubled(
                    self._retry_policy.first_reconnect_s, failures - 1, self._retry_policy.longest_reconnect_s
                )
                await asyncio.sleep(random.uniform(longest / 2, longest))
            began = loop.time()
            await self._listen()
            # Without anything to ask for, it is no failure that it has ended.
            ended_well = loop.time() - began >= self._retry_policy.lasted_s or self._next() is None
            failures = 0 if ended_well else failures + 1

    async def _listen(self) -> None:
        """Make a connection, and use it as long as it lasts."""
        self.connections_made += 1
        try:
            account = await asyncio.to_thread(self._account)
            listener = Listener(
                account,
                self,
                url=self._url,
                helix_url=self._helix_url,
                within_s=self._retry_policy.register_s,
                answer_s=self._retry_policy.answer_s,
                clock=self._clock,
            )
            async with listener:
                self._listener = listener
                self._watching.note_all(WAITING, JOINING, self._clock())
                try:
                    await self._keep_subscribed(listener)
                finally:
                    self._listener = None
        except TokenRefusedError as error:
            LOG.error("%s; it is tried again", error)
            self._watching.note_all(WAITING, LOGIN_REFUSED, self._clock())
            await asyncio.sleep(self._retry_policy.login_s)
        except (NotConnectedError, NoAnswerError) as error:
            LOG.warning("no connection to %s: %s", self._url, error)
            self._watching.note_all(WAITING, CONNECTING, self._clock())
        else:
            self._lost(listener.alive_at)

    def _lost(self, alive_at: float) -> None:
        """Tell since when nothing is read any more."""
        silent = self._clock() - alive_at > KEEPALIVE_S
        if self._subscriptions:
            self.reconnects += 1
            LOG.warning("the connection is %s, %d channels", "silent" if silent else "lost", len(self._subscriptions))
        self._watching.note_all([None], CONNECTION_SILENT if silent else CONNECTION_LOST, alive_at)
        self._subscriptions.clear()
        self._to_end.clear()
        self._revoked.clear()

    async def _keep_subscribed(self, listener: Listener) -> None:
        """Subscribe to what is wanted, one after the other, until the connection is gone or nobody is wanted."""
        while not listener.is_closed:
            self._wake.clear()
            # One for one, as the account may be in no more channels.
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
        """Subscribe to a channel; returns whether the connection still is of use."""
        try:
            subscription = await listener.subscribe(self._room_ids[channel])
        except NotSubscribedError as error:
            LOG.warning("no subscription to %s: %s", channel, error)
            if error.status == THERE_ALREADY and not self._to_end and channel not in self._renewed_for:
                # One whose id nobody told us, as an answer was lost: it goes with its connection.
                self._renewed_for.add(channel)
                return False
            if channel in self._wanted and not listener.is_closed:
                self._refused(channel, _reason(error))
            return True
        self._renewed_for.discard(channel)
        # It may not be wanted any more.
        if channel not in self._wanted:
            self._to_end.append(subscription)
        elif (status := self._revoked.pop(subscription, None)) is not None:
            self._refused(channel, REVOKED.get(status, JOIN_UNANSWERED))
        else:
            self._subscriptions[channel] = subscription
            self._unanswered.pop(channel, None)
            self._watching.note(channel, None, self._clock())
        return True

    async def _end(self, listener: Listener, subscription: str) -> None:
        try:
            await listener.unsubscribe(subscription)
        except NotSubscribedError as error:
            LOG.warning("a subscription could not be ended, it is tried again: %s", error)
            self._to_end.insert(0, subscription)
            self._ends_after = asyncio.get_running_loop().time() + self._retry_policy.first_retry_s

    async def _look_up(self, listener: Listener) -> None:
        """Learn the ids of channels that are not known yet."""
        unknown = [name for name in self._wanted if name not in self._room_ids][:CHANNELS_A_CALL]
        try:
            found = await listener.room_ids(unknown)
        except NotSubscribedError as error:
            LOG.warning("the ids of %d channels are not told: %s", len(unknown), error)
            for channel in unknown:
                # It may not be wanted any more.
                if channel in self._wanted:
                    self._refused(channel, _reason(error))
            return
        self._room_ids |= found
        for channel in unknown:
            if channel not in found and channel in self._wanted:
                self._refused(channel, NO_SUCH_CHANNEL)

    def _refused(self, channel: str, reason: str) -> None:
        """Note why a channel is not read, and when to ask again."""
        retry_policy = self._retry_policy
        if reason in (JOIN_UNANSWERED, LOGIN_REFUSED):
            times = self._unanswered[channel] = self._unanswered.get(channel, 0) + 1
            wait_s = doubled(retry_policy.first_retry_s, times - 1, retry_policy.longest_retry_s)
        else:
            wait_s = retry_policy.limit_s if reason == CHANNEL_LIMIT else retry_policy.refused_s
        self._not_before[channel] = asyncio.get_running_loop().time() + wait_s
        self._watching.note(channel, reason, self._clock())

    def _next(self) -> str | None:
        """The next channel to ask for."""
        now = asyncio.get_running_loop().time()
        asked_for = (name for name in self._wanted if name not in self._subscriptions)
        return next((name for name in asked_for if self._not_before.get(name, 0.0) <= now), None)

    def _next_deadline(self) -> float:
        waits = [until for name, until in self._not_before.items() if name not in self._subscriptions]
        return min([*waits, *([self._ends_after] if self._to_end else [])], default=float("inf"))


def _reason(error: NotSubscribedError) -> str:
    """Why a channel is not read, out of chat.GAP_REASONS."""
    match error.status:
        case 401:
            return LOGIN_REFUSED
        case 403:
            return BANNED
        # Where it is not about limits of subscriptions, too much was asked in a minute.
        case 429 if "exceeded" in str(error):
            return CHANNEL_LIMIT
        case _:
            return JOIN_UNANSWERED
