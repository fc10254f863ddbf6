"""The IRC reader: channels on several connections, each message heard once, and joins at an allowed rate."""

import asyncio
import time

import pytest

from benchmarks.joining import seconds_to_join
from vieweratlas_assets.clients import chat
from vieweratlas_assets.clients.irc.pacing import Profile
from vieweratlas_assets.clients.irc.reader import IrcReader
from vieweratlas_assets.sandbox.irc import ChatLimits
from vieweratlas_tests.clients.chatting import Chatting, Heard, chatting, heard_from, until
from vieweratlas_tests.clients.irc.scenarios import CHANNELS, all_left, nothing, play


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


@pytest.mark.parametrize("url", ["irc://no-such-host.invalid:6667", "irc://127.0.0.1:1"])
def test_a_server_that_does_not_answer_is_reported_and_tried_again(url: str) -> None:
    async def watch(twitch: Chatting) -> Heard:
        async with heard_from(reader := twitch.reader(url=url)) as heard:
            reader.watch(["channel_0000"])
            await until(lambda: reader.connections_made >= 3, "three tries")
        return heard

    with chatting(1) as twitch:
        assert asyncio.run(watch(twitch)).gaps["channel_0000"][0][1:] == (float("inf"), chat.CONNECTING)


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
