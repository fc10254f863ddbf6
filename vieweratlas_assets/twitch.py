"""Twitch as the settings name it: the client of Helix, and the channels that are always watched.

Belongs here: from settings to clients and lists. Not here: talking to Twitch (clients), settings themselves.
"""

from vieweratlas_assets.clients.helix import HelixClient
from vieweratlas_assets.clients.twitch_token import token_of
from vieweratlas_assets.domain.presence.roster import WatchListError, read_watch_list
from vieweratlas_assets.settings import Settings, SettingsError


def helix_client(settings: Settings) -> HelixClient:
    """A client with the credentials of the settings; nothing is asked yet.

    Raises:
        TokenRefused: the settings hold no credentials; it says which to set.
    """
    twitch = settings.twitch
    token = token_of(
        client_id=twitch.client_id,
        client_secret=None if twitch.client_secret is None else twitch.client_secret.get_secret_value(),
        oauth_token=None if twitch.oauth_token is None else twitch.oauth_token.get_secret_value(),
        url=twitch.id_url,
    )
    return HelixClient(token, url=twitch.helix_url)


def watch_list(settings: Settings) -> list[str]:
    """The logins of collection.channels and of collection.channels_file, each once, sorted.

    Raises:
        SettingsError: the file cannot be read, or one of its lines or a channel is no login.
    """
    collection = settings.collection
    found = _logins("\n".join(collection.channels), "setting collection.channels")
    if collection.channels_file is not None:
        path = collection.channels_file.expanduser()
        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
            raise SettingsError(f"setting collection.channels_file: {path} cannot be read: {reason}") from error
        found += _logins(text, str(path))
    return sorted(set(found))


def _logins(text: str, where: str) -> list[str]:
    try:
        return read_watch_list(text)
    except WatchListError as error:
        raise SettingsError(f"{where}: {error}") from error
