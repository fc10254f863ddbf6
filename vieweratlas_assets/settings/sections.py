"""Settings: every knob of ViewerAtlas, typed, with its limits, its default and its meaning.

Belongs here: names, types, limits, defaults. Not here: where values come from (sources),
what a setting does (the module that reads it).
"""

import datetime as dt
from functools import cache
from pathlib import Path
from typing import Any, Literal, cast, get_args

from pydantic import (
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo

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
    """How an audience is cleaned, joined, clustered and named. Can be changed for one run in the launchpad."""

    drop_known_bots: bool = Field(True, description="Drop the shipped list of service bots from every audience.")
    drop_broadcaster: bool = Field(True, description="Drop a channel's owner from the audience of the own channel.")
    min_buckets_per_viewer: int = Field(
        1, ge=1, description="Drop a viewer from a channel where they wrote in fewer 60 s buckets of the day."
    )
    min_channels_per_viewer: int = Field(
        1, ge=1, description="Drop viewers seen in fewer channels of the day; 2 keeps repeat viewers only."
    )
    max_channels_per_viewer: int = Field(
        300, ge=1, description="Viewers seen in more channels of the day are reported."
    )
    drop_viewers_over_max: bool = Field(False, description="Drop the viewers above max_channels_per_viewer too.")
    overlap_threshold: int = Field(1, ge=1, description="Pairs of channels that share fewer viewers have no edge.")
    min_channel_viewers: int = Field(
        10, ge=0, description="Channels with fewer viewers in the window are left out of the graph."
    )
    algorithm: str = Field(
        "louvain_fast", description="Community detector: leiden, louvain, louvain_fast or your own."
    )
    weight: Literal["shared_viewers", "jaccard", "overlap_coefficient", "overlap_z"] = Field(
        "overlap_z",
        description="Measure that weighs an edge in community detection and layout; where an imported graph lacks "
        "it, shared_viewers or the first that it has.",
    )
    resolution: float = Field(
        1.0, gt=0, allow_inf_nan=False, description="Higher finds more and smaller communities; see resolution_mode."
    )
    resolution_mode: Literal["natural", "absolute"] = Field(
        "natural",
        description="natural: resolution is a multiple of the one that the graph itself calls for; "
        "absolute: it is the gamma of modularity over the whole graph, 1 being plain modularity.",
    )
    min_community_size: int = Field(2, ge=1, description="Smaller communities are marked unclustered.")
    keep_communities: bool = Field(
        True,
        description="Let communities go on from those of the latest earlier day that was found with the same "
        "settings, unless new ones are better.",
    )
    layout: Literal["map", "force"] = Field(
        "map",
        description="map: a country for each community, and channels stay where they were; force: a plain "
        "force-directed layout, each day by itself.",
    )
    seed: int = Field(42, ge=0, le=2**31, description="Seed of detection and layout.")
    game_threshold: float = Field(
        0.60, gt=0, le=1, description="Share of channels from which one game names a community alone."
    )
    language_threshold: float = Field(
        0.40, gt=0, le=1, description="Share of channels from which a game and a language name it together."
    )


class AtlasSettings(Section):
    """What people see of the atlas."""

    community_names_file: Place | None = Field(
        None, description="YAML file of names that you give to communities, by their id: `3: Speedrunners`."
    )
    explorer_days: int = Field(
        7, ge=1, le=90, description="Days that the page explorer.html holds, as far as each fits; the site has all."
    )


class PartitionSettings(Section):
    """Where partitions begin, and how many days the overlap graph looks back."""

    daily_start: dt.date = Field(dt.date(2018, 1, 1), description="First day of the daily partitions.")
    hourly_start: dt.datetime = Field(
        dt.datetime(2026, 1, 1, tzinfo=dt.UTC), description="First hour of the hourly partitions, UTC."
    )
    window_days: int = Field(30, ge=1, le=366, description="Days of audience in one overlap graph, the day included.")

    @field_validator("hourly_start")
    @classmethod
    def _whole_hour(cls, start: dt.datetime) -> dt.datetime:
        if start.utcoffset() != dt.timedelta(0) or start.minute or start.second or start.microsecond:
            raise ValueError(
                f"hourly_start is {start.isoformat()}; it must be a whole hour in UTC, such as 2026-01-01T00:00Z"
            )
        return start


class CollectionSettings(Section):
    """What live collection watches, and where older logs lie."""

    logs_dir: Place = Field(Path("logs"), description="Folder of live snapshots that `import live` takes by itself.")
    collector: str = Field(
        "collector",
        pattern=r"^[a-z][a-z0-9_]{0,39}$",
        description="Name of this collector: two that write to one lake must have two names.",
    )
    chat_source: Literal["irc", "eventsub"] = Field(
        "irc",
        description="How chat is heard. irc: as a chat client does; eventsub: by Twitch's official route, always as "
        "the account of twitch.oauth_token (scope user:read:chat), with turns as in chat_account.",
    )
    chat_account: Literal["anonymous", "token"] = Field(
        "anonymous",
        description="Who listens over irc. anonymous: nobody, in all channels at once; token: the account of "
        "twitch.oauth_token, which Twitch lets into 100 channels at once, so that they have turns.",
    )
    join_pace: Literal["conservative", "default", "fast"] = Field(
        "default",
        description="JOINs in 10 s of irc: conservative 20 in all, default 20 a connection and 100 in all, fast 40 "
        "and 400.",
    )
    collection_interval: int = Field(
        3600, ge=0, description="Seconds between the beginnings of two rounds of turns; 0: one after the other."
    )
    top_channels_limit: int = Field(1000, ge=1, description="Channels that live collection watches, the largest.")
    batch_size: int = Field(100, ge=1, le=100, description="Channels in which an account is at once.")
    duration_per_batch: int = Field(60, ge=10, description="Seconds of a channel's turn, from its join on.")
    collection_minutes: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        description="Minutes that a run of raw_snapshots collects; not set: until its hour is over.",
    )
    roster_refresh: int = Field(600, ge=60, description="Seconds between two questions who is live.")
    spool_dir: Place | None = Field(
        None, description="Folder for minutes that the lake does not have yet. Not set: collector in DAGSTER_HOME."
    )
    channels: Logins = Field((), description="Channels that are always watched, separated by commas.")
    channels_file: Place | None = Field(None, description="File of channels that are always watched, one a line.")
    time_zone: TimeZone = Field("UTC", description="IANA time zone of imported times that name none.")


class TwitchSettings(Section):
    """The account and application that collection uses."""

    client_id: str | None = Field(None, min_length=1, description="Client id of the Twitch application.")
    client_secret: Secret | None = Field(None, description="Its secret.")
    oauth_token: Secret | None = Field(
        None, description="A user's token, with or without `oauth:`, in place of the application's."
    )
    helix_url: Address = Field("https://api.twitch.tv/helix", description="Where Helix is; the sandbox has its own.")
    chat_url: ChatAddress = Field(
        "ircs://irc.chat.twitch.tv:6697", description="Where chat is; irc:// is without TLS."
    )
    eventsub_url: WebSocketAddress = Field("wss://eventsub.wss.twitch.tv/ws", description="Where EventSub is.")
    id_url: Address = Field("https://id.twitch.tv/oauth2", description="Where tokens are given.")

    @property
    def has_helix_credentials(self) -> bool:
        """Whether Helix can be asked: by a user's token, or as the application."""
        return bool(self.oauth_token or (self.client_id and self.client_secret))


class StorageSettings(Section):
    """Where the lake lies when no root is given, and where products are copied to."""

    storage_type: Literal["file", "s3"] = Field(
        "file", description="file: the lake is ./data; s3: it is s3://{s3_bucket}/{s3_prefix}. A root wins over it."
    )
    s3_bucket: str | None = Field(None, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="Bucket of the lake.")
    s3_prefix: Prefix = Field("vieweratlas/", description="Prefix of the lake in its bucket.")
    s3_region: str = Field(
        "us-east-1",
        min_length=1,
        description="Region of the bucket. Where it is not set, AWS_DEFAULT_REGION and the AWS profile come first.",
    )
    output_dir: PlaceOrNone = Field(
        Path("community_analysis"),
        description="Folder on the machine of a run that gets a copy of each day's products; empty: no copies.",
    )

    @property
    def region(self) -> str | None:
        """The region that somebody chose; None leaves it to the environment and profile of AWS."""
        return self.s3_region if "s3_region" in self.model_fields_set else None


class PrivacySettings(Section):
    """What becomes of viewers' names, and how long presence is kept."""

    viewer_names: Literal["plain", "pseudonymous"] = Field(
        "plain", description="Store names as they are, or as keyed pseudonyms."
    )
    pseudonym_key: Secret | None = Field(None, description="Key of the pseudonyms; never in the lake.")
    pseudonym_key_file: Place | None = Field(None, description="File that holds the key, in its place.")
    opt_out_file: Place | None = Field(None, description="File of viewers and channels that want to be left out.")
    raw_snapshots_days: int = Field(30, ge=1, description="Days that `prune` keeps raw live snapshots.")
    raw_vod_chat_days: int = Field(7, ge=1, description="Days that `prune` keeps raw VOD chat.")
    presence_days: int | None = Field(None, ge=1, description="Days that `prune` keeps presence; not set: for ever.")


class EngineSettings(Section):
    """What counts the overlap, and in how much memory."""

    memory_limit: Size = Field(
        "2GB", description="Memory that counting may take, such as 2GB or 500MB; above it, work goes to disk."
    )
    overlap_engine: Literal["local", "spark"] = Field(
        "local", description="What counts the shared viewers: this machine, or Spark."
    )
    spark_launcher: Literal["local", "emr_serverless"] = Field("local", description="Where the Spark job runs.")
    spark_submit_parameters: str = Field(
        "", description="Parameters of spark-submit, such as --driver-memory 4g; empty takes Spark's own."
    )
    emr_serverless_application_id: str = Field(
        "", pattern=r"^[0-9a-z]{0,64}$", description="Application that runs the job, such as 00fabc123def4567."
    )
    emr_serverless_role_arn: str = Field(
        "",
        pattern=r"^(arn:aws[a-zA-Z0-9-]*:iam::[0-9]{12}:role/\S+)?$",
        description="Role that the job takes, such as arn:aws:iam::123456789012:role/vieweratlas-spark.",
    )

    @model_validator(mode="after")
    def _know_the_application(self) -> "EngineSettings":
        if self.overlap_engine == "spark" and self.spark_launcher == "emr_serverless":
            needed = ("emr_serverless_application_id", "emr_serverless_role_arn")
            missing = [name for name in needed if not getattr(self, name)]
            if missing:
                raise ValueError(f"spark_launcher is emr_serverless; set {' and '.join(missing)} too")
        return self

    @property
    def memory_limit_bytes(self) -> int:
        """The memory limit in bytes."""
        return size_bytes(self.memory_limit)


class ScheduleSettings(Section):
    """What Dagster's daemon starts by itself."""

    running: Schedules = Field(
        (),
        description="Schedules that run until somebody stops them in the UI, separated by commas, of "
        "channel_roster_schedule, live_collection_schedule and daily_atlas_schedule. The others wait to be started.",
    )


class PluginSettings(Section):
    """What you bring yourself: a name, and where it is found as package.module:attribute."""

    storage_backends: Targets = Field({}, description="Stores, by the scheme of their roots: name://….")
    community_detectors: Targets = Field({}, description="Community detectors, by the name that algorithm takes.")
    visualizers: Targets = Field({}, description="Visualizers; each becomes the asset atlas_<name>.")


class Settings(Section):
    """All settings, from nothing but its arguments; `load_settings` reads the environment."""

    log_level: LogLevel = Field("WARNING", description="How much is told: DEBUG, INFO, WARNING or ERROR.")
    log_file: Place | None = Field(
        None, description="Log file, kept in 5 old parts of 10 MB. Not set: vieweratlas.log in DAGSTER_HOME."
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
    # After storage, which it comes from where it is not given.
    root: str = Field(
        cast(str, None),
        validate_default=True,
        min_length=1,
        description="The lake: a folder, s3://bucket/prefix/, gs://bucket/prefix/, az://container/prefix/ or the URL "
        "of a plug-in. Not set: storage makes it, which without settings is ./data.",
    )

    @field_validator("root", mode="before")
    @classmethod
    def _root_of_storage(cls, given: object, info: ValidationInfo) -> object:
        storage: StorageSettings | None = info.data.get("storage")
        if given is not None:
            return given
        if storage is None:
            # Storage itself is at fault, and told.
            return DEFAULT_ROOT
        if storage.storage_type == "file":
            return DEFAULT_ROOT
        if storage.s3_bucket is None:
            raise ValueError(
                "storage.storage_type is s3 and no bucket is named: set storage.s3_bucket "
                "(VIEWERATLAS_STORAGE__S3_BUCKET or S3_BUCKET), or root"
            )
        prefix = storage.s3_prefix.strip("/")
        return f"s3://{storage.s3_bucket}/{prefix}/" if prefix else f"s3://{storage.s3_bucket}/"


@cache
def sections() -> dict[str, type[Section]]:
    """The sections by name."""
    annotations = {name: field.annotation for name, field in Settings.model_fields.items()}
    return {name: kind for name, kind in annotations.items() if isinstance(kind, type) and issubclass(kind, Section)}


@cache
def keys() -> dict[str, FieldInfo]:
    """Every setting by its dotted key, such as `root` or `analysis.seed`; those of no section first."""
    nested = sections()
    found = {name: field for name, field in sorted(Settings.model_fields.items()) if name not in nested}
    for section, model in nested.items():
        found |= {f"{section}.{name}": field for name, field in model.model_fields.items()}
    return found


def value_of(settings: Settings, key: str) -> Any:
    """The value of a dotted key."""
    found: Any = settings
    for part in key.split("."):
        found = getattr(found, part)
    return found


@cache
def is_secret(key: str) -> bool:
    """Whether the value of a key must never be shown."""
    field = keys()[key]
    return SecretStr in (field.annotation, *_plain(field.annotation))


def _plain(annotation: Any) -> list[Any]:
    """The types inside an annotation."""
    return [kind for part in get_args(annotation) for kind in (part, *_plain(part))]
