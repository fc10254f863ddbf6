"""From settings to Twitch: the client of Helix, the source of chat, and the channels that are always watched.

Belongs here: building them, and who is live. Not here: talking to Twitch (clients), taking the hour's roster
(running_hour).
"""

import datetime as dt
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import polars as pl

from vieweratlas_assets.clients.chat import ChatSource
from vieweratlas_assets.clients.helix import HelixClient
from vieweratlas_assets.clients.http import RetryingSession
from vieweratlas_assets.clients.irc.connection import Account, Address
from vieweratlas_assets.clients.irc.pacing import PROFILES
from vieweratlas_assets.clients.irc.reader import IrcReader
from vieweratlas_assets.clients.retry import RETRY_POLICY, RetryPolicy
from vieweratlas_assets.clients.rotation import Rotation, Turns
from vieweratlas_assets.clients.twitch_token import (
    READ_CHAT_SCOPE,
    TokenRefusedError,
    TwitchUser,
    UserToken,
    token_from_credentials,
)
from vieweratlas_assets.domain.presence.roster import WatchListError, read_watch_list, roster_of
from vieweratlas_assets.errors import SettingsError
from vieweratlas_assets.settings import Settings

FAIL_FAST_S = 6.0


def helix_client(settings: Settings, *, fail_fast: bool = False) -> HelixClient:
    """A client with the credentials of the settings; it sends no request yet.

    Args:
        fail_fast: fail after FAIL_FAST_S instead of waiting longer.

    Raises:
        TokenRefusedError: the settings hold no credentials; the message says which to set.
    """
    twitch = settings.twitch
    http = RetryingSession(retries=1, timeout_s=FAIL_FAST_S) if fail_fast else RetryingSession()
    token = token_from_credentials(
        client_id=twitch.client_id,
        client_secret=None if twitch.client_secret is None else twitch.client_secret.get_secret_value(),
        oauth_token=None if twitch.oauth_token is None else twitch.oauth_token.get_secret_value(),
        url=twitch.id_url,
        http=http,
    )
    return HelixClient(token, url=twitch.helix_url, http=http, max_wait_s=FAIL_FAST_S if fail_fast else None)


@dataclass(frozen=True)
class LiveChannels:
    """Who is live.

    Attributes:
        roster: schema CHANNEL_ROSTER: the channels with the most viewers, and the watched ones that are live.
        top: how many of them came from the list of the most viewers.
    """

    roster: pl.DataFrame
    top: int


def live_channels(
    client: HelixClient, top_channels: int, watched: Sequence[str], moment: dt.datetime
) -> LiveChannels:
    """Ask who is live.

    Args:
        top_channels: how many of the channels with the most viewers to take, in addition to the watched ones.

    Raises:
        HelixError, NoAnswerError, TokenRefusedError: Twitch refused or did not answer.
    """
    top = client.top_streams(top_channels)
    known = {stream["user_login"].lower() for stream in top}
    others = client.streams_of([login for login in watched if login not in known])
    return LiveChannels(roster_of([*top, *others], moment), len(top))


def chat_source(
    settings: Settings, *, clock: Callable[[], float] = time.time, retry_policy: RetryPolicy = RETRY_POLICY
) -> ChatSource:
    """The source of chat; it connects later, but validates a user's token with Twitch now.

    Args:
        clock: returns seconds since 1970; events are stamped with it.

    Raises:
        TokenRefusedError: the account's token is missing or refused, or lacks a scope.
        NoAnswerError: Twitch does not answer.
    """
    collection, twitch = settings.collection, settings.twitch
    if collection.chat_source == "eventsub":
        source = _eventsub_reader(settings, clock, retry_policy)
    else:
        address, profile = Address(twitch.chat_url), PROFILES[collection.join_pace]
        if collection.chat_account == "anonymous":
            return IrcReader(address, profile=profile, retry_policy=retry_policy, clock=clock)
        user = _user_token(settings, "collection.chat_account: token needs a user's token").user()
        # A single connection: across two, the JOIN of one channel could overtake the PART of another.
        source = IrcReader(
            address,
            account=lambda: Account(user.login, user.token),
            profile=profile,
            retry_policy=retry_policy,
            clock=clock,
            channels_per_connection=collection.batch_size,
        )
    turns = Turns(collection.batch_size, collection.duration_per_batch, collection.collection_interval)
    return Rotation(source, turns, clock=clock)


def _eventsub_reader(settings: Settings, clock: Callable[[], float], retry_policy: RetryPolicy) -> ChatSource:
    # Imported here because TwitchIO takes half a second to load.
    from vieweratlas_assets.clients.eventsub.reader import EventSubReader

    token = _user_token(settings, "collection.chat_source: eventsub needs a user's token")

    def account() -> TwitchUser:
        return token.user(READ_CHAT_SCOPE)

    account()
    twitch = settings.twitch
    return EventSubReader(
        account, url=twitch.eventsub_url, helix_url=twitch.helix_url, retry_policy=retry_policy, clock=clock
    )


def _user_token(settings: Settings, needed: str) -> UserToken:
    twitch = settings.twitch
    if twitch.oauth_token is None:
        raise TokenRefusedError(f"{needed}: set TWITCH_OAUTH_TOKEN (twitch.oauth_token)")
    return UserToken(twitch.oauth_token.get_secret_value(), twitch.client_id, url=twitch.id_url)


def watch_list(settings: Settings) -> list[str]:
    """The logins of collection.channels and collection.channels_file, distinct and sorted.

    Raises:
        SettingsError: the file cannot be read, or a line or a channel is not a login.
    """
    collection = settings.collection
    logins = _logins("\n".join(collection.channels), "setting collection.channels")
    if collection.channels_file is not None:
        path = collection.channels_file.expanduser()
        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
            raise SettingsError(f"setting collection.channels_file: {path} cannot be read: {reason}") from error
        logins += _logins(text, str(path))
    return sorted(set(logins))


def _logins(text: str, where: str) -> list[str]:
    try:
        return read_watch_list(text)
    except WatchListError as error:
        raise SettingsError(f"{where}: {error}") from error
