"""The IRC reader: every message is heard once, or lies in a reported gap."""

import asyncio
import ssl
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any
from unittest.mock import patch

import pytest
import trustme

from benchmarks.joining import seconds_to_join
from vieweratlas_assets.clients import chat
from vieweratlas_assets.clients.irc.connection import Account
from vieweratlas_assets.clients.irc.pacing import Pacing, Profile
from vieweratlas_assets.clients.irc.reader import IrcReader
from vieweratlas_assets.clients.retry import wait_until
from vieweratlas_assets.sandbox.irc import ChatLimits
from vieweratlas_tests.clients.chatting import Chatting, Heard, chatting, heard_from, talk_on, until

CHANNELS = 12
Scenario = Callable[[Heard, IrcReader, Chatting], Coroutine[Any, Any, None]]


def play(scenario: Scenario, twitch: Chatting, **settings: Any) -> Heard:
    """Watch all channels, play the scenario, and check that outside of gaps no message is missing or double."""

    async def run() -> Heard:
        async with heard_from(reader := twitch.reader(**settings)) as heard:
            reader.watch(list(twitch.feed.room_ids))
            await until(lambda: len(heard.watching) == len(twitch.feed.room_ids), "all are joined")
            await scenario(heard, reader, twitch)
            end = await talk_on(heard, twitch)
        assert not heard.missed(twitch.feed, end)
        assert max(Counter(heard.messages).values()) == 1
        return heard

    return asyncio.run(run())


def has_connected_since(reader: IrcReader, connections: int) -> bool:
    return reader.connections_made > connections


async def all_joined_again(heard: Heard, gaps: int) -> None:
    """Wait until every channel has N gaps and is watched."""
    await until(lambda: all(len(past) >= gaps for past in heard.gaps.values()), f"{gaps} gaps")
    await until(lambda: len(heard.watching) == len(heard.gaps), "all are joined again")


def all_left(twitch: Chatting) -> None:
    """Wait until the server has no connections."""
    asyncio.run(until(lambda: not twitch.chat.sessions, "all connections are closed"))


async def nothing(heard: Heard, _: IrcReader, twitch: Chatting) -> None:
    """Do nothing: `play` itself listens for a while."""


def test_every_message_of_every_channel_is_heard_once() -> None:
    with chatting(CHANNELS) as twitch:
        heard = play(nothing, twitch)
        assert {tuple(heard.reasons(channel)) for channel in twitch.feed.room_ids} <= {
            (chat.CONNECTING, chat.JOINING),
            (chat.CONNECTING,),
        }
        assert heard.messages[0].login.startswith("viewer_")
        assert not heard.unreadable
        all_left(twitch)


def test_messages_on_their_way_when_the_reader_leaves_are_heard() -> None:
    async def leave(twitch: Chatting) -> Heard:
        async with heard_from(reader := twitch.reader()) as heard:
            reader.watch(list(twitch.feed.room_ids))
            await until(lambda: len(heard.watching) == len(twitch.feed.room_ids), "all are joined")
            # The reader is too busy to read what is sent meanwhile.
            time.sleep(0.5)
        return heard

    with chatting(CHANNELS) as twitch:
        assert len(asyncio.run(leave(twitch)).messages) == twitch.chat.copies > 0


def test_connections_that_are_reset_are_replaced() -> None:
    async def reset(heard: Heard, _: IrcReader, twitch: Chatting) -> None:
        before = len(heard.gaps["channel_0000"])
        twitch.server.call(twitch.chat.reset)
        await all_joined_again(heard, before + 1)

    with chatting(CHANNELS) as twitch:
        heard = play(reset, twitch)
        assert {heard.reasons(channel)[-1] for channel in heard.gaps} == {chat.CONNECTION_LOST}


def test_silent_connections_are_detected_and_the_gap_begins_with_the_silence() -> None:
    silent_at = 0.0

    async def freeze(heard: Heard, _: IrcReader, twitch: Chatting) -> None:
        nonlocal silent_at
        before = len(heard.gaps["channel_0000"])
        silent_at = twitch.clock.now().timestamp()
        twitch.server.call(twitch.chat.freeze)
        await all_joined_again(heard, before + 1)

    with chatting(CHANNELS) as twitch:
        heard = play(freeze, twitch)
        for channel in heard.gaps:
            begin, end, reason = heard.gaps[channel][-1]
            assert reason == chat.CONNECTION_SILENT
            assert abs(begin - silent_at) < 0.2 < end - begin


def test_repeated_reconnects_lose_nothing_while_the_old_connections_last() -> None:
    async def storm(heard: Heard, reader: IrcReader, twitch: Chatting) -> None:
        for _ in range(3):
            before = reader.connections_made
            twitch.server.call(twitch.chat.reconnect, 15.0)
            await until(partial(has_connected_since, reader, before), "new connections")
        await until(lambda: reader.connections == 3, "the old connections are left")

    with chatting(CHANNELS) as twitch:
        heard = play(storm, twitch)
        assert chat.SERVER_RECONNECT not in {reason for channel in heard.gaps for reason in heard.reasons(channel)}
        # Many messages came over both connections, and each was counted once.
        assert twitch.chat.copies > sum(twitch.chat.messages.values())


def test_an_old_connection_that_ends_before_the_new_one_has_joined_leaves_a_gap() -> None:
    async def reconnect(heard: Heard, _: IrcReader, twitch: Chatting) -> None:
        before = len(heard.gaps["channel_0000"])
        twitch.chat.faults.join_delay_s = 0.4
        twitch.server.call(twitch.chat.reconnect, 0.2)
        await all_joined_again(heard, before + 1)

    with chatting(CHANNELS) as twitch:
        heard = play(reconnect, twitch)
        assert {heard.reasons(channel)[-1] for channel in heard.gaps} == {chat.SERVER_RECONNECT}


def test_joins_without_an_answer_are_sent_again() -> None:
    with chatting(CHANNELS) as twitch:
        twitch.chat.faults.joins_to_drop = 7
        heard = play(nothing, twitch)
        assert sum(chat.JOIN_UNANSWERED in heard.reasons(channel) for channel in heard.gaps) == 7


def test_channels_that_never_answer_slow_down_neither_joins_nor_the_processor() -> None:
    waited: list[float] = []

    async def noted(wake: asyncio.Event, deadline: float) -> None:
        waited.append(deadline)
        await wait_until(wake, deadline)

    with chatting(CHANNELS) as twitch:
        dead = set(list(twitch.feed.room_ids)[:3])
        twitch.chat.faults.silent = dead

        async def watch() -> None:
            async with heard_from(reader := twitch.reader()) as heard:
                reader.watch(list(twitch.feed.room_ids))
                await until(lambda: len(heard.watching) == CHANNELS - len(dead), "the others are joined")
                await until(lambda: twitch.chat.joins_unanswered >= 5 * len(dead), "their JOINs are sent again")

        with (
            patch.object(Pacing, "trouble") as trouble,
            patch("vieweratlas_assets.clients.irc.shard.wait_until", noted),
        ):
            asyncio.run(watch())
    assert 0 < trouble.call_count <= 2 * len(dead)
    assert len(waited) < 500, "it waits and does not spin"


@pytest.mark.parametrize(
    ("msg_id", "reason"),
    [
        ("msg_banned", chat.BANNED),
        ("msg_channel_suspended", chat.SUSPENDED),
        ("msg_room_not_found", chat.NO_SUCH_CHANNEL),
    ],
)
def test_channels_that_refuse_are_reported_and_left_alone(msg_id: str, reason: str) -> None:
    async def watch(twitch: Chatting) -> Heard:
        async with heard_from(reader := twitch.reader()) as heard:
            reader.watch(list(twitch.feed.room_ids))
            await until(lambda: len(heard.watching) == CHANNELS - 1, "all but one are joined")
            await until(lambda: reason in heard.reasons("channel_0003"), "the refusal")
            # The account is removed from another channel that is being read.
            session = next(each for each in twitch.chat.sessions if "channel_0007" in each.joined)
            twitch.server.call(session.put_out, "channel_0007", msg_id)
            await until(lambda: len(heard.watching) == CHANNELS - 2, "another is left")
            end = await talk_on(heard, twitch)
        assert not heard.missed(twitch.feed, end)
        return heard

    with chatting(CHANNELS) as twitch:
        twitch.chat.faults.refused["channel_0003"] = msg_id
        heard = asyncio.run(watch(twitch))
        assert heard.gaps["channel_0003"][-1][1:] == (float("inf"), reason)
        assert heard.gaps["channel_0007"][-1][1:] == (float("inf"), reason)
        assert "channel_0003" not in {message.channel for message in heard.messages}


def test_at_its_limit_of_channels_an_account_joins_again_when_a_place_is_free() -> None:
    async def watch(twitch: Chatting, token: str) -> Heard:
        reader = twitch.reader(account=lambda: Account("ann", token))
        async with heard_from(reader) as heard:
            names = list(twitch.feed.room_ids)
            reader.watch(names)
            await until(lambda: sum(chat.CHANNEL_LIMIT in heard.reasons(name) for name in names) == 2, "the limit")
            reader.watch(names[2:])
            await until(lambda: heard.watching == set(names[2:]), "the others are joined")
        return heard

    with chatting(CHANNELS, limits=ChatLimits(joins=10_000, channels=10)) as twitch:
        heard = asyncio.run(watch(twitch, twitch.helix.user_token()))
        assert twitch.chat.most_channels == 10
        assert set(heard.released) == {"channel_0000", "channel_0001"}


def test_a_refused_token_is_reported_and_a_new_one_is_used(caplog: pytest.LogCaptureFixture) -> None:
    async def watch(twitch: Chatting) -> Heard:
        tokens = ["expired-4711"]
        reader = twitch.reader(account=lambda: Account("ann", tokens[0]))
        async with heard_from(reader) as heard:
            reader.watch(["channel_0000"])
            await until(lambda: heard.reasons("channel_0000")[-1:] == [chat.LOGIN_REFUSED], "the refusal")
            tokens[0] = twitch.helix.user_token()
            await until(lambda: bool(heard.watching), "it is joined")
            # The server keeps accounts that are logged in.
            twitch.helix.expire_tokens()
            count = len(heard.messages)
            await until(lambda: len(heard.messages) > count + 5, "still heard")
        return heard

    with chatting(CHANNELS) as twitch:
        asyncio.run(watch(twitch))
    assert "4711" not in caplog.text
    assert "4711" not in repr(Account("ann", "oauth:4711"))


BROKEN = {
    "garbage": (b"\x00\xff\xfe{]\r\n", [""]),
    "no command": (b":only.a.sender\r\n", [""]),
    "a line over 8 KiB": (b"@a=" + b"x" * 9_000 + b" :a!a@a PRIVMSG #channel_0001 :hi\r\n", [""]),
    "a line over 16 KiB": (b"@a=" + b"x" * 20_000 + b" :a!a@a PRIVMSG #channel_0001 :hi\r\n", [""]),
    "no sender": (b"PRIVMSG #channel_0001 :hi\r\n@a=b PRIVMSG PRIVMSG #channel_0001 :hi\r\n", ["channel_0001"]),
    "an invalid time": (b"@tmi-sent-ts=soon :a!a@a PRIVMSG #channel_0002 :hi\r\n", ["channel_0002"]),
    "empty lines": (b"\r\n\n\r\n", []),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_lines_that_cannot_be_read_are_counted_and_cost_nothing_else(fault: str) -> None:
    data, unreadable = BROKEN[fault]

    async def inject(heard: Heard, _: IrcReader, twitch: Chatting) -> None:
        # Comes before the messages that `play` waits for.
        twitch.server.call(twitch.chat.inject, data)

    with chatting(CHANNELS) as twitch:
        heard = play(inject, twitch, channels_per_connection=CHANNELS)
        assert [line.channel for line in heard.unreadable] == unreadable


def test_text_that_is_not_utf_8_is_heard_like_any_other() -> None:
    async def inject(heard: Heard, _: IrcReader, twitch: Chatting) -> None:
        twitch.server.call(twitch.chat.inject, b"@id=x :ann!ann@ann PRIVMSG #channel_0001 :\xff\xfe\xc3\r\n")
        await until(lambda: "ann" in {message.login for message in heard.messages}, "ann is heard")

    with chatting(CHANNELS) as twitch:
        assert not play(inject, twitch, channels_per_connection=CHANNELS).unreadable


@pytest.mark.parametrize("url", ["irc://no-such-host.invalid:6667", "irc://127.0.0.1:1"])
def test_a_server_that_does_not_answer_is_reported_and_tried_again(url: str) -> None:
    async def watch(twitch: Chatting) -> Heard:
        async with heard_from(reader := twitch.reader(url=url)) as heard:
            reader.watch(["channel_0000"])
            await until(lambda: reader.connections_made >= 3, "three tries")
        return heard

    with chatting(1) as twitch:
        assert asyncio.run(watch(twitch)).gaps["channel_0000"][0][1:] == (float("inf"), chat.CONNECTING)


def test_it_speaks_tls_only_with_servers_that_it_trusts(caplog: pytest.LogCaptureFixture) -> None:
    authority = trustme.CA()
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(serving)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)

    async def refuse(twitch: Chatting) -> Heard:
        async with heard_from(reader := twitch.reader()) as heard:
            reader.watch(["channel_0000"])
            await until(lambda: reader.connections_made >= 2, "two tries")
        return heard

    with chatting(CHANNELS, tls=serving) as twitch:
        assert twitch.server.chat_url.startswith("ircs://")
        assert play(nothing, twitch, trusted=trusting).messages
        assert asyncio.run(refuse(twitch)).reasons("channel_0000") == [chat.CONNECTING]
    assert "certificate" in caplog.text.lower()


def test_channels_come_and_go() -> None:
    async def change(heard: Heard, reader: IrcReader, twitch: Chatting) -> None:
        names = list(twitch.feed.room_ids)
        reader.watch(names[5:])
        await until(lambda: set(heard.released) == set(names[:5]), "five are left")
        await until(lambda: reader.connections == 2, "a connection without channels is closed")
        reader.watch(names[2:])
        await until(lambda: heard.watching == set(names[2:]), "three are back")
        heard.released = {name: at for name, at in heard.released.items() if name in names[:2]}
        for name in names[2:5]:
            # Nothing was missed while they were not wanted.
            heard.gaps[name] = heard.gaps[name][-1:]

    with chatting(CHANNELS) as twitch:
        play(change, twitch)
        all_left(twitch)


@pytest.mark.slow
def test_joins_stay_within_the_documented_rate() -> None:
    documented = Profile(joins_per_connection=20, joins_total=40, connect_every_s=0.55)
    with chatting(90, limits=ChatLimits()) as twitch:
        begin = twitch.clock.now()
        play(nothing, twitch, profile=documented, channels_per_connection=45)
        took_s = (twitch.clock.now() - begin).total_seconds()
        assert twitch.chat.joins_over_limit == 0
        assert took_s > seconds_to_join(documented, 90, 45) > 20


@pytest.mark.slow
def test_joins_over_the_rate_are_dropped_and_sent_again() -> None:
    with chatting(CHANNELS, limits=ChatLimits(joins=9)) as twitch:
        # The server accepts nine JOINs in 10 s on a connection; the others follow later.
        reader = twitch.reader(channels_per_connection=CHANNELS)

        async def watch() -> None:
            async with heard_from(reader) as heard:
                reader.watch(list(twitch.feed.room_ids))
                await until(lambda: len(heard.watching) == CHANNELS, "all are joined")

        asyncio.run(watch())
        assert twitch.chat.joins_over_limit >= 3
