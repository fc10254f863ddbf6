"""One connection of EventSub, through TwitchIO.

Belongs here: TwitchIO, and what it leaves open. Not here: which channels, and when it is tried again (reader).

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
# Below that, TwitchIO logs whole notifications, with what was written.
logging.getLogger("twitchio").setLevel(logging.WARNING)


class NotConnectedError(Exception):
    """There is no connection."""


THERE_ALREADY = 409
"""Status of an answer to who asks for a subscription that there is."""


class NotSubscribedError(Exception):
    """A channel's chat is not told.

    Attributes:
        status: of Twitch's answer; None where there was none.
    """

    def __init__(self, status: int | None, told: str) -> None:
        super().__init__(told)
        self.status = status


class Hearer(Protocol):
    """Who is told what comes over a connection."""

    def received(self, message: ChatMessage) -> None:
        """Somebody wrote."""
        ...

    def revoked(self, subscription: str, status: str) -> None:
        """A subscription has ended; `status` as in EventSub, such as chat_user_banned."""
        ...

    def handed_over(self, lost_at: float, found_at: float) -> None:
        """The server asked for another connection; what came between these moments was not read."""
        ...

    def closed(self) -> None:
        """The connection is gone."""
        ...

    def failed(self, error: Exception) -> None:
        """Something of ours went wrong."""
        ...


class Listener(twitchio.Client):
    """A connection, as long as it lasts; used as an async context manager, which connects.

    TwitchIO makes lost connections anew by itself, but tells so only afterwards and not which subscriptions it got
    back. So it gets sockets that it must not make anew, and whoever uses this makes another one.

    Attributes:
        is_closed: whether the connection is gone.
    """

    def __init__(
        self,
        account: TwitchUser,
        hearer: Hearer,
        *,
        url: str,
        helix_url: str,
        within_s: float,
        answer_s: float,
        clock: Callable[[], float],
    ) -> None:
        """Prepare a connection.

        Args:
            url: of EventSub.
            within_s: a connection that is not made by then fails.
            answer_s: a request to Helix that is not answered by then fails.
            clock: s since 1970; it goes as fast as real time.
        """
        super().__init__(client_id=account.client_id)
        # TwitchIO has one address for the whole process.
        Route.BASE, websockets.WSS = f"{helix_url.rstrip('/')}/", url
        self.is_closed = False
        self._account, self._hearer, self._within_s, self._now = account, hearer, within_s, clock
        self._answer_s = answer_s
        self._socket: websockets.Websocket | None = None
        self._welcomed_at = 0.0

    async def __aenter__(self) -> Self:
        """Connect.

        Raises:
            NotConnectedError: see there.
        """
        # As the application's: of a user's own token it wants to make another an hour before it runs out.
        await self.login(token=self._account.token, load_tokens=False, save_tokens=False)
        socket = websockets.Websocket(
            reconnect_attempts=None, client=self, token_for=self._account.user_id, http=self._http
        )
        async with contextlib.AsyncExitStack() as undone:
            undone.push_async_callback(self.close)
            undone.push_async_callback(socket.close)
            try:
                async with asyncio.timeout(self._within_s):
                    await socket.connect(fail_once=True)
            except (twitchio.TwitchioException, TimeoutError) as error:
                raise NotConnectedError(type(error.__cause__ or error).__name__) from None
            undone.pop_all()
        assert socket.session_id is not None
        self._socket = self._websockets[self._account.user_id][socket.session_id] = socket
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Close the connection."""
        await self.close()

    @property
    def alive_at(self) -> float:
        """When something last came, by the clock: a message, or the server's sign of life."""
        heard = None if self._socket is None else self._socket._last_keepalive
        return 0.0 if heard is None else self._now() - (time.time() - heard.timestamp())

    async def room_ids(self, logins: Sequence[str]) -> dict[str, str]:
        """The ids of up to 100 channels by their logins; of those that there are.

        Raises:
            NotSubscribedError: Twitch does not tell.
        """
        try:
            async with asyncio.timeout(self._answer_s):
                users = await self.fetch_users(logins=list(logins))
        except _TROUBLES as error:
            raise _not_subscribed(error) from None
        return {user.name: user.id for user in users if user.name is not None}

    async def subscribe(self, room_id: str) -> str:
        """Have a channel's chat told from now on.

        Returns:
            The id of the subscription.

        Raises:
            NotSubscribedError: see there.
        """
        asked = ChatMessageSubscription(broadcaster_user_id=room_id, user_id=self._account.user_id)
        session = None if self._socket is None else self._socket.session_id
        try:
            async with asyncio.timeout(self._answer_s):
                answer = await self.subscribe_websocket(asked, token_for=self._account.user_id, socket_id=session)
        except _TROUBLES as error:
            raise _not_subscribed(error) from None
        if answer is None:
            raise NotSubscribedError(THERE_ALREADY, "there is such a subscription")
        return answer["data"][0]["id"]

    async def unsubscribe(self, subscription: str) -> None:
        """Have it told no more.

        Raises:
            NotSubscribedError: Twitch does not tell that it is so.
        """
        # The client's own method closes the connection with the last one, and the next may be about to be made.
        if self._socket is not None:
            self._socket._subscriptions.pop(subscription, None)
        try:
            async with asyncio.timeout(self._answer_s):
                await self._http.delete_eventsub_subscription(subscription, token_for=self._account.user_id)
        except _TROUBLES as error:
            found = _not_subscribed(error)
            # Such as one that was revoked meanwhile.
            if found.status != 404:
                raise found from None

    async def event_message(self, payload: twitchio.ChatMessage) -> None:
        """TwitchIO: somebody wrote."""
        moment, channel, login = payload.timestamp, payload.broadcaster.name, payload.chatter.name
        assert moment is not None
        assert channel is not None
        assert login is not None
        self._hearer.received(
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
        self._hearer.revoked(payload.id, payload.raw["status"])

    async def event_websocket_welcome(self, _: twitchio.WebsocketWelcome) -> None:
        """TwitchIO: a connection is made."""
        self._welcomed_at = self._now()

    async def event_websocket_closed(self, payload: websockets.WebsocketClosed) -> None:
        """TwitchIO: a connection is gone; it may have been replaced."""
        if payload.socket is not self._socket:
            return
        lost_at = self.alive_at
        successor = next(iter(self._websockets[self._account.user_id].values()), None)
        if successor is None:
            self.is_closed = True
            self._hearer.closed()
        else:
            self._socket = successor
            self._hearer.handed_over(lost_at, self._welcomed_at)

    async def event_error(self, payload: twitchio.EventErrorPayload) -> None:
        """TwitchIO: one of the above failed."""
        self._hearer.failed(payload.error)


# A session that ended meanwhile is a KeyError. A token that is refused and has no successor is an IndexError.
_TROUBLES = (twitchio.HTTPException, aiohttp.ClientError, TimeoutError, KeyError, IndexError)


def _not_subscribed(error: Exception) -> NotSubscribedError:
    if isinstance(error, twitchio.HTTPException):
        return NotSubscribedError(error.status, str(error.extra.get("message") or error.status)[:200])
    return NotSubscribedError(401 if isinstance(error, IndexError) else None, type(error).__name__)
