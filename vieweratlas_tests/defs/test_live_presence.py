"""The asset `live_presence`: made of raw hours, kept where there are none, never less than what was known."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from vieweratlas_assets.defs.build import build_defs
from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.presence.names import PLAIN
from vieweratlas_assets.domain.schemas import CHANNEL_AUDIENCE, PRESENCE
from vieweratlas_assets.steps.freshness import is_live_presence_current
from vieweratlas_assets.storage.day_files import days_with_presence
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_assets.storage.sealed import SealedPartitions
from vieweratlas_tests.lake_factories import DAY, at, put_live, put_raw, run, settings_for, two_groups

NEXT = DAY + dt.timedelta(days=1)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path)


def make(store: LocalStore, instance: dg.DagsterInstance, first: dt.date = DAY, last: dt.date | None = None):
    return run(settings_for(store.root), "live", first, last, instance=instance)


def chat_of(store: LocalStore, day: dt.date = DAY) -> dict[tuple[str, str], list[str]]:
    """Who wrote, by channel and clock."""
    rows = store.download_parquet(lake.live_presence(day), PRESENCE)
    clock = pl.col("bucket_start").dt.strftime("%H:%M")
    return {(channel, time): chatters for channel, time, chatters in rows.select("channel", clock, "chatters").rows()}


def checks_of(result: dg.ExecuteInProcessResult) -> dict[str, bool]:
    found = result.get_asset_check_evaluations()
    return {each.check_name: each.passed for each in found if each.asset_key == dg.AssetKey("live_presence")}


def metadata_of(instance: dg.DagsterInstance) -> dict[str, Any]:
    event = instance.get_latest_materialization_event(dg.AssetKey("live_presence"))
    assert event is not None
    assert event.asset_materialization is not None
    return {name: value.value for name, value in event.asset_materialization.metadata.items()}


def contents(store: LocalStore) -> dict[str, bytes]:
    return {key: store.download_bytes(key) for key in store.list_files()}


def test_a_day_is_made_of_the_hours_of_all_collectors(store: LocalStore, instance: dg.DagsterInstance) -> None:
    put_raw(store, at(0), {"a": [["ann"], []]}, stream_id="7", coverage_s=60)
    put_raw(store, at(0), {"a": [["bob", "ann"]], "b": [["cid"]]}, name="collector-2", coverage_s=30)
    put_raw(store, at(23), {"a": [["dan"]]})
    put_raw(store, at(0, day=NEXT), {"a": [["eve"]]})

    result = make(store, instance)

    assert result.success
    assert chat_of(store) == {
        ("a", "00:00"): ["ann", "bob"],
        ("a", "00:01"): [],
        ("b", "00:00"): ["cid"],
        ("a", "23:00"): ["dan"],
    }
    rows = store.download_parquet(lake.live_presence(DAY), PRESENCE)
    assert rows["content_id"].to_list() == ["live:7", "live:7", "live:unknown", "live:unknown"]
    record = SealedPartitions(store).record("live_presence", DAY)
    assert record is not None
    assert list(record.files) == [lake.live_presence(DAY)]
    assert store.exists(f"curated/presence_snapshots/source=live/date={DAY}/_live_presence.json")
    assert checks_of(result) == {
        "schema": True,
        "has_live_presence": True,
        "raw_readable": True,
        "coverage": True,
        "gaps": True,
    }
    told = metadata_of(instance)
    assert (told["dagster/row_count"], told["channels"], told["hours_with_raw"], told["raw_rows"]) == (4, 2, 2, 5)
    # a was watched for two whole minutes, b for half of one; of 23:00 nobody knows.
    assert told["coverage"] == round(150 / 180, 4)
    assert told["beyond_raw"] == []
    assert not store.exists(lake.live_presence(NEXT))


def test_a_day_that_was_watched_too_little_is_told(store: LocalStore, instance: dg.DagsterInstance) -> None:
    put_raw(store, at(5), {"a": [["ann"]]}, coverage_s=40)
    result = make(store, instance)
    assert result.success
    assert checks_of(result)["coverage"] is False


def test_the_same_raw_hours_make_the_same_bytes(store: LocalStore, instance: dg.DagsterInstance) -> None:
    for hour in (3, 4, 20):
        put_raw(store, at(hour), {"a": [["ann"], ["bob"]], "b": [["cid"]]})
    make(store, instance)
    before = contents(store)
    make(store, instance)
    assert contents(store) == before


def test_a_range_makes_each_day_in_one_run(store: LocalStore, instance: dg.DagsterInstance) -> None:
    days = [DAY + dt.timedelta(days=number) for number in range(3)]
    for day in (days[0], days[2]):
        put_raw(store, at(5, day=day), {"a": [[f"viewer{day.day}"]]})
    assert make(store, instance, days[0], days[2]).success
    assert [store.exists(lake.live_presence(day)) for day in days] == [True, False, True]
    assert chat_of(store, days[2]) == {("a", "05:00"): [f"viewer{days[2].day}"]}


def test_presence_without_raw_hours_stays_as_it_is_and_says_why(
    store: LocalStore, instance: dg.DagsterInstance
) -> None:
    put_live(store, DAY, two_groups())
    before = contents(store)

    result = make(store, instance)

    assert result.success
    assert contents(store) == before
    assert checks_of(result) == {
        "schema": True,
        "has_live_presence": True,
        "raw_readable": True,
        "coverage": True,
        "gaps": True,
    }
    told = metadata_of(instance)
    assert told["not_sealed"] == "the day has no raw snapshots, so its presence stays as it is"
    assert told["rows"] == 8


def test_presence_whose_raw_hours_were_pruned_stays_as_it_was_sealed(
    store: LocalStore, instance: dg.DagsterInstance
) -> None:
    keys = [put_raw(store, at(hour), {"a": [["ann"]]}) for hour in (3, 4)]
    make(store, instance)
    for key in keys:
        store.delete(key)
    before = contents(store)

    assert make(store, instance).success
    assert contents(store) == before


def test_a_day_without_anything_seals_nothing_and_warns(store: LocalStore, instance: dg.DagsterInstance) -> None:
    result = make(store, instance)

    assert result.success
    assert store.list_files() == []
    assert days_with_presence(store) == []
    assert checks_of(result)["has_live_presence"] is False
    assert metadata_of(instance)["not_sealed"] == "the day has neither raw snapshots nor live presence"


def test_hours_that_come_after_others_were_pruned_do_not_take_them_along(
    store: LocalStore, instance: dg.DagsterInstance
) -> None:
    gone = put_raw(store, at(3), {"a": [["ann"], ["bob"]]}, name="import-live-1")
    put_raw(store, at(4), {"a": [["cid"]]})
    make(store, instance)
    store.delete(gone)
    put_raw(store, at(3), {"a": [["dan"]], "b": [["eve"]]}, name="import-live-2")
    expected = {
        ("a", "03:00"): ["ann", "dan"],
        ("a", "03:01"): ["bob"],
        ("a", "04:00"): ["cid"],
        ("b", "03:00"): ["eve"],
    }

    for _ in range(2):  # what lies beyond the raw hours is remembered
        assert make(store, instance).success
        assert chat_of(store) == expected
        assert metadata_of(instance)["beyond_raw"] == ["03:00"]


def test_hours_without_raw_snapshots_stand_beside_those_that_come(
    store: LocalStore, instance: dg.DagsterInstance
) -> None:
    gone = put_raw(store, at(3), {"a": [["ann"]]})
    make(store, instance)
    store.delete(gone)
    put_raw(store, at(5), {"b": [["bob"]]})
    for _ in range(2):
        assert make(store, instance).success
        assert chat_of(store) == {("a", "03:00"): ["ann"], ("b", "05:00"): ["bob"]}
        assert metadata_of(instance)["beyond_raw"] == ["03:00"]


def test_what_is_corrected_in_raw_hours_is_corrected_in_the_presence(
    store: LocalStore, instance: dg.DagsterInstance
) -> None:
    put_raw(store, at(3), {"a": [["ann"], ["wrong"]]})
    make(store, instance)
    put_raw(store, at(3), {"a": [["ann"]]})
    make(store, instance)
    assert chat_of(store) == {("a", "03:00"): ["ann"]}


def test_presence_that_somebody_else_wrote_is_joined_to_that_of_raw_hours(
    store: LocalStore, instance: dg.DagsterInstance
) -> None:
    put_live(store, DAY, {"a": [["ann"], ["bob"]]})
    put_raw(store, at(0), {"a": [["cid"]]})
    for _ in range(2):
        assert make(store, instance).success
        assert chat_of(store) == {("a", "00:00"): ["ann", "cid"], ("a", "00:01"): ["bob"]}


def test_a_seal_that_was_cut_off_is_made_again_without_a_trace(
    store: LocalStore, instance: dg.DagsterInstance
) -> None:
    put_raw(store, at(3), {"a": [["ann"]]})
    make(store, instance)
    before = contents(store)
    store.delete(lake.partition_record("live_presence", DAY))
    make(store, instance)
    assert contents(store) == before


def test_a_broken_raw_object_is_named_and_the_others_are_used(
    store: LocalStore, instance: dg.DagsterInstance
) -> None:
    put_raw(store, at(3), {"a": [["ann"]]})
    broken = put_raw(store, at(3), {"a": [["bob"]]}, name="collector-2")
    store.upload_bytes(broken, store.download_bytes(broken)[:50])

    result = make(store, instance)

    assert result.success
    assert checks_of(result)["raw_readable"] is False
    assert chat_of(store) == {("a", "03:00"): ["ann"]}
    (told,) = metadata_of(instance)["rejected_files"]
    assert told["file"] == broken
    assert "cut off after 50 bytes" in told["reason"]


def test_a_raw_object_that_breaks_later_takes_nothing_along(store: LocalStore, instance: dg.DagsterInstance) -> None:
    put_raw(store, at(3), {"a": [["ann"]]})
    broken = put_raw(store, at(4), {"a": [["bob"]]})
    make(store, instance)
    store.upload_bytes(broken, b"PAR1 broken")
    make(store, instance)
    assert chat_of(store) == {("a", "03:00"): ["ann"], ("a", "04:00"): ["bob"]}


def test_a_day_of_which_no_raw_object_can_be_read_fails_and_keeps_what_was_there(
    store: LocalStore, instance: dg.DagsterInstance
) -> None:
    key = put_raw(store, at(3), {"a": [["ann"]]})
    put_raw(store, at(3, day=NEXT), {"a": [["bob"]]})
    make(store, instance, DAY, NEXT)
    store.upload_bytes(key, b"PAR1 broken")
    before = contents(store)

    result = make(store, instance, DAY, NEXT)

    assert not result.success
    (failed,) = [event for event in result.all_events if event.is_step_failure]
    assert f"{DAY}: none of the 1 raw object(s) of {DAY} can be read" in str(failed.step_failure_data)
    assert contents(store) == before


def test_presence_that_is_broken_is_made_anew_where_there_are_raw_hours(
    store: LocalStore, instance: dg.DagsterInstance
) -> None:
    put_raw(store, at(3), {"a": [["ann"]]})
    store.upload_bytes(lake.live_presence(DAY), b"PAR1 broken")
    store.upload_bytes(lake.partition_record("live_presence", DAY), b"{")
    assert make(store, instance).success
    assert chat_of(store) == {("a", "03:00"): ["ann"]}
    assert is_live_presence_current(SealedPartitions(store), PLAIN, DAY)


def test_the_day_s_job_goes_from_raw_hours_to_the_audience(store: LocalStore, instance: dg.DagsterInstance) -> None:
    put_raw(store, at(3), two_groups())
    assert run(settings_for(store.root), "daily_atlas", DAY, instance=instance).success
    sealed = SealedPartitions(store)
    record = sealed.record("channel_audience", DAY)
    assert record is not None
    assert sealed.table(record, CHANNEL_AUDIENCE)["viewer"].n_unique() == 16


def test_presence_is_current_until_its_raw_hours_change(store: LocalStore, instance: dg.DagsterInstance) -> None:
    sealed = SealedPartitions(store)
    assert is_live_presence_current(sealed, PLAIN, DAY)
    put_live(store, DAY, two_groups())
    assert is_live_presence_current(sealed, PLAIN, DAY)
    put_raw(store, at(3), {"a": [["ann"]]})
    assert not is_live_presence_current(sealed, PLAIN, DAY)
    make(store, instance)
    assert is_live_presence_current(sealed, PLAIN, DAY)
    put_raw(store, at(3), {"a": [["ann"]]}, name="collector-2")
    assert not is_live_presence_current(sealed, PLAIN, DAY)


def test_raw_hours_lie_above_live_presence_also_before_hours_are_partitions() -> None:
    graph = build_defs(settings_for("./data")).resolve_asset_graph()
    hourly, daily = (graph.get(dg.AssetKey(name)).partitions_def for name in ("raw_snapshots", "live_presence"))
    assert isinstance(hourly, dg.HourlyPartitionsDefinition)
    assert isinstance(daily, dg.DailyPartitionsDefinition)
    assert graph.get(dg.AssetKey("live_presence")).parent_keys == {dg.AssetKey("raw_snapshots")}
    assert dg.AssetKey("live_presence") in graph.get(dg.AssetKey("channel_audience")).parent_keys
    mapping = graph.get_partition_mapping(dg.AssetKey("live_presence"), dg.AssetKey("raw_snapshots"))
    for day, count in (("2026-03-10", 24), ("2020-03-10", 0)):
        hours = mapping.get_upstream_mapped_partitions_result_for_partitions(
            daily.subset_with_partition_keys([day]), daily, hourly
        )
        assert len(hours.partitions_subset) == count
        assert not hours.required_but_nonexistent_subset
