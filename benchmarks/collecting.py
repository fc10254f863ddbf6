"""A collector at full load, in its own process: 10,000 channels, 112 connections, 5,000 messages per second.

Belongs here: running it against chat_server, and what it costs. Not here: RESULTS.md (report).
"""

import asyncio
import json
import logging
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.chat_server import channel_name
from vieweratlas_assets.clients.irc.connection import Address
from vieweratlas_assets.clients.irc.pacing import Profile
from vieweratlas_assets.clients.irc.reader import IrcReader
from vieweratlas_assets.collector.collector import Collector, Pace
from vieweratlas_assets.collector.minutes import MinuteBook
from vieweratlas_assets.collector.spool import Spool
from vieweratlas_assets.collector.wanted import Wanted
from vieweratlas_assets.domain import lake as lake_paths
from vieweratlas_assets.domain.presence.bots import known_bots
from vieweratlas_assets.domain.presence.live_merge import COUNTS
from vieweratlas_assets.domain.presence.names import ViewerNames
from vieweratlas_assets.domain.schemas import RAW_SNAPSHOTS
from vieweratlas_assets.storage.local import LocalStore

HASTE = Profile(joins_per_connection=5_000, joins_total=50_000, connect_every_s=0.01)
SETTLE_S = 2.0
# Short, so that minutes close while messages arrive, not only afterwards.
PACE = Pace(lateness_s=10.0)


async def collect(server: "subprocess.Popen[str]", channels: int, folder: Path) -> dict[str, Any]:
    """Join all channels, listen until the server has sent everything, and return what was sent and stored."""
    assert server.stdout is not None
    assert server.stdin is not None
    port = int(server.stdout.readline())
    reader = IrcReader(Address(f"irc://127.0.0.1:{port}"), profile=HASTE)
    book = MinuteBook("bench", ViewerNames(), known_bots())
    lake = LocalStore(folder / "lake")
    wanted = Wanted(tuple(map(channel_name, range(channels))))
    collector = Collector(reader, book, Spool(folder / "spool", lake), lambda: wanted, name="bench", pace=PACE)
    running = asyncio.create_task(collector.run())
    while reader.joined_channels < channels:
        await asyncio.sleep(0.1)
    began, cpu_s = time.monotonic(), time.process_time()
    server.stdin.write("go\n")
    server.stdin.flush()
    sent = json.loads(await asyncio.to_thread(server.stdout.readline))
    await asyncio.sleep(SETTLE_S)
    cpu_share = (time.process_time() - cpu_s) / (time.monotonic() - began)
    collector.stop()
    await running
    # Measured before the lake is read, which takes memory of its own.
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    server.stdin.close()
    stored: Counter[str] = Counter()
    for key in lake.list_files(lake_paths.RAW_SNAPSHOTS, ".parquet"):
        stored.update(lake.download_parquet(key, RAW_SNAPSHOTS).select(COUNTS).sum().row(0, named=True))
    return {"sent": sent, "stored": stored, "cpu_share": cpu_share, "peak_mb": peak_mb}


def main(channels: int, rate: int, seconds: int) -> None:
    """Print the figures as JSON."""
    logging.basicConfig(level=logging.WARNING)
    command = [sys.executable, "-m", "benchmarks.chat_server", str(channels), str(rate), str(seconds)]
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            print(json.dumps(asyncio.run(collect(server, channels, Path(folder)))))
        finally:
            server.kill()
            server.wait()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
