"""The reader on a real, independent IRC server: Debian's ngircd."""

import asyncio
import shutil
import socket
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from vieweratlas_assets.clients.irc.connection import Account, Address
from vieweratlas_assets.clients.irc.reader import IrcReader
from vieweratlas_tests.clients.chatting import HASTE, Heard, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
CHANNELS = [f"channel_{number:04d}" for number in range(1_000)]
TALKERS = ("ann", "bob", "cid")
ROUNDS = 5
CONFIGURATION = """
[Global]
Name = irc.example.net
Info = ngircd
Listen = 127.0.0.1
Ports = {port}
[Limits]
MaxConnections = 0
MaxConnectionsIP = 0
MaxJoins = 0
MaxNickLength = 30
MaxPenaltyTime = 0
[Options]
DNS = no
Ident = no
PAM = no
"""


@contextmanager
def ngircd(folder: Path) -> Iterator[int]:
    """Run ngircd; yields its port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (folder / "ngircd.conf").write_text(CONFIGURATION.format(port=port))
    program = shutil.which("ngircd", path="/usr/sbin:/usr/bin:/bin")
    assert program, "ngircd is not installed: apt-get install ngircd"
    process = subprocess.Popen([program, "-n", "-f", str(folder / "ngircd.conf")], stdout=subprocess.DEVNULL)
    try:
        yield port
    finally:
        process.terminate()
        process.wait(10)


class Talker:
    """A client that writes in all channels."""

    def __init__(self, nick: str, port: int) -> None:
        self.nick, self.port = nick, port

    async def join(self) -> None:
        """Register and join."""
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.writer.write(f"NICK {self.nick}\r\nUSER {self.nick} 0 * :x\r\n".encode())
        for begin in range(0, len(CHANNELS), 20):
            names = ",".join(f"#{name}" for name in CHANNELS[begin : begin + 20])
            self.writer.write(f"JOIN {names}\r\n".encode())
        joined = 0
        while joined < len(CHANNELS):
            joined += b" 366 " in await self.reader.readline()
        self.drain = asyncio.create_task(self._drain())

    async def talk(self, rounds: int) -> None:
        """Write N messages in every channel."""
        for number in range(rounds):
            for name in CHANNELS:
                self.writer.write(f"PRIVMSG #{name} :message {number}\r\n".encode())
            await self.writer.drain()

    async def _drain(self) -> None:
        while await self.reader.read(65_536):
            pass


async def listen_to_talkers(port: int) -> tuple[Heard, int]:
    reader = IrcReader(Address(f"irc://127.0.0.1:{port}"), account=Accounts(), profile=HASTE)
    heard = Heard(reader)
    async with reader:
        listening = asyncio.create_task(heard.listen())
        reader.watch(CHANNELS)
        await until(lambda: len(heard.watching) == len(CHANNELS), "1,000 channels are joined")
        connections = reader.connections
        talkers = [Talker(nick, port) for nick in TALKERS]
        for talker in talkers:
            await talker.join()
        await asyncio.gather(*(talker.talk(ROUNDS) for talker in talkers))
        expected = ROUNDS * len(TALKERS) * len(CHANNELS)
        await until(lambda: len(heard.messages) >= expected, "every message")
        await asyncio.sleep(0.5)
        for talker in talkers:
            talker.writer.close()
            talker.drain.cancel()
    await listening
    return heard, connections


class Accounts:
    """A new name per connection: this server accepts each name once."""

    def __init__(self) -> None:
        self._number = 0

    def __call__(self) -> Account:
        """The next account."""
        self._number += 1
        return Account(f"justinfan{self._number}")


def test_it_registers_joins_1000_channels_and_receives_every_message(tmp_path: Path) -> None:
    with ngircd(tmp_path) as port:

        async def play() -> tuple[Heard, int]:
            for _ in range(100):
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(0.05)
                else:
                    writer.close()
                    break
            return await listen_to_talkers(port)

        heard, connections = asyncio.run(play())
    assert connections == 12
    counts = Counter((message.channel, message.login) for message in heard.messages)
    assert counts == {(channel, nick): ROUNDS for channel in CHANNELS for nick in TALKERS}
    assert not heard.unreadable
