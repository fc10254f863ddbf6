"""A chat server that sends messages at a steady rate and reports exactly what it sent.

Belongs here: as much IRC as a reader needs, and messages with tags as long as Twitch's. Not here: limits and faults
(vieweratlas_assets.sandbox.irc).
"""

import asyncio
import json
import random
import sys
import time
from collections import Counter
from itertools import accumulate

TICK_S = 0.02
# Shares of the messages that a reader drops by rule.
MIRRORED, BY_BOT = 0.05, 0.03
_TAGS = (
    "@badge-info=;badges={badges};client-nonce=6b3f1c9a0f8f4b1c8d0c6f1f2b4a9e37;color=#1E90FF;display-name={login};"
    "emotes=;first-msg=0;flags=;id={id};mod=0;returning-chatter=0;room-id={room};{source}subscriber=0;"
    "tmi-sent-ts={sent_ms};turbo=0;user-id={user};user-type= "
    ":{login}!{login}@{login}.tmi.twitch.tv PRIVMSG #{channel} :so that is how a line of chat looks\r\n"
)


class Messages:
    """Draws messages: few channels hold most of them, as on Twitch."""

    def __init__(self, channels: int) -> None:
        self._random = random.Random(7)
        self._channels = range(channels)
        self._until = list(accumulate(rank**-0.8 for rank in range(1, channels + 1)))
        self.sent: Counter[str] = Counter()

    def draw(self, count: int) -> list[tuple[str, bytes]]:
        """Draw `count` messages sent now: channel and line."""
        places = self._random.choices(self._channels, cum_weights=self._until, k=count)
        return [self._message(place) for place in places]

    def _message(self, place: int) -> tuple[str, bytes]:
        number, kind, user = self.sent.total(), self._random.random(), self._random.randrange(500_000)
        mirrored, by_bot = kind < MIRRORED, MIRRORED <= kind < MIRRORED + BY_BOT
        self.sent["mirrors" if mirrored else "bots" if by_bot else "counted"] += 1
        channel = channel_name(place)
        line = _TAGS.format(
            badges="bot-badge/1" if by_bot else "subscriber/12",
            login=f"viewer_{user}",
            id=f"{number:08x}-0000-4000-8000-000000000000",
            room=10_000_000 + place,
            source=f"source-room-id={20_000_000 + place};" if mirrored else "",
            sent_ms=int(time.time() * 1000),
            user=100_000_000 + user,
            channel=channel,
        )
        return channel, line.encode()


def channel_name(number: int) -> str:
    """Login of a channel."""
    return f"channel_{number:05d}"


class Client(asyncio.Protocol):
    """One connection of a reader."""

    def __init__(self, listeners: dict[str, asyncio.Transport]) -> None:
        self._listeners = listeners
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer NICK, JOIN and PING."""
        *lines, self._rest = (self._rest + data).split(b"\r\n")
        for line in lines:
            command, _, rest = line.decode().partition(" ")
            match command:
                case "NICK":
                    self._transport.write(b":tmi.twitch.tv 001 reader :Welcome\r\n")
                case "JOIN":
                    self._listeners[rest.removeprefix("#")] = self._transport
                    self._transport.write(f":tmi.twitch.tv 366 reader {rest} :End of /NAMES list\r\n".encode())
                case "PING":
                    self._transport.write(f":tmi.twitch.tv PONG {rest}\r\n".encode())


async def serve(channels: int, rate: int, seconds: int) -> None:
    """Print the port, start sending at the first line of stdin, print what was sent, and end when stdin ends."""
    listeners: dict[str, asyncio.Transport] = {}
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Client(listeners), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    messages, began, done = Messages(channels), loop.time(), 0
    while done < rate * seconds:
        due = min(rate * seconds, int((loop.time() - began) * rate))
        lines: dict[asyncio.Transport, list[bytes]] = {}
        for channel, line in messages.draw(due - done):
            lines.setdefault(listeners[channel], []).append(line)
        for transport, its_lines in lines.items():
            transport.write(b"".join(its_lines))
        done = due
        await asyncio.sleep(TICK_S)
    took_s = loop.time() - began
    print(
        json.dumps({**messages.sent, "connections": len(set(listeners.values())), "took_s": round(took_s, 2)}),
        flush=True,
    )
    await asyncio.to_thread(sys.stdin.readline)


if __name__ == "__main__":
    asyncio.run(serve(*map(int, sys.argv[1:])))
