"""The sandbox's chat over IRC, as Twitch speaks it, with its limits and with faults on demand.

Belongs here: who listens where, what goes to whom, what is answered to a line. Not here: what is written (feed),
sockets (wire).

https://dev.twitch.tv/docs/chat/irc/
"""

import asyncio
import datetime as dt
import re
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from vieweratlas_assets.sandbox.clock import Clock
from vieweratlas_assets.sandbox.feed import ChatFeed

HOST = "tmi.twitch.tv"
CAPABILITIES = ("twitch.tv/commands", "twitch.tv/membership", "twitch.tv/tags")
WINDOW_S = 10.0
TICK_S = 0.02
NOTICES = {
    "msg_banned": "You are permanently banned from talking in {}.",
    "msg_channel_suspended": "This channel does not exist or has been suspended.",
    "msg_room_not_found": "This channel does not exist or has been suspended.",
    "msg_concurrent_channel_limit_reached": "You have joined as many channels as an account can be in.",
}
_ANONYMOUS = re.compile(r"justinfan\d+")


@dataclass(frozen=True)
class ChatLimits:
    """What the server lets a client do.

    Attributes:
        joins: in 10 s, of an account; of each connection where it is anonymous. Others are silently dropped.
        logins: in 10 s, of an account. Others are refused.
        channels: at once, of an account; anonymous ones have no such limit.
        ping_every_s: of the server.
    """

    joins: int = 20
    logins: int = 20
    channels: int = 100
    ping_every_s: float = 300.0


@dataclass
class ChatFaults:
    """What goes wrong.

    Attributes:
        joins_to_drop: so many of the next JOINs get no answer and no chat.
        silent: channels whose JOINs never get an answer, as renamed ones.
        refused: channels that cannot be joined, and the id of the NOTICE that says so.
        join_delay_s: how late a JOIN is answered.
    """

    joins_to_drop: int = 0
    silent: set[str] = field(default_factory=set)
    refused: dict[str, str] = field(default_factory=dict)
    join_delay_s: float = 0.0


class Wire(Protocol):
    """How lines come to a client."""

    def write(self, data: bytes) -> None:
        """Send lines, each with its end."""
        ...

    def close(self) -> None:
        """Close in order."""
        ...

    def reset(self) -> None:
        """Break off."""
        ...


class Session:
    """A client that is connected."""

    def __init__(self, chat: "SandboxChat", wire: Wire) -> None:
        self.joined: set[str] = set()
        self.nick = ""
        self.is_frozen = False
        self.wants_tags = False
        self.is_welcome = False
        self.wire = wire
        self._chat = chat
        self._token = ""
        self._negotiating = False
        self._commands = False

    @property
    def account(self) -> str | None:
        """The login of who listens; None where they are anonymous."""
        return None if _ANONYMOUS.fullmatch(self.nick) else self.nick

    def say(self, *lines: str) -> None:
        """Send lines."""
        if not self.is_frozen:
            self.wire.write("".join(f"{line}\r\n" for line in lines).encode())

    def take(self, line: str) -> None:
        """Answer a line of the client."""
        if self.is_frozen:
            return
        command, _, rest = line.strip().partition(" ")
        rest = rest.removeprefix(":")
        match command.upper():
            case "CAP":
                self._capabilities(rest)
            case "PASS":
                self._token = rest.removeprefix("oauth:")
            case "NICK":
                self.nick = rest.lower()
                self._welcome()
            case "PING":
                self.say(f":{HOST} PONG {HOST} :{rest}")
            case "JOIN" | "PART" if self.is_welcome:
                for channel in rest.replace("#", "").lower().split(","):
                    (self._join if command.upper() == "JOIN" else self._part)(channel)
            case "QUIT":
                self._chat.catch_up()
                self._chat.leave_all(self)
                self.wire.close()

    def put_out(self, channel: str, msg_id: str) -> None:
        """Tell with a NOTICE that the client is not in a channel, or cannot be."""
        self._chat.leave(self, channel)
        self.say(f"@msg-id={msg_id} :{HOST} NOTICE #{channel} :{NOTICES[msg_id].format(channel)}")

    def _capabilities(self, rest: str) -> None:
        verb, _, asked = rest.partition(" ")
        wanted = asked.removeprefix(":").split()
        match verb.upper():
            case "LS":
                self._negotiating = True
                self.say(f":{HOST} CAP * LS :{' '.join(CAPABILITIES)}")
            case "REQ" if set(wanted) <= set(CAPABILITIES):
                self.wants_tags |= "twitch.tv/tags" in wanted
                self._commands |= "twitch.tv/commands" in wanted
                self.say(f":{HOST} CAP * ACK :{' '.join(wanted)}")
            case "REQ":
                self.say(f":{HOST} CAP * NAK :{' '.join(wanted)}")
            case "END":
                self._negotiating = False
                self._welcome()

    def _welcome(self) -> None:
        if self._negotiating or not self.nick or self.is_welcome:
            return
        if self.account is not None and not self._chat.knows(self._token):
            self.say(f":{HOST} NOTICE * :Login authentication failed")
            self.wire.close()
            return
        if not self._chat.may("log in", self.nick if self.account else "anonymous", self._chat.limits.logins):
            self.say(f":{HOST} NOTICE * :Login unsuccessful")
            self.wire.close()
            return
        self.is_welcome = True
        texts = {
            "001": "Welcome, GLHF!",
            "002": f"Your host is {HOST}",
            "003": "This server is rather new",
            "004": "-",
            "375": "-",
            "372": "You are in a maze of twisty passages, all alike.",
            "376": ">",
        }
        self.say(*(f":{HOST} {number} {self.nick} :{text}" for number, text in texts.items()))
        if self.account and self._commands:
            self.say(
                f"@badge-info=;badges=;color=;display-name={self.nick};user-id=1;user-type= :{HOST} GLOBALUSERSTATE"
            )

    def _join(self, channel: str) -> None:
        chat = self._chat
        if not chat.may("join", self.account or str(id(self)), chat.limits.joins):
            chat.joins_over_limit += 1
        elif chat.faults.joins_to_drop:
            chat.faults.joins_to_drop -= 1
        elif channel in chat.faults.silent:
            chat.joins_unanswered += 1
        elif channel in chat.faults.refused:
            self.put_out(channel, chat.faults.refused[channel])
        elif channel not in chat.feed.room_ids:
            self.put_out(channel, "msg_room_not_found")
        elif (
            self.account
            and channel not in (held := chat.channels_of(self.account))
            and len(held) >= chat.limits.channels
        ):
            self.put_out(channel, "msg_concurrent_channel_limit_reached")
        elif chat.faults.join_delay_s:
            asyncio.get_running_loop().call_later(chat.faults.join_delay_s, self._joined, channel)
        else:
            self._joined(channel)

    def _joined(self, channel: str) -> None:
        self._chat.enter(self, channel)
        user = f":{self.nick}!{self.nick}@{self.nick}.{HOST}"
        place = f":{self.nick}.{HOST}"
        self.say(
            f"{user} JOIN #{channel}",
            f"{place} 353 {self.nick} = #{channel} :{self.nick}",
            f"{place} 366 {self.nick} #{channel} :End of /NAMES list",
        )
        if self._commands:
            room_id = self._chat.feed.room_ids[channel]
            tags = f"@emote-only=0;followers-only=-1;r9k=0;room-id={room_id};slow=0;subs-only=0 "
            self.say(f"{tags if self.wants_tags else ''}:{HOST} ROOMSTATE #{channel}")
            if self.account:
                self.say(f"{'@badges=;mod=0;user-type= ' if self.wants_tags else ''}:{HOST} USERSTATE #{channel}")

    def _part(self, channel: str) -> None:
        if channel in self.joined:
            # What was written before is theirs.
            self._chat.catch_up()
            self._chat.leave(self, channel)
            self.say(f":{self.nick}!{self.nick}@{self.nick}.{HOST} PART #{channel}")


class SandboxChat:
    """Chat of one world: its sessions, and the messages that go to them.

    Attributes:
        messages: how many of each channel went to anybody.
        copies: how many lines these were, of all sessions together.
        joins_over_limit: JOINs that were dropped because they came too fast.
        joins_unanswered: JOINs of silent channels.
        most_channels: of one account at once.
    """

    def __init__(
        self,
        feed: ChatFeed,
        clock: Clock,
        *,
        knows: Callable[[str], bool] = bool,
        limits: ChatLimits = ChatLimits(),
    ) -> None:
        """Serve a feed.

        Args:
            knows: whether a token is one of ours.
        """
        self.feed, self.knows, self.limits = feed, knows, limits
        self.faults = ChatFaults()
        self.sessions: list[Session] = []
        self.messages: Counter[str] = Counter()
        self.copies = self.joins_over_limit = self.joins_unanswered = self.most_channels = 0
        self._clock, self._played_until = clock, clock.now()
        self._listeners: dict[str, list[Session]] = {}
        self._recent: dict[tuple[str, str], deque[float]] = {}

    async def play(self) -> None:
        """Send what is written, as time goes on, until canceled."""
        self._played_until = self._clock.now()
        last_ping = time.monotonic()
        while True:
            await asyncio.sleep(TICK_S)
            self.catch_up()
            if time.monotonic() - last_ping >= self.limits.ping_every_s:
                last_ping = time.monotonic()
                for session in self.sessions:
                    session.say(f"PING :{HOST}")

    def now(self) -> dt.datetime:
        """The moment that it is in the sandbox, UTC."""
        return self._clock.now()

    def catch_up(self) -> None:
        """Send what was written until now."""
        start, self._played_until = self._played_until, self._clock.now()
        lines: dict[Session, list[str]] = {}
        for message in self.feed.between(start, self._played_until):
            listeners = [each for each in self._listeners.get(message.channel, ()) if not each.is_frozen]
            for session in listeners:
                lines.setdefault(session, []).append(message.line)
            self.messages[message.channel] += bool(listeners)
            self.copies += len(listeners)
        for session, its_lines in lines.items():
            session.say(*(its_lines if session.wants_tags else [line.partition(" ")[2] for line in its_lines]))

    def connected(self, wire: Wire) -> Session:
        """A client came."""
        session = Session(self, wire)
        self.sessions.append(session)
        return session

    def gone(self, session: Session) -> None:
        """A client went."""
        self.leave_all(session)
        self.sessions.remove(session)

    def enter(self, session: Session, channel: str) -> None:
        """A session is in a channel from now on."""
        if channel not in session.joined and session in self.sessions:
            session.joined.add(channel)
            self._listeners.setdefault(channel, []).append(session)
            if session.account:
                self.most_channels = max(self.most_channels, len(self.channels_of(session.account)))

    def leave(self, session: Session, channel: str) -> None:
        """A session is not in a channel."""
        if channel in session.joined:
            session.joined.remove(channel)
            self._listeners[channel].remove(session)

    def leave_all(self, session: Session) -> None:
        """A session is in no channel."""
        for channel in list(session.joined):
            self.leave(session, channel)

    def channels_of(self, account: str) -> set[str]:
        """The channels that an account is in."""
        return {channel for each in self.sessions if each.account == account for channel in each.joined}

    def may(self, act: str, who: str, limit: int) -> bool:
        """Whether somebody may act once more in these 10 s; it is counted."""
        now = time.monotonic()
        recent = self._recent.setdefault((act, who), deque())
        while recent and recent[0] <= now - WINDOW_S:
            recent.popleft()
        if len(recent) >= limit:
            return False
        recent.append(now)
        return True

    def reset(self) -> None:
        """Break off all connections."""
        for session in list(self.sessions):
            session.wire.reset()

    def freeze(self) -> None:
        """Leave all connections open, and never read or write on them again."""
        for session in self.sessions:
            session.is_frozen = True

    def reconnect(self, close_after_s: float) -> None:
        """Announce to all clients that their connections are closed after so many seconds."""
        loop = asyncio.get_running_loop()
        for session in list(self.sessions):
            session.say(f":{HOST} RECONNECT")
            loop.call_later(close_after_s, session.wire.close)

    def inject(self, data: bytes) -> None:
        """Send bytes to all clients, whatever they are."""
        for session in self.sessions:
            session.wire.write(data)
