"""Settings: every knob of ViewerAtlas, typed and checked, from defaults and the environment.

Belongs here: names, types, limits and defaults. Not here: what a setting does (the module that reads it).
A setting is read from `VIEWERATLAS_<SECTION>__<KEY>`, such as VIEWERATLAS_ANALYSIS__OVERLAP_THRESHOLD=5.
"""

import datetime as dt
import os
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

ENVIRONMENT_PREFIX = "VIEWERATLAS_"


class SettingsError(ValueError):
    """A setting is unknown or impossible; the message names it, its value and what is allowed."""


class AnalysisSettings(BaseModel):
    """How an audience is cleaned, joined, clustered and named. Can be changed for one run in the launchpad."""

    model_config = ConfigDict(frozen=True, extra="forbid")

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
    algorithm: str = Field("leiden", description="Community detector: leiden, louvain, louvain_fast or your own.")
    weight: Literal["shared_viewers", "jaccard", "overlap_coefficient", "overlap_z"] = Field(
        "shared_viewers", description="Measure that weighs an edge in community detection and layout."
    )
    resolution: float = Field(
        1.0, gt=0, allow_inf_nan=False, description="Higher finds more and smaller communities; 1 is modularity."
    )
    min_community_size: int = Field(2, ge=1, description="Smaller communities are marked unclustered.")
    seed: int = Field(42, ge=0, le=2**31, description="Seed of detection and layout.")
    game_threshold: float = Field(
        0.60, gt=0, le=1, description="Share of channels from which one game names a community alone."
    )
    language_threshold: float = Field(
        0.40, gt=0, le=1, description="Share of channels from which a game and a language name it together."
    )


class PartitionSettings(BaseModel):
    """Where partitions begin, and how many days the overlap graph looks back."""

    model_config = ConfigDict(frozen=True, extra="forbid")

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


class PrivacySettings(BaseModel):
    """What is stored of viewers, under which name and for how long."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    viewer_names: Literal["plain", "pseudonymous"] = Field(
        "plain", description="Store logins as they are, or keyed pseudonyms in their place."
    )
    pseudonym_key: SecretStr | None = Field(
        None, description="Key of the pseudonyms: at least 32 bytes, as hex or text. Better in a file."
    )
    pseudonym_key_file: Path | None = Field(None, description="File outside the lake that holds the key.")
    opt_out_file: Path | None = Field(
        None, description="File outside the lake that lists who is left out: `viewer NAME` or `channel NAME` a line."
    )
    raw_snapshots_days: int = Field(30, ge=1, description="Days for which `prune` keeps raw live snapshots.")
    raw_vod_chat_days: int = Field(7, ge=1, description="Days for which `prune` keeps raw VOD chat.")
    presence_days: int | None = Field(
        None, ge=1, description="Days for which `prune` keeps presence; none = for ever."
    )


class Settings(BaseSettings):
    """All settings.

    Attributes:
        root: of the lake: a folder, s3://bucket/prefix/ or another fsspec URL (VIEWERATLAS_ROOT).
    """

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT_PREFIX,
        env_nested_delimiter="__",
        frozen=True,
        extra="forbid",
        nested_model_default_partial_update=True,
    )

    root: str = Field("./data", min_length=1)
    analysis: AnalysisSettings = AnalysisSettings()
    partitions: PartitionSettings = PartitionSettings()
    privacy: PrivacySettings = PrivacySettings()


def load_settings(**overrides: Any) -> Settings:
    """Read the settings from the environment, with overrides of whole sections or the root on top.

    Raises:
        SettingsError: a variable names no setting, or a value is impossible; every fault is named.
    """
    known = set(_variables())
    unknown = sorted(name for name in os.environ if name.startswith(ENVIRONMENT_PREFIX) and name.upper() not in known)
    if unknown:
        raise SettingsError(
            f"unknown setting(s) in the environment: {', '.join(unknown)}; known are {', '.join(_variables())}"
        )
    try:
        return Settings(**overrides)
    except ValidationError as error:
        faults = "; ".join(_fault(detail) for detail in error.errors())
        raise SettingsError(f"impossible setting(s): {faults}") from error


def _variables() -> list[str]:
    """Every environment variable that is a setting."""
    names = []
    for section, field in Settings.model_fields.items():
        nested = field.annotation
        if isinstance(nested, type) and issubclass(nested, BaseModel):
            names += [f"{ENVIRONMENT_PREFIX}{section}__{key}".upper() for key in nested.model_fields]
        else:
            names.append(f"{ENVIRONMENT_PREFIX}{section}".upper())
    return names


def _fault(detail: Any) -> str:
    """One fault as a person reads it: the variable, its value, what is allowed."""
    name = ENVIRONMENT_PREFIX + "__".join(str(part).upper() for part in detail["loc"])
    value = "**********" if _holds_a_secret(detail["loc"]) else repr(detail["input"])
    return f"{name}={value}: {detail['msg']}"


def _holds_a_secret(place: tuple[int | str, ...]) -> bool:
    """Whether what was given for a setting, or for a whole section, can hold a secret: it is never repeated."""
    annotation: Any = Settings
    for part in place:
        fields = annotation.model_fields if isinstance(annotation, type) and issubclass(annotation, BaseModel) else {}
        if part not in fields:
            break
        annotation = fields[str(part)].annotation
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return any("SecretStr" in str(field.annotation) for field in annotation.model_fields.values())
    return "SecretStr" in str(annotation)
