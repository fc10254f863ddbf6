"""How long joining 1,000 channels takes at each pace, compared with the arithmetic; JOINs over the limit are lost.

Belongs here: the arithmetic, and joining at all paces at the same time. Not here: RESULTS.md (report).
"""

import asyncio
import datetime as dt
import json
import sys
import time
from collections.abc import Iterator, Mapping

from vieweratlas_assets.clients.irc.connection import Address
from vieweratlas_assets.clients.irc.pacing import MARGIN, PROFILES, WINDOW_S, Profile
from vieweratlas_assets.clients.irc.reader import CHANNELS_PER_CONNECTION, IrcReader
from vieweratlas_assets.sandbox.clock import SandboxClock
from vieweratlas_assets.sandbox.feed import FedMessage
from vieweratlas_assets.sandbox.helix import SandboxHelix
from vieweratlas_assets.sandbox.irc import ChatLimits, SandboxChat
from vieweratlas_assets.sandbox.server import SandboxServer
from vieweratlas_assets.sandbox.world import build_world
from vieweratlas_assets.sandbox.world_spec import WorldSpec


def seconds_to_join(profile: Profile, channels: int, channels_per_connection: int) -> float:
    """The shortest time in which a profile sends the JOINs of some channels."""
    connections = -(-channels // channels_per_connection)
    joins_total = min(profile.joins_total, profile.joins_per_connection * connections)
    last_begins_s = profile.connect_every_s * (connections - 1)
    windows = min(channels, channels_per_connection) / profile.joins_per_connection
    return max(MARGIN * WINDOW_S * channels / joins_total, last_begins_s + MARGIN * WINDOW_S * windows)


class Silence:
    """Channels in which nobody writes."""

    def __init__(self, channels: int) -> None:
        self.room_ids: Mapping[str, str] = {f"channel_{number:04d}": f"{number}" for number in range(channels)}

    def between(self, start: dt.datetime, end: dt.datetime) -> Iterator[FedMessage]:
        """No messages."""
        del start, end
        return iter(())


async def join_all(pace: str, channels: int) -> dict[str, float]:
    """Join all channels of a server whose limit per connection is the pace's own."""
    profile = PROFILES[pace]
    clock = SandboxClock(dt.datetime.now(dt.UTC))
    helix = SandboxHelix(
        build_world(WorldSpec(channels=72, viewers=720, days=1)), clock, client_id="a", client_secret="b"
    )
    chat = SandboxChat(Silence(channels), clock, limits=ChatLimits(joins=profile.joins_per_connection, logins=100))
    with SandboxServer(helix, chat).running() as server:
        async with IrcReader(Address(server.chat_url), profile=profile) as reader:
            began = time.monotonic()
            reader.watch(list(chat.feed.room_ids))
            while reader.joined_channels < channels:
                await asyncio.sleep(0.05)
            took_s, connections = time.monotonic() - began, reader.connections
    return {
        "took_s": took_s,
        "arithmetic_s": seconds_to_join(profile, channels, CHANNELS_PER_CONNECTION),
        "connections": connections,
        "joins_over_limit": chat.joins_over_limit,
    }


async def main(channels: int) -> None:
    """Print the figures of all paces, as JSON."""
    paces = list(PROFILES)
    figures = await asyncio.gather(*(join_all(pace, channels) for pace in paces))
    print(json.dumps({"channels": channels, "paces": dict(zip(paces, figures, strict=True))}))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
