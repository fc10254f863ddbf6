"""The columns of every table in the lake: the one definition for writers, checks, docs and tests.

Belongs here: tables and their columns, with types and meanings. Not here: what a table is (tables), paths (lake),
writing (storage).
"""

import polars as pl

from vieweratlas_assets.domain.tables import TIMESTAMP, Column, Table

CHANNEL = Column("channel", pl.String, "Twitch login of the channel, lowercase")
CHANNEL_ID = Column("channel_id", pl.String, "Twitch's user id of the channel", nullable=True)
GAME_NAME = Column("game_name", pl.String, "game or category, as Twitch names it", nullable=True)
LANGUAGE = Column("language", pl.String, "broadcast language, ISO 639-1 code or Twitch's own", nullable=True)
TITLE = Column("title", pl.String, "title of the broadcast", nullable=True)
STARTED_AT = Column("started_at", TIMESTAMP, "start of the broadcast", nullable=True)
COMMUNITY = Column("community", pl.Int32, "community, 0 = most channels; null = unclustered", nullable=True)
DISPLAY_NAME = Column(
    "display_name",
    pl.String,
    "name as the channel writes it, in any script; null = same as the login, or not known",
    nullable=True,
    is_later=True,
)

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
    # Sorted by time: as text, second 120 of a VOD would come before second 60.
    order=("channel", "content_id", "offset_s", "timestamp"),
)

RAW_SNAPSHOTS = Table(
    "raw_snapshots",
    "Live chat as observed: who wrote in a channel's chat in one 60 s bucket, per collector or imported file.",
    (
        CHANNEL,
        CHANNEL_ID,
        Column("stream_id", pl.String, "Twitch's id of the broadcast", nullable=True),
        Column("bucket_start", TIMESTAMP, "start of the bucket"),
        Column("chatters", pl.List(pl.String), "distinct lowercase logins, sorted"),
        Column("concurrent_viewers", pl.Int64, "viewers that Twitch reports; null = not known", nullable=True),
        GAME_NAME,
        LANGUAGE,
        TITLE,
        STARTED_AT,
        Column("coverage_s", pl.Int32, "seconds of the bucket that were observed; null = not known", nullable=True),
        Column("messages", pl.Int32, "messages that were counted; null = not known", nullable=True, is_later=True),
        Column(
            "dropped_mirrors",
            pl.Int32,
            "messages left out because Shared Chat mirrors them from another channel",
            nullable=True,
            is_later=True,
        ),
        Column("dropped_bots", pl.Int32, "messages left out because bots wrote them", nullable=True, is_later=True),
        Column("unreadable_lines", pl.Int32, "lines that could not be read", nullable=True, is_later=True),
        Column("gap_reasons", pl.String, "why parts were not observed, joined by +", nullable=True, is_later=True),
        Column("origin", pl.String, "the collector or imported file that the row comes from"),
    ),
    key=("channel", "bucket_start", "origin"),
)

IMPORTED_FILES = Table(
    "imported_files",
    "Files of live snapshots that an import has processed; the last row of a file counts.",
    (
        Column("file", pl.String, "path within the imported folder; the origin of its rows"),
        Column("digest", pl.String, "SHA-256 of the file; null = about to be imported again", nullable=True),
        Column("time_zone", pl.String, "zone of its local times; null = it has no local times", nullable=True),
        Column("snapshots", pl.Int64, "snapshots imported"),
        Column("rejected", pl.Int64, "snapshots and rows left out"),
        Column("hours", pl.List(TIMESTAMP), "hours (UTC) of its snapshots, sorted"),
    ),
    key=("file",),
)

CHANNEL_ROSTER = Table(
    "channel_roster",
    "Channels that were live in an hour, with what Twitch reports about their broadcasts.",
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
        DISPLAY_NAME,
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
        Column("stream_id", pl.String, "Twitch's id of the broadcast", nullable=True, is_later=True),
    ),
    key=("channel", "vod_id"),
)

VOD_PROGRESS = Table(
    "vod_progress",
    "The minutes of a VOD that an interrupted attempt fetched; removed once the whole VOD is stored.",
    (
        Column("offset_s", pl.Int64, "seconds into the VOD at which the minute starts"),
        Column("comments", pl.Int64, "number of comments in the minute"),
        Column("chatters", pl.List(pl.String), "who wrote them, in the form of presence_snapshots"),
    ),
    key=("offset_s",),
)

CHANNEL_AUDIENCE = Table(
    "channel_audience",
    "Distinct (channel, viewer) pairs of a day, after the filters.",
    (
        CHANNEL,
        Column("viewer", pl.String, "login or pseudonym of someone who wrote in the channel's chat"),
        Column("buckets", pl.Int32, "distinct 60 s buckets in which the viewer wrote"),
        Column("sources", pl.String, "'live', 'vod' or 'live+vod'"),
        Column("first_seen", TIMESTAMP, "start of the first bucket whose time is known", nullable=True),
        Column("last_seen", TIMESTAMP, "start of the last bucket whose time is known", nullable=True),
    ),
    key=("channel", "viewer"),
)

CHANNEL_ACTIVITY = Table(
    "channel_activity",
    "Figures per channel for a day: one row for every channel with presence, even if nobody wrote.",
    (
        CHANNEL,
        CHANNEL_ID,
        Column("viewers", pl.Int64, "distinct viewers after the filters"),
        Column("viewer_minutes", pl.Int64, "minutes in which viewers wrote, summed over viewers"),
        Column("snapshots", pl.Int64, "presence rows read"),
        GAME_NAME,
        LANGUAGE,
        DISPLAY_NAME,
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
        DISPLAY_NAME,
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
        Column("jaccard", pl.Float64, "shared viewers / viewers of either channel", nullable=True),
        Column("overlap_coefficient", pl.Float64, "shared viewers / viewers of the smaller channel", nullable=True),
        Column(
            "overlap_z",
            pl.Float64,
            "size-corrected overlap: standard deviations above the overlap of independent audiences",
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
    "What a community is about: its label, and the reason for the label.",
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
    "The position of every channel on the map.",
    (
        CHANNEL,
        Column("x", pl.Float64, "0 (left) to 1 (right)"),
        Column("y", pl.Float64, "0 (bottom) to 1 (top)"),
    ),
    key=("channel",),
)

COMMUNITY_HISTORY = Table(
    "community_history",
    "The identity of each community of the day: what it keeps from one day to the next.",
    (
        Column("community", pl.Int32, "community of the day, 0 = most channels"),
        Column("community_id", pl.Int64, "number that the community keeps while it exists, from 1"),
        Column("name", pl.String, "name, unique within the day; kept while the community exists"),
        Column("colour", pl.Int32, "index of its color in the palette, 0 to 11; kept while the community exists"),
        Column("since", pl.Date, "first day on which it was detected"),
        Column("label", pl.String, "label of the day; a new community takes it as its name"),
        Column("label_days", pl.Int32, "consecutive days with this label"),
        Column(
            "similarity",
            pl.Float64,
            "weighted Jaccard index with the same community on the earlier day; null = new community",
            nullable=True,
        ),
    ),
    key=("community",),
)

COMMUNITY_EVENTS = Table(
    "community_events",
    "What happened to communities since the earlier day.",
    (
        Column("event", pl.String, "born, died, split, merged, renamed or moved"),
        Column("community_id", pl.Int64, "community of the event; moved: the channel's new community; 0 = none"),
        Column("from_community_id", pl.Int64, "community of origin on the earlier day; 0 = none"),
        Column("channel", pl.String, "channel that moved; empty for other events"),
        Column(
            "share",
            pl.Float64,
            "split: share of the origin that went here; merged: share of this community that came from the origin",
            nullable=True,
        ),
    ),
    key=("event", "community_id", "from_community_id", "channel"),
)

TABLES: tuple[Table, ...] = (
    PRESENCE,
    RAW_SNAPSHOTS,
    IMPORTED_FILES,
    CHANNEL_ROSTER,
    VOD_CATALOG,
    VOD_PROGRESS,
    CHANNEL_AUDIENCE,
    CHANNEL_ACTIVITY,
    GRAPH_NODES,
    GRAPH_EDGES,
    REFERENCE_COMMUNITIES,
    COMMUNITIES,
    COMMUNITY_TAGS,
    LAYOUT,
    COMMUNITY_HISTORY,
    COMMUNITY_EVENTS,
)
