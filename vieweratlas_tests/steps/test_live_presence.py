"""Live presence: built from raw hours, kept on days without them, and never less than the earlier presence."""

import datetime as dt

import dagster as dg
import polars as pl

from vieweratlas_assets.defs.build import build_defs
from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.presence.names import PLAIN
from vieweratlas_assets.domain.schemas import CHANNEL_AUDIENCE, PRESENCE
from vieweratlas_assets.steps.freshness import is_live_presence_current
from vieweratlas_assets.storage.day_files import days_with_presence
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_assets.storage.sealed import SealedPartitions
from vieweratlas_tests.dagster_results import check_results, latest_metadata, step_failure
from vieweratlas_tests.lake_factories import DAY, at, put_live, put_raw, run, settings_for, two_groups
from vieweratlas_tests.sealed_records import sealed_record, sealed_table

NEXT = DAY + dt.timedelta(days=1)


def build(
    store: LocalStore, instance: dg.DagsterInstance, first: dt.date = DAY, last: dt.date | None = None
) -> dg.ExecuteInProcessResult:
    return run(settings_for(store.root), "live", first, last, instance=instance)


def stored_chat(store: LocalStore, day: dt.date = DAY) -> dict[tuple[str, str], list[str]]:
    """Chatters by channel and minute."""
    rows = store.download_parquet(lake.live_presence(day), PRESENCE)
    minute = pl.col("bucket_start").dt.strftime("%H:%M")
    return {
        (channel, time): chatters for channel, time, chatters in rows.select("channel", minute, "chatters").rows()
    }


def contents(store: LocalStore) -> dict[str, bytes]:
    return {key: store.download_bytes(key) for key in store.list_files()}


def test_a_day_is_built_from_the_hours_of_all_collectors(store: LocalStore, instance: dg.DagsterInstance) -> None:
    put_raw(store, at(0), {"a": [["ann"], []]}, stream_id="7", coverage_s=60)
    put_raw(store, at(0), {"a": [["bob", "ann"]], "b": [["cid"]]}, name="collector-2", coverage_s=30)
    put_raw(store, at(23), {"a": [["dan"]]})
    put_raw(store, at(0, day=NEXT), {"a": [["eve"]]})

    result = build(store, instance)

    assert result.success
    assert stored_chat(store) == {
        ("a", "00:00"): ["ann", "bob"],
        ("a", "00:01"): [],
        ("b", "00:00"): ["cid"],
        ("a", "23:00"): ["dan"],
    }
    rows = store.download_parquet(lake.live_presence(DAY), PRESENCE)
    assert rows["content_id"].to_list() == ["live:7", "live:7", "live:unknown", "live:unknown"]
    assert list(sealed_record(SealedPartitions(store), "live_presence", DAY).files) == [lake.live_presence(DAY)]
    assert store.exists(f"curated/presence_snapshots/source=live/date={DAY}/_live_presence.json")
    assert check_results(result, "live_presence") == {
        "schema": True,
        "has_live_presence": True,
        "raw_readable": True,
        "coverage": True,
        "gaps": True,
    }
    metadata = latest_metadata(instance, "live_presence")
    assert (metadata["dagster/row_count"], metadata["channels"]) == (4, 2)
    assert (metadata["hours_with_raw"], metadata["raw_rows"]) == (2, 5)
    # a was watched for two whole minutes, b for half a minute; the coverage of 23:00 is unknown.
    assert metadata["coverage"] == round(150 / 180, 4)
    assert metadata["beyond_raw"] == []
    assert not store.exists(lake.live_presence(NEXT))


def test_a_day_with_little_coverage_warns(store: LocalStore, instance: dg.DagsterInstance) -> None:
    put_raw(store, at(5), {"a": [["ann"]]}, coverage_s=40)
    result = build(store, instance)
    assert result.success
    assert check_results(result, "live_presence")["coverage"] is False


def test_the_same_raw_hours_give_the_same_bytes(store: LocalStore, instance: dg.DagsterInstance) -> None:
    for hour in (3, 4, 20):
        put_raw(store, at(hour), {"a": [["ann"], ["bob"]], "b": [["cid"]]})
    build(store, instance)
    before = contents(store)
    build(store, instance)
    assert contents(store) == before


def test_a_range_of_days_is_built_in_one_run(store: LocalStore, instance: dg.DagsterInstance) -> None:
    days = [DAY + dt.timedelta(days=number) for number in range(3)]
    for day in (days[0], days[2]):
        put_raw(store, at(5, day=day), {"a": [[f"viewer{day.day}"]]})
    assert build(store, instance, days[0], days[2]).success
    assert [store.exists(lake.live_presence(day)) for day in days] == [True, False, True]
    assert stored_chat(store, days[2]) == {("a", "05:00"): [f"viewer{days[2].day}"]}


def test_presence_without_raw_hours_stays_unchanged_and_the_metadata_says_why(
    store: LocalStore, instance: dg.DagsterInstance
) -> None:
    put_live(store, DAY, two_groups())
    before = contents(store)

    result = build(store, instance)

    assert result.success
    assert contents(store) == before
    assert check_results(result, "live_presence") == {
        "schema": True,
        "has_live_presence": True,
        "raw_readable": True,
        "coverage": True,
        "gaps": True,
    }
    metadata = latest_metadata(instance, "live_presence")
    assert metadata["not_sealed"] == "the day has no raw snapshots, so its presence stays as it is"
    assert metadata["rows"] == 8


def test_presence_whose_raw_hours_were_pruned_stays_unchanged(
    store: LocalStore, instance: dg.DagsterInstance
) -> None:
    keys = [put_raw(store, at(hour), {"a": [["ann"]]}) for hour in (3, 4)]
    build(store, instance)
    for key in keys:
        store.delete(key)
    before = contents(store)

    assert build(store, instance).success
    assert contents(store) == before


def test_a_day_without_data_seals_nothing_and_warns(store: LocalStore, instance: dg.DagsterInstance) -> None:
    result = build(store, instance)

    assert result.success
    assert store.list_files() == []
    assert days_with_presence(store) == []
    assert check_results(result, "live_presence")["has_live_presence"] is False
    assert (
        latest_metadata(instance, "live_presence")["not_sealed"]
        == "the day has neither raw snapshots nor live presence"
    )


def test_new_raw_hours_do_not_remove_the_presence_of_pruned_ones(
    store: LocalStore, instance: dg.DagsterInstance
) -> None:
    gone = put_raw(store, at(3), {"a": [["ann"], ["bob"]]}, name="import-live-1")
    put_raw(store, at(4), {"a": [["cid"]]})
    build(store, instance)
    store.delete(gone)
    put_raw(store, at(3), {"a": [["dan"]], "b": [["eve"]]}, name="import-live-2")
    expected = {
        ("a", "03:00"): ["ann", "dan"],
        ("a", "03:01"): ["bob"],
        ("a", "04:00"): ["cid"],
        ("b", "03:00"): ["eve"],
    }

    for _ in range(2):  # the second build still knows which hours have presence beyond their raw rows
        assert build(store, instance).success
        assert stored_chat(store) == expected
        assert latest_metadata(instance, "live_presence")["beyond_raw"] == ["03:00"]


def test_hours_without_raw_snapshots_stay_next_to_new_hours(store: LocalStore, instance: dg.DagsterInstance) -> None:
    gone = put_raw(store, at(3), {"a": [["ann"]]})
    build(store, instance)
    store.delete(gone)
    put_raw(store, at(5), {"b": [["bob"]]})
    for _ in range(2):
        assert build(store, instance).success
        assert stored_chat(store) == {("a", "03:00"): ["ann"], ("b", "05:00"): ["bob"]}
        assert latest_metadata(instance, "live_presence")["beyond_raw"] == ["03:00"]


def test_a_correction_of_raw_hours_corrects_the_presence(store: LocalStore, instance: dg.DagsterInstance) -> None:
    put_raw(store, at(3), {"a": [["ann"], ["wrong"]]})
    build(store, instance)
    put_raw(store, at(3), {"a": [["ann"]]})
    build(store, instance)
    assert stored_chat(store) == {("a", "03:00"): ["ann"]}


def test_presence_from_elsewhere_is_joined_with_the_presence_of_raw_hours(
    store: LocalStore, instance: dg.DagsterInstance
) -> None:
    put_live(store, DAY, {"a": [["ann"], ["bob"]]})
    put_raw(store, at(0), {"a": [["cid"]]})
    for _ in range(2):
        assert build(store, instance).success
        assert stored_chat(store) == {("a", "00:00"): ["ann", "cid"], ("a", "00:01"): ["bob"]}


def test_a_lost_record_is_rebuilt_with_the_same_bytes(store: LocalStore, instance: dg.DagsterInstance) -> None:
    put_raw(store, at(3), {"a": [["ann"]]})
    build(store, instance)
    before = contents(store)
    store.delete(lake.partition_record("live_presence", DAY))
    build(store, instance)
    assert contents(store) == before


def test_a_broken_raw_object_is_named_and_the_others_are_used(
    store: LocalStore, instance: dg.DagsterInstance
) -> None:
    put_raw(store, at(3), {"a": [["ann"]]})
    broken = put_raw(store, at(3), {"a": [["bob"]]}, name="collector-2")
    store.upload_bytes(broken, store.download_bytes(broken)[:50])

    result = build(store, instance)

    assert result.success
    assert check_results(result, "live_presence")["raw_readable"] is False
    assert stored_chat(store) == {("a", "03:00"): ["ann"]}
    (rejected,) = latest_metadata(instance, "live_presence")["rejected_files"]
    assert rejected["file"] == broken
    assert "cut off after 50 bytes" in rejected["reason"]


def test_a_raw_object_that_breaks_later_removes_no_presence(store: LocalStore, instance: dg.DagsterInstance) -> None:
    put_raw(store, at(3), {"a": [["ann"]]})
    broken = put_raw(store, at(4), {"a": [["bob"]]})
    build(store, instance)
    store.upload_bytes(broken, b"PAR1 broken")
    build(store, instance)
    assert stored_chat(store) == {("a", "03:00"): ["ann"], ("a", "04:00"): ["bob"]}


def test_a_day_without_a_readable_raw_object_fails_and_keeps_its_presence(
    store: LocalStore, instance: dg.DagsterInstance
) -> None:
    key = put_raw(store, at(3), {"a": [["ann"]]})
    put_raw(store, at(3, day=NEXT), {"a": [["bob"]]})
    build(store, instance, DAY, NEXT)
    store.upload_bytes(key, b"PAR1 broken")
    before = contents(store)

    result = build(store, instance, DAY, NEXT)

    assert not result.success
    assert f"{DAY}: none of the 1 raw object(s) of {DAY} can be read" in step_failure(result, "live_presence")
    assert contents(store) == before


def test_broken_presence_is_rebuilt_from_raw_hours(store: LocalStore, instance: dg.DagsterInstance) -> None:
    put_raw(store, at(3), {"a": [["ann"]]})
    store.upload_bytes(lake.live_presence(DAY), b"PAR1 broken")
    store.upload_bytes(lake.partition_record("live_presence", DAY), b"{")
    assert build(store, instance).success
    assert stored_chat(store) == {("a", "03:00"): ["ann"]}
    assert is_live_presence_current(SealedPartitions(store), PLAIN, DAY)


def test_the_daily_job_builds_the_audience_from_raw_hours(store: LocalStore, instance: dg.DagsterInstance) -> None:
    put_raw(store, at(3), two_groups())
    assets = ("live_presence", "channel_audience")
    assert run(settings_for(store.root), "daily_atlas", DAY, instance=instance, assets=assets).success
    audience = sealed_table(SealedPartitions(store), "channel_audience", DAY, CHANNEL_AUDIENCE)
    assert audience["viewer"].n_unique() == 16


def test_live_presence_follows_raw_hours_also_on_days_before_the_first_hour() -> None:
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
