"""Waiting: how long for what, and ways to do it.

Belongs here: what all sources of chat share of it. Not here: what they wait for (irc, eventsub), HTTP (http).
"""

import asyncio
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class RetryPolicy:
    """How long is waited for what, in s of real time.

    Attributes:
        register_s: for a connection, until the server welcomes the account.
        answer_s: for the answer to a JOIN.
        first_retry_s, longest_retry_s: before a JOIN without an answer is sent again, doubled each time.
        ping_every_s, pong_s: between two PINGs, and for the answer to one.
        first_reconnect_s, longest_reconnect_s: before it is connected again, at most; doubled each time.
        lasted_s: a connection that lasted so long was no failure.
        refused_s: before a channel that was refused is asked for again.
        limit_s: the same, where the account was in too many channels.
        login_s: before an account that was refused is tried again.
        overlap_s: after a connection was replaced, during which a message may still come a second time.
    """

    register_s: float = 10.0
    answer_s: float = 10.0
    first_retry_s: float = 5.0
    longest_retry_s: float = 300.0
    ping_every_s: float = 30.0
    pong_s: float = 10.0
    first_reconnect_s: float = 1.0
    longest_reconnect_s: float = 60.0
    lasted_s: float = 60.0
    refused_s: float = 86_400.0
    limit_s: float = 600.0
    login_s: float = 300.0
    overlap_s: float = 60.0


RETRY_POLICY = RetryPolicy()


def doubled(first_s: float, times: int, longest_s: float) -> float:
    """A pause that was doubled so many times."""
    return min(longest_s, first_s * 2 ** min(times, 16))


async def first_done(*futures: asyncio.Future[Any]) -> None:
    await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)


async def wait_until(event: asyncio.Event, moment: float) -> None:
    """Wait for an event, but no longer than to a moment of the loop's time."""
    loop = asyncio.get_running_loop()
    timer = None if moment == float("inf") else loop.call_at(moment, event.set)
    try:
        await event.wait()
    finally:
        if timer is not None:
            timer.cancel()
