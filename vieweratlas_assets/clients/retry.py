"""Timeouts and pauses of chat connections, and helpers to wait.

Belongs here: what all sources of chat share about waiting. Not here: what they wait for (irc, eventsub), retries of
HTTP requests (http).
"""

import asyncio
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class RetryPolicy:
    """When a source of chat gives up waiting, and when it tries again; all in s of real time.

    Attributes:
        register_s: timeout of connecting, until the server welcomes the account.
        answer_s: timeout of the answer to a JOIN or a request.
        first_retry_s, longest_retry_s: pause before an unanswered JOIN is sent again; doubled each time.
        ping_every_s, pong_s: pause between two PINGs, and timeout of the answer.
        first_reconnect_s, longest_reconnect_s: pause before reconnecting, at most; doubled after each
            failure.
        lasted_s: a connection that lasted this long was not a failure.
        refused_s: pause before asking again for a channel that was refused.
        limit_s: the same, if the reason was the account's limit of channels.
        login_s: pause before logging in again with an account that was refused.
        overlap_s: for this long after a connection was replaced, a message may come twice.
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


def backoff_s(first_s: float, doublings: int, longest_s: float) -> float:
    """The pause `first_s`, doubled this often, but at most `longest_s`."""
    return min(longest_s, first_s * float(2 ** min(doublings, 16)))


async def first_done(*futures: asyncio.Future[Any]) -> None:
    """Wait until one of the futures is done."""
    await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)


async def wait_until(event: asyncio.Event, moment: float) -> None:
    """Wait for an event, but at most until a moment of the loop's time."""
    loop = asyncio.get_running_loop()
    timer = None if moment == float("inf") else loop.call_at(moment, event.set)
    try:
        await event.wait()
    finally:
        if timer is not None:
            timer.cancel()
