"""Settings: every knob of ViewerAtlas, typed and checked, from defaults and the environment.

Belongs here: names, types, limits and defaults. Not here: what a setting does (the module that reads it).
A setting is read from `VIEWERATLAS_<SECTION>__<KEY>`, such as VIEWERATLAS_ANALYSIS__OVERLAP_THRESHOLD=5.
"""

import datetime as dt
import os
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
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
    algorithm: str = Field(
        "louvain_fast", description="Community detector: leiden, louvain, louvain_fast or your own."
    )
    weight: Literal["shared_viewers", "jaccard", "overlap_coefficient", "overlap_z"] = Field(
        "overlap_z",
        description="Measure that weighs an edge in community detection and layout; where an imported graph lacks "
        "it, shared_viewers or the first that it has.",
    )
    resolution: float = Field(
        1.0, gt=0, allow_inf_nan=False, description="Higher finds more and smaller communities."
    )
    resolution_mode: Literal["natural", "absolute"] = Field(
        "natural",
        description="natural: resolution is a multiple of the one that the graph itself calls for; "
        "absolute: it is the gamma of modularity over the whole graph, 1 being plain modularity.",
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
    return f"{name}={detail['input']!r}: {detail['msg']}"
