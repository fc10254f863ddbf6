"""The sandbox's EventSub: chat as notifications over WebSocket, for clients with a token.

Belongs here: subscriptions to `channel.chat.message`, and their notifications. Not here: what is written (feed), who
is in which chat (irc), tokens (helix).

https://dev.twitch.tv/docs/eventsub/handling-websocket-events/
"""

import asyncio
import contextlib
import datetime as dt
import json
from collections.abc import Mapping
from itertools import count
from typing import Any

from starlette.requests import Request
from starlette.websockets import WebSocket, WebSocketDisconnect

from vieweratlas_assets.sandbox.helix import LOGIN, USER_ID, BadRequestError, RefusedError
from vieweratlas_assets.sandbox.irc import NOTICES, SandboxChat, Session
from vieweratlas_assets.sandbox.wire import WebSocketWire

TYPE = "channel.chat.message"
KEEPALIVE_S = 10
TAKES_OVER = "takes_over"
MAX_SUBSCRIPTIONS = 300


class EventSubSession(Session):
    """A client's connection, which receives the chat of its subscribed channels as JSON."""

    def __init__(self, chat: SandboxChat, wire: WebSocketWire, number: int, takeover_url: str) -> None:
        super().__init__(chat, wire)
        self.id = f"sandbox-session-{number}"
        self.nick, self.wants_tags, self.is_welcome = LOGIN, True, True
        self.subscriptions: dict[str, dict[str, Any]] = {}
        self.sent_at = asyncio.get_running_loop().time()
        self._takeover_url = takeover_url
        self._numbers = count(1)

    def say(self, *lines: str) -> None:
        """Send IRC lines as messages of EventSub; lines without an equivalent are dropped."""
        for line in lines:
            tags, _, rest = line.removeprefix("@").partition(" ")
            words = rest.split(" ", 3)
            if words[1:2] == ["PRIVMSG"]:
                self._notify(dict(tag.split("=", 1) for tag in tags.split(";")), words)
            elif line.endswith(" RECONNECT"):
                session = self._session_payload("reconnecting", f"{self._takeover_url}{self.id}")
                self.send("session_reconnect", {"session": session})

    def put_out(self, channel: str, msg_id: str) -> None:
        """Revoke the subscription to a channel."""
        self._chat.leave(self, channel)
        if (subscription := self.subscriptions.pop(channel, None)) is not None:
            status = _STATUS.get(msg_id, "version_removed")
            self.send("revocation", {"subscription": subscription | {"status": status}}, subscription_type=TYPE)

    def take_over(self, previous: "EventSubSession") -> None:
        """Take over the subscriptions of a connection that will end."""
        self._chat.catch_up()
        self.subscriptions, previous.subscriptions = previous.subscriptions, {}
        for channel, subscription in self.subscriptions.items():
            subscription["transport"]["session_id"] = self.id
            self._chat.leave(previous, channel)
            self._chat.enter(self, channel)

    def welcome(self) -> None:
        """Send the welcome message with the session's id."""
        self.send("session_welcome", {"session": self._session_payload("connected", None)})

    def send(self, kind: str, payload: Mapping[str, Any], **metadata_fields: str) -> None:
        """Send a message of EventSub."""
        if self.is_frozen:
            return
        self.sent_at = asyncio.get_running_loop().time()
        metadata = {"message_id": f"{self.id}-{next(self._numbers)}", "message_type": kind}
        metadata |= {"message_timestamp": self._chat.now().isoformat().replace("+00:00", "Z")} | metadata_fields
        self.wire.write(json.dumps({"metadata": metadata, "payload": payload}).encode())

    def _session_payload(self, status: str, reconnect_url: str | None) -> dict[str, Any]:
        return {
            "id": self.id,
            "status": status,
            "connected_at": self._chat.now().isoformat().replace("+00:00", "Z"),
            "reconnect_url": reconnect_url,
            "keepalive_timeout_seconds": KEEPALIVE_S,
        }

    def _notify(self, tags: Mapping[str, str], words: list[str]) -> None:
        login, channel, text = words[0].split("!")[0].removeprefix(":"), words[2].removeprefix("#"), words[3][1:]
        subscription = self.subscriptions[channel]
        badges = [badge.split("/") for badge in tags["badges"].split(",") if badge]
        source = tags.get("source-room-id")
        # As on Twitch: null if the message was written in the channel itself.
        mirrored_from = source if source != tags["room-id"] else None
        event = {
            "broadcaster_user_id": tags["room-id"],
            **dict.fromkeys(("broadcaster_user_login", "broadcaster_user_name"), channel),
            "chatter_user_id": tags.get("user-id", "2"),
            **dict.fromkeys(("chatter_user_login", "chatter_user_name"), login),
            "message_id": tags["id"],
            "message": {"text": text, "fragments": [{"type": "text", "text": text} | _NO_FRAGMENT]},
            "message_type": "text",
            "badges": [{"set_id": name, "id": version, "info": ""} for name, version in badges],
            "color": "",
            "source_broadcaster_user_id": mirrored_from,
            **dict.fromkeys(("source_broadcaster_user_login", "source_broadcaster_user_name"), mirrored_from),
            "source_message_id": tags.get("source-id") if mirrored_from else None,
            "source_badges": None,
            "is_source_only": None,
            **dict.fromkeys(("cheer", "reply", "channel_points_custom_reward_id", "channel_points_animation_id")),
        }
        moment = dt.datetime.fromtimestamp(int(tags["tmi-sent-ts"]) / 1000, dt.UTC)
        self.send(
            "notification",
            {"subscription": subscription, "event": event},
            message_timestamp=moment.isoformat().replace("+00:00", "Z"),
            subscription_type=TYPE,
            subscription_version="1",
        )


_STATUS = {"msg_banned": "chat_user_banned", "msg_channel_suspended": "user_removed"}
_NO_FRAGMENT = dict.fromkeys(("cheermote", "emote", "mention"))


class SandboxEventSub:
    """EventSub of one chat: its connections and their subscriptions."""

    def __init__(self, chat: SandboxChat) -> None:
        self._chat = chat
        self._sessions: dict[str, EventSubSession] = {}
        self._numbers = count(1)

    async def serve(self, socket: WebSocket) -> None:
        """Serve a client until it disconnects."""
        await socket.accept()
        wire = WebSocketWire()
        takeover_url = str(socket.url.replace(query=f"{TAKES_OVER}="))
        session = EventSubSession(self._chat, wire, next(self._numbers), takeover_url)
        self._sessions[session.id] = session
        self._chat.sessions.append(session)
        session.welcome()
        if (previous := self._sessions.get(socket.query_params.get(TAKES_OVER, ""))) is not None:
            session.take_over(previous)
        tasks = [asyncio.create_task(wire.send(socket)), asyncio.create_task(_keep_alive(session))]
        try:
            with contextlib.suppress(WebSocketDisconnect):
                while True:
                    await socket.receive_text()
        finally:
            del self._sessions[session.id]
            self._chat.disconnected(session)
            for task in tasks:
                task.cancel()

    async def subscribe(self, request: Request) -> dict[str, Any]:
        """Answer a request for a subscription.

        Raises:
            BadRequestError, RefusedError: the subscription is refused.
        """
        try:
            body = await request.json()
            condition, transport = body["condition"], body["transport"]
            channel_id, user_id = str(condition["broadcaster_user_id"]), str(condition["user_id"])
            session_id = str(transport["session_id"])
        except (ValueError, KeyError, TypeError) as error:
            raise BadRequestError("a subscription has a type, a version, a condition and a transport") from error
        if (body.get("type"), body.get("version"), transport.get("method")) != (TYPE, "1", "websocket"):
            raise BadRequestError(f"this sandbox knows {TYPE}, version 1, over websocket")
        if user_id != USER_ID:
            raise RefusedError(403, "subscription missing proper authorization")
        session = self._sessions.get(session_id)
        channel = next((login for login, number in self._chat.feed.room_ids.items() if number == channel_id), None)
        if session is None or channel is None:
            raise BadRequestError("websocket transport session or broadcaster does not exist")
        return self._add_subscription(session, channel, condition)

    def _add_subscription(self, session: EventSubSession, channel: str, condition: dict[str, str]) -> dict[str, Any]:
        chat = self._chat
        if channel in session.subscriptions:
            raise RefusedError(409, "subscription already exists")
        if channel in chat.faults.refused:
            raise RefusedError(403, NOTICES[chat.faults.refused[channel]].format(channel))
        joined = chat.channels_of(LOGIN)
        if len(session.subscriptions) >= MAX_SUBSCRIPTIONS:
            raise RefusedError(429, "number of subscriptions limit exceeded")
        if channel not in joined and len(joined) >= chat.limits.channels:
            raise RefusedError(429, "number of channels that a user may be in exceeded")
        subscription = {
            "id": f"{session.id}-{channel}",
            "status": "enabled",
            "type": TYPE,
            "version": "1",
            "cost": 0,
            "condition": condition,
            "transport": {"method": "websocket", "session_id": session.id},
            "created_at": chat.now().isoformat().replace("+00:00", "Z"),
        }
        session.subscriptions[channel] = subscription
        chat.enter(session, channel)
        total = sum(len(other.subscriptions) for other in self._sessions.values())
        return {"data": [subscription], "total": total, "total_cost": 0, "max_total_cost": 10}

    async def unsubscribe(self, request: Request) -> dict[str, Any] | None:
        """Answer a request to end a subscription.

        Raises:
            RefusedError: the subscription does not exist.
        """
        subscription_id = request.query_params.get("id", "")
        for session in self._sessions.values():
            for channel, subscription in list(session.subscriptions.items()):
                if subscription["id"] == subscription_id:
                    self._chat.catch_up()
                    del session.subscriptions[channel]
                    self._chat.leave(session, channel)
                    return None
        raise RefusedError(404, "subscription not found")


async def _keep_alive(session: EventSubSession) -> None:
    """Send a keepalive when nothing else was sent in time."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(max(0.1, session.sent_at + KEEPALIVE_S - loop.time()))
        if loop.time() - session.sent_at >= KEEPALIVE_S:
            session.send("session_keepalive", {})
