"""The sandbox's chat server: its answers, its limits, its faults, and who gets which messages."""

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from vieweratlas_assets.sandbox.clock import ManualClock
from vieweratlas_assets.sandbox.feed import FedMessage
from vieweratlas_assets.sandbox.irc import NOTICES, ChatLimits, SandboxChat, Session

START = dt.datetime(2026, 10, 6, 18, tzinfo=dt.UTC)
TOKEN = "a-token"


class EverySecond:
    """In every channel, somebody writes a message every second."""

    room_ids: Mapping[str, str] = {"ann": "1", "bob": "2", "cid": "3"}

    def between(self, start: dt.datetime, end: dt.datetime) -> Iterator[FedMessage]:
        for second in range(round((start - START).total_seconds()), round((end - START).total_seconds())):
            for channel in self.room_ids:
                line = f"@id={channel}-{second} :dan!dan@dan PRIVMSG #{channel} :hi"
                yield FedMessage(second * 1000, channel, line)


class Wire:
    """What a client gets."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.ends: list[str] = []

    def write(self, data: bytes) -> None:
        text = data.decode()
        assert text.endswith("\r\n")
        self.lines += text.split("\r\n")[:-1]

    def close(self) -> None:
        self.ends.append("closed")

    def reset(self) -> None:
        self.ends.append("reset")


class Client:
    """A client of a chat."""

    def __init__(self, chat: SandboxChat, *lines: str) -> None:
        self.wire = Wire()
        self.session: Session = chat.connected(self.wire)
        self.send(*lines)

    def send(self, *lines: str) -> list[str]:
        """Send lines, and return what came since the last call."""
        for line in lines:
            self.session.handle(line)
        answers, self.wire.lines = self.wire.lines, []
        return answers


def chat_of(clock: ManualClock | None = None, **limits: Any) -> SandboxChat:
    return SandboxChat(
        EverySecond(), clock or ManualClock(START), knows=lambda token: token == TOKEN, limits=ChatLimits(**limits)
    )


LOGIN = (f"PASS oauth:{TOKEN}", "NICK Ann")


def test_an_account_and_an_anonymous_client_are_welcome() -> None:
    chat = chat_of()
    account, anonymous = Client(chat), Client(chat)
    assert account.send(*LOGIN)[0] == ":tmi.twitch.tv 001 ann :Welcome, GLHF!"
    assert len(anonymous.send("NICK justinfan123")) == 7
    assert (account.session.account, anonymous.session.account) == ("ann", None)


@pytest.mark.parametrize("lines", [("NICK ann",), ("PASS oauth:wrong", "NICK ann")])
def test_an_account_without_a_valid_token_is_refused_and_disconnected(lines: tuple[str, ...]) -> None:
    client = Client(chat_of())
    assert client.send(*lines) == [":tmi.twitch.tv NOTICE * :Login authentication failed"]
    assert client.wire.ends == ["closed"]
    assert client.send("JOIN #ann") == []


def test_the_welcome_waits_for_the_end_of_a_negotiation() -> None:
    client = Client(chat_of())
    assert client.send("CAP LS 302", "NICK justinfan1") == [
        ":tmi.twitch.tv CAP * LS :twitch.tv/commands twitch.tv/membership twitch.tv/tags"
    ]
    assert client.send("CAP REQ :twitch.tv/tags away-notify") == [
        ":tmi.twitch.tv CAP * NAK :twitch.tv/tags away-notify"
    ]
    assert client.send("CAP REQ :twitch.tv/tags") == [":tmi.twitch.tv CAP * ACK :twitch.tv/tags"]
    assert client.send("CAP END")[0].startswith(":tmi.twitch.tv 001 justinfan1 ")


def test_a_join_is_answered_as_by_twitch_with_the_capabilities_of_the_client() -> None:
    plain = Client(chat_of(), "NICK justinfan1")
    assert plain.send("JOIN #Ann") == [
        ":justinfan1!justinfan1@justinfan1.tmi.twitch.tv JOIN #ann",
        ":justinfan1.tmi.twitch.tv 353 justinfan1 = #ann :justinfan1",
        ":justinfan1.tmi.twitch.tv 366 justinfan1 #ann :End of /NAMES list",
    ]
    full = Client(chat_of(), "CAP REQ :twitch.tv/tags twitch.tv/commands", *LOGIN)
    *_, room, user = full.send("JOIN #ann")
    assert room.startswith("@emote-only=0;")
    assert room.endswith(" :tmi.twitch.tv ROOMSTATE #ann")
    assert user.endswith(":tmi.twitch.tv USERSTATE #ann")


def test_messages_come_once_from_the_join_to_the_part_with_tags_only_if_wanted() -> None:
    clock = ManualClock(START)
    chat = chat_of(clock)
    tagged = Client(chat, "CAP REQ :twitch.tv/tags", "NICK justinfan1", "JOIN #ann,#bob")
    plain = Client(chat, "NICK justinfan2", "JOIN #ann")
    clock.advance_to(START + dt.timedelta(seconds=1))
    chat.catch_up()
    chat.catch_up()
    assert tagged.send()[-2:] == [f"@id={name}-0 :dan!dan@dan PRIVMSG #{name} :hi" for name in ("ann", "bob")]
    assert plain.send()[-1] == ":dan!dan@dan PRIVMSG #ann :hi"
    clock.advance_to(START + dt.timedelta(seconds=2))
    # What was written before a PART still comes.
    assert plain.send("PART #ann") == [
        ":dan!dan@dan PRIVMSG #ann :hi",
        ":justinfan2!justinfan2@justinfan2.tmi.twitch.tv PART #ann",
    ]
    clock.advance_to(START + dt.timedelta(seconds=3))
    chat.catch_up()
    assert plain.send() == []
    assert (chat.messages, chat.copies) == ({"ann": 3, "bob": 3, "cid": 0}, 8)


def test_joins_over_the_rate_get_no_answer_and_are_counted() -> None:
    chat = chat_of(joins=2)
    client, other = (Client(chat, f"NICK justinfan{number}") for number in (1, 2))
    assert len(client.send("JOIN #ann,#bob,#cid")) == 2 * 3
    assert client.session.joined == {"ann", "bob"}
    assert chat.joins_over_limit == 1
    # The rate of anonymous clients is one per connection.
    assert len(other.send("JOIN #cid")) == 3


def test_logins_over_the_rate_are_refused() -> None:
    chat = chat_of(logins=1)
    Client(chat, *LOGIN)
    refused = Client(chat)
    assert refused.send(*LOGIN) == [":tmi.twitch.tv NOTICE * :Login unsuccessful"]
    assert refused.wire.ends == ["closed"]


def test_an_account_is_in_as_many_channels_as_allowed_over_all_its_connections() -> None:
    chat = chat_of(channels=2)
    one, two = Client(chat, *LOGIN), Client(chat, *LOGIN)
    one.send("JOIN #ann,#bob")
    assert two.send("JOIN #cid") == [
        f"@msg-id=msg_concurrent_channel_limit_reached :tmi.twitch.tv NOTICE #cid "
        f":{NOTICES['msg_concurrent_channel_limit_reached']}"
    ]
    assert len(two.send("JOIN #ann")) == 3
    one.send("PART #bob")
    assert len(two.send("JOIN #cid")) == 3
    assert (chat.channels_of("ann"), chat.most_channels) == ({"ann", "cid"}, 2)
    assert len(Client(chat, "NICK justinfan1").send("JOIN #ann,#bob,#cid")) == 9


def test_faults_drop_silence_and_refuse_joins() -> None:
    chat = chat_of()
    chat.faults.joins_to_drop, chat.faults.silent, chat.faults.refused = 1, {"bob"}, {"cid": "msg_banned"}
    client = Client(chat, "NICK justinfan1")
    assert client.send("JOIN #ann") == []
    assert len(client.send("JOIN #ann")) == 3
    assert client.send("JOIN #bob") == []
    assert chat.joins_unanswered == 1
    assert client.send("JOIN #cid") == [
        "@msg-id=msg_banned :tmi.twitch.tv NOTICE #cid :You are permanently banned from talking in cid."
    ]
    assert client.send("JOIN #nobody")[0].startswith("@msg-id=msg_room_not_found ")
    assert client.session.joined == {"ann"}


def test_a_frozen_connection_stays_open_and_says_nothing() -> None:
    clock = ManualClock(START)
    chat = chat_of(clock)
    client = Client(chat, "NICK justinfan1", "JOIN #ann")
    client.send()
    chat.freeze()
    clock.advance_to(START + dt.timedelta(seconds=1))
    chat.catch_up()
    assert client.send("PING :x", "QUIT") == []
    assert (client.wire.ends, chat.copies) == ([], 0)


def test_clients_that_quit_or_disconnect_are_in_no_channel() -> None:
    chat = chat_of()
    one, two = (Client(chat, *LOGIN, "JOIN #ann") for _ in range(2))
    assert one.send("PING :x")[-1] == ":tmi.twitch.tv PONG tmi.twitch.tv :x"
    one.send("QUIT")
    assert one.wire.ends == ["closed"]
    chat.disconnected(one.session)
    assert chat.channels_of("ann") == {"ann"}
    chat.reset()
    chat.disconnected(two.session)
    assert two.wire.ends == ["reset"]
    assert (chat.channels_of("ann"), chat.sessions) == (set(), [])
