"""Scenarios on a sandbox chat, played while an IRC reader watches all of its channels."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

from vieweratlas_assets.clients.irc.reader import IrcReader
from vieweratlas_tests.clients.chatting import Chatting, Heard, heard_from, talk_on, until

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


async def all_joined_again(heard: Heard, gaps: int) -> None:
    """Wait until every channel has N gaps and is watched."""
    await until(lambda: all(len(past) >= gaps for past in heard.gaps.values()), f"{gaps} gaps")
    await until(lambda: len(heard.watching) == len(heard.gaps), "all are joined again")


def all_left(twitch: Chatting) -> None:
    """Wait until the server has no connections."""
    asyncio.run(until(lambda: not twitch.chat.sessions, "all connections are closed"))


async def nothing(heard: Heard, _: IrcReader, twitch: Chatting) -> None:
    """Do nothing: `play` itself listens for a while."""
