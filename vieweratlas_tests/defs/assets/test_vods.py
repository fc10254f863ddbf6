"""VODs through Dagster, against the sandbox: one day and a range of days."""

import datetime as dt
from concurrent.futures import ThreadPoolExecutor

import dagster as dg
import polars as pl
import pytest

from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.presence.vod_catalog import catalog_of
from vieweratlas_assets.domain.schemas import VOD_CATALOG
from vieweratlas_assets.vods.queue import QueuedVod
from vieweratlas_assets.vods.tables import State
from vieweratlas_assets.wiring import vod_discovery
from vieweratlas_assets.wiring.vod_workers import open_queue
from vieweratlas_tests.dagster_results import latest_metadata, metadata_values, step_failure
from vieweratlas_tests.defs.vod_runs import FIRST, LAST, fetch, states
from vieweratlas_tests.lake_factories import run
from vieweratlas_tests.vods.made_up import MadeUpTwitch


def test_one_run_fetches_a_range_of_days_and_pages_each_channel_once(twitch: MadeUpTwitch) -> None:
    result = fetch(twitch, FIRST, LAST)
    assert result.success
    vods = twitch.vods(FIRST, LAST)
    twitch.exact(vods)
    assert states(twitch) == {State.COMPLETED: vods.height}
    # A token, the ids of the logins, and one page per channel.
    assert twitch.helix.requests == 1 + 72
    by_day = vods.group_by(vods["started_at"].dt.date()).len().rows()
    events = {event.partition: event.metadata for event in result.asset_materializations_for_node("vod_presence")}
    completed = {day: metadata["vods_completed"].value for day, metadata in events.items()}
    assert completed == {str(day): count for day, count in by_day}
    for metadata in events.values():
        table = metadata["vods"]
        assert isinstance(table, dg.TableMetadataValue)
        comments = [record.data["comments"] for record in table.records]
        assert sum(int(str(count)) for count in comments) == metadata["comments"].value
    [check] = result.get_asset_check_evaluations()
    assert check.passed
    listed = twitch.store.download_parquet(lake.vod_catalog(FIRST), VOD_CATALOG)
    assert listed["stream_id"].null_count() == listed["duration_s"].null_count() == 0


def test_existing_vods_are_not_fetched_again_and_a_deleted_vod_stays_in_the_catalog(twitch: MadeUpTwitch) -> None:
    assert fetch(twitch, FIRST).success
    requests = twitch.vod_chat.requests
    listed = twitch.store.download_parquet(lake.vod_catalog(FIRST), VOD_CATALOG)
    one = listed.row(0, named=True)
    twitch.helix.deleted.add(one["vod_id"])
    assert fetch(twitch, FIRST).success
    assert twitch.vod_chat.requests == requests
    assert twitch.store.download_parquet(lake.vod_catalog(FIRST), VOD_CATALOG).equals(listed)


@pytest.mark.slow
@pytest.mark.long
def test_a_vod_that_fails_is_reported_and_the_others_are_completed(twitch: MadeUpTwitch) -> None:
    vods = twitch.vods(FIRST)
    twitch.vod_chat.faults.deleted.add(vods["vod_id"][5])
    twitch.vod_chat.faults.statuses.extend([503] * 6)
    result = fetch(twitch, FIRST, VIEWERATLAS_VOD__DOWNLOADS_AT_ONCE="1")
    assert result.success
    assert states(twitch) == {State.COMPLETED: vods.height - 2, State.SKIPPED: 1, State.PENDING: 1}
    [event] = result.asset_materializations_for_node("vod_presence")
    metadata = metadata_values(event.metadata)
    assert metadata["vods_pending"] == 1
    assert metadata["vods_completed"] == vods.height - 2
    [check] = result.get_asset_check_evaluations()
    assert not check.passed
    assert check.severity == dg.AssetCheckSeverity.WARN


def test_a_wrong_setting_fails_the_run_and_costs_no_attempt(twitch: MadeUpTwitch) -> None:
    result = fetch(twitch, FIRST, VIEWERATLAS_VOD__GRAPHQL_QUERY_HASH="0" * 64)
    assert not result.success
    assert "vod.graphql_query_hash" in step_failure(result, "vod_presence")
    assert states(twitch) == {State.PENDING: twitch.vods(FIRST).height}
    limited = {"VIEWERATLAS_VOD__REQUESTS_A_DAY": "60", "VIEWERATLAS_VOD__DOWNLOADS_AT_ONCE": "1"}
    with dg.DagsterInstance.ephemeral() as instance:
        result = run(twitch.settings(**limited), "vods", FIRST, instance=instance)
        metadata = latest_metadata(instance, "vod_presence")
    assert "vod.requests_a_day" in step_failure(result, "vod_presence")
    done = states(twitch)[State.COMPLETED]
    assert 0 < done < twitch.vods(FIRST).height
    assert metadata["vods_completed"] == done
    assert fetch(twitch, FIRST, VIEWERATLAS_VOD__REQUESTS_A_DAY="100000").success
    twitch.exact(twitch.vods(FIRST))


def test_imported_vods_are_completed_in_the_queue(twitch: MadeUpTwitch) -> None:
    assert fetch(twitch, FIRST).success
    requests = twitch.vod_chat.requests
    elsewhere = f"sqlite:///{twitch.folder}/other.db"
    assert fetch(twitch, FIRST, VIEWERATLAS_VOD__QUEUE_URL=elsewhere).success
    with open_queue(twitch.settings(VIEWERATLAS_VOD__QUEUE_URL=elsewhere)) as queue:
        assert queue.counts() == {FIRST: {State.COMPLETED: twitch.vods(FIRST).height}}
    assert twitch.vod_chat.requests == requests


def test_a_renamed_channel_keeps_the_login_and_the_day_of_its_stored_presence(twitch: MadeUpTwitch) -> None:
    vod = twitch.vods(FIRST).row(0, named=True)
    with open_queue(twitch.settings()) as queue:
        queue.add([QueuedVod(vod["vod_id"], "older_name", vod["started_at"] - dt.timedelta(days=1))])
    assert fetch(twitch, FIRST - dt.timedelta(days=1), TWITCH_CHANNELS=vod["channel"]).success
    listed = twitch.store.download_parquet(lake.vod_catalog(FIRST - dt.timedelta(days=1)), VOD_CATALOG)
    row = listed.row(by_predicate=pl.col("vod_id") == vod["vod_id"], named=True)
    assert row["channel"] == "older_name"
    assert row["duration_s"] == vod["duration_s"]
    assert twitch.store.exists(lake.vod_presence("older_name", vod["vod_id"]))


def test_several_writers_of_a_catalog_lose_no_row(twitch: MadeUpTwitch) -> None:
    catalog = catalog_of(
        [
            {"id": str(n), "user_id": "1", "user_login": "ann", "type": "archive", "created_at": f"{FIRST}T00:00:00Z"}
            for n in range(40)
        ],
        dt.datetime.now(dt.UTC),
    )

    def add(number: int) -> None:
        with open_queue(twitch.settings()) as queue:
            vod_discovery.add_to_catalogs(queue, twitch.store, [catalog[number : number + 1]], [FIRST])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(40)))
    assert twitch.store.download_parquet(lake.vod_catalog(FIRST), VOD_CATALOG).height == 40
