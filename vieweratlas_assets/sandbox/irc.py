"""The sandbox's chat in Twitch's dialect of IRC, with Twitch's limits and with faults on demand.

Belongs here: who listens to which channel, delivering messages, answering clients. Not here: what is written (feed),
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
    """What the server allows a client.

    Attributes:
        joins: JOINs per 10 s and account, or per connection if it is anonymous. Further JOINs are silently dropped.
        logins: logins per 10 s and account. Further logins are refused.
        channels: channels at once per account; anonymous connections have no such limit.
        ping_every_s: seconds between PINGs of the server.
    """

    joins: int = 20
    logins: int = 20
    channels: int = 100
    ping_every_s: float = 300.0


@dataclass
class ChatFaults:
    """Faults to simulate.

    Attributes:
        joins_to_drop: number of next JOINs that get no answer and no chat.
        silent: channels whose JOINs never get an answer, like renamed channels.
        refused: channels that cannot be joined, with the id of the NOTICE that answers a JOIN.
        join_delay_s: delay of the answer to a JOIN.
    """

    joins_to_drop: int = 0
    silent: set[str] = field(default_factory=set)
    refused: dict[str, str] = field(default_factory=dict)
    join_delay_s: float = 0.0


class Wire(Protocol):
    """The connection to a client."""

    def write(self, data: bytes) -> None:
        """Send lines, each with its line ending."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...

    def reset(self) -> None:
        """Abort the connection."""
        ...


class Session:
    """A connected client."""

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
        """The client's login; None if it is anonymous."""
        return None if _ANONYMOUS.fullmatch(self.nick) else self.nick

    def say(self, *lines: str) -> None:
        """Send lines."""
        if not self.is_frozen:
            self.wire.write("".join(f"{line}\r\n" for line in lines).encode())

    def handle(self, line: str) -> None:
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
        """Remove the client from a channel, or refuse it, with a NOTICE."""
        self._chat.leave(self, channel)
        self.say(f"@msg-id={msg_id} :{HOST} NOTICE #{channel} :{NOTICES[msg_id].format(channel)}")

    def _capabilities(self, rest: str) -> None:
        verb, _, arguments = rest.partition(" ")
        requested = arguments.removeprefix(":").split()
        match verb.upper():
            case "LS":
                self._negotiating = True
                self.say(f":{HOST} CAP * LS :{' '.join(CAPABILITIES)}")
            case "REQ" if set(requested) <= set(CAPABILITIES):
                self.wants_tags |= "twitch.tv/tags" in requested
                self._commands |= "twitch.tv/commands" in requested
                self.say(f":{HOST} CAP * ACK :{' '.join(requested)}")
            case "REQ":
                self.say(f":{HOST} CAP * NAK :{' '.join(requested)}")
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
        if not self._chat.allows("log in", self.nick if self.account else "anonymous", self._chat.limits.logins):
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
        if not chat.allows("join", self.account or str(id(self)), chat.limits.joins):
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
        server = f":{self.nick}.{HOST}"
        self.say(
            f"{user} JOIN #{channel}",
            f"{server} 353 {self.nick} = #{channel} :{self.nick}",
            f"{server} 366 {self.nick} #{channel} :End of /NAMES list",
        )
        if self._commands:
            room_id = self._chat.feed.room_ids[channel]
            tags = f"@emote-only=0;followers-only=-1;r9k=0;room-id={room_id};slow=0;subs-only=0 "
            self.say(f"{tags if self.wants_tags else ''}:{HOST} ROOMSTATE #{channel}")
            if self.account:
                self.say(f"{'@badges=;mod=0;user-type= ' if self.wants_tags else ''}:{HOST} USERSTATE #{channel}")

    def _part(self, channel: str) -> None:
        if channel in self.joined:
            # The client still gets the messages that were written before its PART.
            self._chat.catch_up()
            self._chat.leave(self, channel)
            self.say(f":{self.nick}!{self.nick}@{self.nick}.{HOST} PART #{channel}")


class SandboxChat:
    """The chat of one world: its sessions, and the messages that they receive.

    Attributes:
        feed: the messages.
        knows: whether a token is valid.
        limits: what the server allows a client.
        faults: faults to simulate.
        sessions: the connected clients.
        messages: messages per channel that reached at least one session.
        copies: lines that were sent, to all sessions together.
        joins_over_limit: JOINs that were dropped because they exceeded the rate limit.
        joins_unanswered: JOINs of silent channels.
        most_channels: highest number of channels that one account had joined at once.
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
            feed: the messages.
            clock: the time in the sandbox.
            knows: whether a token is valid.
            limits: what the server allows a client.
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
        """Send messages as time passes, until canceled."""
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
        """Return the current time in the sandbox, UTC."""
        return self._clock.now()

    def catch_up(self) -> None:
        """Send all messages that were written up to now."""
        start, self._played_until = self._played_until, self._clock.now()
        lines: dict[Session, list[str]] = {}
        for message in self.feed.between(start, self._played_until):
            listeners = [session for session in self._listeners.get(message.channel, ()) if not session.is_frozen]
            for session in listeners:
                lines.setdefault(session, []).append(message.line)
            self.messages[message.channel] += bool(listeners)
            self.copies += len(listeners)
        for session, to_send in lines.items():
            session.say(*(to_send if session.wants_tags else [line.partition(" ")[2] for line in to_send]))

    def connected(self, wire: Wire) -> Session:
        """Add a client that has connected."""
        session = Session(self, wire)
        self.sessions.append(session)
        return session

    def disconnected(self, session: Session) -> None:
        """Remove a client whose connection has ended."""
        self.leave_all(session)
        self.sessions.remove(session)

    def enter(self, session: Session, channel: str) -> None:
        """Add a session to a channel."""
        if channel not in session.joined and session in self.sessions:
            session.joined.add(channel)
            self._listeners.setdefault(channel, []).append(session)
            if session.account:
                self.most_channels = max(self.most_channels, len(self.channels_of(session.account)))

    def leave(self, session: Session, channel: str) -> None:
        """Remove a session from a channel."""
        if channel in session.joined:
            session.joined.remove(channel)
            self._listeners[channel].remove(session)

    def leave_all(self, session: Session) -> None:
        """Remove a session from all channels."""
        for channel in list(session.joined):
            self.leave(session, channel)

    def channels_of(self, account: str) -> set[str]:
        """Return the channels that an account is in."""
        return {channel for session in self.sessions if session.account == account for channel in session.joined}

    def allows(self, action: str, client: str, limit: int) -> bool:
        """Count an action of a client; return whether it is within the limit per 10 s."""
        now = time.monotonic()
        recent = self._recent.setdefault((action, client), deque())
        while recent and recent[0] <= now - WINDOW_S:
            recent.popleft()
        if len(recent) >= limit:
            return False
        recent.append(now)
        return True

    def reset(self) -> None:
        """Abort all connections."""
        for session in list(self.sessions):
            session.wire.reset()

    def freeze(self) -> None:
        """Keep all connections open, but never read from or write to them again."""
        for session in self.sessions:
            session.is_frozen = True

    def reconnect(self, close_after_s: float) -> None:
        """Send RECONNECT to all clients, and close their connections after this many seconds."""
        loop = asyncio.get_running_loop()
        for session in list(self.sessions):
            session.say(f":{HOST} RECONNECT")
            loop.call_later(close_after_s, session.wire.close)

    def inject(self, data: bytes) -> None:
        """Send arbitrary bytes to all clients."""
        for session in self.sessions:
            session.wire.write(data)
