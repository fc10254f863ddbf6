"""One connection of EventSub, through TwitchIO.

Belongs here: TwitchIO, and what it lacks. Not here: which channels to read, and when to reconnect (reader).

https://dev.twitch.tv/docs/eventsub/handling-websocket-events/
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from typing import Protocol, Self

import aiohttp
import twitchio
from twitchio.eventsub import ChatMessageSubscription, websockets
from twitchio.http import Route

from vieweratlas_assets.clients.chat import ChatMessage
from vieweratlas_assets.clients.twitch_token import TwitchUser

BOT_BADGE = "bot-badge"
# On lower levels, TwitchIO logs whole notifications, with the text of messages.
logging.getLogger("twitchio").setLevel(logging.WARNING)


class NotConnectedError(Exception):
    """Connecting failed."""


ALREADY_SUBSCRIBED = 409
"""Status of the answer to a request for a subscription that exists."""


class NotSubscribedError(Exception):
    """A request about subscriptions failed.

    Attributes:
        status: of Twitch's answer; None if there was no answer.
    """

    def __init__(self, status: int | None, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class ConnectionOwner(Protocol):
    """Gets what comes over a connection."""

    def received(self, message: ChatMessage) -> None:
        """A message came."""
        ...

    def revoked(self, subscription: str, status: str) -> None:
        """A subscription has ended; `status` as in EventSub, such as chat_user_banned."""
        ...

    def handed_over(self, lost_at: float, resumed_at: float) -> None:
        """The server moved the session to a new connection; messages between these moments were not read."""
        ...

    def closed(self) -> None:
        """The connection is closed."""
        ...

    def failed(self, error: Exception) -> None:
        """Our code that handles an event has failed."""
        ...


class Listener(twitchio.Client):
    """One connection; an async context manager that connects.

    TwitchIO would replace lost connections by itself, but reports that only afterwards, and does not report which
    subscriptions it restored. So its reconnecting is switched off, and the caller opens another Listener.

    Attributes:
        is_closed: whether the connection is closed.
    """

    def __init__(
        self,
        account: TwitchUser,
        owner: ConnectionOwner,
        *,
        url: str,
        helix_url: str,
        connect_s: float,
        answer_s: float,
        clock: Callable[[], float],
    ) -> None:
        """Prepare a connection.

        Args:
            url: of EventSub.
            connect_s: timeout of connecting.
            answer_s: timeout of a request to Helix.
            clock: s since 1970; runs as fast as real time.
        """
        super().__init__(client_id=account.client_id)
        # TwitchIO has one address per process.
        Route.BASE, websockets.WSS = f"{helix_url.rstrip('/')}/", url
        self.is_closed = False
        self._account, self._connection_owner, self._connect_s, self._now = account, owner, connect_s, clock
        self._answer_s = answer_s
        self._socket: websockets.Websocket | None = None
        self._welcomed_at = 0.0

    async def __aenter__(self) -> Self:
        """Connect.

        Raises:
            NotConnectedError: it failed, or took too long.
        """
        # Passed as the application's token: TwitchIO would try to renew a user's token an hour before it expires.
        await self.login(token=self._account.token, load_tokens=False, save_tokens=False)
        socket = websockets.Websocket(
            reconnect_attempts=None, client=self, token_for=self._account.user_id, http=self._http
        )
        async with contextlib.AsyncExitStack() as on_failure:
            on_failure.push_async_callback(self.close)
            on_failure.push_async_callback(socket.close)
            try:
                async with asyncio.timeout(self._connect_s):
                    await socket.connect(fail_once=True)
            except (twitchio.TwitchioException, TimeoutError) as error:
                raise NotConnectedError(type(error.__cause__ or error).__name__) from None
            on_failure.pop_all()
        assert socket.session_id is not None
        self._socket = self._websockets[self._account.user_id][socket.session_id] = socket
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Close the connection."""
        await self.close()

    @property
    def alive_at(self) -> float:
        """When a message or the server's sign of life last came, by the clock; 0 before the first."""
        last = None if self._socket is None else self._socket._last_keepalive
        return 0.0 if last is None else self._now() - (time.time() - last.timestamp())

    async def room_ids(self, logins: Sequence[str]) -> dict[str, str]:
        """The ids of up to 100 channels by login; a channel that does not exist is missing.

        Raises:
            NotSubscribedError: Twitch refused the request or did not answer it.
        """
        try:
            async with asyncio.timeout(self._answer_s):
                users = await self.fetch_users(logins=list(logins))
        except _FAILURES as error:
            raise _not_subscribed(error) from None
        return {user.name: user.id for user in users if user.name is not None}

    async def subscribe(self, room_id: str) -> str:
        """Subscribe to a channel's chat.

        Returns:
            The id of the subscription.

        Raises:
            NotSubscribedError: Twitch refused the request or did not answer it.
        """
        payload = ChatMessageSubscription(broadcaster_user_id=room_id, user_id=self._account.user_id)
        session = None if self._socket is None else self._socket.session_id
        try:
            async with asyncio.timeout(self._answer_s):
                answer = await self.subscribe_websocket(payload, token_for=self._account.user_id, socket_id=session)
        except _FAILURES as error:
            raise _not_subscribed(error) from None
        if answer is None:
            raise NotSubscribedError(ALREADY_SUBSCRIBED, "the subscription exists already")
        return answer["data"][0]["id"]

    async def unsubscribe(self, subscription: str) -> None:
        """End a subscription.

        Raises:
            NotSubscribedError: Twitch refused the request or did not answer it.
        """
        # The client's own method would close the connection with its last subscription, although another may follow.
        if self._socket is not None:
            self._socket._subscriptions.pop(subscription, None)
        try:
            async with asyncio.timeout(self._answer_s):
                await self._http.delete_eventsub_subscription(subscription, token_for=self._account.user_id)
        except _FAILURES as error:
            failure = _not_subscribed(error)
            # 404: it has ended already, for example because it was revoked.
            if failure.status != 404:
                raise failure from None

    async def event_message(self, payload: twitchio.ChatMessage) -> None:
        """TwitchIO: a message came."""
        moment, channel, login = payload.timestamp, payload.broadcaster.name, payload.chatter.name
        assert moment is not None
        assert channel is not None
        assert login is not None
        self._connection_owner.received(
            ChatMessage(
                channel=channel.lower(),
                login=login,
                sent_ms=round(moment.timestamp() * 1000),
                id=payload.id,
                mirrored=payload.source_broadcaster is not None,
                by_bot=any(badge.set_id == BOT_BADGE for badge in payload.badges),
            )
        )

    async def event_subscription_revoked(self, payload: twitchio.SubscriptionRevoked) -> None:
        """TwitchIO: a subscription has ended."""
        self._connection_owner.revoked(payload.id, payload.raw["status"])

    async def event_websocket_welcome(self, _: twitchio.WebsocketWelcome) -> None:
        """TwitchIO: a connection is open."""
        self._welcomed_at = self._now()

    async def event_websocket_closed(self, payload: websockets.WebsocketClosed) -> None:
        """TwitchIO: a connection is closed; another may have replaced it."""
        if payload.socket is not self._socket:
            return
        lost_at = self.alive_at
        successor = next(iter(self._websockets[self._account.user_id].values()), None)
        if successor is None:
            self.is_closed = True
            self._connection_owner.closed()
        else:
            self._socket = successor
            self._connection_owner.handed_over(lost_at, self._welcomed_at)

    async def event_error(self, payload: twitchio.EventErrorPayload) -> None:
        """TwitchIO: one of the methods above failed."""
        self._connection_owner.failed(payload.error)


# TwitchIO raises a KeyError for a session that has ended, and an IndexError for a refused token without a successor.
_FAILURES = (twitchio.HTTPException, aiohttp.ClientError, TimeoutError, KeyError, IndexError)


def _not_subscribed(error: Exception) -> NotSubscribedError:
    if isinstance(error, twitchio.HTTPException):
        return NotSubscribedError(error.status, str(error.extra.get("message") or error.status)[:200])
    return NotSubscribedError(401 if isinstance(error, IndexError) else None, type(error).__name__)
