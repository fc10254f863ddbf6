"""Connections to the sandbox's chat: lines in any pieces over TCP, and several in a frame over WebSocket."""

import socket
from collections.abc import Iterator

import pytest
from websockets.sync.client import connect

from vieweratlas_tests.clients.chatting import Chatting, chatting

WELCOME = b":tmi.twitch.tv 001 justinfan1 :Welcome, GLHF!\r\n"


@pytest.fixture
def talking() -> Iterator[Chatting]:
    with chatting(1) as twitch:
        yield twitch


def tcp(twitch: Chatting) -> socket.socket:
    host, port = twitch.server.chat_url.removeprefix("irc://").split(":")
    return socket.create_connection((host, int(port)), timeout=30)


def read_to(connection: socket.socket, end: bytes) -> bytes:
    data = b""
    while not data.endswith(end):
        data += (piece := connection.recv(65_536))
        assert piece, f"closed after {data!r}"
    return data


@pytest.mark.parametrize("pieces", [[b"NICK justinfan1\r\n"], [b"\r\nNI", b"CK justin", b"fan1\n", b"PIN"]])
def test_lines_over_tcp_may_come_in_pieces(talking: Chatting, pieces: list[bytes]) -> None:
    with tcp(talking) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            connection.sendall(piece)
        assert read_to(connection, b"376 justinfan1 :>\r\n").startswith(WELCOME)


def test_bytes_that_are_not_utf_8_break_nothing(talking: Chatting) -> None:
    with tcp(talking) as connection:
        connection.sendall(b"\xff\xfe\r\nNICK justinfan1\r\n")
        assert read_to(connection, b":>\r\n").startswith(WELCOME)


def test_a_connection_over_tcp_is_reset_or_closed(talking: Chatting) -> None:
    with tcp(talking) as connection, tcp(talking) as other:
        for each in (connection, other):
            each.sendall(b"NICK justinfan1\r\n")
            read_to(each, b":>\r\n")
        other.sendall(b"QUIT\r\n")
        assert other.recv(10) == b""
        talking.server.call(talking.chat.reset)
        with pytest.raises(ConnectionResetError):
            connection.recv(10)


@pytest.mark.parametrize(("asked", "chosen"), [(["irc"], "irc"), (["other", "irc"], "irc"), (None, None)])
def test_a_frame_of_a_web_socket_may_hold_several_lines(
    talking: Chatting, asked: list[str] | None, chosen: str | None
) -> None:
    subprotocols = asked  # websockets has a type of its own for the names
    url = f"{talking.server.url.replace('http', 'ws')}/"
    with connect(url, subprotocols=subprotocols, open_timeout=30, proxy=None) as client:  # type: ignore[arg-type]
        assert client.subprotocol == chosen
        client.send("CAP REQ :twitch.tv/tags\r\nNICK justinfan1\r\n\r\nJOIN #channel_0000")
        text = ""
        while "PRIVMSG" not in text:
            text += str(client.recv(30))
        assert text.startswith(":tmi.twitch.tv CAP * ACK :twitch.tv/tags\r\n")
        assert WELCOME.decode() in text
        (session,) = talking.chat.sessions
        talking.server.call(session.wire.close)
        for _ in client:
            pass
        assert client.close_code == 1000
