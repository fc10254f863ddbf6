"""Settings of the chat of VODs: names, types, limits, defaults.

Belongs here: what there is to set. Not here: what a setting does (the module that reads it).
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from vieweratlas_assets.settings.section import Section
from vieweratlas_assets.settings.values import Address, Place, Secret, Size, size_bytes

# The live window; a VOD's buckets must be as long, or its minutes would not be those of live chat. A test holds it
# equal to domain.presence.records.BUCKET_LEN_S, which would load Polars here.
LIVE_BUCKET_S = 60


def _live_bucket(seconds: int) -> int:
    if seconds != LIVE_BUCKET_S:
        raise ValueError(f"it must be {LIVE_BUCKET_S}, the length of a live bucket, so that both can be joined")
    return seconds


class VodSettings(Section):
    """How chat replays of VODs are found and fetched."""

    enabled: bool = Field(
        False, description="Let the vod_discovery_sensor run: it asks for the days that have VODs to fetch."
    )
    auto_discover: bool = Field(False, description="Let the sensor also find new VODs of the tracked channels.")
    bucket_len_s: Annotated[int, AfterValidator(_live_bucket)] = Field(
        LIVE_BUCKET_S, description="Seconds of a bucket; must equal the live window, 60."
    )
    vod_limit_per_channel: int = Field(5, ge=1, description="Newest VODs of a channel that the sensor takes.")
    max_age_days: int = Field(14, ge=1, description="Older VODs are left alone by the sensor.")
    min_views: int = Field(0, ge=0, description="VODs with fewer views are left alone by the sensor.")
    chat_source: Literal["graphql", "twitchdownloader", "file"] = Field(
        "graphql",
        description="Where chat comes from. graphql: the endpoint of Twitch's web page, which is not documented; "
        "twitchdownloader: TwitchDownloaderCLI, which asks the same one; file: files that it wrote, in files_dir.",
    )
    chat_mode: Literal["full", "sample"] = Field(
        "full", description="full: all comments; sample: of graphql, one page a minute of the VOD."
    )
    discovery_interval: int = Field(
        21_600, ge=60, description="Seconds between the beginnings of two sweeps of the sensor over all channels."
    )
    keep_raw: bool = Field(
        False,
        description="Also keep who wrote in which second, without text, in raw/vod_chat; `prune` removes it after "
        "privacy.raw_vod_chat_days.",
    )
    downloads_at_once: int = Field(2, ge=1, le=32, description="VODs that a run fetches at a time.")
    requests_per_s: float = Field(
        4.0, gt=0, le=1000, description="Requests to the endpoint in a second, of all runs that share the queue."
    )
    requests_a_day: int | None = Field(
        None, ge=1, description="Requests to it in a day, UTC, likewise; not set: any number."
    )
    graphql_url: Address = Field("https://gql.twitch.tv/gql", description="Where the endpoint is.")
    graphql_client_id: str = Field(
        "kd1unb4b3q4t58fwlpcbzcbnm76a8fp", min_length=1, description="Client id of Twitch's web page."
    )
    graphql_query_hash: str = Field(
        "b70a3591ff0f4e0313d126c6a1502d79a1c02baebb288227c582044aa76adf6a",
        pattern=r"^[0-9a-f]{64}$",
        description="SHA-256 of its query VideoCommentsByOffsetOrCursor.",
    )
    cli_path: Place = Field(Path("TwitchDownloaderCLI"), description="TwitchDownloaderCLI, where it fetches chat.")
    cli_timeout: int = Field(3600, ge=1, description="Seconds that TwitchDownloaderCLI may take for one VOD.")
    cli_output_limit: Size = Field("4GB", description="How large the file may grow that it writes for one VOD.")
    files_dir: Place = Field(Path("vod_chat"), description="Folder of the files of chat_source file.")
    queue_url: Secret | None = Field(
        None,
        description="Database of the queue, postgresql://user:password@host/name or sqlite:///path. Not set: "
        "vod_queue.db in DAGSTER_HOME.",
    )

    @property
    def cli_output_limit_bytes(self) -> int:
        """The limit in bytes."""
        return size_bytes(self.cli_output_limit)
