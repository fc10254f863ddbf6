"""Live chat of the running hour through Dagster, from the sandbox's chat."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from vieweratlas_assets.defs.build import build_defs
from vieweratlas_assets.domain.days import hour_key
from vieweratlas_assets.domain.presence.coverage import chat_coverage_of
from vieweratlas_assets.sandbox.clock import SandboxClock
from vieweratlas_assets.sandbox.helix import SandboxHelix
from vieweratlas_assets.sandbox.irc import SandboxChat
from vieweratlas_assets.sandbox.server import SandboxServer
from vieweratlas_assets.sandbox.world import build_world
from vieweratlas_assets.settings import resolve_settings
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_assets.storage.raw_snapshots import find_raw_day, read_raw_hours
from vieweratlas_tests.clients.chatting import SMALL, SteadyFeed, numbered
from vieweratlas_tests.clients.twitch import SECRET
from vieweratlas_tests.dagster_results import metadata_values, step_failure
from vieweratlas_tests.lake_factories import away_from_the_hour_s_end, put_raw

NOON = dt.datetime(2026, 3, 10, 12, tzinfo=dt.UTC)
CHANNELS = ["channel_0000", "channel_0001", "channel_0002"]


class Talking:
    """A sandbox in which three channels talk, and a lake."""

    def __init__(self, server: SandboxServer, folder: Path) -> None:
        self.server, self.folder = server, folder
        self.store = LocalStore(folder / "lake")

    def run(self, hour: dt.datetime, **environment: str) -> dg.ExecuteInProcessResult:
        """Collect an hour for three seconds."""
        sandbox = {
            "VIEWERATLAS_ROOT": str(self.folder / "lake"),
            "VIEWERATLAS_TWITCH__CHAT_URL": self.server.chat_url,
            "VIEWERATLAS_COLLECTION__SPOOL_DIR": str(self.folder / "spool"),
            "TWITCH_CHANNELS": ",".join(CHANNELS),
        }
        settings = resolve_settings(environment=sandbox | environment).settings
        job = build_defs(settings).resolve_job_def("collection")
        with dg.DagsterInstance.ephemeral() as instance:
            return job.execute_in_process(
                partition_key=hour_key(hour.date(), hour.hour),
                instance=instance,
                raise_on_error=False,
                run_config={"ops": {"raw_snapshots": {"config": {"collection_minutes": 0.05}}}},
            )

    def raw(self, day: dt.date) -> pl.DataFrame:
        return pl.concat([hour.rows for hour in read_raw_hours(self.store, find_raw_day(self.store, day))])


@pytest.fixture
def talking(tmp_path: Path) -> Iterator[Talking]:
    clock = SandboxClock(dt.datetime.now(dt.UTC))
    helix = SandboxHelix(build_world(SMALL), clock, client_id="sandbox", client_secret=SECRET)
    chat = SandboxChat(SteadyFeed(numbered(3)), clock, knows=helix.knows)
    with SandboxServer(helix, chat).running() as server:
        yield Talking(server, tmp_path)


def test_the_running_hour_is_collected_for_some_minutes(talking: Talking) -> None:
    now = away_from_the_hour_s_end()
    result = talking.run(now)
    assert result.success
    coverage = chat_coverage_of(talking.raw(now.date()))
    assert set(coverage["channel"]) == set(CHANNELS)
    assert coverage["messages"].sum() > 30
    [event] = result.asset_materializations_for_node("raw_snapshots")
    metadata = metadata_values(event.metadata)
    assert metadata["messages"] == coverage["messages"].sum()
    assert metadata["origins"] == ["collector"]
    assert metadata["dagster/row_count"] == coverage.height
    assert metadata["channels"] == 3
    assert 0 < metadata["coverage"] < 1
    assert metadata["dagster/uri"].endswith(f"raw/snapshots/{now:%Y/%m/%d/%H}")
    # A later run adds to the hour, also when its messages look the same.
    assert talking.run(away_from_the_hour_s_end()).success
    assert chat_coverage_of(talking.raw(now.date()))["messages"].sum() > coverage["messages"].sum()


def test_an_hour_that_is_over_is_not_collected_and_the_message_names_the_vods(talking: Talking) -> None:
    result = talking.run(NOON)
    assert not result.success
    failure = step_failure(result, "raw_snapshots")
    assert "nobody collected chat in this hour" in failure
    assert "vod_presence" in failure
    put_raw(talking.store, NOON, {"ann": [["bob"]]})
    result = talking.run(NOON)
    assert result.success
    [event] = result.asset_materializations_for_node("raw_snapshots")
    assert event.metadata["chatters"].value == 1


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"TWITCH_CHANNELS": ""}, "no channel to watch"),
        ({"TWITCH_CHANNELS": "no login"}, "setting collection.channels: no login in line(s) 1"),
        ({"VIEWERATLAS_COLLECTION__CHAT_ACCOUNT": "token"}, "set TWITCH_OAUTH_TOKEN"),
    ],
)
def test_a_wrong_setting_fails_with_its_name(talking: Talking, environment: dict[str, str], message: str) -> None:
    result = talking.run(away_from_the_hour_s_end(), **environment)
    assert not result.success
    assert message in step_failure(result, "raw_snapshots")
