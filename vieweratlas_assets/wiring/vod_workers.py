"""From settings to the queue of VODs and its workers.

Belongs here: the queue's database, the source of comments, what the catalog knows. Not here: fetching (vods), talking
to Twitch (clients).
"""

import datetime as dt
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from vieweratlas_assets.clients.vod_chat import GraphqlVodChat
from vieweratlas_assets.domain.presence.names import ViewerNames
from vieweratlas_assets.settings import Settings
from vieweratlas_assets.storage.objects import ObjectStore
from vieweratlas_assets.storage.vod_catalogs import read_vod_catalog
from vieweratlas_assets.vods.database import Database
from vieweratlas_assets.vods.limits import SharedRequests
from vieweratlas_assets.vods.queue import QueuedVod, VodQueue
from vieweratlas_assets.vods.sources import FileSource, GraphqlSource, SampledSource, VodChatSource
from vieweratlas_assets.vods.twitchdownloader import TwitchDownloaderSource
from vieweratlas_assets.vods.worker import KnownVod, Outcome, VodWorkers
from vieweratlas_assets.wiring.home import dagster_home


def queue_url(settings: Settings) -> str:
    """Where the queue is: the setting, else vod_queue.db in DAGSTER_HOME."""
    if settings.vod.queue_url is not None:
        return settings.vod.queue_url.get_secret_value()
    return f"sqlite:///{dagster_home() / 'vod_queue.db'}"


@contextmanager
def open_queue(settings: Settings) -> Iterator[VodQueue]:
    """The queue that the settings name.

    Raises:
        QueueUnavailableError: its database cannot be used.
    """
    database = Database(queue_url(settings))
    try:
        yield VodQueue(database)
    finally:
        database.close()


@contextmanager
def vod_workers(
    settings: Settings,
    store: ObjectStore,
    names: ViewerNames,
    *,
    on_outcome: Callable[[Outcome], None] = lambda _: None,
    stop: threading.Event | None = None,
) -> Iterator[VodWorkers]:
    """The workers that the settings name; nothing is requested yet.

    Args:
        on_outcome: called after each attempt, by one worker at a time.
        stop: ends the work when it is set: VODs in progress go back to the queue.

    Raises:
        QueueUnavailableError: the queue's database cannot be used.
    """
    database = Database(queue_url(settings))
    try:
        yield VodWorkers(
            VodQueue(database),
            _source(settings, database),
            store,
            names,
            known=Catalogs(store).known,
            on_outcome=on_outcome,
            keep_raw=settings.vod.keep_raw,
            stop=stop or threading.Event(),
        )
    finally:
        database.close()


class Catalogs:
    """What the catalogs know of VODs; reads the catalog of each day once."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._days: dict[dt.date, dict[str, KnownVod]] = {}

    def known(self, vod: QueuedVod) -> KnownVod:
        """What the catalog of a VOD's day knows of it."""
        if vod.day not in self._days:
            listed = read_vod_catalog(self._store, vod.day).select("vod_id", "channel_id", "duration_s")
            self._days[vod.day] = {vod_id: KnownVod(*rest) for vod_id, *rest in listed.iter_rows()}
        return self._days[vod.day].get(vod.vod_id, KnownVod())


def _source(settings: Settings, database: Database) -> VodChatSource:
    vod = settings.vod
    if vod.chat_source == "file":
        return FileSource(vod.files_dir)
    if vod.chat_source == "twitchdownloader":
        limits = {"timeout_s": vod.cli_timeout, "output_limit_bytes": vod.cli_output_limit_bytes}
        return TwitchDownloaderSource(vod.cli_path, **limits)
    shared = SharedRequests(database, per_s=vod.requests_per_s, per_day=vod.requests_a_day)
    client = GraphqlVodChat(
        url=vod.graphql_url,
        client_id=vod.graphql_client_id,
        query_hash=vod.graphql_query_hash,
        turn=shared.turn,
    )
    return SampledSource(client) if vod.chat_mode == "sample" else GraphqlSource(client)
