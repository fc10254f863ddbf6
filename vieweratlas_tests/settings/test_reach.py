"""Every setting changes a result, and those that have one allowed value refuse all others."""

import datetime as dt
import json
import logging
import os
import re
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import dagster as dg
import numpy as np
import polars as pl
import pytest
import requests
from click.testing import CliRunner

from vieweratlas_assets import logs
from vieweratlas_assets.clients.eventsub.reader import EventSubReader
from vieweratlas_assets.clients.irc.reader import IrcReader
from vieweratlas_assets.clients.rotation import Rotation
from vieweratlas_assets.commands.import_live import import_live
from vieweratlas_assets.commands.privacy import prune
from vieweratlas_assets.commands.vods import vods_group
from vieweratlas_assets.defs.assets import raw_snapshots
from vieweratlas_assets.defs.build import build_defs
from vieweratlas_assets.defs.sensors import Sweep
from vieweratlas_assets.defs.spark.door import spark_launcher
from vieweratlas_assets.domain.communities import detectors
from vieweratlas_assets.domain.days import hour_key
from vieweratlas_assets.domain.overlap.pairs import WindowPairs
from vieweratlas_assets.domain.presence.names import ViewerNames
from vieweratlas_assets.domain.schemas import (
    CHANNEL_AUDIENCE,
    CHANNEL_ROSTER,
    COMMUNITIES,
    COMMUNITY_HISTORY,
    COMMUNITY_TAGS,
    GRAPH_EDGES,
    GRAPH_NODES,
    LAYOUT,
    RAW_SNAPSHOTS,
)
from vieweratlas_assets.domain.tables import Table
from vieweratlas_assets.errors import SettingsError, StorageError
from vieweratlas_assets.settings import (
    AnalysisSettings,
    Settings,
    environment_variable,
    keys,
    resolve_settings,
    setting_value,
)
from vieweratlas_assets.steps.audience import audience_of_day
from vieweratlas_assets.steps.communities import communities_of_day
from vieweratlas_assets.steps.graph import count_on_this_machine, graph_of_day
from vieweratlas_assets.steps.results import DayResult
from vieweratlas_assets.storage import opening
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_assets.storage.objects import ObjectStore
from vieweratlas_assets.storage.opening import open_store
from vieweratlas_assets.storage.sealed import AssetDays, PartitionRecord, SealedPartitions, table_files
from vieweratlas_assets.vods.worker import VodWorkers
from vieweratlas_assets.wiring import plugins
from vieweratlas_assets.wiring.collector import collector_from_settings, spool_folder
from vieweratlas_assets.wiring.plugins import load_plugins
from vieweratlas_assets.wiring.viewer_names import viewer_names
from vieweratlas_assets.wiring.vod_workers import open_queue, queue_url, vod_workers
from vieweratlas_tests.conftest import REPOSITORY
from vieweratlas_tests.lake_factories import DAY, TABLES, away_from_the_hour_s_end, put_live, put_raw, put_roster, run

# Settings that have one allowed value.
FIXED = {"vod.bucket_len_s"}


@pytest.fixture(autouse=True)
def _own_detector(monkeypatch: pytest.MonkeyPatch) -> None:
    def alone(graph: detectors.WeightedGraph, *, resolution: float, seed: int) -> np.ndarray:
        return np.arange(len(graph.channels))

    monkeypatch.setattr(detectors, "_registry", {**detectors._registry, "alone": alone})
    monkeypatch.setattr(opening, "_registry", {})
    monkeypatch.setattr(plugins, "_registered", {})


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """Two days of six channels, with a bot, a broadcaster in their own chat, and viewers of several channels."""
    store = LocalStore(tmp_path / "lake")
    left, right = [f"ann{n}" for n in range(12)], [f"bob{n}" for n in range(12)]
    chat = {
        "a1": [left[:9], [*left[2:12], "nightbot", "a1"]],
        "a2": [[*left[:7], "nightbot"]],
        "a3": [left[4:12]],
        "b1": [right[:9], [*right[2:12], "ann0", "ann5"]],
        "b2": [[*right[:7], "loner"]],
        "b3": [right[4:12]],
    }
    put_live(store, DAY, chat)
    put_live(store, DAY - dt.timedelta(days=1), {channel: [[f"old{n}" for n in range(3)]] for channel in chat})
    games = {
        "a1": ("Chess", "en"),
        "a2": ("Chess", "de"),
        "a3": ("Go", "en"),
        "b1": ("Go", "en"),
        "b2": ("Hades", "en"),
        "b3": ("Ori", "it"),
    }
    put_roster(store, DAY, games)
    put_raw(store, dt.datetime.combine(DAY, dt.time(12), dt.UTC), {"a1": [["ann1"]]})
    store.upload_bytes("raw/vod_chat/channel=a1/vod=1/chat.json.gz", b"chat")
    three_days_ago = time.time() - 3 * 86_400
    os.utime(store.uri("raw/vod_chat/channel=a1/vod=1/chat.json.gz"), (three_days_ago, three_days_ago))
    for folder, name in (("logs", "a1"), ("others", "b1")):
        snapshot = {"channel": name, "timestamp": "2026-03-10T23:30:00", "chatters": ["ann1"]}
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"{name}.json").write_text(json.dumps(snapshot))
    (tmp_path / "opt_out.txt").write_text("viewer ann1\n")
    (tmp_path / "key.txt").write_text("k" * 32)
    (tmp_path / "channels.txt").write_text("cid\n")
    (tmp_path / "names.yaml").write_text("1: The Board\n")
    return tmp_path / "lake"


def resource(settings: Settings, name: str) -> Any:
    """A resource as runs get it."""
    resources = build_defs(settings).resources
    assert resources is not None
    return resources[name]


def analysis_resource(settings: Settings) -> AnalysisSettings:
    """The section `analysis` as runs get it."""
    analysis = resource(settings, "analysis")
    assert isinstance(analysis, AnalysisSettings)
    return analysis


def sealed_partitions(settings: Settings) -> SealedPartitions:
    """The sealed partitions of the lake."""
    return SealedPartitions(open_store(settings.root))


def table_rows(result: DayResult, table: Table) -> list[tuple[Any, ...]]:
    """The rows of a table of a result."""
    held = result.tables[table]
    frames = [held] if isinstance(held, pl.DataFrame) else held
    return [row for frame in frames for row in frame.rows()]


def audience(settings: Settings) -> Any:
    """Who is in the audience of the day, and the effects of the filters."""
    result = audience_of_day(sealed_partitions(settings), analysis_resource(settings), viewer_names(settings), DAY)
    return table_rows(result, CHANNEL_AUDIENCE), result.facts["filters"]


def graph(settings: Settings) -> Any:
    """Nodes and edges of the window, whose audiences have the same settings."""
    result = _build_graph(settings)
    return table_rows(result, GRAPH_NODES), table_rows(result, GRAPH_EDGES)


def engine(settings: Settings) -> Any:
    """The figures of the engine."""
    return _build_graph(settings).facts["engine"]


def _build_graph(settings: Settings) -> DayResult:
    sealed, analysis, window = (
        sealed_partitions(settings),
        analysis_resource(settings),
        settings.partitions.window_days,
    )
    days = [DAY - dt.timedelta(days=back) for back in (1, 0)]
    for day in days:
        result = audience_of_day(sealed, analysis, viewer_names(settings), day)
        sealed.seal("channel_audience", day, table_files(day, result.tables), facts=result.facts)
    audience = AssetDays(sealed, "channel_audience", days)
    with WindowPairs(settings.engine.memory_limit_bytes // 3) as pairs:
        result = graph_of_day(audience, DAY, window, analysis, partial(count_on_this_machine, audience, pairs))
    sealed.seal("overlap_graph", DAY, table_files(DAY, result.tables), facts=result.facts)
    return result


def imported(settings: Settings) -> Any:
    """Who wrote when in the snapshots that `import live` imports without a folder."""
    shutil.rmtree(Path(settings.root) / "raw", ignore_errors=True)
    result = CliRunner().invoke(import_live, [], obj=settings, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    store = LocalStore(settings.root)
    return [store.download_parquet(key, RAW_SNAPSHOTS).rows() for key in store.list_files("raw/snapshots/2026/")]


def json_response(document: object) -> requests.Response:
    """A response with a JSON body."""
    response = requests.Response()
    response.status_code, response._content = 200, json.dumps(document).encode()
    return response


def roster_requests(settings: Settings) -> Any:
    """The requests of a run that writes the roster, and the channels in the roster."""
    sent_requests: list[Any] = []

    def answer(_: requests.Session, method: str, url: str, **sent: Any) -> requests.Response:
        sent_requests.append((method, url, {name: value for name, value in sent.items() if name != "timeout"}))
        logins = [value for name, value in sent.get("params", ()) if name == "user_login"] or ["c1", "c2", "c3"]
        streams = [{"user_id": login, "user_login": login} for login in logins]
        return json_response({"access_token": "t", "data": streams})

    now = away_from_the_hour_s_end()
    job = build_defs(settings).resolve_job_def("roster")
    with patch.object(requests.Session, "request", answer), dg.DagsterInstance.ephemeral() as instance:
        key = hour_key(now.date(), now.hour)
        result = job.execute_in_process(partition_key=key, instance=instance, raise_on_error=False)
    rosters = LocalStore(settings.root).list_files(f"curated/channel_roster/date={now.date()}/")
    live = [LocalStore(settings.root).download_parquet(key, CHANNEL_ROSTER)["channel"].to_list() for key in rosters]
    return result.success, sent_requests, live


def collector(settings: Settings) -> Any:
    """The collector: what it listens to and how, its name, its pace, and its spool folder."""
    account = {"login": "me", "client_id": "id", "user_id": "1", "scopes": ["user:read:chat"]}
    with patch.object(requests.Session, "request", lambda *_, **__: json_response(account)):
        built = collector_from_settings(settings, LocalStore(settings.root), ViewerNames())
    source = built._source
    turns = source._turns if isinstance(source, Rotation) else None
    reader = source._source if isinstance(source, Rotation) else source
    listens: tuple[Any, ...]
    if isinstance(reader, IrcReader):
        hub = reader._hub
        listens = (hub.address.url, hub.pacing._profile, hub.account().token, turns)
    else:
        assert isinstance(reader, EventSubReader)
        listens = (reader._url, reader._helix_url, None, turns)
    return listens, built._name, built._pace, spool_folder(settings)


def minutes_of_a_run(settings: Settings) -> Any:
    """How long a run of raw_snapshots collects."""
    passed: list[float | None] = []

    def collect_nothing(store: ObjectStore, hour: dt.datetime, minutes: float | None, _: Any) -> dict[str, Any]:
        passed.append(minutes)
        return {}

    now = away_from_the_hour_s_end()
    job = build_defs(settings).resolve_job_def("collection")
    with patch.object(raw_snapshots, "collect_hour", collect_nothing), dg.DagsterInstance.ephemeral() as instance:
        assert job.execute_in_process(partition_key=hour_key(now.date(), now.hour), instance=instance).success
    return passed


def fetcher(settings: Settings) -> Any:
    """The source of VOD chat with its settings, the queue, and whether raw chat is stored."""
    with vod_workers(settings, LocalStore(settings.root), ViewerNames()) as work:
        source = work.source
        client = getattr(source, "_client", None)
        fields = {name: value for name, value in vars(source).items() if isinstance(value, Path | int | float)}
        if client is not None:
            shared = client._turn.__self__
            fields |= {name: value for name, value in vars(client).items() if isinstance(value, str)}
            fields |= {"interval_s": shared._interval_s, "per_day": shared._per_day}
        return type(source).__name__, fields, repr(work.queue._database), work.keep_raw


def fetched_at_once(settings: Settings) -> Any:
    """How many VODs a run fetches at once."""
    passed: list[int] = []

    def note(_: VodWorkers, days: Any = None, *, at_once: int, most: int | None = None) -> list[Any]:
        passed.append(at_once)
        return []

    with patch.object(VodWorkers, "run", note):
        result = CliRunner().invoke(vods_group, ["process"], obj=settings, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return passed


def discovered(settings: Settings) -> Any:
    """Which VODs the sensor finds in a tick, half an hour after its last sweep."""
    now = dt.datetime.now(dt.UTC)

    def answer(_: requests.Session, method: str, url: str, **sent: Any) -> requests.Response:
        records: list[dict[str, Any]] = [
            {
                "id": str(age),
                "user_id": "1",
                "user_login": "ann",
                "type": "archive",
                "created_at": (now - dt.timedelta(days=age)).isoformat(),
                "duration": "1h0m0s",
                "view_count": 7,
            }
            for age in (2, 3, 5, 9, 10, 11, 12, 20)
        ]
        data = records if url.endswith("/videos") else [{"id": "1", "login": "ann"}]
        return json_response({"access_token": "t", "data": data})

    definitions = build_defs(settings)
    sensor = definitions.resolve_sensor_def("vod_discovery_sensor")
    assert definitions.resources is not None
    resources = {key: definitions.resources[key] for key in sensor.required_resource_keys}
    cursor = Sweep(now.timestamp() - 1800).text()
    with patch.object(requests.Session, "request", answer), dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_sensor_context(instance, cursor, resources=resources, definitions=definitions)
        with context:
            sensor.evaluate_tick(context)
    with open_queue(settings) as queue:
        vod_ids = sorted(row["vod_id"] for row in queue.rows())
    Path(queue_url(settings).removeprefix("sqlite:///")).unlink()
    return vod_ids, sensor.default_status


def pruned(settings: Settings) -> Any:
    """What `prune` would remove."""
    result = CliRunner().invoke(prune, ["--dry-run"], obj=settings, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def names(settings: Settings) -> Any:
    """How partitions describe the names in them."""
    return viewer_names(settings).described()


def kinds(settings: Settings) -> Any:
    """The kinds of the asset overlap_graph, which name the engine."""
    specs = {spec.key.to_user_string(): spec for spec in build_defs(settings).resolve_all_asset_specs()}
    return sorted(specs["overlap_graph"].kinds)


def launcher(settings: Settings) -> Any:
    """The launcher of the Spark job."""
    return repr(spark_launcher(settings.engine))


def communities(settings: Settings) -> Any:
    """The communities of that graph, with their modularity."""
    _build_graph(settings)
    sealed = sealed_partitions(settings)
    days = AssetDays(sealed, "overlap_graph", [DAY])
    nodes, edges = days.table(DAY, GRAPH_NODES), days.table(DAY, GRAPH_EDGES)
    result = communities_of_day(sealed, DAY, nodes, edges, analysis_resource(settings))
    return table_rows(result, COMMUNITIES), result.facts["modularity"], result.facts["natural_resolution"]


def atlas(settings: Settings) -> Any:
    """Labels and positions after a run."""
    with dg.DagsterInstance.ephemeral() as instance:
        assert run(settings, "daily_atlas", DAY, instance=instance, assets=TABLES).success
    tables = {"community_tags": COMMUNITY_TAGS, "atlas_layout": LAYOUT}
    sealed = sealed_partitions(settings)
    return [sealed.table(_record(settings, asset), table).rows() for asset, table in tables.items()]


def identities(settings: Settings) -> Any:
    """The names of the second day's communities, the day that they continue, and the days of the page."""
    with dg.DagsterInstance.ephemeral() as instance:
        first, assets = DAY - dt.timedelta(days=1), (*TABLES, "explorer_data", "atlas_explorer")
        assert run(settings, "daily_atlas", first, DAY, instance=instance, assets=assets).success
    history = sealed_partitions(settings).table(_record(settings, "community_history"), COMMUNITY_HISTORY)
    continued, page = _record(settings, "communities"), _record(settings, "atlas_explorer")
    return history["name"].to_list(), continued.facts["went_on_from"], page.facts["days"]


def _record(settings: Settings, asset: str) -> PartitionRecord:
    record = sealed_partitions(settings).record(asset, DAY)
    assert record is not None
    return record


def partitions(settings: Settings) -> Any:
    """Where the partitions of the code location begin."""
    specs = {spec.key.to_user_string(): spec for spec in build_defs(settings).resolve_all_asset_specs()}
    definitions = [specs[name].partitions_def for name in ("overlap_graph", "channel_roster")]
    return [each.get_first_partition_key() for each in definitions if each is not None]


def schedules(settings: Settings) -> Any:
    """The status of each schedule in a new instance."""
    known = build_defs(settings).get_repository_def().schedule_defs
    return {each.name: each.default_status.value for each in known}


def lake_of_a_run(settings: Settings) -> Any:
    """The root and the region of the lake that runs write to."""
    store = resource(settings, "lake").store
    region = store._client.meta.region_name if store.root.startswith("s3://") else None
    return store.root, region


def lake_of_a_plugin(settings: Settings) -> Any:
    """The store that opens the root of a plug-in, in a process without earlier settings."""
    opening._registry.clear()
    plugins._registered.clear()
    load_plugins(settings)
    try:
        return type(open_store("kept://here")).__name__
    except StorageError as error:
        return str(error)


def detectors_by_name(settings: Settings) -> Any:
    """The detectors that the settings name; those of earlier settings stay registered."""
    load_plugins(settings)
    return [name for name in detectors.detector_names() if name in settings.plugins.community_detectors]


def assets_of_visualizers(settings: Settings) -> Any:
    """The assets of plug-ins in the code location."""
    specs = build_defs(settings).resolve_all_asset_specs()
    return sorted(spec.key.to_user_string() for spec in specs if "plugin" in spec.kinds)


def log(settings: Settings) -> Any:
    """The log file, and the messages in it."""
    path = logs.log_file_path(settings)
    logs.start_log(settings)
    try:
        logging.getLogger("vieweratlas.test").info("a detail")
        logging.getLogger("vieweratlas.test").error("a failure")
    finally:
        logs.stop_log()
    messages = [line.rpartition(": ")[2] for line in path.read_text().splitlines()]
    path.unlink()
    return path, messages


def copies(settings: Settings) -> Any:
    """The copies of products that a run leaves outside the lake."""
    with dg.DagsterInstance.ephemeral() as instance:
        assets = (*TABLES, "analysis_results", "output_copies")
        assert run(settings, "daily_atlas", DAY, instance=instance, assets=assets).success
    results = sorted(Path().glob(f"*/{DAY}/analysis_results.json"))
    for result in results:
        shutil.rmtree(result.parents[1])
    return results


@dataclass(frozen=True)
class Effect:
    """How a setting changes a result.

    Attributes:
        text: value in the environment.
        result: what the setting changes.
        others: other settings that it needs, the same with and without it.
    """

    text: str
    result: Callable[[Settings], Any]
    others: dict[str, str] = field(default_factory=dict)


# Results without a path or a moment in them.
OF_THE_LAKE_ALONE = (audience, graph, communities, atlas, identities, roster_requests, discovered)
SAMPLES = "vieweratlas_tests.sample_plugins"
S3 = {"root": "s3://b/p/"}
S3_STORAGE = {"storage.storage_type": "s3", "storage.s3_bucket": "b"}
SMALL = {"analysis.min_channel_viewers": "1"}
PLAIN = {**SMALL, "analysis.resolution_mode": "absolute", "analysis.weight": "shared_viewers"}
SPARK = {"engine.overlap_engine": "spark"}
ROLE = "arn:aws:iam::123456789012:role/spark"
APPLICATION = {"twitch.client_id": "id", "twitch.client_secret": "secret"}
ACCOUNT = {"twitch.oauth_token": "mine"}
EVENTSUB = {**ACCOUNT, "collection.chat_source": "eventsub"}
TURNS = {**ACCOUNT, "collection.chat_account": "token"}
DISCOVERS = {
    **APPLICATION,
    "vod.auto_discover": "true",
    "vod.discovery_interval": "60",
    "collection.channels": "ann",
}
WITH_CLI = {"vod.chat_source": "twitchdownloader"}
EMR = {
    **SPARK,
    "engine.emr_serverless_application_id": "00fabc123def4567",
    "engine.emr_serverless_role_arn": ROLE,
}
ON_EMR = {"engine.spark_launcher": "emr_serverless", **EMR}
EFFECTS = {
    "root": Effect("./elsewhere", lake_of_a_run),
    "log_level": Effect("INFO", log),
    "log_file": Effect("deep/own.log", log),
    "analysis.drop_known_bots": Effect("false", audience),
    "analysis.drop_broadcaster": Effect("false", audience),
    "analysis.min_buckets_per_viewer": Effect("2", audience),
    "analysis.min_channels_per_viewer": Effect("2", audience),
    "analysis.max_channels_per_viewer": Effect("1", audience),
    "analysis.drop_viewers_over_max": Effect("true", audience, {"analysis.max_channels_per_viewer": "1"}),
    "analysis.overlap_threshold": Effect("4", graph, SMALL),
    "analysis.min_channel_viewers": Effect("12", graph),
    "partitions.window_days": Effect("1", graph, SMALL),
    "analysis.algorithm": Effect("alone", communities, PLAIN),
    "analysis.weight": Effect("jaccard", communities, {**SMALL, "analysis.resolution_mode": "absolute"}),
    "analysis.resolution": Effect("0.01", communities, PLAIN),
    "analysis.resolution_mode": Effect("absolute", communities, SMALL),
    "analysis.min_community_size": Effect("4", communities, PLAIN),
    "analysis.keep_communities": Effect("false", identities, PLAIN),
    "analysis.layout": Effect("force", atlas, PLAIN),
    "atlas.community_names_file": Effect("names.yaml", identities, PLAIN),
    "atlas.explorer_days": Effect("1", identities, PLAIN),
    "analysis.seed": Effect("7", atlas, PLAIN),
    "analysis.game_threshold": Effect("0.3", atlas, PLAIN),
    "analysis.language_threshold": Effect("0.9", atlas, {**PLAIN, "analysis.game_threshold": "1"}),
    "partitions.daily_start": Effect("2020-02-29", partitions),
    "partitions.hourly_start": Effect("2026-01-02T03:00Z", partitions),
    "storage.storage_type": Effect("s3", lake_of_a_run, {"root": "", "storage.s3_bucket": "b"}),
    "storage.s3_bucket": Effect("other", lake_of_a_run, {"root": "", **S3_STORAGE}),
    "storage.s3_prefix": Effect("deep/", lake_of_a_run, {"root": "", **S3_STORAGE}),
    "storage.s3_region": Effect("eu-west-3", lake_of_a_run, S3),
    "storage.output_dir": Effect("for_people", copies, PLAIN),
    "collection.logs_dir": Effect("others", imported),
    "collection.top_channels_limit": Effect("2", roster_requests, APPLICATION),
    "collection.channels": Effect("ann,bob", roster_requests, APPLICATION),
    "collection.channels_file": Effect("channels.txt", roster_requests, APPLICATION),
    "collection.collector": Effect("second", collector),
    "collection.chat_source": Effect("eventsub", collector, ACCOUNT),
    "collection.chat_account": Effect("token", collector, ACCOUNT),
    "collection.join_pace": Effect("fast", collector),
    "collection.batch_size": Effect("50", collector, TURNS),
    "collection.duration_per_batch": Effect("90", collector, TURNS),
    "collection.collection_interval": Effect("0", collector, TURNS),
    "collection.roster_refresh": Effect("90", collector),
    "collection.spool_dir": Effect("waiting", collector),
    "collection.collection_minutes": Effect("2.5", minutes_of_a_run),
    "twitch.chat_url": Effect("irc://localhost:1", collector),
    "twitch.eventsub_url": Effect("ws://localhost:1/ws", collector, EVENTSUB),
    "twitch.client_id": Effect("other", roster_requests, APPLICATION),
    "twitch.client_secret": Effect("other", roster_requests, APPLICATION),
    "twitch.oauth_token": Effect("mine", roster_requests, APPLICATION),
    "twitch.helix_url": Effect("http://localhost:1/helix", roster_requests, APPLICATION),
    "twitch.id_url": Effect("http://localhost:1/oauth2", roster_requests, APPLICATION),
    "collection.time_zone": Effect("America/New_York", imported),
    "privacy.viewer_names": Effect("pseudonymous", audience, {"privacy.pseudonym_key": "k" * 32}),
    "privacy.pseudonym_key": Effect("k" * 32, names),
    "privacy.pseudonym_key_file": Effect("key.txt", names),
    "privacy.opt_out_file": Effect("opt_out.txt", audience),
    "privacy.raw_snapshots_days": Effect("100000", pruned),
    "privacy.raw_vod_chat_days": Effect("2", pruned),
    "privacy.presence_days": Effect("30", pruned),
    "engine.memory_limit": Effect("1KB", engine),
    "engine.overlap_engine": Effect("spark", kinds),
    "engine.spark_launcher": Effect("emr_serverless", launcher, EMR),
    "engine.spark_submit_parameters": Effect("--driver-memory 4g", launcher, SPARK),
    "engine.emr_serverless_application_id": Effect("00other", launcher, ON_EMR),
    "engine.emr_serverless_role_arn": Effect(f"{ROLE}-other", launcher, ON_EMR),
    "vod.enabled": Effect("true", discovered, DISCOVERS),
    "vod.auto_discover": Effect("false", discovered, DISCOVERS),
    "vod.vod_limit_per_channel": Effect("2", discovered, DISCOVERS),
    "vod.max_age_days": Effect("4", discovered, DISCOVERS),
    "vod.min_views": Effect("8", discovered, DISCOVERS),
    "vod.discovery_interval": Effect("3600", discovered, DISCOVERS),
    "vod.chat_source": Effect("twitchdownloader", fetcher),
    "vod.chat_mode": Effect("sample", fetcher),
    "vod.requests_per_s": Effect("2", fetcher),
    "vod.requests_a_day": Effect("1000", fetcher),
    "vod.graphql_url": Effect("http://localhost:1/gql", fetcher),
    "vod.graphql_client_id": Effect("other", fetcher),
    "vod.graphql_query_hash": Effect("0" * 64, fetcher),
    "vod.cli_path": Effect("/opt/cli", fetcher, WITH_CLI),
    "vod.cli_timeout": Effect("60", fetcher, WITH_CLI),
    "vod.cli_output_limit": Effect("1MB", fetcher, WITH_CLI),
    "vod.files_dir": Effect("chat", fetcher, {"vod.chat_source": "file"}),
    "vod.queue_url": Effect("sqlite:///deep/other.db", fetcher),
    "vod.keep_raw": Effect("true", fetcher),
    "vod.downloads_at_once": Effect("7", fetched_at_once),
    "schedules.running": Effect("daily_atlas_schedule, channel_roster_schedule", schedules),
    "plugins.storage_backends": Effect(f'{{"kept": "{SAMPLES}:open_lake"}}', lake_of_a_plugin),
    "plugins.community_detectors": Effect(f'{{"halves": "{SAMPLES}:halves"}}', detectors_by_name),
    "plugins.visualizers": Effect(f'{{"names": "{SAMPLES}:draw_names"}}', assets_of_visualizers),
}


# Results of settings that several effects start from; their lakes are equal.
_shared: dict[tuple[Callable[[Settings], Any], frozenset[tuple[str, str]]], Any] = {}


def result_without(effect: Effect, settings: Settings) -> Any:
    """The result without the setting; computed twice, it must be the same."""
    start = effect.result, frozenset(effect.others.items())
    if start in _shared:
        return _shared[start]
    result = effect.result(settings)
    assert effect.result(settings) == result, "the result differs by itself"
    if effect.result in OF_THE_LAKE_ALONE:
        _shared[start] = result
    return result


def test_every_setting_has_an_effect_or_one_allowed_value() -> None:
    assert set(keys()) == {*EFFECTS, *FIXED}
    assert len(keys()) == len(EFFECTS) + len(FIXED), "a setting is in both tables"


def test_the_page_of_settings_names_those_with_one_allowed_value() -> None:
    page = (REPOSITORY / "docs/settings.md").read_text(encoding="utf-8")
    [sentence] = re.findall(r"Every setting changes a result, except(.*?)\.\s", page, re.DOTALL)
    assert set(re.findall(r"`([^`]+)`", sentence)) == FIXED


@pytest.mark.parametrize("key", EFFECTS)
def test_a_setting_changes_a_result(key: str, lake: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    effect = EFFECTS[key]
    monkeypatch.chdir(tmp_path)
    for name, text in {"DAGSTER_HOME": str(tmp_path / "home"), "AWS_DEFAULT_REGION": "us-west-1"}.items():
        monkeypatch.setenv(name, text)
    others = {"root": str(lake), **effect.others}
    variables = {environment_variable(name): text for name, text in others.items() if text}
    for name, text in variables.items():
        monkeypatch.setenv(name, text)

    without = resolve_settings(environment=variables).settings
    with_it = resolve_settings(environment={**variables, environment_variable(key): effect.text}).settings

    assert setting_value(without, key) != setting_value(with_it, key)
    before, after = result_without(effect, without), effect.result(with_it)
    assert before != after


def test_the_launchpad_starts_from_the_settings_in_effect(bare_environment: pytest.MonkeyPatch) -> None:
    bare_environment.setenv("VIEWERATLAS_CONFIG", "rigorous")
    bare_environment.setenv("VIEWERATLAS_ANALYSIS__SEED", "7")
    resources = build_defs().resources
    assert resources is not None
    # Dagster takes what a run's config omits from the class, so changing one setting keeps the others.
    changed = type(resources["analysis"])(resolution=3.0)
    assert (changed.resolution, changed.overlap_threshold, changed.seed) == (3.0, 300, 7)


def test_another_length_of_a_bucket_is_refused() -> None:
    with pytest.raises(SettingsError, match="it must be 60"):
        resolve_settings(environment={"VIEWERATLAS_VOD__BUCKET_LEN_S": "120"})
