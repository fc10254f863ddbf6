"""The hourly roster through Dagster, against the sandbox's Helix."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from vieweratlas_assets.defs.build import build_defs
from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.days import hour_key
from vieweratlas_assets.domain.schemas import CHANNEL_ROSTER
from vieweratlas_assets.sandbox.clock import SandboxClock
from vieweratlas_assets.sandbox.helix import SandboxHelix
from vieweratlas_assets.sandbox.planted_presence import live_streams
from vieweratlas_assets.sandbox.server import SandboxServer
from vieweratlas_assets.sandbox.world import build_world
from vieweratlas_assets.sandbox.world_spec import WorldSpec
from vieweratlas_assets.settings import Settings, resolve_settings
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_tests.clients.twitch import EVENING, SECRET
from vieweratlas_tests.dagster_results import metadata_values, step_failure
from vieweratlas_tests.lake_factories import away_from_the_hour_s_end, put_roster


class Live:
    """A sandbox in the evening, with channels that are live and quiet, and a lake."""

    def __init__(self, url: str, live: list[str], quiet: list[str], folder: Path) -> None:
        self.url, self.live, self.quiet, self.folder = url, live, quiet, folder
        self.store = LocalStore(folder / "lake")

    def settings(self, **environment: str) -> Settings:
        sandbox = {
            "VIEWERATLAS_ROOT": str(self.folder / "lake"),
            "VIEWERATLAS_TWITCH__HELIX_URL": f"{self.url}/helix",
            "VIEWERATLAS_TWITCH__ID_URL": f"{self.url}/oauth2",
            "TWITCH_CLIENT_ID": "sandbox",
            "TWITCH_CLIENT_SECRET": SECRET,
        }
        return resolve_settings(environment=sandbox | environment).settings

    def take(self, **environment: str) -> dg.ExecuteInProcessResult:
        """Materialize the roster of the running hour."""
        return self.take_hour(away_from_the_hour_s_end(), **environment)

    def take_hour(self, hour: dt.datetime, **environment: str) -> dg.ExecuteInProcessResult:
        """Materialize the roster of an hour."""
        job = build_defs(self.settings(**environment)).resolve_job_def("roster")
        with dg.DagsterInstance.ephemeral() as instance:
            return job.execute_in_process(
                partition_key=hour_key(hour.date(), hour.hour), instance=instance, raise_on_error=False
            )

    def roster(self) -> pl.DataFrame:
        [key] = self.store.list_files("curated/channel_roster/")
        return self.store.download_parquet(key, CHANNEL_ROSTER)


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    # The same evening at any hour of the test: at night few streams are live.
    world = build_world(WorldSpec(channels=300, viewers=3_000, days=3))
    clock = SandboxClock(EVENING, seconds=lambda: 0.0)
    helix = SandboxHelix(world, clock, client_id="sandbox", client_secret=SECRET)
    channels = live_streams(world, EVENING)["channel"].to_list()
    with SandboxServer(helix).running() as server:
        yield Live(server.url, channels, sorted(set(world.channels["channel"]) - set(channels)), tmp_path)


def test_the_roster_has_the_largest_and_the_watched_channels(live: Live) -> None:
    (live.folder / "mine.txt").write_text(f"# mine\n{live.live[-1]}\n{live.quiet[0].upper()}\n")
    watched = {"TWITCH_CHANNELS": live.live[-2], "CHANNELS_FILE": str(live.folder / "mine.txt")}
    result = live.take(VIEWERATLAS_COLLECTION__TOP_CHANNELS_LIMIT="5", **watched)
    assert result.success
    assert set(live.roster()["channel"]) == {*live.live[:5], *live.live[-2:]}
    [event] = result.asset_materializations_for_node("channel_roster")
    figures = metadata_values(event.metadata)
    assert (figures["top_channels"], figures["watched"], figures["watched_live"]) == (5, 3, 2)
    assert figures["dagster/row_count"] == 7


def test_an_hour_that_is_over_keeps_its_roster_and_gets_no_other(live: Live) -> None:
    day = dt.date(2026, 3, 10)
    noon = dt.datetime.combine(day, dt.time(12), dt.UTC)
    result = live.take_hour(noon)
    assert not result.success
    failure = step_failure(result, "channel_roster")
    assert "Twitch reports only who is live now" in failure
    assert "VODs" in failure
    put_roster(live.store, day, {"ann": ("Chess", "en")})
    before = live.store.download_bytes(lake.channel_roster(day, 12))
    # The credentials are wrong: the step sends no request.
    assert live.take_hour(noon, TWITCH_CLIENT_SECRET="wrong").success
    assert live.store.download_bytes(lake.channel_roster(day, 12)) == before


def test_channels_that_opted_out_are_not_in_the_roster(live: Live) -> None:
    (live.folder / "out.txt").write_text(f"channel {live.live[0]}\n")
    assert live.take(VIEWERATLAS_PRIVACY__OPT_OUT_FILE=str(live.folder / "out.txt")).success
    assert set(live.roster()["channel"]) == set(live.live[1:])


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"TWITCH_CLIENT_SECRET": "wrong-4711"}, "check both"),
        ({"TWITCH_OAUTH_TOKEN": "oauth:gone-4711"}, "twitch.oauth_token"),
        ({"CHANNELS_FILE": "none.txt"}, "none.txt cannot be read"),
        ({"TWITCH_CHANNELS": "no login"}, "setting collection.channels: no login in line(s) 1"),
    ],
)
def test_a_wrong_setting_fails_with_its_name_and_without_the_secret(
    live: Live, environment: dict[str, str], message: str
) -> None:
    result = live.take(**environment)
    assert not result.success
    assert message in step_failure(result, "channel_roster")
    assert "4711" not in "".join(str(event) for event in result.all_events)
    assert not live.store.list_files()
