"""The Python API: the starting point of a notebook or a script.

Belongs here: a few functions that need no Dagster, each a thin layer over the steps. Not here: the work itself
(steps, domain), the command (cli).

From `load_audience` or `audience_of` over `overlap_graph`, `detect`, `tag` and `lay_out` to `draw`. Options are named
as in the settings' section `analysis`, with the same defaults and limits; the functions ignore the environment.
"""

import dataclasses
import datetime as dt
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from vieweratlas_assets.domain.atlas.identity import identify
from vieweratlas_assets.domain.atlas.model import Atlas
from vieweratlas_assets.domain.atlas.picture import draw_png
from vieweratlas_assets.domain.communities.detection import Detection
from vieweratlas_assets.domain.communities.detectors import detector_names
from vieweratlas_assets.domain.communities.history import Day
from vieweratlas_assets.domain.days import days_between
from vieweratlas_assets.domain.overlap.counting import overlap_of
from vieweratlas_assets.domain.overlap.graph import OverlapGraph, build_overlap_graph
from vieweratlas_assets.domain.presence.audience import apply_names
from vieweratlas_assets.domain.presence.quality import rejection_summary
from vieweratlas_assets.domain.schemas import CHANNEL_ACTIVITY, CHANNEL_AUDIENCE
from vieweratlas_assets.errors import LakeStateError
from vieweratlas_assets.importers.tabular import read_rows
from vieweratlas_assets.settings import AnalysisSettings, Settings, load_settings, resolve_settings
from vieweratlas_assets.steps import communities, continuity
from vieweratlas_assets.steps.audience import read_day_audience
from vieweratlas_assets.steps.freshness import audience_filters
from vieweratlas_assets.steps.graph import overlap_limits
from vieweratlas_assets.storage.audiences import is_pruned
from vieweratlas_assets.storage.day_files import find_day
from vieweratlas_assets.storage.errors import MissingPartitionError
from vieweratlas_assets.storage.lake import Lake
from vieweratlas_assets.storage.objects import ObjectStore
from vieweratlas_assets.wiring.lake import open_lake
from vieweratlas_assets.wiring.plugins import load_plugins
from vieweratlas_assets.wiring.viewer_names import viewer_names

PAIRS = pl.Schema({"channel": pl.String, "viewer": pl.String})
COLUMNS = {"channel": ("channel", "channel_login"), "viewer": ("viewer", "username", "chatter", "login")}


@dataclass(frozen=True)
class Audience:
    """Who wrote in which chat.

    Attributes:
        pairs: columns channel and viewer; a pair occurs once per day.
        activity: schema CHANNEL_ACTIVITY by day: game, language and size of every channel.
    """

    pairs: pl.DataFrame = field(repr=False)
    activity: Mapping[dt.date, pl.DataFrame] = field(repr=False)

    @property
    def days(self) -> list[dt.date]:
        """Its days, in order."""
        return sorted(self.activity)


def get_storage() -> ObjectStore:
    """Open the lake of the environment's settings; nothing is read or written yet.

    Raises:
        SettingsError: the settings are unknown or impossible.
        StorageError: the root names no store.
    """
    settings = load_settings()
    load_plugins(settings)
    return open_lake(settings).store


def load_audience(
    store: ObjectStore, first: dt.date | str, last: dt.date | str | None = None, **analysis: Any
) -> Audience:
    """Load the audience of a day, or of the days from first to last that have one.

    Reads the audience that a run stored, unless its filters differ from the requested ones. Reduces the presence of
    any other day in memory; writes nothing. Applies the opt-outs and pseudonyms of the environment's settings.

    Args:
        store: the lake, as from `get_storage`.
        first, last: dates, or texts such as "2026-03-10".
        analysis: settings that decide who counts as a viewer, such as min_buckets_per_viewer=2; the others are those
            of the stored audience, or the defaults.

    Raises:
        MissingPartitionError: none of the days has presence.
        ValueError: a text is not a date, or the range ends before it begins.
        LakeStateError: an audience was built with other filters, and its presence is gone.
        CorruptObjectError: a day has files of presence, and none can be read.
        SettingsError: a setting is unknown or impossible.

    Warns:
        UserWarning: some files of presence cannot be read and are left out.
    """
    begin, end = _day(first), _day(last if last is not None else first)
    if end < begin:
        raise ValueError(f"the range ends before it begins: from {begin} to {end}")
    lake = Lake(store, lambda: viewer_names(load_settings()))
    read = {day: _audience_of_day(lake, day, analysis) for day in days_between(begin, end)}
    tables = {day: pair for day, pair in read.items() if pair is not None}
    if not tables:
        raise MissingPartitionError(f"the lake {store.root} has no presence from {begin} to {end}")
    pairs = pl.concat([audience.select(list(PAIRS)) for audience, _ in tables.values()])
    return Audience(pairs, {day: activity for day, (_, activity) in tables.items()})


def audience_of(
    source: pl.DataFrame | Iterable[tuple[str, str]] | str | Path,
    *,
    day: dt.date | str,
    about: pl.DataFrame | None = None,
) -> Audience:
    """Build an audience from your own pairs; no filter is applied.

    Args:
        source: a frame with the columns channel and viewer, pairs (channel, viewer), or the path of a CSV file with
            these columns. Names are compared in lower case.
        day: the day of the pairs.
        about: a frame with the columns channel, game_name and language, for labels; None = unknown.

    Raises:
        ValueError: a column or a name is missing; the message says which.
        TableError: the file cannot be read, or lacks a column.
    """
    pairs = _pairs(source)
    empty = pairs.with_row_index("row", offset=1).filter(
        pl.any_horizontal(pl.col(*PAIRS).is_null() | (pl.col(*PAIRS) == ""))
    )
    if empty.height:
        raise ValueError(f"{empty.height} pair(s) lack a channel or a viewer, the first is number {empty['row'][0]}")
    distinct = pairs.unique().sort(list(PAIRS))
    known = pl.DataFrame(schema={"channel": pl.String, "game_name": pl.String, "language": pl.String})
    if about is not None:
        known = known.vstack(about.select(known.columns).with_columns(_folded("channel")).cast(pl.String))
    activity = (
        distinct.group_by("channel")
        .agg(pl.len().alias("viewers"))
        .join(known.unique("channel", keep="first", maintain_order=True), on="channel", how="left")
        .with_columns(channel_id=None, viewer_minutes=pl.col("viewers"), snapshots=0)
    )
    return Audience(distinct, {_day(day): CHANNEL_ACTIVITY.conform(CHANNEL_ACTIVITY.upgraded(activity))})


def overlap_graph(audience: Audience, *, memory_limit: str = "2GB", **analysis: Any) -> OverlapGraph:
    """Count the viewers that channels share, and join the channels by them.

    Args:
        memory_limit: memory for counting, in addition to the audience itself; above it, work goes to disk.
        analysis: settings such as overlap_threshold=5 or min_channel_viewers=1 (default 10: smaller channels are
            left out).

    Raises:
        SettingsError: a setting is unknown or impossible.
    """
    settings = _settings(analysis=analysis, engine={"memory_limit": memory_limit})
    limits = overlap_limits(settings.analysis)
    overlap = overlap_of(
        audience.pairs,
        min_shared=limits["overlap_threshold"],
        min_channel_viewers=limits["min_channel_viewers"],
        max_channels_per_viewer=limits["max_channels_per_viewer"],
        memory_bytes=settings.engine.memory_limit_bytes // 3,
    )
    return build_overlap_graph(overlap, audience.activity, min_channel_viewers=settings.analysis.min_channel_viewers)


def detect(graph: OverlapGraph, **analysis: Any) -> Detection:
    """Find the communities of a graph.

    Args:
        analysis: settings such as resolution=2.0, seed=7 or algorithm="louvain". Plug-ins come from the settings of
            the environment and from installed packages.

    Raises:
        SettingsError: a setting is unknown or impossible.
        ValueError: no community detector has this name.
    """
    chosen = _chosen(analysis)
    if chosen.algorithm not in detector_names():
        load_plugins(load_settings())
    return communities.detect(graph.nodes, graph.edges, chosen)


def tag(graph: OverlapGraph, detection: Detection, **analysis: Any) -> pl.DataFrame:
    """Name each community by the games and languages of its channels: schema COMMUNITY_TAGS.

    Args:
        analysis: game_threshold and language_threshold.

    Raises:
        SettingsError: a setting is unknown or impossible.
    """
    return communities.tags(graph.nodes, detection.communities, _chosen(analysis))


def lay_out(
    graph: OverlapGraph, detection: Detection, tags: pl.DataFrame, *, day: dt.date | str, **analysis: Any
) -> Atlas:
    """Place every channel on the map, and put the atlas of a day together, as of a first day.

    Args:
        day: the date that pictures show, the last of the audience's days.
        analysis: layout, weight and seed.

    Raises:
        SettingsError: a setting is unknown or impossible.
    """
    layout, _ = continuity.lay_out(graph.nodes, graph.edges, detection.communities, _chosen(analysis))
    history = identify(Day(_day(day), graph.nodes, detection.communities), tags, layout).communities
    return Atlas(_day(day), graph.nodes, graph.edges, detection.communities, tags, layout, history)


def draw(atlas: Atlas) -> bytes:
    """Draw the map: a PNG of 3200 x 2240 pixels, like the asset `atlas_png`."""
    return draw_png(atlas)


def _day(day: dt.date | str) -> dt.date:
    return dt.date.fromisoformat(day) if isinstance(day, str) else day


def _chosen(analysis: Mapping[str, Any]) -> AnalysisSettings:
    return _settings(analysis=analysis).analysis


def _settings(**sections: Mapping[str, Any]) -> Settings:
    return resolve_settings(environment={}, overrides=sections, overrides_from="argument").settings


def _audience_of_day(
    lake: Lake, day: dt.date, analysis: Mapping[str, Any]
) -> tuple[pl.DataFrame, pl.DataFrame] | None:
    """The pairs and the activity of a day; None where it has no presence.

    Args:
        analysis: the analysis settings that the caller gave.
    """
    record = lake.sealed.record("channel_audience", day)
    if record is not None and not record.facts["total_snapshots"]:
        return None
    stored = {} if record is None else record.facts.get("settings", {})
    kept = {name: value for name, value in stored.items() if name in AnalysisSettings.model_fields}
    filters = audience_filters(_chosen({**kept, **analysis}))
    wanted = dataclasses.asdict(filters).items()
    differ = [f"{name}={stored[name]}, not {value}" for name, value in wanted if stored.get(name, value) != value]
    if record is not None and not differ:
        pairs, activity = (lake.sealed.table(record, table) for table in (CHANNEL_AUDIENCE, CHANNEL_ACTIVITY))
        return apply_names(pairs, activity, lake.names)
    files = find_day(lake.store, day)
    if record is not None and (is_pruned(lake.sealed, day) or not files.has_presence):
        raise LakeStateError(
            f"the audience of {day} was built with {'; '.join(differ)}, and its presence is gone: load it with these"
        )
    if not files.has_presence:
        return None
    built, read = read_day_audience(lake.store, day, files, filters, list, lake.names)
    if read.rejected:
        warnings.warn(f"{day}: left out {rejection_summary(read.rejected)}", stacklevel=4)
    return pl.concat([CHANNEL_AUDIENCE.empty(), *built.audience]), built.activity


def _pairs(source: pl.DataFrame | Iterable[tuple[str, str]] | str | Path) -> pl.DataFrame:
    if isinstance(source, str | Path):
        rows = read_rows(Path(source), COLUMNS, required=tuple(PAIRS))
        frame = pl.DataFrame([(row["channel"], row["viewer"]) for _, row in rows], schema=PAIRS, orient="row")
    elif isinstance(source, pl.DataFrame):
        missing = [name for name in PAIRS if name not in source.columns]
        if missing:
            raise ValueError(f"missing column(s) {', '.join(missing)}; the frame has {', '.join(source.columns)}")
        frame = source.select(list(PAIRS)).cast(pl.String)
    else:
        frame = pl.DataFrame(list(source), schema=PAIRS, orient="row")
    return frame.with_columns(_folded(*PAIRS))


def _folded(*columns: str) -> pl.Expr:
    return pl.col(*columns).str.strip_chars().str.to_lowercase()
