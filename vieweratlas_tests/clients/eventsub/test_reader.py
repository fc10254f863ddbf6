"""The EventSub reader: every message is heard once, or lies in a reported gap."""

import asyncio
import datetime as dt
import logging
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pytest

from vieweratlas_assets.clients import chat
from vieweratlas_assets.clients.eventsub.listener import Listener, NotSubscribedError
from vieweratlas_assets.clients.eventsub.reader import EventSubReader
from vieweratlas_assets.clients.retry import wait_until
from vieweratlas_assets.clients.rotation import Rotation, Turns
from vieweratlas_assets.clients.twitch_token import TwitchUser, UserToken
from vieweratlas_tests.clients.chatting import (
    NO_LIMITS,
    Chatting,
    Heard,
    SteadyFeed,
    chatting,
    heard_from,
    of_world,
    talk_on,
    until,
)

CHANNELS = of_world(12)
NAMES = list(CHANNELS)
Scenario = Callable[[Heard, EventSubReader, Chatting], Coroutine[Any, Any, None]]


def play(scenario: Scenario, twitch: Chatting) -> Heard:
    """Watch all channels, play the scenario, and check that outside of gaps no message is missing or double."""

    async def run() -> Heard:
        async with heard_from(reader := twitch.eventsub_reader()) as heard:
            reader.watch(NAMES)
            await until(lambda: len(heard.watching) == len(NAMES), "all are subscribed to")
            assert reader.joined_channels == len(NAMES)
            await scenario(heard, reader, twitch)
            end = await talk_on(heard, twitch)
        assert not heard.missed(twitch.feed, end)
        assert max(Counter(heard.messages).values()) == 1
        return heard

    return asyncio.run(run())


async def all_heard_again(heard: Heard, before: int) -> None:
    """Wait until every channel has more than N gaps, and is watched."""
    await until(lambda: all(len(gaps) > before for gaps in heard.gaps.values()), "another gap")
    await until(lambda: len(heard.watching) == len(heard.gaps), "all are subscribed to again")


async def nothing(heard: Heard, _: EventSubReader, twitch: Chatting) -> None:
    """Do nothing: `play` itself listens for a while."""


@pytest.fixture
def talking() -> Iterator[Chatting]:
    with chatting(SteadyFeed(CHANNELS)) as twitch:
        yield twitch


def test_every_message_of_every_channel_is_heard_once(talking: Chatting) -> None:
    heard = play(nothing, talking)
    assert {tuple(heard.reasons(channel)) for channel in NAMES} == {(chat.CONNECTING, chat.JOINING)}
    assert heard.messages[0].login.startswith("viewer_")
    assert not heard.unreadable
    asyncio.run(until(lambda: not talking.chat.sessions, "the connection is closed"))


def test_a_connection_that_is_reset_is_replaced(talking: Chatting) -> None:
    async def reset(heard: Heard, reader: EventSubReader, twitch: Chatting) -> None:
        before = len(heard.gaps[NAMES[0]])
        twitch.server.call(twitch.chat.reset)
        await all_heard_again(heard, before)
        assert (reader.connections_made, reader.reconnects) == (2, 1)

    heard = play(reset, talking)
    assert {heard.reasons(channel)[-1] for channel in NAMES} == {chat.CONNECTION_LOST}


def test_an_announced_reconnect_is_a_short_gap(talking: Chatting) -> None:
    announced = 0.0

    async def reconnect(heard: Heard, reader: EventSubReader, twitch: Chatting) -> None:
        nonlocal announced
        for number in range(1, 4):
            before, announced = len(heard.gaps[NAMES[0]]), twitch.now()
            twitch.server.call(twitch.chat.reconnect, 15.0)
            await all_heard_again(heard, before)
            assert (reader.connections_made, reader.reconnects) == (number + 1, number)
        # The subscriptions continue on the new connection.
        reader.watch(NAMES[1:])
        await until(lambda: set(heard.released) == set(NAMES[:1]), "one is left")

    heard = play(reconnect, talking)
    for channel in NAMES:
        begin, end, reason = heard.gaps[channel][-1]
        assert reason == chat.SERVER_RECONNECT
        assert abs(begin - announced) < 0.2
        assert end - begin < 1.0
    asyncio.run(until(lambda: not talking.chat.sessions, "all connections are closed"))


@pytest.mark.slow
def test_a_silent_connection_is_detected_and_the_gap_begins_with_the_silence(
    talking: Chatting,
) -> None:
    silent_at = 0.0

    async def freeze(heard: Heard, _: EventSubReader, twitch: Chatting) -> None:
        nonlocal silent_at
        before, silent_at = len(heard.gaps[NAMES[0]]), twitch.now()
        twitch.server.call(twitch.chat.freeze)
        await all_heard_again(heard, before)

    heard = play(freeze, talking)
    for channel in NAMES:
        begin, end, reason = heard.gaps[channel][-1]
        assert reason == chat.CONNECTION_SILENT
        assert abs(begin - silent_at) < 0.2
        assert 10 < end - begin < 30


@pytest.mark.parametrize(
    ("msg_id", "reason"), [("msg_banned", chat.BANNED), ("msg_channel_suspended", chat.SUSPENDED)]
)
def test_a_channel_that_removes_the_account_is_left_alone(talking: Chatting, msg_id: str, reason: str) -> None:
    async def remove(heard: Heard, _: EventSubReader, twitch: Chatting) -> None:
        twitch.server.call(twitch.chat.sessions[0].put_out, NAMES[7], msg_id)
        await until(lambda: heard.reasons(NAMES[7])[-1] == reason, "the revocation")

    heard = play(remove, talking)
    assert heard.gaps[NAMES[7]][-1][1:] == (float("inf"), reason)
    assert heard.watching == {*NAMES} - {NAMES[7]}


def test_a_subscription_that_ends_for_another_reason_is_renewed(talking: Chatting) -> None:
    async def end(heard: Heard, _: EventSubReader, twitch: Chatting) -> None:
        twitch.server.call(twitch.chat.sessions[0].put_out, NAMES[7], "msg_room_not_found")
        await until(lambda: heard.reasons(NAMES[7])[-1] == chat.JOIN_UNANSWERED, "the revocation")
        await until(lambda: NAMES[7] in heard.watching, "it is subscribed to again")

    play(end, talking)


def test_channels_that_refuse_or_do_not_exist_are_reported_and_left_alone(talking: Chatting) -> None:
    talking.chat.faults.refused[NAMES[3]] = "msg_banned"

    async def watch() -> Heard:
        async with heard_from(reader := talking.eventsub_reader()) as heard:
            reader.watch([*NAMES, "nobody_at_all"])
            await until(lambda: len(heard.watching) == len(NAMES) - 1, "all but one are subscribed to")
            await until(lambda: heard.reasons(NAMES[3])[-1] == chat.BANNED, "the refusal")
            requests = talking.helix.requests
            await asyncio.sleep(1)
            assert talking.helix.requests == requests
        return heard

    heard = asyncio.run(watch())
    assert heard.gaps["nobody_at_all"][-1][1:] == (float("inf"), chat.NO_SUCH_CHANNEL)
    assert not heard.missed(talking.feed, talking.clock.now() - dt.timedelta(seconds=1))


def test_at_its_limit_of_channels_an_account_subscribes_again_when_a_place_is_free() -> None:
    async def watch(twitch: Chatting) -> Heard:
        async with heard_from(reader := twitch.eventsub_reader()) as heard:
            reader.watch(NAMES)
            await until(lambda: sum(chat.CHANNEL_LIMIT in heard.reasons(name) for name in NAMES) == 2, "the limit")
            reader.watch(NAMES[2:])
            await until(lambda: heard.watching == set(NAMES[2:]), "the others are subscribed to")
        return heard

    with chatting(SteadyFeed(CHANNELS), limits=replace(NO_LIMITS, channels=10)) as twitch:
        heard = asyncio.run(watch(twitch))
        assert twitch.chat.most_channels == 10
        assert set(heard.released) == set(NAMES[:2])


@pytest.mark.parametrize("at_once", [1, 4])
def test_more_channels_than_an_account_may_join_have_turns(at_once: int) -> None:
    turns = Turns(at_once=at_once, turn_s=0.6, round_s=0.0, join_s=5.0, tick_s=0.02)
    some = NAMES[: 3 * at_once]

    async def watch(twitch: Chatting) -> Heard:
        rotation = Rotation(twitch.eventsub_reader(), turns, clock=twitch.now)
        async with heard_from(rotation) as heard:
            rotation.watch(some)
            await until(
                lambda: all(heard.reasons(name).count(chat.ROTATION) >= 3 for name in some), "each has had two turns"
            )
            end = twitch.clock.now() - dt.timedelta(seconds=0.2)
        assert not heard.missed(twitch.feed, end)
        return heard

    with chatting(SteadyFeed(CHANNELS), limits=replace(NO_LIMITS, channels=at_once)) as twitch:
        heard = asyncio.run(watch(twitch))
        assert twitch.chat.most_channels == at_once
        assert {message.channel for message in heard.messages} == set(some)
        assert chat.CHANNEL_LIMIT not in {reason for name in some for reason in heard.reasons(name)}


def test_it_is_connected_only_while_channels_are_wanted(talking: Chatting) -> None:
    async def leave_and_come_back(heard: Heard, reader: EventSubReader, twitch: Chatting) -> None:
        reader.watch([])
        await until(lambda: set(heard.released) == set(NAMES), "all are left")
        await until(lambda: not twitch.chat.sessions, "the connection is closed")
        await asyncio.sleep(0.3)
        assert reader.connections_made == 1
        reader.watch(NAMES)
        await until(lambda: len(heard.watching) == len(NAMES), "all are back")
        assert reader.connections_made == 2
        assert reader.reconnects == 0
        heard.released.clear()
        for name in NAMES:
            # Nothing was missed while they were not wanted.
            heard.gaps[name] = heard.gaps[name][-1:]

    play(leave_and_come_back, talking)


def test_requests_that_helix_fails_are_sent_again(talking: Chatting) -> None:
    talking.helix.faults.extend([503, 200, 429])
    heard = play(nothing, talking)
    assert {chat.JOIN_UNANSWERED} < {reason for name in NAMES for reason in heard.reasons(name)}


def test_a_refused_token_is_reported_and_asked_for_again(talking: Chatting, caplog: pytest.LogCaptureFixture) -> None:
    tokens = ["expired-4711"]

    def account() -> TwitchUser:
        return UserToken(tokens[0], None, url=f"{talking.server.url}/oauth2").user()

    async def watch() -> Heard:
        reader = talking.eventsub_reader()
        reader._account = account
        async with heard_from(reader) as heard:
            reader.watch(NAMES[:2])
            await until(lambda: heard.reasons(NAMES[0])[-1:] == [chat.LOGIN_REFUSED], "the refusal")
            tokens[0] = talking.helix.user_token()
            await until(lambda: len(heard.watching) == 2, "both are subscribed to")
            # The server keeps existing subscriptions, and accepts no others.
            talking.helix.expire_tokens()
            reader.watch(NAMES[:3])
            await until(lambda: heard.reasons(NAMES[2])[-1:] == [chat.LOGIN_REFUSED], "the second refusal")
            count = len(heard.messages)
            await until(lambda: len(heard.messages) > count + 5, "still heard")
            assert heard.watching == set(NAMES[:2])
        return heard

    asyncio.run(watch())
    assert "4711" not in caplog.text
    assert "twitch.oauth_token" in caplog.text


@pytest.mark.parametrize("url", ["ws://no-such-host.invalid/ws", "ws://127.0.0.1:1/ws"])
def test_a_server_that_does_not_answer_is_reported_and_tried_again(talking: Chatting, url: str) -> None:
    async def watch() -> Heard:
        async with heard_from(reader := talking.eventsub_reader(url=url)) as heard:
            reader.watch(NAMES[:1])
            await until(lambda: reader.connections_made >= 3, "three tries")
        return heard

    assert asyncio.run(watch()).gaps[NAMES[0]][0][1:] == (float("inf"), chat.CONNECTING)


async def an_unsubscription_that_fails(heard: Heard, reader: EventSubReader, twitch: Chatting) -> None:
    twitch.helix.faults.extend([500] * 6)
    reader.watch(NAMES[1:])
    await until(lambda: NAMES[0] in heard.released, "one is left")
    await until(lambda: not twitch.helix.faults, "ending it has failed")
    await until(lambda: NAMES[0] not in twitch.chat.channels_of("sandbox"), "it is ended")
    reader.watch(NAMES)
    await until(lambda: len(heard.watching) == len(NAMES), "it is subscribed to again")


async def an_answer_that_is_lost(heard: Heard, reader: EventSubReader, twitch: Chatting) -> None:
    """Twitch subscribes, and its answer is lost."""
    subscribe, lost = Listener.subscribe, [NAMES[0]]

    async def unanswered(listener: Listener, room_id: str) -> str:
        subscription = await subscribe(listener, room_id)
        if lost and room_id == CHANNELS[lost[0]]:
            lost.pop()
            raise NotSubscribedError(None, "TimeoutError")
        return subscription

    reader.watch(NAMES[1:])
    await until(lambda: NAMES[0] in heard.released, "one is left")
    with patch.object(Listener, "subscribe", unanswered):
        reader.watch(NAMES)
        await until(lambda: not lost, "the request is answered")
        await until(lambda: len(heard.watching) == len(NAMES), "all are subscribed to, over another connection")
    assert reader.connections_made == 2


async def an_early_revocation(heard: Heard, reader: EventSubReader, twitch: Chatting) -> None:
    """The subscription ends before the answer with its id comes."""
    subscribe, early = Listener.subscribe, [NAMES[0]]

    async def revoked(listener: Listener, room_id: str) -> str:
        subscription = await subscribe(listener, room_id)
        if early and room_id == CHANNELS[early[0]]:
            early.pop()
            reader.revoked(subscription, "chat_user_banned")
        return subscription

    reader.watch(NAMES[1:])
    await until(lambda: NAMES[0] in heard.released, "one is left")
    with patch.object(Listener, "subscribe", revoked):
        reader.watch(NAMES)
        await until(lambda: chat.BANNED in heard.reasons(NAMES[0]), "the gap is reported")
    assert NAMES[0] not in heard.watching


@pytest.mark.parametrize("scenario", [an_unsubscription_that_fails, an_answer_that_is_lost, an_early_revocation])
def test_answers_that_fail_or_come_late_lose_no_channel(scenario: Scenario, talking: Chatting) -> None:
    play(scenario, talking)


def test_a_channel_that_is_dropped_while_its_id_is_requested_stays_dropped(talking: Chatting) -> None:
    waited: list[float] = []

    async def watch() -> None:
        async with heard_from(reader := talking.eventsub_reader()) as heard:

            async def failed(_: Listener, logins: Sequence[str]) -> dict[str, str]:
                reader.watch([])
                raise NotSubscribedError(500, f"{len(logins)} logins")

            async def noted(wake: asyncio.Event, deadline: float) -> None:
                waited.append(deadline)
                await wait_until(wake, deadline)

            with (
                patch.object(Listener, "room_ids", failed),
                patch("vieweratlas_assets.clients.eventsub.reader.wait_until", noted),
            ):
                reader.watch(NAMES)
                await until(lambda: len(heard.released) == len(NAMES), "all are released")
                await asyncio.sleep(1.0)
        assert all(gaps[-1][1] < float("inf") for gaps in heard.gaps.values()), (
            "a channel that is not wanted has no gap"
        )

    asyncio.run(watch())
    assert len(waited) < 20, "it waits and does not spin"


def test_neither_messages_nor_the_token_are_logged(talking: Chatting, caplog: pytest.LogCaptureFixture) -> None:
    token = talking.helix.user_token()

    async def watch() -> None:
        async with heard_from(reader := talking.eventsub_reader(token)) as heard:
            reader.watch([*NAMES, "nobody_at_all"])
            await until(lambda: len(heard.watching) == len(NAMES), "all are subscribed to")
            await until(lambda: bool(heard.messages), "a message")
            talking.server.call(talking.chat.reset)
            await until(lambda: not heard.watching, "the connection is lost")
            await until(lambda: len(heard.watching) == len(NAMES), "all are subscribed to again")
            talking.helix.expire_tokens()
            reader.watch(NAMES[1:])
            await until(lambda: bool(heard.released), "one is left")
        assert token not in repr(reader)

    with caplog.at_level(logging.DEBUG):
        asyncio.run(watch())
    # Without the log of the server.
    lines = [
        record.getMessage() for record in caplog.records if not record.name.startswith(("websockets", "uvicorn"))
    ]
    assert lines
    assert not [line for line in lines if "hello" in line or token in line]
    assert token not in repr(TwitchUser("ann", "1", "id", token))
