"""The columns of every table in the lake: the one contract of writers, checks, docs and tests.

Belongs here: tables, their columns with types and meanings, and the test whether a frame keeps to them.
Not here: where a table lies (lake), how it is written (storage).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

TIMESTAMP = pl.Datetime("us", "UTC")


class SchemaError(ValueError):
    """A frame does not keep to its table's contract; the message names the table and the columns."""


@dataclass(frozen=True)
class Column:
    """One column: its Polars type, whether it may be null, and what it holds."""

    name: str
    dtype: pl.DataType | type[pl.DataType]
    description: str
    nullable: bool = False


@dataclass(frozen=True)
class Table:
    """One table of the lake.

    Attributes:
        name: as used in the catalogue and in error messages.
        columns: in the order in which they are stored.
        key: columns that identify a row.
        order: columns by which stored tables are sorted; the key where there are none.
    """

    name: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    order: tuple[str, ...] = ()

    @property
    def schema(self) -> pl.Schema:
        """Column names and types, in order."""
        return pl.Schema({column.name: column.dtype for column in self.columns})

    def empty(self) -> pl.DataFrame:
        """Return a frame with this table's columns and no rows."""
        return pl.DataFrame(schema=self.schema)

    def conform(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return the frame with exactly this table's columns and types, in its order.

        Raises:
            SchemaError: a column is missing, cannot be cast without loss, or holds nulls that it must not.
        """
        missing = [column.name for column in self.columns if column.name not in frame.columns]
        if missing:
            raise SchemaError(f"table {self.name}: missing column(s) {', '.join(missing)}")
        try:
            cast = frame.select(pl.col(column.name).cast(column.dtype) for column in self.columns)
        except pl.exceptions.PolarsError as error:
            raise SchemaError(f"table {self.name}: a column has the wrong type: {_first_line(error)}") from error
        # Polars casts 1.7 to 1 without a word.
        cut = [
            column.name
            for column in self.columns
            if column.dtype.is_integer()
            and not frame.schema[column.name].is_integer()
            and frame.schema[column.name].is_numeric()
            and (frame[column.name] != cast[column.name]).any()
        ]
        if cut:
            raise SchemaError(f"table {self.name}: not whole numbers in {', '.join(cut)}")
        self.validate(cast)
        order = self.order or self.key
        return cast if _ascends(cast, order) else cast.sort(order, maintain_order=True)

    def conform_pieces(self, frames: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
        """Conform frames that make up a table one below the other; those without rows are left out.

        Raises:
            SchemaError: as `conform`, or a frame does not come after the one before in the table's order.
        """
        return self._in_order(map(self.conform, frames))

    def validate_pieces(self, frames: Iterable[pl.DataFrame]) -> int:
        """Check a table that is sorted by its key, piece by piece as `validate` does; returns its rows.

        Raises:
            SchemaError: as `validate`, or a piece does not come after the one before.
        """
        return sum(frame.height for frame in self._in_order(map(self._validated, frames)))

    def _validated(self, frame: pl.DataFrame) -> pl.DataFrame:
        self.validate(frame)
        return frame

    def _in_order(self, frames: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
        order = self.order or self.key
        last: tuple[Any, ...] = ()
        rows = 0
        for frame in filter(len, frames):
            ends = frame.select(order)
            if last and not last < ends.row(0):
                # Without the values: they may be viewers' names.
                raise SchemaError(f"table {self.name}: row {rows} does not come after the one before by {order}")
            last = ends.row(-1)
            rows += frame.height
            yield frame

    def validate(self, frame: pl.DataFrame) -> None:
        """Check names, types, order of columns, nulls and uniqueness of the key.

        Raises:
            SchemaError: with every difference found.
        """
        problems = self.differences(frame.schema)
        if not problems:
            nulls = [c.name for c in self.columns if not c.nullable and frame[c.name].null_count()]
            problems += [f"nulls in {name}" for name in nulls]
            if not _ascends(frame, self.key) and frame.select(self.key).is_duplicated().any():
                problems.append(f"more than one row with the same ({', '.join(self.key)})")
        if problems:
            raise SchemaError(f"table {self.name}: {'; '.join(problems)}")

    def differences(self, schema: pl.Schema) -> list[str]:
        """Say how a schema differs from this table's, one phrase a difference; empty when it does not."""
        problems = [f"missing column {name}" for name in self.schema if name not in schema]
        problems += [f"unknown column {name}" for name in schema if name not in self.schema]
        problems += [
            f"column {name} is {schema[name]}, not {dtype}"
            for name, dtype in self.schema.items()
            if name in schema and schema[name] != dtype
        ]
        if not problems and list(schema) != list(self.schema):
            problems.append(f"columns in the order {', '.join(schema)}")
        return problems


def _ascends(frame: pl.DataFrame, columns: Sequence[str]) -> bool:
    """Whether each row is truly greater than the one before it; a fraction of the cost of sorting large frames.

    With a null in one of the columns the answer is False.
    """
    greater = pl.lit(False)
    for name in reversed(columns):
        before = pl.col(name).shift(1)
        greater = (pl.col(name) > before) | ((pl.col(name) == before) & greater)
    return not any(frame[name].null_count() for name in columns) and bool(frame.select(greater.slice(1).all()).item())


def _first_line(error: Exception) -> str:
    """What Polars says, without the hints about code that follow."""
    return str(error).partition("\n")[0]


CHANNEL = Column("channel", pl.String, "Twitch login of the channel, lowercase")
CHANNEL_ID = Column("channel_id", pl.String, "Twitch's user id of the channel", nullable=True)
GAME_NAME = Column("game_name", pl.String, "game or category, as Twitch names it", nullable=True)
LANGUAGE = Column("language", pl.String, "broadcast language, ISO 639-1 code or Twitch's own", nullable=True)
TITLE = Column("title", pl.String, "title of the broadcast", nullable=True)
STARTED_AT = Column("started_at", TIMESTAMP, "start of the broadcast", nullable=True)
COMMUNITY = Column("community", pl.Int32, "community, 0 = most channels; null = unclustered", nullable=True)

PRESENCE = Table(
    "presence_snapshots",
    "Who wrote in a channel's chat in one 60 s bucket; live chat and VOD chat replay alike.",
    (
        Column("platform", pl.String, "always 'twitch'"),
        Column("source", pl.String, "'live' or 'vod'"),
        CHANNEL,
        CHANNEL_ID,
        Column("content_id", pl.String, "'vod:<id>' or 'live:<stream_id>'"),
        Column("bucket_len_s", pl.Int32, "length of the bucket in seconds, 60"),
        Column("offset_s", pl.Int32, "seconds into the VOD at which the bucket starts", nullable=True),
        Column("bucket_start", TIMESTAMP, "start of the bucket; VOD: created_at + offset", nullable=True),
        Column("chatters", pl.List(pl.String), "distinct lowercase logins, sorted"),
        Column("viewer_count", pl.Int32, "number of chatters"),
        Column("timestamp", pl.String, "'vod:<id>_offset_<s>' for VOD, ISO-8601 for live"),
        GAME_NAME,
        LANGUAGE,
        TITLE,
        STARTED_AT,
    ),
    key=("channel", "content_id", "timestamp"),
    # By time: as text, second 120 of a VOD comes before second 60.
    order=("channel", "content_id", "offset_s", "timestamp"),
)

RAW_SNAPSHOTS = Table(
    "raw_snapshots",
    "Live chat as it was seen: who wrote in a channel's chat in one 60 s bucket, by collector or imported file.",
    (
        CHANNEL,
        CHANNEL_ID,
        Column("stream_id", pl.String, "Twitch's id of the broadcast", nullable=True),
        Column("bucket_start", TIMESTAMP, "start of the bucket"),
        Column("chatters", pl.List(pl.String), "distinct lowercase logins, sorted"),
        Column("concurrent_viewers", pl.Int64, "viewers that Twitch reports; null = not available", nullable=True),
        GAME_NAME,
        LANGUAGE,
        TITLE,
        STARTED_AT,
        Column("coverage_s", pl.Int32, "seconds of the bucket that were observed; null = not known", nullable=True),
        Column("origin", pl.String, "the collector, or the imported file, that saw it"),
    ),
    key=("channel", "bucket_start", "origin"),
)

IMPORTED_FILES = Table(
    "imported_files",
    "Files of live snapshots that an import has worked through; a later row of a file stands for it.",
    (
        Column("file", pl.String, "path within the folder that was imported; the origin of its rows"),
        Column("digest", pl.String, "SHA-256 of the file; null = about to be imported again", nullable=True),
        Column("time_zone", pl.String, "zone in which its local times were read; null = it has none", nullable=True),
        Column("snapshots", pl.Int64, "snapshots taken in"),
        Column("rejected", pl.Int64, "snapshots and rows left out"),
        Column("hours", pl.List(TIMESTAMP), "hours, UTC, that its snapshots lie in, sorted"),
    ),
    key=("file",),
)

CHANNEL_ROSTER = Table(
    "channel_roster",
    "Channels that were live in an hour, with what Twitch says about their broadcast.",
    (
        CHANNEL,
        CHANNEL_ID,
        Column("stream_id", pl.String, "Twitch's id of the broadcast", nullable=True),
        Column("observed_at", TIMESTAMP, "when the broadcast was seen"),
        Column("viewer_count", pl.Int64, "concurrent viewers that Twitch reports", nullable=True),
        GAME_NAME,
        LANGUAGE,
        TITLE,
        Column("tags", pl.List(pl.String), "tags the broadcaster chose"),
        STARTED_AT,
    ),
    key=("channel",),
)

VOD_CATALOG = Table(
    "vod_catalog",
    "Archives of past broadcasts that were created on a day.",
    (
        CHANNEL,
        CHANNEL_ID,
        Column("vod_id", pl.String, "Twitch's id of the video"),
        Column("created_at", TIMESTAMP, "start of the recording"),
        TITLE,
        LANGUAGE,
        Column("duration_s", pl.Int64, "length of the recording in seconds", nullable=True),
        Column("view_count", pl.Int64, "views that Twitch reports", nullable=True),
    ),
    key=("channel", "vod_id"),
)

CHANNEL_AUDIENCE = Table(
    "channel_audience",
    "Distinct (channel, viewer) pairs of a day, after the filters.",
    (
        CHANNEL,
        Column("viewer", pl.String, "login or pseudonym of a person who wrote in the channel's chat"),
        Column("buckets", pl.Int32, "distinct 60 s buckets in which the viewer wrote"),
        Column("sources", pl.String, "'live', 'vod' or 'live+vod'"),
        Column("first_seen", TIMESTAMP, "start of the first bucket whose time is known", nullable=True),
        Column("last_seen", TIMESTAMP, "start of the last bucket whose time is known", nullable=True),
    ),
    key=("channel", "viewer"),
)

CHANNEL_ACTIVITY = Table(
    "channel_activity",
    "What a channel did on a day: one row for every channel with presence, also where nobody wrote.",
    (
        CHANNEL,
        CHANNEL_ID,
        Column("viewers", pl.Int64, "distinct viewers after the filters"),
        Column("viewer_minutes", pl.Int64, "sum over viewers of the minutes in which they wrote"),
        Column("snapshots", pl.Int64, "presence rows read"),
        GAME_NAME,
        LANGUAGE,
    ),
    key=("channel",),
)

GRAPH_NODES = Table(
    "graph_nodes",
    "Channels of the overlap graph over the trailing window.",
    (
        CHANNEL,
        Column("viewers", pl.Int64, "distinct viewers in the window; null = not known", nullable=True),
        Column("viewer_minutes", pl.Int64, "minutes in which viewers wrote; null = not known", nullable=True),
        GAME_NAME,
        LANGUAGE,
    ),
    key=("channel",),
)

GRAPH_EDGES = Table(
    "graph_edges",
    "Pairs of channels and the viewers they share; channel_a < channel_b.",
    (
        Column("channel_a", pl.String, "login that sorts first"),
        Column("channel_b", pl.String, "login that sorts last"),
        Column("shared_viewers", pl.Int64, "distinct viewers of both; null = not known", nullable=True),
        Column("jaccard", pl.Float64, "shared / viewers of either", nullable=True),
        Column("overlap_coefficient", pl.Float64, "shared / viewers of the smaller", nullable=True),
        Column(
            "overlap_z",
            pl.Float64,
            "size-corrected overlap: standard deviations above what independent audiences share",
            nullable=True,
        ),
    ),
    key=("channel_a", "channel_b"),
)

REFERENCE_COMMUNITIES = Table(
    "reference_communities",
    "Communities and positions that an imported atlas published, kept for comparison.",
    (
        CHANNEL,
        Column("community", pl.String, "community as published", nullable=True),
        Column("x", pl.Float64, "position as published", nullable=True),
        Column("y", pl.Float64, "position as published", nullable=True),
    ),
    key=("channel",),
)

COMMUNITIES = Table(
    "communities",
    "The community of every channel of the overlap graph.",
    (CHANNEL, COMMUNITY),
    key=("channel",),
)

COMMUNITY_TAGS = Table(
    "community_tags",
    "What a community is about: its label, and why it bears it.",
    (
        Column("community", pl.Int32, "community, 0 = most channels"),
        Column("label", pl.String, "name of the community, unique within the day"),
        Column("reason", pl.String, "the rule that named it, with its percentages"),
        Column("channels", pl.Int32, "number of channels"),
        Column("viewers", pl.Int64, "sum of the channels' viewers, where known", nullable=True),
        Column("largest_channel", pl.String, "channel with the most viewers"),
        Column("channels_known", pl.Int32, "channels whose game or language is known"),
        Column("top_game", pl.String, "most frequent game", nullable=True),
        Column("top_game_share", pl.Float64, "its share of channels_known", nullable=True),
        Column("top_language", pl.String, "most frequent language, code", nullable=True),
        Column("top_language_share", pl.Float64, "its share of channels_known", nullable=True),
    ),
    key=("community",),
)

LAYOUT = Table(
    "layout",
    "Where every channel stands on the map.",
    (
        CHANNEL,
        Column("x", pl.Float64, "0 (left) to 1 (right)"),
        Column("y", pl.Float64, "0 (bottom) to 1 (top)"),
    ),
    key=("channel",),
)

TABLES: tuple[Table, ...] = (
    PRESENCE,
    RAW_SNAPSHOTS,
    IMPORTED_FILES,
    CHANNEL_ROSTER,
    VOD_CATALOG,
    CHANNEL_AUDIENCE,
    CHANNEL_ACTIVITY,
    GRAPH_NODES,
    GRAPH_EDGES,
    REFERENCE_COMMUNITIES,
    COMMUNITIES,
    COMMUNITY_TAGS,
    LAYOUT,
)
