"""From settings to Twitch: clients, who is live, the source of chat, and the watch list."""

from pathlib import Path

import pytest

from vieweratlas_assets.clients.http import NoAnswerError
from vieweratlas_assets.clients.irc.reader import IrcReader
from vieweratlas_assets.clients.rotation import Rotation
from vieweratlas_assets.clients.twitch_token import TokenRefusedError
from vieweratlas_assets.domain.schemas import CHANNEL_ROSTER
from vieweratlas_assets.errors import SettingsError
from vieweratlas_assets.sandbox import helix as sandbox_helix
from vieweratlas_assets.settings import CollectionSettings, Settings, TwitchSettings
from vieweratlas_assets.wiring.twitch import chat_source, helix_client, live_channels, watch_list
from vieweratlas_tests.clients.chatting import Chatting, chatting
from vieweratlas_tests.clients.twitch import EVENING, Twitch


def settings_for(twitch: Chatting, **collection: object) -> Settings:
    """Settings for the sandbox, with a user's token."""
    return Settings(
        twitch=TwitchSettings(
            oauth_token=f"oauth:{twitch.helix.user_token()}",
            helix_url=f"{twitch.server.url}/helix",
            id_url=f"{twitch.server.url}/oauth2",
            chat_url=twitch.server.chat_url,
            eventsub_url=twitch.server.eventsub_url,
        ),
        collection=CollectionSettings.model_validate(collection),
    )


def watching(**collection: object) -> Settings:
    return Settings(collection=CollectionSettings.model_validate(collection))


def test_a_client_has_the_credentials_and_the_address_of_the_settings(helix: Twitch) -> None:
    [largest] = helix_client(helix.settings()).top_streams(1)
    assert largest["user_login"] == helix.live()[0]
    with pytest.raises(TokenRefusedError, match="check both"):
        helix_client(helix.settings(TWITCH_CLIENT_SECRET="wrong")).top_streams(1)
    token = f"oauth:{helix.helix.user_token()}"
    by_user = helix.settings(TWITCH_OAUTH_TOKEN=token, TWITCH_CLIENT_SECRET="")
    assert helix_client(by_user).top_streams(1)[0]["user_login"] == helix.live()[0]


def test_a_client_needs_credentials() -> None:
    with pytest.raises(TokenRefusedError, match="TWITCH_CLIENT_ID and TWITCH_CLIENT_SECRET"):
        helix_client(Settings())


def test_a_client_that_fails_fast_gives_up_after_one_retry(helix: Twitch) -> None:
    client = helix_client(helix.settings(), fail_fast=True)
    client.top_streams(1)
    helix.helix.faults.extend([503, 503])
    with pytest.raises(NoAnswerError, match="HTTP 503, 2 times"):
        client.top_streams(1)


def test_the_watched_channels_are_in_the_roster_if_they_are_live(helix: Twitch) -> None:
    live = helix.live()
    quiet = min(set(helix.world.channels["channel"]) - set(live))
    asked = helix.helix.requests
    channels = live_channels(helix.client(), 3, [live[0], live[-1], quiet], EVENING)
    CHANNEL_ROSTER.validate(channels.roster)
    assert set(channels.roster["channel"]) == {*live[:3], live[-1]}
    assert channels.top == 3
    assert set(channels.roster["observed_at"]) == {EVENING}
    # One page of streams, and the other watched channels.
    assert helix.helix.requests == asked + 2


def test_channels_that_are_known_to_be_live_are_not_asked_for(helix: Twitch) -> None:
    live, asked = helix.live(), helix.helix.requests
    assert live_channels(helix.client(), 100, live, EVENING).roster.height == len(live)
    assert helix.helix.requests == asked + 1


def test_anonymous_chat_needs_no_token_and_no_rotation() -> None:
    assert isinstance(chat_source(Settings()), IrcReader)


@pytest.mark.parametrize(
    ("collection", "kind"),
    [
        ({"chat_account": "token"}, Rotation),
        ({"chat_source": "eventsub"}, Rotation),
        ({"chat_account": "anonymous"}, IrcReader),
    ],
    ids=["token", "eventsub", "anonymous"],
)
def test_the_settings_name_the_source(collection: dict[str, str], kind: type) -> None:
    with chatting(1) as twitch:
        assert isinstance(chat_source(settings_for(twitch, **collection)), kind)


@pytest.mark.parametrize("collection", [{"chat_source": "eventsub"}, {"chat_account": "token"}], ids=str)
def test_an_account_needs_a_token(collection: dict[str, str]) -> None:
    with pytest.raises(TokenRefusedError, match=f"collection.{next(iter(collection))}.*set TWITCH_OAUTH_TOKEN"):
        chat_source(watching(**collection))


def test_eventsub_needs_a_token_that_may_read_chat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox_helix, "SCOPES", ["chat:read"])
    with chatting(1) as twitch, pytest.raises(TokenRefusedError, match="lacks the scope user:read:chat"):
        chat_source(settings_for(twitch, chat_source="eventsub"))


def test_a_token_that_twitch_refuses_is_refused_before_chat_is_read() -> None:
    with chatting(1) as twitch:
        settings = settings_for(twitch, chat_account="token")
        twitch.helix.expire_tokens()
        with pytest.raises(TokenRefusedError):
            chat_source(settings)


def test_the_watch_list_is_of_both_settings_distinct_and_sorted(tmp_path: Path) -> None:
    path = tmp_path / "channels.txt"
    path.write_bytes("\ufeff# mine\nCid\n@ann  # often live\n\n".encode())
    assert watch_list(Settings()) == []
    assert watch_list(watching(channels="bob,ann", channels_file=path)) == ["ann", "bob", "cid"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, r"setting collection.channels_file: .*channels.txt cannot be read: No such file"),
        (b"\xff\xfe", r"cannot be read: not UTF-8 text"),
        (b"ann\nthe password", r"channels.txt: no login in line\(s\) 2"),
    ],
)
def test_a_watch_list_that_cannot_be_used_is_refused_without_its_lines(
    tmp_path: Path, data: bytes | None, message: str
) -> None:
    path = tmp_path / "channels.txt"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(SettingsError, match=message) as raised:
        watch_list(watching(channels_file=path))
    assert "password" not in str(raised.value)
    with pytest.raises(SettingsError, match=r"setting collection\.channels: no login in line"):
        watch_list(watching(channels="ann,b c"))
