"""A sandbox in its own process: it plays its world by our clock, and ends with the block."""

import datetime as dt
import multiprocessing
import socket
import time

import pytest
import requests

from vieweratlas_assets.sandbox.clock import ManualClock
from vieweratlas_assets.sandbox.irc import ChatLimits
from vieweratlas_assets.sandbox.process import CLIENT_ID, CLIENT_SECRET, Rules, sandbox_process
from vieweratlas_assets.sandbox.world_spec import WorldSpec

SPEC = WorldSpec(channels=24, viewers=400, languages=2, games=2, days=1)
START = dt.datetime(2026, 10, 5, 19, tzinfo=dt.UTC)


def test_it_plays_a_world_by_our_clock_to_its_clients_and_ends_with_the_block() -> None:
    clock = ManualClock(START)
    rules = Rules(ChatLimits(joins=1_000), points_per_minute=3)
    with sandbox_process(SPEC, clock, rules) as sandbox:
        (process,) = [each for each in multiprocessing.active_children() if each.name == "sandbox"]
        credentials = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "grant_type": "client_credentials"}
        token = requests.post(f"{sandbox.url}/oauth2/token", data=credentials, timeout=30).json()["access_token"]
        headers = {"Client-Id": CLIENT_ID, "Authorization": f"Bearer {token}"}
        streams = requests.get(f"{sandbox.url}/helix/streams", headers=headers, timeout=30)
        assert streams.headers["Ratelimit-Limit"] == "3"
        channels = [stream["user_login"] for stream in streams.json()["data"]]
        host, port = sandbox.chat_url.removeprefix("irc://").split(":")
        with (
            socket.create_connection((host, int(port)), timeout=30) as client,
            client.makefile(encoding="utf-8") as text,
        ):
            client.sendall(f"NICK justinfan1\r\nJOIN {','.join(f'#{name}' for name in channels)}\r\n".encode())
            for _ in channels:
                while " 366 " not in text.readline():
                    pass
            assert sandbox.copies() == 0
            clock.advance_to(later := START + dt.timedelta(minutes=10))
            while clock.played_until < later:
                time.sleep(0.005)
            copies = sandbox.copies()
            assert copies > 0
            assert all(" PRIVMSG #" in text.readline() for _ in range(copies))
    assert not process.is_alive()
    with pytest.raises(requests.ConnectionError):
        sandbox.copies()
