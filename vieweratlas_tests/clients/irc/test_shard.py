"""A shard: its channels are joined again after every failure, and each message is heard once or lies in a gap."""

import asyncio
from functools import partial
from unittest.mock import patch

import pytest

from vieweratlas_assets.clients import chat
from vieweratlas_assets.clients.irc.connection import Account
from vieweratlas_assets.clients.irc.pacing import Pacing
from vieweratlas_assets.clients.irc.reader import IrcReader
from vieweratlas_assets.clients.retry import wait_until
from vieweratlas_assets.sandbox.irc import ChatLimits
from vieweratlas_tests.clients.chatting import Chatting, Heard, chatting, heard_from, talk_on, until
from vieweratlas_tests.clients.irc.scenarios import CHANNELS, all_joined_again, nothing, play


def has_connected_since(reader: IrcReader, connections: int) -> bool:
    return reader.connections_made > connections


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


def test_a_channel_is_proven_to_be_read_up_to_the_last_answer_of_its_connection() -> None:
    async def prove(heard: Heard, reader: IrcReader, twitch: Chatting) -> None:
        before = twitch.now()
        await reader.prove()
        assert all(before <= reader.proven_until(name) <= twitch.now() for name in twitch.feed.room_ids)
        assert reader.proven_until("nobody_at_all") == 0.0

    with chatting(CHANNELS) as twitch:
        play(prove, twitch)
