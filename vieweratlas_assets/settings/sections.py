"""All settings of ViewerAtlas, typed, with limits, defaults and descriptions.

Belongs here: names, types, limits, defaults. Not here: keys (dotted_keys), where values come from (sources), the
effect of a setting (the module that reads it).
"""

import datetime as dt
from pathlib import Path
from typing import Literal, cast

from pydantic import (
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from vieweratlas_assets.settings.section import Section
from vieweratlas_assets.settings.values import (
    Address,
    ChatAddress,
    Logins,
    LogLevel,
    Place,
    PlaceOrNone,
    Prefix,
    Schedules,
    Secret,
    Size,
    Targets,
    TimeZone,
    WebSocketAddress,
    size_bytes,
)
from vieweratlas_assets.settings.vod_section import VodSettings

DEFAULT_ROOT = "./data"


class AnalysisSettings(Section):
    """How audiences are filtered, and communities detected, named and drawn; the launchpad can set it for one run."""

    drop_known_bots: bool = Field(True, description="Drop the service bots of the shipped list from every audience.")
    drop_broadcaster: bool = Field(True, description="Drop the owner of a channel from the channel's audience.")
    min_buckets_per_viewer: int = Field(
        1, ge=1, description="Drop a viewer from a channel if they wrote in fewer 60 s buckets of the day."
    )
    min_channels_per_viewer: int = Field(
        1,
        ge=1,
        description="Drop viewers who wrote in fewer channels of the day; 2 keeps only viewers of several channels.",
    )
    max_channels_per_viewer: int = Field(
        300,
        ge=1,
        description="Report viewers who wrote in more channels of the day: hardly any person writes in 300.",
    )
    drop_viewers_over_max: bool = Field(False, description="Drop the viewers above max_channels_per_viewer too.")
    overlap_threshold: int = Field(1, ge=1, description="Drop edges between channels that share fewer viewers.")
    min_channel_viewers: int = Field(
        10, ge=0, description="Leave channels with fewer viewers in the window out of the graph."
    )
    algorithm: str = Field(
        "louvain_fast", description="Community detector: leiden, louvain, louvain_fast or the name of a plug-in."
    )
    weight: Literal["shared_viewers", "jaccard", "overlap_coefficient", "overlap_z"] = Field(
        "overlap_z",
        description="Measure that weighs an edge in community detection and layout; if an imported graph lacks "
        "it, shared_viewers or the first measure that the graph has.",
    )
    resolution: float = Field(
        1.0,
        gt=0,
        allow_inf_nan=False,
        description="Higher values detect more and smaller communities; see resolution_mode.",
    )
    resolution_mode: Literal["natural", "absolute"] = Field(
        "natural",
        description="natural: resolution is a multiple of the resolution that fits the graph itself; absolute: "
        "resolution is the gamma of modularity over the whole graph, where 1 is plain modularity.",
    )
    min_community_size: int = Field(2, ge=1, description="Mark communities with fewer channels as unclustered.")
    keep_communities: bool = Field(
        True,
        description="Continue the communities of the latest earlier day that was detected with the same "
        "settings, unless new ones are better.",
    )
    layout: Literal["map", "force"] = Field(
        "map",
        description="map: one country per community, and channels keep their places from day to day; force: a "
        "plain force-directed layout, new on each day.",
    )
    seed: int = Field(42, ge=0, le=2**31, description="Seed of the random numbers in detection and layout.")
    game_threshold: float = Field(
        0.60, gt=0, le=1, description="Share of a community's channels from which one game alone names it."
    )
    language_threshold: float = Field(
        0.40,
        gt=0,
        le=1,
        description="Share of a community's channels from which a game and a language name it together.",
    )


class AtlasSettings(Section):
    """What the published atlas shows."""

    community_names_file: Place | None = Field(
        None, description="YAML file of the names that you give to communities, by id: `3: Speedrunners`."
    )
    explorer_days: int = Field(
        7, ge=1, le=90, description="Number of days in the page explorer.html, if they fit; the site has all days."
    )


class PartitionSettings(Section):
    """Where partitions begin, and how many days an overlap graph covers."""

    daily_start: dt.date = Field(dt.date(2018, 1, 1), description="First day of the daily partitions.")
    hourly_start: dt.datetime = Field(
        dt.datetime(2026, 1, 1, tzinfo=dt.UTC), description="First hour of the hourly partitions, in UTC."
    )
    window_days: int = Field(
        30, ge=1, le=366, description="Days of audience in one overlap graph, including the day of the graph."
    )

    @field_validator("hourly_start")
    @classmethod
    def _whole_hour(cls, start: dt.datetime) -> dt.datetime:
        if start.utcoffset() != dt.timedelta(0) or start.minute or start.second or start.microsecond:
            raise ValueError(
                f"hourly_start is {start.isoformat()}; it must be a whole hour in UTC, such as 2026-01-01T00:00Z"
            )
        return start


class CollectionSettings(Section):
    """What live collection watches and how, and how older logs are imported."""

    logs_dir: Place = Field(
        Path("logs"), description="Folder of live snapshots that `import live` imports if you name none."
    )
    collector: str = Field(
        "collector",
        pattern=r"^[a-z][a-z0-9_]{0,39}$",
        description="Name of this collector; two collectors that write to one lake need different names.",
    )
    chat_source: Literal["irc", "eventsub"] = Field(
        "irc",
        description="How chat is read. irc: as a chat client does; eventsub: by Twitch's official route, "
        "always as the account of twitch.oauth_token (scope user:read:chat), in turns as with "
        "chat_account token.",
    )
    chat_account: Literal["anonymous", "token"] = Field(
        "anonymous",
        description="Who reads chat over irc. anonymous: no account, in all channels at once; token: the "
        "account of twitch.oauth_token, which Twitch lets into 100 channels at once, so that "
        "channels take turns.",
    )
    join_pace: Literal["conservative", "default", "fast"] = Field(
        "default",
        description="JOINs per 10 s over irc. conservative: 20 in all; default: 20 per connection and 100 in "
        "all; fast: 40 per connection and 400 in all.",
    )
    collection_interval: int = Field(
        3600,
        ge=0,
        description="Seconds between the starts of two rounds of turns; 0: a round starts when the previous "
        "one ends.",
    )
    top_channels_limit: int = Field(
        1000, ge=1, description="Number of channels that live collection watches, the largest first."
    )
    batch_size: int = Field(
        100, ge=1, le=100, description="Number of channels that an account watches at once; Twitch allows 100."
    )
    duration_per_batch: int = Field(60, ge=10, description="Seconds of a channel's turn, counted from its JOIN.")
    collection_minutes: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        description="Minutes that a run of raw_snapshots collects; not set: until its hour ends.",
    )
    roster_refresh: int = Field(
        600, ge=60, description="Seconds between two requests for the channels that are live."
    )
    spool_dir: Place | None = Field(
        None, description="Folder for minutes that are not in the lake yet; not set: collector in DAGSTER_HOME."
    )
    channels: Logins = Field((), description="Channels that are always watched, separated by commas.")
    channels_file: Place | None = Field(None, description="File of channels that are always watched, one per line.")
    time_zone: TimeZone = Field("UTC", description="IANA time zone of imported times that name no zone.")


class TwitchSettings(Section):
    """The application, the account and the addresses of Twitch."""

    client_id: str | None = Field(None, min_length=1, description="Client ID of your Twitch application.")
    client_secret: Secret | None = Field(None, description="Client secret of your Twitch application.")
    oauth_token: Secret | None = Field(
        None, description="A user's token, with or without `oauth:`, which replaces the application's."
    )
    helix_url: Address = Field("https://api.twitch.tv/helix", description="URL of Helix; the sandbox has its own.")
    chat_url: ChatAddress = Field(
        "ircs://irc.chat.twitch.tv:6697", description="Address of chat: ircs:// with TLS, irc:// without."
    )
    eventsub_url: WebSocketAddress = Field("wss://eventsub.wss.twitch.tv/ws", description="URL of EventSub.")
    id_url: Address = Field("https://id.twitch.tv/oauth2", description="URL at which tokens are issued.")

    @property
    def has_helix_credentials(self) -> bool:
        """Whether Helix accepts requests: with a user's token, or as the application."""
        return bool(self.oauth_token or (self.client_id and self.client_secret))


class StorageSettings(Section):
    """Where the lake is if root is not set, and where products are copied to."""

    storage_type: Literal["file", "s3"] = Field(
        "file",
        description="file: the lake is ./data; s3: the lake is s3://{s3_bucket}/{s3_prefix}. A root takes "
        "precedence.",
    )
    s3_bucket: str | None = Field(None, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="S3 bucket of the lake.")
    s3_prefix: Prefix = Field("vieweratlas/", description="Prefix of the lake in its bucket.")
    s3_region: str = Field(
        "us-east-1",
        min_length=1,
        description="AWS region of the bucket; if it is not set, AWS_DEFAULT_REGION and the AWS profile come first.",
    )
    output_dir: PlaceOrNone = Field(
        Path("community_analysis"),
        description="Folder on the machine of a run that receives a copy of each day's products; empty: no copies.",
    )

    @property
    def region(self) -> str | None:
        """The region if it was set; None leaves it to the environment and the profile of AWS."""
        return self.s3_region if "s3_region" in self.model_fields_set else None


class PrivacySettings(Section):
    """How viewers' names are stored, and how long data is kept."""

    viewer_names: Literal["plain", "pseudonymous"] = Field(
        "plain", description="plain: store names as they are; pseudonymous: store keyed pseudonyms."
    )
    pseudonym_key: Secret | None = Field(
        None, description="Key of the pseudonyms, which is never stored in the lake."
    )
    pseudonym_key_file: Place | None = Field(None, description="File that holds the key, instead of pseudonym_key.")
    opt_out_file: Place | None = Field(None, description="File of the viewers and channels that want to be left out.")
    raw_snapshots_days: int = Field(30, ge=1, description="Days for which `prune` keeps raw live snapshots.")
    raw_vod_chat_days: int = Field(7, ge=1, description="Days for which `prune` keeps raw VOD chat.")
    presence_days: int | None = Field(
        None, ge=1, description="Days for which `prune` keeps presence; not set: forever."
    )


class EngineSettings(Section):
    """What counts shared viewers, and in how much memory."""

    memory_limit: Size = Field(
        "2GB", description="Memory for counting shared viewers, such as 2GB or 500MB; above it, pairs go to disk."
    )
    overlap_engine: Literal["local", "spark"] = Field(
        "local", description="What counts the shared viewers: this machine, or a Spark job."
    )
    spark_launcher: Literal["local", "emr_serverless"] = Field(
        "local", description="Where the Spark job runs: on this machine, or on EMR Serverless."
    )
    spark_submit_parameters: str = Field(
        "", description="Parameters of spark-submit, such as --driver-memory 4g; empty: Spark's own defaults."
    )
    emr_serverless_application_id: str = Field(
        "",
        pattern=r"^[0-9a-z]{0,64}$",
        description="EMR Serverless application that runs the job, such as 00fabc123def4567.",
    )
    emr_serverless_role_arn: str = Field(
        "",
        pattern=r"^(arn:aws[a-zA-Z0-9-]*:iam::[0-9]{12}:role/\S+)?$",
        description="IAM role of the job, such as arn:aws:iam::123456789012:role/vieweratlas-spark.",
    )

    @model_validator(mode="after")
    def _know_the_application(self) -> "EngineSettings":
        if self.overlap_engine == "spark" and self.spark_launcher == "emr_serverless":
            needed = ("emr_serverless_application_id", "emr_serverless_role_arn")
            missing = [name for name in needed if not getattr(self, name)]
            if missing:
                raise ValueError(
                    f"spark_launcher is emr_serverless, which also needs {' and '.join(missing)}: set them"
                )
        return self

    @property
    def memory_limit_bytes(self) -> int:
        """memory_limit in bytes."""
        return size_bytes(self.memory_limit)


class ScheduleSettings(Section):
    """Which schedules Dagster's daemon runs."""

    running: Schedules = Field(
        (),
        description="Schedules that run until you stop them in the UI; the others wait until you start them there.",
    )


class PluginSettings(Section):
    """Your own plug-ins: a name, and its object as package.module:attribute."""

    storage_backends: Targets = Field({}, description="Stores; a name is the scheme of their roots, name://….")
    community_detectors: Targets = Field(
        {}, description="Community detectors; a name is a value of analysis.algorithm."
    )
    visualizers: Targets = Field({}, description="Visualizers; each becomes the asset atlas_<name>.")


class Settings(Section):
    """All settings; only its arguments set them, while `load_settings` reads the environment."""

    log_level: LogLevel = Field(
        "WARNING", description="Least severe level of the messages that are shown and logged."
    )
    log_file: Place | None = Field(
        None, description="Log file, kept with 5 older parts of 10 MB; not set: vieweratlas.log in DAGSTER_HOME."
    )
    analysis: AnalysisSettings = AnalysisSettings()
    atlas: AtlasSettings = AtlasSettings()
    partitions: PartitionSettings = PartitionSettings()
    collection: CollectionSettings = CollectionSettings()
    twitch: TwitchSettings = TwitchSettings()
    storage: StorageSettings = StorageSettings()
    vod: VodSettings = VodSettings()
    privacy: PrivacySettings = PrivacySettings()
    engine: EngineSettings = EngineSettings()
    schedules: ScheduleSettings = ScheduleSettings()
    plugins: PluginSettings = PluginSettings()
    # After storage, from which it is built if it is not given.
    root: str = Field(
        cast(str, None),
        validate_default=True,
        min_length=1,
        description="The lake: a folder, s3://bucket/prefix/, gs://bucket/prefix/, az://container/prefix/ or the URL "
        "of a plug-in; not set: the place that the section storage names, by default ./data.",
    )

    @field_validator("root", mode="before")
    @classmethod
    def _root_from_storage(cls, given: object, info: ValidationInfo) -> object:
        storage: StorageSettings | None = info.data.get("storage")
        if given is not None:
            return given
        if storage is None:
            # Storage itself is not valid, which has its own message.
            return DEFAULT_ROOT
        if storage.storage_type == "file":
            return DEFAULT_ROOT
        if storage.s3_bucket is None:
            raise ValueError(
                "storage.storage_type is s3, but no bucket is named: set storage.s3_bucket "
                "(VIEWERATLAS_STORAGE__S3_BUCKET or S3_BUCKET), or root"
            )
        prefix = storage.s3_prefix.strip("/")
        return f"s3://{storage.s3_bucket}/{prefix}/" if prefix else f"s3://{storage.s3_bucket}/"
