"""The sandbox's EventSub, heard by an independent client: TwitchIO."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import requests
import twitchio
from twitchio.eventsub import ChatMessageSubscription, websockets
from twitchio.http import Route

from vieweratlas_assets.sandbox.eventsub import EventSubSession
from vieweratlas_tests.clients.chatting import NO_LIMITS, START_MS, Chatting, chatting, until

CHANNELS = 12


class Listener(twitchio.Client):
    """Hears the chat of channels, and counts messages.

    Attributes:
        heard: how often each message came, by channel and time (ms since the sandbox's start).
    """

    def __init__(self) -> None:
        super().__init__(client_id="sandbox", client_secret="sandbox-secret")
        self.heard: Counter[tuple[str, int]] = Counter()
        self.revoked: list[str] = []
        self.welcomes = 0

    async def event_message(self, payload: twitchio.ChatMessage) -> None:
        assert payload.timestamp is not None
        assert payload.text == "hello"
        assert payload.source_broadcaster is None
        self.heard[payload.broadcaster.name or "", round(payload.timestamp.timestamp() * 1000) - START_MS] += 1

    async def event_websocket_welcome(self, _: object) -> None:
        self.welcomes += 1

    async def event_subscription_revoked(self, payload: twitchio.SubscriptionRevoked) -> None:
        self.revoked.append(payload.raw["condition"]["broadcaster_user_id"])

    async def subscribe(self, room_id: str) -> None:
        payload = ChatMessageSubscription(broadcaster_user_id=room_id, user_id="1")
        await self.subscribe_websocket(payload, token_for="1")


@pytest.fixture
def talking(monkeypatch: pytest.MonkeyPatch) -> Iterator[Chatting]:
    with chatting(CHANNELS + 1, limits=replace(NO_LIMITS, channels=CHANNELS)) as twitch:
        monkeypatch.setattr(Route, "BASE", f"{twitch.server.url}/helix/")
        monkeypatch.setattr(Route, "ID_BASE", f"{twitch.server.url}/")
        monkeypatch.setattr(websockets, "WSS", f"{twitch.server.url.replace('http', 'ws')}/ws")
        yield twitch


def listening(twitch: Chatting, doing: Callable[[Listener], Awaitable[None]]) -> Listener:
    """Do something with a listener of all channels but the last, as many as an account may join."""

    async def run() -> Listener:
        async with Listener() as client:
            await client.login(load_tokens=False, save_tokens=False)
            await client.add_token(twitch.helix.user_token(), "")
            for room_id in list(twitch.feed.room_ids.values())[:CHANNELS]:
                await client.subscribe(room_id)
            await doing(client)
        return client

    return asyncio.run(run())


def missed(twitch: Chatting, client: Listener) -> list[int]:
    """The times (ms since the sandbox's start) of messages that are missing between others of their channel.

    Also checks that each message was heard once.
    """
    assert set(client.heard.values()) == {1}
    missing: list[int] = []
    for name in list(twitch.feed.room_ids)[:CHANNELS]:
        sent = sorted(at for channel, at in client.heard if channel == name)
        assert len(sent) > 20
        missing += sorted(set(range(sent[0], sent[-1], 50)) - set(sent))
    return missing


def test_every_message_of_every_channel_is_heard_once(talking: Chatting) -> None:
    async def wait(client: Listener) -> None:
        await until(lambda: len(client.heard) > 60 * CHANNELS, "60 messages of each")

    assert not missed(talking, listening(talking, wait))


def test_subscriptions_continue_on_the_new_connection_after_an_announced_reconnect(talking: Chatting) -> None:
    announced: list[float] = []

    async def reconnect(client: Listener) -> None:
        await until(lambda: len(client.heard) > 20 * CHANNELS, "20 messages of each")
        announced.append(talking.now() * 1000 - START_MS)
        talking.server.call(talking.chat.reconnect, 2.0)
        await until(lambda: client.welcomes == 2, "the second connection")
        announced.append(talking.now() * 1000 - START_MS)
        heard = len(client.heard)
        await until(lambda: len(client.heard) > heard + 20 * CHANNELS, "20 more of each")

    # TwitchIO does not read its old connection while it opens the new one.
    lost = missed(talking, listening(talking, reconnect))
    assert all(announced[0] - 50 <= sent <= announced[1] for sent in lost)


def test_a_deleted_subscription_is_no_longer_heard(talking: Chatting) -> None:
    deleted: list[float] = []

    async def leave(client: Listener) -> None:
        await until(lambda: len(client.heard) > 5 * CHANNELS, "5 messages of each")
        (session,) = talking.chat.sessions
        assert isinstance(session, EventSubSession)
        subscription = f"{session.id}-channel_0000"
        await client.delete_websocket_subscription(subscription)
        deleted.append(talking.now() * 1000 - START_MS)
        heard = len(client.heard)
        await until(lambda: len(client.heard) > heard + 20 * CHANNELS, "20 more of the others")
        with pytest.raises(twitchio.HTTPException) as failed:
            await client.delete_eventsub_subscription(subscription, token_for="1")
        assert failed.value.status == 404

    client = listening(talking, leave)
    assert max(sent for channel, sent in client.heard if channel == "channel_0000") <= deleted[0]


def test_the_subscription_of_a_banned_account_is_revoked(talking: Chatting) -> None:
    channel, room_id = next(iter(talking.feed.room_ids.items()))

    async def ban(client: Listener) -> None:
        (session,) = talking.chat.sessions
        talking.server.call(session.put_out, channel, "msg_banned")
        await until(lambda: bool(client.revoked), "it is revoked")

    assert listening(talking, ban).revoked == [room_id]


@pytest.mark.parametrize(
    ("number", "refused", "status", "reason"),
    [
        (CHANNELS + 5, {}, 400, "does not exist"),
        (CHANNELS, {}, 429, "channels that a user may be in exceeded"),
        (CHANNELS, {f"channel_{CHANNELS:04d}": "msg_banned"}, 403, "permanently banned"),
    ],
)
def test_an_impossible_subscription_is_refused(
    talking: Chatting, number: int, refused: dict[str, str], status: int, reason: str
) -> None:
    async def ask(client: Listener) -> None:
        talking.chat.faults.refused = refused
        with pytest.raises(twitchio.HTTPException) as failed:
            await client.subscribe(f"{number}")
        assert failed.value.status == status
        assert reason in str(failed.value.extra)

    listening(talking, ask)


@pytest.mark.parametrize(
    ("changed", "status", "reason"),
    [
        ({"type": "channel.follow"}, 400, "this sandbox knows channel.chat.message"),
        ({"version": "2"}, 400, "this sandbox knows channel.chat.message"),
        ({"transport": {"method": "webhook", "session_id": "x"}}, 400, "over websocket"),
        ({"transport": {"method": "websocket"}}, 400, "has a type, a version, a condition and a transport"),
        ({"transport": {"method": "websocket", "session_id": "x"}}, 400, "does not exist"),
        ({"condition": {"broadcaster_user_id": "0", "user_id": "2"}}, 403, "missing proper authorization"),
        ({"condition": []}, 400, "has a type, a version, a condition and a transport"),
    ],
)
def test_a_request_that_twitch_refuses_is_refused(changed: dict[str, Any], status: int, reason: str) -> None:
    with chatting(1) as twitch:
        body: dict[str, Any] = {
            "type": "channel.chat.message",
            "version": "1",
            "condition": {"broadcaster_user_id": "0", "user_id": "1"},
            "transport": {"method": "websocket", "session_id": "sandbox-session-1"},
        }
        answer = requests.post(
            f"{twitch.server.url}/helix/eventsub/subscriptions",
            json=body | changed,
            headers={"Client-Id": "sandbox", "Authorization": f"Bearer {twitch.helix.user_token()}"},
            timeout=30,
        )
    assert answer.status_code == status
    assert reason in answer.json()["message"]
