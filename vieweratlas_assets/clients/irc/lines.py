"""Lines of Twitch's chat: messages without their text, and the server's other lines.

Belongs here: parsing; message text is skipped and never decoded. Not here: the reaction to a line (connection).

https://dev.twitch.tv/docs/chat/irc/, https://ircv3.net/specs/extensions/message-tags
"""

from typing import NamedTuple

from vieweratlas_assets.clients.chat import ChatMessage

MAX_LINE_BYTES = 8191 + 512
"""Limits of the tags and of the rest, by the specification; a longer line is not read."""

# Takes a third of the time of a named tuple's constructor.
_new_tuple = tuple.__new__


class LineError(ValueError):
    """A line that cannot be read; `channel` is "" if the line does not name one."""

    def __init__(self, reason: str, channel: str = "") -> None:
        super().__init__(reason)
        self.channel = channel


class ServerLine(NamedTuple):
    """Any line other than a message: a reply, a NOTICE, a PING.

    Attributes:
        msg_id: the tag msg-id, which distinguishes NOTICEs; "" if missing.
        sender: nick or server that sent it; "" if missing.
        params: of the command; the last may contain spaces.
    """

    msg_id: str
    sender: str
    command: str
    params: tuple[str, ...]


def parse_line(line: str, received_ms: int) -> ChatMessage | ServerLine:
    """Read one line, without its end.

    Args:
        line: decoded as Latin-1, which accepts any bytes; everything that is parsed here is ASCII.
        received_ms: the time of a message without the tag tmi-sent-ts.

    Raises:
        LineError: not a line of IRC, or a message without sender or channel.
    """
    # Every line of every channel passes here, and nearly all are messages. So this does as little as possible, and
    # looks for a tag where most lines have it before it searches with care.
    parts = line.split(" ", 4) if line[:1] == "@" else ["@", *line.split(" ", 3)]
    if len(parts) < 4 or parts[2] != "PRIVMSG":
        return _server_line(line)
    tags, prefix, target = parts[0], parts[1], parts[3]
    channel = target[1:]
    if target[:1] != "#" or not channel.isascii() or not channel:
        raise LineError("a message has no channel")
    at = prefix.find("!")
    login = prefix[1:at] if at > 0 else prefix[1:]
    if prefix[:1] != ":" or not login or not login.isascii():
        raise LineError("a message has no sender", channel)
    at = tags.rfind(";tmi-sent-ts=") + 13
    end = tags.find(";", at)
    sent = tags[at:end] if at > 12 and end > 0 else _tag(tags, "tmi-sent-ts")
    if sent.isdecimal():
        sent_ms = int(sent)
    elif not sent:
        sent_ms = received_ms
    else:
        raise LineError("the tag tmi-sent-ts is not a number", channel)
    at = tags.find(";id=") + 4
    end = tags.find(";", at)
    identity = tags[at:end] if at > 3 and end > 0 else _tag(tags, "id")
    mirrored = "source-room-id=" in tags and _tag(tags, "source-room-id") not in ("", _tag(tags, "room-id"))
    by_bot = "bot-badge/" in tags and "bot-badge/" in _tag(tags, "badges")
    return _new_tuple(ChatMessage, (channel, login, sent_ms, identity, mirrored, by_bot))


def _tag(tags: str, name: str) -> str:
    """The value of a tag, not unescaped; "" if missing. Values contain no `;`: it is escaped."""
    at = tags.find(f";{name}=")
    if at < 0:
        if not tags.startswith(f"@{name}="):
            return ""
        at = 0
    at += len(name) + 2
    end = tags.find(";", at)
    return tags[at:] if end < 0 else tags[at:end]


def _server_line(line: str) -> ServerLine:
    rest = line
    msg_id = sender = ""
    if rest.startswith("@"):
        tags, _, rest = rest.partition(" ")
        msg_id = _tag(tags, "msg-id")
    rest = rest.lstrip(" ")
    if rest.startswith(":"):
        prefix, _, rest = rest[1:].partition(" ")
        sender = prefix.partition("!")[0]
    head, colon, trailing = rest.lstrip(" ").partition(" :")
    command, *params = head.split(" ")
    if not command.isalnum() or not command.isascii():
        raise LineError("a line has no command")
    params = [param for param in params if param]
    if colon:
        params.append(trailing.encode("latin-1").decode("utf-8", "replace"))
    return ServerLine(msg_id, sender, command.upper(), tuple(params))
