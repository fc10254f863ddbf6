"""From settings to the queue and its workers: the source of chat, and what catalogs know."""

import datetime as dt
import json
import threading
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.presence.names import PLAIN
from vieweratlas_assets.domain.schemas import PRESENCE, VOD_CATALOG
from vieweratlas_assets.settings import Settings, VodSettings
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_assets.vods.database import QueueUnavailableError
from vieweratlas_assets.vods.queue import QueuedVod
from vieweratlas_assets.vods.sources import FileSource, GraphqlSource, SampledSource, VodChatSource
from vieweratlas_assets.vods.tables import State
from vieweratlas_assets.vods.twitchdownloader import TwitchDownloaderSource
from vieweratlas_assets.vods.worker import KnownVod, Outcome
from vieweratlas_assets.wiring.vod_workers import Catalogs, open_queue, queue_url, vod_workers
from vieweratlas_tests.importers.chats import chat, comment

CREATED = dt.datetime(2026, 7, 8, 12, 2, 51, tzinfo=dt.UTC)
VOD = QueuedVod("77", "alpha", CREATED)


def settings_for(folder: Path, **vod: Any) -> Settings:
    fields = {"queue_url": f"sqlite:///{folder}/queue.db"} | vod
    return Settings(vod=VodSettings.model_validate(fields))


def put_catalog(store: LocalStore) -> None:
    rows = [("alpha", "42", "77", CREATED, None, None, 3600, 1, None)]
    frame = pl.DataFrame(rows, schema=VOD_CATALOG.schema, orient="row")
    store.upload_parquet(lake.vod_catalog(CREATED.date()), frame, VOD_CATALOG)


def test_the_queue_is_where_the_settings_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_for(tmp_path)
    assert queue_url(settings) == f"sqlite:///{tmp_path}/queue.db"
    with open_queue(settings) as queue:
        assert queue.add([VOD]) == 1
    with open_queue(settings) as queue:
        assert [row["vod_id"] for row in queue.rows()] == ["77"]
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    assert queue_url(Settings()) == f"sqlite:///{tmp_path}/home/vod_queue.db"


def test_a_queue_that_cannot_be_opened_is_refused(tmp_path: Path, store: LocalStore) -> None:
    (tmp_path / "file").write_text("not a folder")
    settings = settings_for(tmp_path / "file")
    with pytest.raises(QueueUnavailableError, match="file"), open_queue(settings):
        pass
    with pytest.raises(QueueUnavailableError, match="file"), vod_workers(settings, store, PLAIN):
        pass


@pytest.mark.parametrize(
    ("vod", "kind"),
    [
        ({}, GraphqlSource),
        ({"chat_mode": "sample"}, SampledSource),
        ({"chat_source": "twitchdownloader"}, TwitchDownloaderSource),
        ({"chat_source": "file"}, FileSource),
    ],
    ids=["graphql", "sample", "twitchdownloader", "file"],
)
def test_the_settings_name_the_source_of_chat(
    tmp_path: Path, store: LocalStore, vod: dict[str, str], kind: type[VodChatSource]
) -> None:
    stop = threading.Event()
    with vod_workers(settings_for(tmp_path, keep_raw=True, **vod), store, PLAIN, stop=stop) as workers:
        assert isinstance(workers.source, kind)
        assert workers.stop is stop
        assert workers.keep_raw


def test_workers_fetch_the_vods_of_the_queue_with_what_the_catalog_knows(tmp_path: Path, store: LocalStore) -> None:
    files = tmp_path / "chat"
    files.mkdir()
    (files / "77.json").write_text(json.dumps(chat([comment(5, "ann"), comment(70, "bob")])))
    settings = settings_for(tmp_path, chat_source="file", files_dir=files)
    put_catalog(store)
    with open_queue(settings) as queue:
        queue.add([VOD])
    reported: list[Outcome] = []
    with vod_workers(settings, store, PLAIN, on_outcome=reported.append) as workers:
        assert workers.run() == reported
    assert [outcome.state for outcome in reported] == [State.COMPLETED]
    presence = store.download_parquet(lake.vod_presence("alpha", "77"), PRESENCE)
    assert presence.select("offset_s", "chatters", "channel_id").rows() == [
        (0, ["ann"], "42"),
        (60, ["bob"], "42"),
    ]


def test_the_catalog_of_a_day_is_read_once(store: LocalStore) -> None:
    put_catalog(store)
    catalogs = Catalogs(store)
    assert catalogs.known(VOD) == KnownVod("42", 3600)
    store.delete(lake.vod_catalog(CREATED.date()))
    assert catalogs.known(VOD) == KnownVod("42", 3600)
    assert catalogs.known(QueuedVod("78", "alpha", CREATED)) == KnownVod()
    assert catalogs.known(QueuedVod("79", "alpha", CREATED + dt.timedelta(days=1))) == KnownVod()
