"""Settings of the chat of VODs: names, types, limits, defaults.

Belongs here: the section `vod`. Not here: the other sections (sections), the effect of a setting (the module that
reads it).
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from vieweratlas_assets.settings.section import Section
from vieweratlas_assets.settings.values import Address, Place, Secret, Size, size_bytes

# The length of a live bucket: VOD buckets of another length could not be joined with live ones. A test keeps it equal
# to domain.presence.records.BUCKET_LEN_S, whose module would load Polars here.
LIVE_BUCKET_S = 60


def _live_bucket(seconds: int) -> int:
    if seconds != LIVE_BUCKET_S:
        raise ValueError(f"it must be {LIVE_BUCKET_S}, the length of a live bucket, so that both can be joined")
    return seconds


class VodSettings(Section):
    """How the chat of VODs is found and fetched."""

    enabled: bool = Field(
        False, description="Run vod_discovery_sensor, which requests runs for the days that have VODs to fetch."
    )
    auto_discover: bool = Field(False, description="Let the sensor also find new VODs of the tracked channels.")
    bucket_len_s: Annotated[int, AfterValidator(_live_bucket)] = Field(
        LIVE_BUCKET_S, description="Seconds per bucket; must be 60, the length of a live bucket."
    )
    vod_limit_per_channel: int = Field(
        5, ge=1, description="Number of VODs per channel that the sensor adds, the newest first."
    )
    max_age_days: int = Field(14, ge=1, description="Age in days above which the sensor ignores a VOD.")
    min_views: int = Field(0, ge=0, description="Number of views below which the sensor ignores a VOD.")
    chat_source: Literal["graphql", "twitchdownloader", "file"] = Field(
        "graphql",
        description="Where chat comes from. graphql: the undocumented endpoint of Twitch's web page; "
        "twitchdownloader: TwitchDownloaderCLI, which uses the same endpoint; file: files that "
        "TwitchDownloader wrote, in files_dir.",
    )
    chat_mode: Literal["full", "sample"] = Field(
        "full",
        description="full: all comments; sample: one page of comments per minute of the VOD, for graphql only.",
    )
    discovery_interval: int = Field(
        21_600, ge=60, description="Seconds between the starts of two sweeps of the sensor over all channels."
    )
    keep_raw: bool = Field(
        False,
        description="Also store who wrote in which second, without text, in raw/vod_chat; `prune` removes it "
        "after privacy.raw_vod_chat_days.",
    )
    downloads_at_once: int = Field(2, ge=1, le=32, description="Number of VODs that a run fetches at once.")
    requests_per_s: float = Field(
        4.0,
        gt=0,
        le=1000,
        description="Requests per second to the endpoint, for all runs that share the queue together.",
    )
    requests_a_day: int | None = Field(
        None, ge=1, description="Requests per UTC day to the endpoint, for all runs together; not set: no limit."
    )
    graphql_url: Address = Field("https://gql.twitch.tv/gql", description="URL of the endpoint.")
    graphql_client_id: str = Field(
        "kd1unb4b3q4t58fwlpcbzcbnm76a8fp", min_length=1, description="Client ID of Twitch's web page."
    )
    graphql_query_hash: str = Field(
        "b70a3591ff0f4e0313d126c6a1502d79a1c02baebb288227c582044aa76adf6a",
        pattern=r"^[0-9a-f]{64}$",
        description="SHA-256 of the web page's query VideoCommentsByOffsetOrCursor.",
    )
    cli_path: Place = Field(
        Path("TwitchDownloaderCLI"), description="The program TwitchDownloaderCLI, for chat_source twitchdownloader."
    )
    cli_timeout: int = Field(3600, ge=1, description="Seconds that TwitchDownloaderCLI may take per VOD.")
    cli_output_limit: Size = Field("4GB", description="Size that the file of TwitchDownloaderCLI may reach per VOD.")
    files_dir: Place = Field(Path("vod_chat"), description="Folder of the files for chat_source file.")
    queue_url: Secret | None = Field(
        None,
        description="Database of the queue, postgresql://user:password@host/name or sqlite:///path; not set: "
        "vod_queue.db in DAGSTER_HOME.",
    )

    @property
    def cli_output_limit_bytes(self) -> int:
        """cli_output_limit in bytes."""
        return size_bytes(self.cli_output_limit)
