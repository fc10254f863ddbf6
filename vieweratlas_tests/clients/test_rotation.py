"""Turns for an account's few places: each channel has its turn, and the time between two turns is a gap."""

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable
from functools import partial
from itertools import pairwise

from vieweratlas_assets.clients.chat import ROTATION, SUSPENDED
from vieweratlas_assets.clients.irc.connection import Account
from vieweratlas_assets.clients.rotation import Rotation, Turns
from vieweratlas_assets.sandbox.irc import ChatLimits
from vieweratlas_tests.clients.chatting import Chatting, Heard, chatting, until

AT_ONCE, CHANNELS = 4, 12
LIMITS = ChatLimits(joins=10_000, logins=10_000, channels=AT_ONCE)
QUICK = Turns(at_once=AT_ONCE, turn_s=0.6, round_s=0.0, join_s=2.0, tick_s=0.02)


def play(turns: Turns, twitch: Chatting, meanwhile: Callable[[Heard, Rotation], Awaitable[None]]) -> Heard:
    """Rotate over all channels, and check that no message is missed during a turn."""

    async def run() -> Heard:
        token = twitch.helix.user_token()
        reader = twitch.reader(account=lambda: Account("collector", token), channels_per_connection=AT_ONCE)
        heard = Heard(rotation := Rotation(reader, turns, clock=twitch.now))
        async with rotation:
            listening = asyncio.create_task(heard.listen())
            rotation.watch(list(twitch.feed.room_ids))
            await meanwhile(heard, rotation)
            end = twitch.clock.now() - dt.timedelta(seconds=0.2)
        await listening
        assert not heard.missed(twitch.feed, end)
        return heard

    return asyncio.run(run())


def turn_lengths(heard: Heard, channel: str) -> list[float]:
    """The length of each turn of a channel that is over, in s."""
    gaps = heard.gaps[channel]
    return [end - start for (_, start, _), (end, _, _) in pairwise(gaps) if end - start > 0.01]


def watches_exactly(heard: Heard, channels: list[str]) -> bool:
    return heard.watching == set(channels)


def had_turns(heard: Heard, number: int) -> bool:
    """Whether every channel has had N turns."""
    return all(len(turn_lengths(heard, channel)) >= number for channel in heard.gaps)


def test_every_channel_has_its_turn_in_every_round() -> None:
    with chatting(CHANNELS, limits=LIMITS) as twitch:

        async def some_rounds(heard: Heard, _: Rotation) -> None:
            await until(lambda: len(heard.gaps) == CHANNELS and had_turns(heard, 5), "five rounds")

        heard = play(QUICK, twitch, some_rounds)
        assert twitch.chat.most_channels <= AT_ONCE
        for channel in twitch.feed.room_ids:
            assert all(QUICK.turn_s - 0.05 <= length_s for length_s in turn_lengths(heard, channel))
            assert ROTATION in heard.reasons(channel)
        counts = [len(turn_lengths(heard, channel)) for channel in twitch.feed.room_ids]
        assert max(counts) - min(counts) <= 1


def test_after_a_round_the_last_channels_stay_until_the_next_round() -> None:
    with chatting(CHANNELS, limits=LIMITS) as twitch:

        async def wait(heard: Heard, _: Rotation) -> None:
            await until(lambda: sum(len(turn_lengths(heard, name)) for name in twitch.feed.room_ids) >= 8, "8 turns")
            await asyncio.sleep(3 * QUICK.turn_s)
            assert len(heard.watching) == AT_ONCE
            await until(lambda: had_turns(heard, 1), "another round")

        play(Turns(**{**vars(QUICK), "round_s": 6.0}), twitch, wait)


def test_places_that_all_change_together_keep_their_connection() -> None:
    """Across two connections the JOIN of one channel may overtake the PART of another."""
    with chatting(2 * AT_ONCE, limits=LIMITS) as twitch:
        names = list(twitch.feed.room_ids)

        async def swap(heard: Heard, rotation: Rotation) -> None:
            for chosen in (names[:AT_ONCE], names[AT_ONCE:], names[:AT_ONCE]):
                rotation.watch(chosen)
                await until(partial(watches_exactly, heard, chosen), "they are watched")
            assert rotation.connections_made == 1

        play(QUICK, twitch, swap)


def test_channels_that_fit_are_watched_all_the_time() -> None:
    with chatting(AT_ONCE, limits=LIMITS) as twitch:

        async def wait(heard: Heard, _: Rotation) -> None:
            await until(lambda: len(heard.watching) == AT_ONCE, "all are joined")
            await asyncio.sleep(3 * QUICK.turn_s)
            assert len(heard.watching) == AT_ONCE

        heard = play(QUICK, twitch, wait)
        assert not any(turn_lengths(heard, channel) for channel in twitch.feed.room_ids)


def test_a_channel_that_cannot_be_read_gives_its_place_away() -> None:
    with chatting(CHANNELS, limits=LIMITS) as twitch:
        twitch.chat.faults.refused = dict.fromkeys(list(twitch.feed.room_ids)[:AT_ONCE], "msg_channel_suspended")

        async def wait(heard: Heard, _: Rotation) -> None:
            others = list(twitch.feed.room_ids)[AT_ONCE:]
            await until(lambda: all(turn_lengths(heard, channel) for channel in others), "a turn of all others")

        heard = play(QUICK, twitch, wait)
        assert SUSPENDED in heard.reasons("channel_0000")


def test_an_unwanted_channel_is_released_and_a_new_one_waits_for_its_turn() -> None:
    with chatting(CHANNELS, limits=LIMITS) as twitch:
        names = list(twitch.feed.room_ids)

        async def change(heard: Heard, rotation: Rotation) -> None:
            rotation.watch(names[:6])
            await until(lambda: all(turn_lengths(heard, name) for name in names[:6]), "a turn of six channels")
            rotation.watch(names[4:8])
            await until(lambda: heard.watching == set(names[4:8]), "four others are watched")

        heard = play(QUICK, twitch, change)
        assert set(names[:4]) | set(names[8:]) <= set(heard.released)
        assert not set(names[4:6]) & set(heard.released)
