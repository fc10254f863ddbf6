"""Lines of chat: real ones, tags in any order, and arbitrary bytes."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vieweratlas_assets.clients.chat import ChatMessage
from vieweratlas_assets.clients.irc.lines import LineError, ServerLine, parse_line

NOW_MS = 1_791_000_000_000
HEAD = ":ann!ann@ann.tmi.twitch.tv PRIVMSG #bob :hi there"


def message_of(line: str) -> ChatMessage:
    parsed = parse_line(line, NOW_MS)
    assert isinstance(parsed, ChatMessage)
    return parsed


def tagged(**tags: str) -> str:
    return "@" + ";".join(f"{name.replace('_', '-')}={value}" for name, value in tags.items()) + " " + HEAD


def test_all_real_lines_are_read(shared_data: Path) -> None:
    text = (shared_data / "irc" / "twitch_tagged_lines.txt").read_bytes().decode("latin-1")
    lines = [line.rstrip("\r") for line in text.split("\n") if line]
    parsed = [parse_line(line, 0) for line in lines]
    messages = [each for each in parsed if isinstance(each, ChatMessage)]
    assert (len(parsed), len(messages)) == (1_000, 960)
    assert {each.command for each in parsed if isinstance(each, ServerLine)} == {"CLEARCHAT"}
    # Compared with a slow parser: tags as a dictionary.
    for line, message in zip([line for line in lines if " PRIVMSG " in line], messages, strict=True):
        tags = dict(tag.split("=", 1) for tag in line[1:].split(" ", 1)[0].split(";"))
        assert message == ChatMessage(
            line.split(" PRIVMSG #")[1].split(" ")[0],
            line.split(" :")[1].split("!")[0],
            int(tags["tmi-sent-ts"]),
            tags["id"],
            mirrored=False,
            by_bot=False,
        )


@given(
    st.permutations(
        ["id=x-1", "tmi-sent-ts=1790000000001", "room-id=1", "source-room-id=2", "badges=bot-badge/1", "a="]
    )
)
def test_tags_may_come_in_any_order(tags: list[str]) -> None:
    assert message_of(f"@{';'.join(tags)} {HEAD}") == ChatMessage(
        "bob", "ann", 1_790_000_000_001, "x-1", mirrored=True, by_bot=True
    )


@pytest.mark.parametrize(
    ("tags", "mirrored"),
    [
        ({"room_id": "1"}, False),
        ({"room_id": "1", "source_room_id": "1"}, False),
        ({"room_id": "1", "source_room_id": "2"}, True),
        ({"room_id": "1", "source_room_id": ""}, False),
        ({"source_room_id": "2"}, True),
    ],
)
def test_a_message_is_mirrored_if_its_source_is_another_room(tags: dict[str, str], mirrored: bool) -> None:
    assert message_of(tagged(**tags)).mirrored == mirrored


@pytest.mark.parametrize(
    ("tags", "by_bot"),
    [
        ({"badges": "bot-badge/1"}, True),
        ({"badges": "moderator/1,bot-badge/1"}, True),
        ({"badges": "", "source_badges": "bot-badge/1"}, False),
        ({"badges": "broadcaster/1"}, False),
    ],
)
def test_a_bot_is_recognized_by_its_own_badge(tags: dict[str, str], by_bot: bool) -> None:
    assert message_of(tagged(**tags)).by_bot == by_bot


def test_text_is_not_mistaken_for_a_tag() -> None:
    message = message_of(f"@id=x;room-id=1 {HEAD};id=y;source-room-id=2;badges=bot-badge/1;tmi-sent-ts=7;")
    assert message == ChatMessage("bob", "ann", NOW_MS, "x", mirrored=False, by_bot=False)


def test_without_tags_the_time_is_that_of_reading() -> None:
    assert message_of(HEAD) == ChatMessage("bob", "ann", NOW_MS, "", mirrored=False, by_bot=False)
    assert message_of(":ann PRIVMSG #bob :hi").login == "ann"


@pytest.mark.parametrize(
    ("line", "channel"),
    [
        ("", ""),
        ("@only=tags", ""),
        (":only.a.prefix", ""),
        ("@id=x :ann!ann@ann PRIVMSG bob :hi", ""),
        ("@id=x :ann!ann@ann PRIVMSG # :hi", ""),
        ("@id=x :ann!ann@ann PRIVMSG #b\xe9b :hi", ""),
        ("@id=x ann!ann@ann PRIVMSG #bob :hi", "bob"),
        ("@id=x :!ann@ann PRIVMSG #bob :hi", "bob"),
        ("@id=x :\xe9nn!ann@ann PRIVMSG #bob :hi", "bob"),
        ("@tmi-sent-ts=-1 :ann!ann@ann PRIVMSG #bob :hi", "bob"),
        ("@tmi-sent-ts=1_0;a= :ann!ann@ann PRIVMSG #bob :hi", "bob"),
    ],
)
def test_an_invalid_line_is_refused_and_its_channel_is_reported(line: str, channel: str) -> None:
    with pytest.raises(LineError) as caught:
        parse_line(line, NOW_MS)
    assert caught.value.channel == channel


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("PING :tmi.twitch.tv", ServerLine("", "", "PING", ("tmi.twitch.tv",))),
        (":tmi.twitch.tv RECONNECT", ServerLine("", "tmi.twitch.tv", "RECONNECT", ())),
        (
            "@msg-id=msg_banned;target-user-id=1 :tmi.twitch.tv NOTICE #bob :You are banned.",
            ServerLine("msg_banned", "tmi.twitch.tv", "NOTICE", ("#bob", "You are banned.")),
        ),
        (
            ":n.tmi.twitch.tv 366 n #bob :End of /NAMES list",
            ServerLine("", "n.tmi.twitch.tv", "366", ("n", "#bob", "End of /NAMES list")),
        ),
        ("@a=b  :s  JOIN   #bob", ServerLine("", "s", "JOIN", ("#bob",))),
        (":s NOTICE * :\xc3\xa9", ServerLine("", "s", "NOTICE", ("*", "é"))),
    ],
)
def test_replies_and_notices_are_parsed(line: str, expected: ServerLine) -> None:
    assert parse_line(line, NOW_MS) == expected


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    line = data.decode("latin-1")
    try:
        parsed = parse_line(line, NOW_MS)
    except LineError:
        return
    if isinstance(parsed, ChatMessage):
        assert parsed.channel
        assert parsed.login
        assert parsed.channel.isascii()


@given(st.text(), st.text(st.characters(exclude_characters="; \r\n\0"), max_size=20))
def test_no_text_and_no_value_changes_who_wrote_where(text: str, value: str) -> None:
    line = f"@color={value};id=x;tmi-sent-ts=1790000000001;a={value} :ann!ann@ann PRIVMSG #bob :{text}"
    message = message_of(line.encode("utf-8", "replace").decode("latin-1"))
    assert message == ChatMessage("bob", "ann", 1_790_000_000_001, "x", mirrored=False, by_bot=False)
