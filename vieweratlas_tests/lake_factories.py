"""Small lakes for tests, written out by hand: who wrote where in which minute."""

import datetime as dt
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import dagster as dg
import polars as pl

from vieweratlas_assets.defs.build import build_defs
from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.atlas.picture import HEIGHT, WIDTH, draw_png
from vieweratlas_assets.domain.presence.live_merge import SNAPSHOTS, complete_raw_snapshots
from vieweratlas_assets.domain.presence.names import PLAIN, ViewerNames
from vieweratlas_assets.domain.schemas import CHANNEL_ROSTER, PRESENCE, RAW_SNAPSHOTS
from vieweratlas_assets.settings import AnalysisSettings, PartitionSettings, Settings, StorageSettings
from vieweratlas_assets.steps import products
from vieweratlas_assets.steps.audience import audience_of_day
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_assets.storage.objects import ObjectStore
from vieweratlas_assets.storage.sealed import SealedPartitions, table_files

DAY = dt.date(2026, 3, 10)
# The tables of a day, without what is published from them.
TABLES = (
    "channel_audience",
    "overlap_graph",
    "communities",
    "community_tags",
    "atlas_layout",
    "community_history",
)
# Small lakes have small channels.
ANALYSIS = {"min_channel_viewers": 1}


def live_rows(day: dt.date, chat: Mapping[str, Sequence[Sequence[str]]]) -> pl.DataFrame:
    """Live presence of a day: for each channel the chatters of minute 0, 1, 2, …; schema PRESENCE."""
    midnight = dt.datetime.combine(day, dt.time(), dt.UTC)
    rows = [
        {
            "platform": "twitch",
            "source": "live",
            "channel": channel,
            "content_id": f"live:{channel}",
            "bucket_len_s": 60,
            "bucket_start": midnight + dt.timedelta(minutes=minute),
            "chatters": sorted(set(chatters)),
            "viewer_count": len(set(chatters)),
            "timestamp": (midnight + dt.timedelta(minutes=minute)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        for channel, minutes in chat.items()
        for minute, chatters in enumerate(minutes)
    ]
    return PRESENCE.conform(pl.DataFrame(rows, schema=PRESENCE.schema))


def put_live(store: ObjectStore, day: dt.date, chat: Mapping[str, Sequence[Sequence[str]]]) -> None:
    """Write a day's live presence."""
    store.upload_parquet(lake.live_presence(day), live_rows(day, chat), PRESENCE)


def at(hour: int, minute: int = 0, day: dt.date = DAY) -> dt.datetime:
    """A moment of a day, UTC."""
    return dt.datetime.combine(day, dt.time(hour, minute), dt.UTC)


def away_from_the_hour_s_end() -> dt.datetime:
    """The current time, after a wait if the hour would end during a run."""
    while (now := dt.datetime.now(dt.UTC)).strftime("%M:%S") > "59:40":
        time.sleep(1)
    return now


def put_raw(
    store: ObjectStore,
    hour: dt.datetime,
    chat: Mapping[str, Sequence[Sequence[str]]],
    *,
    name: str = "collector-1",
    **columns: Any,
) -> str:
    """Write the file of a collector's hour: for each channel the chatters of minute 0, 1, 2, …; returns its key."""
    key = f"{lake.raw_hour(hour)}{name}.parquet"
    store.upload_parquet(key, raw_rows(hour, chat, name=name, **columns), RAW_SNAPSHOTS)
    return key


def raw_rows(
    hour: dt.datetime, chat: Mapping[str, Sequence[Sequence[str]]], *, name: str = "collector-1", **columns: Any
) -> pl.DataFrame:
    """The rows that `put_raw` writes; schema RAW_SNAPSHOTS. `columns` override those of every row."""
    rows: list[dict[str, Any]] = [
        {
            "channel": channel,
            "observed_at": hour + dt.timedelta(minutes=minute),
            "chatters": list(chatters),
            "origin": name,
        }
        | columns
        for channel, minutes in chat.items()
        for minute, chatters in enumerate(minutes)
    ]
    return complete_raw_snapshots(pl.DataFrame(rows, schema=SNAPSHOTS), PLAIN)


def make_audience(root: Path, day: dt.date, names: ViewerNames = PLAIN, **filters: Any) -> None:
    """Build and seal the audience of a day's presence."""
    sealed = SealedPartitions(LocalStore(root))
    result = audience_of_day(sealed, AnalysisSettings(**filters), names, day)
    files = table_files(day, result.tables)
    files |= {lake.atlas_file(day, name): data for name, data in result.products.items()}
    sealed.seal("channel_audience", day, files, facts=result.facts, made_from=result.made_from)


def put_roster(store: ObjectStore, day: dt.date, about: Mapping[str, tuple[str | None, str | None]]) -> None:
    """Write the roster of noon: game and language by channel."""
    noon = dt.datetime.combine(day, dt.time(12), dt.UTC)
    rows: list[dict[str, Any]] = [
        {"channel": channel, "observed_at": noon, "game_name": game, "language": language, "tags": []}
        for channel, (game, language) in about.items()
    ]
    frame = pl.DataFrame(rows, schema=CHANNEL_ROSTER.schema)
    store.upload_parquet(lake.channel_roster(day, 12), frame, CHANNEL_ROSTER)


def two_groups() -> dict[str, list[list[str]]]:
    """Six channels in two groups that share viewers inside and one viewer across."""
    left, right = [f"ann{n}" for n in range(8)], [f"bob{n}" for n in range(8)]
    return {
        "a1": [left[:6], left[2:8]],
        "a2": [left[:5]],
        "a3": [left[3:8]],
        "b1": [right[:6], [*right[2:8], "ann0"]],
        "b2": [right[:5]],
        "b3": [right[3:8]],
    }


def two_groups_with_bots() -> dict[str, list[list[str]]]:
    """Two groups of channels in which bots and broadcasters also write."""
    messages = {channel: [[*row, "nightbot"] for row in rows] for channel, rows in two_groups().items()}
    messages["a1"][0] = [*messages["a1"][0], "a1", "b1"]
    return messages


def settings_for(root: Path | str, *, window_days: int = 3, **analysis: Any) -> Settings:
    """Settings for a lake in a folder, without the environment and without copies of products."""
    return Settings(
        root=str(root),
        analysis=AnalysisSettings(**(ANALYSIS | analysis)),
        partitions=PartitionSettings(window_days=window_days),
        storage=StorageSettings(output_dir=None),
    )


@contextmanager
def small_pictures() -> Iterator[None]:
    """Runs in this process draw pictures at a tenth of their width and height."""
    with patch.object(products, "draw_png", partial(draw_png, width_px=WIDTH // 10, height_px=HEIGHT // 10)):
        yield


def run(
    settings: Settings,
    job: str,
    first: dt.date,
    last: dt.date | None = None,
    *,
    instance: dg.DagsterInstance,
    force: bool = False,
    assets: Sequence[str] | None = None,
    **resources: Any,
) -> dg.ExecuteInProcessResult:
    """Run a job of the code location for a day or a range; the result holds failures, which are not raised.

    Pictures are small: the tests of domain.atlas draw them in full.

    Args:
        assets: the assets of the job that run; all of them by default.
    """
    definitions = build_defs(settings, resources)
    config: dict[str, Any] = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    if force:
        config["ops"] = {"overlap_graph": {"config": {"force": True}}}
    tags = {
        "dagster/asset_partition_range_start": str(first),
        "dagster/asset_partition_range_end": str(last or first),
    }
    chosen = None if assets is None else [dg.AssetKey(asset) for asset in assets]
    with small_pictures():
        return definitions.resolve_job_def(job).execute_in_process(
            run_config=config, instance=instance, tags=tags, raise_on_error=False, asset_selection=chosen
        )
