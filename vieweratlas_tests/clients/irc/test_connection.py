"""One connection: what it sends, how it reads bytes, and what its owner gets."""

import asyncio
import ssl
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from vieweratlas_assets.clients import chat
from vieweratlas_assets.clients.chat import ChatMessage
from vieweratlas_assets.clients.irc.connection import Account, Connection
from vieweratlas_assets.clients.irc.lines import MAX_LINE_BYTES
from vieweratlas_assets.clients.irc.reader import IrcReader
from vieweratlas_tests.clients.chatting import Chatting, Heard, chatting, heard_from, until
from vieweratlas_tests.clients.irc.scenarios import CHANNELS, nothing, play

ANN = Account("ann", "token-4711")
WELCOME = b":tmi.twitch.tv 001 ann :Welcome, GLHF!\r\n"


class Wire(asyncio.Transport):
    """The bytes that a connection sends, and how it was closed."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.is_aborted = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.sent += bytes(data)

    def is_closing(self) -> bool:
        return self.is_aborted

    def abort(self) -> None:
        self.is_aborted = True

    def close(self) -> None:
        self.abort()


class Owner:
    """Records what comes over a connection."""

    def __init__(self) -> None:
        self.messages: list[ChatMessage] = []
        self.events: list[tuple[str, ...]] = []

    def received(self, messages: list[ChatMessage]) -> None:
        assert messages
        self.messages += messages

    def unreadable(self, channel: str) -> None:
        self.events.append(("unreadable", channel))

    def joined(self, connection: Connection, channel: str) -> None:
        self.events.append(("joined", channel))

    def refused(self, connection: Connection, channel: str, reason: str) -> None:
        self.events.append(("refused", channel, reason))

    def asked_to_reconnect(self, connection: Connection) -> None:
        self.events.append(("reconnect",))


@dataclass
class Opened:
    """An open connection, with a clock that moves when a test says so."""

    connection: Connection
    wire: Wire
    owner: Owner
    clock: list[float]


def opened(play: Callable[[Opened], Coroutine[Any, Any, None]], account: Account = ANN) -> Opened:
    """Play something on an open connection."""

    async def run() -> Opened:
        clock, wire, owner = [100.0], Wire(), Owner()
        connection = Connection(1, account, owner, lambda: clock[0])
        connection.connection_made(wire)
        result = Opened(connection, wire, owner, clock)
        await play(result)
        return result

    return asyncio.run(run())


def after(*data: bytes) -> Opened:
    """A connection to which a server has sent these pieces."""

    async def receive(result: Opened) -> None:
        for piece in data:
            result.connection.data_received(piece)

    return opened(receive)


@pytest.mark.parametrize(("account", "passes"), [(ANN, [b"PASS oauth:token-4711"]), (Account("justinfan7"), [])])
def test_it_registers_with_its_token_if_it_has_one_and_asks_for_tags(account: Account, passes: list[bytes]) -> None:
    lines = opened(only_open, account).wire.sent.split(b"\r\n")
    login = account.login.encode()
    assert lines == [
        *passes,
        b"CAP REQ :twitch.tv/tags twitch.tv/commands",
        b"NICK " + login,
        b"USER " + login + b" 0 * :" + login,
        b"",
    ]


async def only_open(_: Opened) -> None:
    """Only open the connection."""


SENT = b"".join(
    [
        WELCOME,
        b"@id=1;tmi-sent-ts=5;room-id=1 :bob!bob@bob PRIVMSG #ann :hi \xff\r\n",
        b"@a=" + b"x" * 9_000 + b" :bob!bob@bob PRIVMSG #ann :too long\r\n",
        b"\n\r\n",
        b"@tmi-sent-ts=soon :bob!bob@bob PRIVMSG #cid :hi\n",
        b":ann!ann@ann JOIN #ann\r\n",
        b"@id=2;tmi-sent-ts=6;room-id=1 :cid!cid@cid PRIVMSG #ann :hi\r\n",
        b"@id=3;tmi-sent-ts=7;room-id=1 :dan!dan@dan PRIVMSG #ann :not comp",
    ]
)


@given(st.lists(st.integers(0, len(SENT)), max_size=6).map(sorted))
def test_lines_are_read_in_whatever_pieces_their_bytes_come(cuts: list[int]) -> None:
    owner = after(*(SENT[begin:end] for begin, end in pairwise([0, *cuts, len(SENT)]))).owner
    assert owner.messages == [
        ChatMessage("ann", "bob", 5, "1", mirrored=False, by_bot=False),
        ChatMessage("ann", "cid", 6, "2", mirrored=False, by_bot=False),
    ]
    assert owner.events == [("unreadable", ""), ("unreadable", "cid"), ("joined", "ann")]


def test_the_rest_of_a_line_that_was_too_long_is_not_a_line() -> None:
    line = b":bob!bob@bob PRIVMSG #ann :hi\r\n"
    owner = after(b"x" * (MAX_LINE_BYTES + 1), b"x" * MAX_LINE_BYTES, line + line).owner
    assert owner.events == [("unreadable", "")]
    assert [message.login for message in owner.messages] == ["bob"]


def test_a_ping_of_the_server_is_answered_with_its_text() -> None:
    assert after(b"PING :a b\r\nPING\r\n").wire.sent.endswith(b"PONG :a b\r\nPONG :tmi.twitch.tv\r\n")


@pytest.mark.parametrize(
    ("line", "event"),
    [
        (b":s 366 ann #Bob :End of /NAMES list", ("joined", "bob")),
        (b"@room-id=1 :s ROOMSTATE #bob", ("joined", "bob")),
        (b":ann!ann@ann JOIN #bob", ("joined", "bob")),
        (b":other!other@other JOIN #bob", None),
        (b"@msg-id=msg_banned :s NOTICE #bob :no", ("refused", "bob", chat.BANNED)),
        (b"@msg-id=tos_ban :s NOTICE #bob :no", ("refused", "bob", chat.SUSPENDED)),
        (b"@msg-id=msg_slowmode :s NOTICE #bob :slow", None),
        (b":s 403 ann #bob :No such channel", ("refused", "bob", chat.NO_SUCH_CHANNEL)),
        (b":s 405 ann #bob :Too many channels", ("refused", "bob", chat.CHANNEL_LIMIT)),
        (b":s 475 ann #bob :Bad key", ("refused", "bob", chat.BANNED)),
        (b":s RECONNECT", ("reconnect",)),
    ],
)
def test_the_owner_gets_what_an_answer_of_the_server_means(line: bytes, event: tuple[str, ...] | None) -> None:
    assert after(line + b"\r\n").owner.events == ([] if event is None else [event])


REFUSED = b":tmi.twitch.tv NOTICE * :Login authentication failed\r\n"


@pytest.mark.parametrize(("sent", "is_refused"), [(REFUSED, True), (WELCOME + REFUSED, False)])
def test_a_login_can_be_refused_only_before_the_welcome(sent: bytes, is_refused: bool) -> None:
    result = after(sent)
    assert result.wire.is_aborted is is_refused
    result.connection.connection_lost(None)
    assert result.connection.registered.result() is not is_refused
    assert result.connection.closed.result() == (chat.LOGIN_REFUSED if is_refused else chat.CONNECTION_LOST)


def test_a_server_without_tags_is_asked_to_continue() -> None:
    assert after(b":s CAP * NAK :twitch.tv/tags\r\n").wire.sent.endswith(b"\r\nCAP END\r\n")


@pytest.mark.parametrize(("error", "lost_at"), [(None, 107.0), (ConnectionResetError(), 103.0)])
def test_only_an_orderly_end_proves_that_everything_was_read(error: Exception | None, lost_at: float) -> None:
    async def end(result: Opened) -> None:
        result.clock[0] = 103.0
        result.connection.data_received(WELCOME)
        result.clock[0] = 107.0
        result.connection.connection_lost(error)

    connection = opened(end).connection
    assert (connection.alive_at, connection.lost_at) == (103.0, lost_at)
    assert connection.closed.result() == chat.CONNECTION_LOST


@pytest.mark.parametrize("is_answered", [True, False])
def test_a_connection_that_does_not_answer_a_ping_is_closed_as_silent(is_answered: bool) -> None:
    async def ping(result: Opened) -> None:
        pinging = asyncio.create_task(result.connection.ping(60.0 if is_answered else 0.0))
        await asyncio.sleep(0)
        assert result.wire.sent.endswith(b"PING :vieweratlas\r\n")
        if is_answered:
            result.connection.data_received(b":s PONG s :vieweratlas\r\n")
        await pinging
        result.connection.connection_lost(None)

    result = opened(ping)
    assert result.wire.is_aborted is not is_answered
    assert (result.connection.closed.result() == chat.CONNECTION_SILENT) is not is_answered


def test_nothing_is_sent_on_a_connection_that_is_closing() -> None:
    async def join(result: Opened) -> None:
        result.connection.join("bob")
        result.connection.part("bob")
        result.connection.abort(chat.CONNECTING)
        result.connection.join("cid")

    sent = opened(join).wire.sent
    assert sent.endswith(b"JOIN #bob\r\nPART #bob\r\n")


def test_no_repr_shows_a_token() -> None:
    assert "4711" not in repr(ANN)


BROKEN = {
    "garbage": (b"\x00\xff\xfe{]\r\n", [""]),
    "no command": (b":only.a.sender\r\n", [""]),
    "a line over 8 KiB": (b"@a=" + b"x" * 9_000 + b" :a!a@a PRIVMSG #channel_0001 :hi\r\n", [""]),
    "a line over 16 KiB": (b"@a=" + b"x" * 20_000 + b" :a!a@a PRIVMSG #channel_0001 :hi\r\n", [""]),
    "no sender": (b"PRIVMSG #channel_0001 :hi\r\n@a=b PRIVMSG PRIVMSG #channel_0001 :hi\r\n", ["channel_0001"]),
    "an invalid time": (b"@tmi-sent-ts=soon :a!a@a PRIVMSG #channel_0002 :hi\r\n", ["channel_0002"]),
    "empty lines": (b"\r\n\n\r\n", []),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_lines_that_cannot_be_read_are_counted_and_cost_nothing_else(fault: str) -> None:
    data, unreadable = BROKEN[fault]

    async def inject(heard: Heard, _: IrcReader, twitch: Chatting) -> None:
        # Comes before the messages that `play` waits for.
        twitch.server.call(twitch.chat.inject, data)

    with chatting(CHANNELS) as twitch:
        heard = play(inject, twitch, channels_per_connection=CHANNELS)
        assert [line.channel for line in heard.unreadable] == unreadable


def test_text_that_is_not_utf_8_is_heard_like_any_other() -> None:
    async def inject(heard: Heard, _: IrcReader, twitch: Chatting) -> None:
        twitch.server.call(twitch.chat.inject, b"@id=x :ann!ann@ann PRIVMSG #channel_0001 :\xff\xfe\xc3\r\n")
        await until(lambda: "ann" in {message.login for message in heard.messages}, "ann is heard")

    with chatting(CHANNELS) as twitch:
        assert not play(inject, twitch, channels_per_connection=CHANNELS).unreadable


def test_it_speaks_tls_only_with_servers_that_it_trusts(caplog: pytest.LogCaptureFixture) -> None:
    authority = trustme.CA()
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(serving)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)

    async def refuse(twitch: Chatting) -> Heard:
        async with heard_from(reader := twitch.reader()) as heard:
            reader.watch(["channel_0000"])
            await until(lambda: reader.connections_made >= 2, "two tries")
        return heard

    with chatting(CHANNELS, tls=serving) as twitch:
        assert twitch.server.chat_url.startswith("ircs://")
        assert play(nothing, twitch, trusted=trusting).messages
        assert asyncio.run(refuse(twitch)).reasons("channel_0000") == [chat.CONNECTING]
    assert "certificate" in caplog.text.lower()
