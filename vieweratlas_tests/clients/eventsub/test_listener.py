"""One connection of EventSub: what its owner hears, and the errors of requests."""

import asyncio
import datetime as dt
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

from vieweratlas_assets.clients.chat import ChatMessage
from vieweratlas_assets.clients.eventsub.listener import (
    ALREADY_SUBSCRIBED,
    Listener,
    NotConnectedError,
    NotSubscribedError,
)
from vieweratlas_assets.clients.twitch_token import UserToken
from vieweratlas_assets.sandbox.feed import FedMessage
from vieweratlas_tests.clients.chatting import START_MS, Chatting, SteadyFeed, chatting, of_world, until

CHANNELS = of_world(3)
ALPHA, BETA, GAMMA = CHANNELS
Play = Callable[[Listener, "Owner", Chatting], Coroutine[Any, Any, None]]


class Owner:
    """Records what comes over a connection."""

    def __init__(self) -> None:
        self.messages: list[ChatMessage] = []
        self.revocations: list[tuple[str, str]] = []
        self.handovers: list[tuple[float, float]] = []
        self.ends = 0

    def received(self, message: ChatMessage) -> None:
        self.messages.append(message)

    def revoked(self, subscription: str, status: str) -> None:
        self.revocations.append((subscription, status))

    def handed_over(self, lost_at: float, resumed_at: float) -> None:
        self.handovers.append((lost_at, resumed_at))

    def closed(self) -> None:
        self.ends += 1

    def failed(self, error: Exception) -> None:
        raise error


def listener(twitch: Chatting, owner: Owner, *, url: str | None = None, connect_s: float = 10.0) -> Listener:
    """A connection that is not open yet."""
    account = UserToken(twitch.helix.user_token(), None, url=f"{twitch.server.url}/oauth2").user()
    return Listener(
        account,
        owner,
        url=url or twitch.server.eventsub_url,
        helix_url=f"{twitch.server.url}/helix",
        connect_s=connect_s,
        answer_s=10.0,
        clock=twitch.now,
    )


def played(twitch: Chatting, play: Play) -> Owner:
    """Play something on an open connection."""
    owner = Owner()

    async def run() -> None:
        async with listener(twitch, owner) as opened:
            await play(opened, owner, twitch)

    asyncio.run(run())
    return owner


class Marked(SteadyFeed):
    """Every third message is a bot's; every fifth was written in another channel."""

    def between(self, start: dt.datetime, end: dt.datetime) -> Iterator[FedMessage]:
        for message in super().between(start, end):
            number = message.sent_ms // 50
            badges = "@badges=bot-badge/1" if number % 3 == 0 else "@badges=vip/1"
            source = "@source-id=there;source-room-id=4711;" if number % 5 == 0 else "@"
            line = message.line.replace("@badges=", badges, 1).replace("@", source, 1)
            yield message._replace(line=line)


@pytest.fixture
def talking() -> Iterator[Chatting]:
    with chatting(Marked(CHANNELS)) as twitch:
        yield twitch


def test_the_owner_gets_each_message_of_subscribed_channels_with_its_marks(talking: Chatting) -> None:
    async def listen(opened: Listener, owner: Owner, twitch: Chatting) -> None:
        connected_at = twitch.now()
        for login in (ALPHA, BETA):
            await opened.subscribe(CHANNELS[login])
        await until(lambda: len(owner.messages) >= 40, "40 messages")
        assert connected_at < opened.alive_at <= twitch.now()
        assert not opened.is_closed

    messages = played(talking, listen).messages
    assert {message.channel for message in messages} == {ALPHA, BETA}
    numbers = [(message.sent_ms - START_MS) // 50 for message in messages]
    absolute = [message.sent_ms // 50 for message in messages]
    assert messages == [
        ChatMessage(
            message.channel,
            f"viewer_{number % 7}",
            START_MS + 50 * number,
            f"{message.channel}-{number}",
            mirrored=at % 5 == 0,
            by_bot=at % 3 == 0,
        )
        for message, number, at in zip(messages, numbers, absolute, strict=True)
    ]


def test_only_existing_channels_have_an_id(talking: Chatting) -> None:
    async def ask(opened: Listener, _: Owner, twitch: Chatting) -> None:
        assert await opened.room_ids([ALPHA, "nobody_at_all", BETA]) == {
            name: CHANNELS[name] for name in (ALPHA, BETA)
        }
        twitch.helix.expire_tokens()
        with pytest.raises(NotSubscribedError) as failed:
            await opened.room_ids([ALPHA])
        assert failed.value.status == 401

    played(talking, ask)


def test_a_refused_subscription_has_the_status_and_the_words_of_the_answer(talking: Chatting) -> None:
    talking.chat.faults.refused[BETA] = "msg_banned"

    async def ask(opened: Listener, _: Owner, twitch: Chatting) -> None:
        await opened.subscribe(CHANNELS[ALPHA])
        for room_id, status, words in (
            (CHANNELS[ALPHA], ALREADY_SUBSCRIBED, "exists already"),
            (CHANNELS[BETA], 403, "permanently banned"),
            ("4711", 400, "does not exist"),
        ):
            with pytest.raises(NotSubscribedError, match=words) as failed:
                await opened.subscribe(room_id)
            assert failed.value.status == status
        twitch.helix.expire_tokens()
        with pytest.raises(NotSubscribedError) as failed:
            await opened.subscribe(CHANNELS[GAMMA])
        assert failed.value.status == 401

    played(talking, ask)


def test_a_subscription_ends_on_request_and_may_have_ended_already(talking: Chatting) -> None:
    async def end(opened: Listener, owner: Owner, twitch: Chatting) -> None:
        subscription = await opened.subscribe(CHANNELS[ALPHA])
        await opened.unsubscribe(subscription)
        assert twitch.chat.channels_of("sandbox") == set()
        await opened.unsubscribe(subscription)
        twitch.helix.faults.append(500)
        with pytest.raises(NotSubscribedError):
            await opened.unsubscribe(subscription)
        # The connection outlives its last subscription.
        await opened.subscribe(CHANNELS[BETA])
        await until(lambda: bool(owner.messages), "a message of the other channel")
        assert not opened.is_closed

    played(talking, end)


def test_the_owner_gets_a_revocation_with_its_reason(talking: Chatting) -> None:
    async def remove(opened: Listener, owner: Owner, twitch: Chatting) -> None:
        subscription = await opened.subscribe(CHANNELS[ALPHA])
        twitch.server.call(twitch.chat.sessions[0].put_out, ALPHA, "msg_banned")
        await until(lambda: owner.revocations == [(subscription, "chat_user_banned")], "the revocation")

    played(talking, remove)


def test_an_announced_reconnect_is_handed_over_and_a_lost_connection_is_closed(talking: Chatting) -> None:
    async def lose(opened: Listener, owner: Owner, twitch: Chatting) -> None:
        await opened.subscribe(CHANNELS[ALPHA])
        await until(lambda: bool(owner.messages), "a message")
        twitch.server.call(twitch.chat.reconnect, 15.0)
        await until(lambda: bool(owner.handovers), "the new connection")
        ((lost_at, resumed_at),) = owner.handovers
        assert lost_at <= resumed_at <= twitch.now()
        count = len(owner.messages)
        await until(lambda: len(owner.messages) > count, "a message over the new connection")
        assert (opened.is_closed, owner.ends) == (False, 0)
        twitch.server.call(twitch.chat.reset)
        await until(lambda: opened.is_closed, "the end")
        with pytest.raises(NotSubscribedError):
            await opened.subscribe(CHANNELS[BETA])

    assert played(talking, lose).ends == 1


@pytest.mark.parametrize("url", ["ws://no-such-host.invalid/ws", "ws://127.0.0.1:1/ws"])
def test_a_server_that_cannot_be_reached_is_an_error(talking: Chatting, url: str) -> None:
    async def connect() -> None:
        async with listener(talking, Owner(), url=url):
            pytest.fail("it connected")

    with pytest.raises(NotConnectedError, match="Error"):
        asyncio.run(connect())
