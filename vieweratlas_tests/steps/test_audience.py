"""The audience of a day, through Dagster: files that cannot be read, days without presence, VODs, empty channels."""

import datetime as dt
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.presence.names import PLAIN
from vieweratlas_assets.domain.presence.records import complete_vod_presence
from vieweratlas_assets.domain.schemas import (
    CHANNEL_ACTIVITY,
    CHANNEL_AUDIENCE,
    COMMUNITIES,
    PRESENCE,
    VOD_CATALOG,
)
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_tests.dagster_results import check_results, step_failure
from vieweratlas_tests.lake_factories import (
    DAY,
    TABLES,
    live_rows,
    put_live,
    put_roster,
    run,
    settings_for,
    two_groups,
)
from vieweratlas_tests.sealed_records import stored_table

NEXT = DAY + dt.timedelta(days=1)


def test_a_day_without_presence_is_an_empty_audience_and_a_warning(
    store: LocalStore, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    put_live(store, DAY, two_groups())
    settings = settings_for(tmp_path)
    assert run(settings, "daily_atlas", DAY, instance=instance, assets=TABLES).success
    before = {key: store.download_bytes(key) for key in store.list_files(f"atlas/date={DAY}/")}
    result = run(settings, "daily_atlas", NEXT, instance=instance, assets=TABLES)
    assert result.success
    assert stored_table(store, "channel_audience", NEXT, CHANNEL_AUDIENCE).is_empty()
    assert check_results(result, "channel_audience") == {
        "schema": True,
        "has_presence": False,
        "files_readable": True,
    }
    assert before == {key: store.download_bytes(key) for key in store.list_files(f"atlas/date={DAY}/")}


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (b"", "empty"),
        (b"PAR1 and then nothing", "cut off"),
        (b"channel,viewer\na,b\n", "not a Parquet file"),
    ],
)
def test_a_broken_file_is_named_and_the_rest_is_read(
    store: LocalStore, tmp_path: Path, instance: dg.DagsterInstance, broken: bytes, reason: str
) -> None:
    put_live(store, DAY, two_groups())
    put_roster(store, DAY, {"a1": ("Chess", "en")})
    store.upload_bytes(lake.channel_roster(DAY, 13), broken)
    result = run(settings_for(tmp_path), "audience", DAY, instance=instance)
    assert result.success
    assert check_results(result, "channel_audience")["files_readable"] is False
    report = store.download_json(lake.atlas_file(DAY, "quality_report.json"))
    assert report["total_unique_viewers"] == 16
    assert [item["file"] for item in report["rejected_files"]] == [lake.channel_roster(DAY, 13)]
    assert reason in report["rejected_files"][0]["reason"]


def test_a_day_without_a_readable_file_fails_and_keeps_its_earlier_files(
    store: LocalStore, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    put_live(store, DAY, two_groups())
    settings = settings_for(tmp_path)
    assert run(settings, "daily_atlas", DAY, instance=instance, assets=TABLES).success
    before = {key: store.download_bytes(key) for key in store.list_files(suffix="")}
    whole = store.download_bytes(lake.live_presence(DAY))
    store.upload_bytes(lake.live_presence(DAY), whole[: len(whole) // 2])
    result = run(settings, "daily_atlas", DAY, instance=instance, assets=TABLES)
    assert not result.success
    failure = step_failure(result, "channel_audience")
    assert "none of the 1 file(s)" in failure
    assert "cut off" in failure
    assert "part-0000.parquet" in failure
    after = {key: store.download_bytes(key) for key in store.list_files(suffix="")}
    assert {key for key in before if before[key] != after[key]} == {lake.live_presence(DAY)}


def test_a_presence_file_with_wrong_columns_is_named(
    store: LocalStore, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    put_live(store, DAY, two_groups())
    frame = live_rows(DAY, two_groups()).drop("chatters")
    frame.write_parquet(tmp_path / lake.live_presence(DAY))
    result = run(settings_for(tmp_path), "audience", DAY, instance=instance)
    assert "missing column chatters" in step_failure(result, "channel_audience")


def test_one_channel_and_a_channel_without_viewers(
    store: LocalStore, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    put_live(store, DAY, {"alone": [["v1"]], "silent": [[], []]})
    settings = settings_for(tmp_path, min_channel_viewers=0)
    result = run(settings, "daily_atlas", DAY, instance=instance, assets=TABLES)
    assert result.success
    activity = stored_table(store, "channel_audience", DAY, CHANNEL_ACTIVITY)
    assert dict(activity.select("channel", "viewers").iter_rows()) == {"alone": 1, "silent": 0}
    assert stored_table(store, "communities", DAY, COMMUNITIES)["community"].to_list() == [None, None]
    assert check_results(result, "overlap_graph")["has_edges"] is False


def test_a_vod_counts_whole_on_the_day_it_was_created(
    store: LocalStore, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    created = dt.datetime.combine(DAY, dt.time(23, 59), dt.UTC)
    rows = pl.DataFrame(
        {"channel": "c", "content_id": "vod:7", "offset_s": [0, 60, 120], "chatters": [["v1"], ["v1", "v2"], ["v3"]]}
    )
    store.upload_parquet(
        lake.vod_presence("c", "7"), complete_vod_presence(rows, created_at=created, names=PLAIN), PRESENCE
    )
    catalog = pl.DataFrame([{"channel": "c", "vod_id": "7", "created_at": created}], schema=VOD_CATALOG.schema)
    store.upload_parquet(lake.vod_catalog(DAY), catalog, VOD_CATALOG)
    assert run(settings_for(tmp_path), "audience", DAY, NEXT, instance=instance).success
    audience = stored_table(store, "channel_audience", DAY, CHANNEL_AUDIENCE)
    assert dict(audience.select("viewer", "buckets").iter_rows()) == {"v1": 2, "v2": 1, "v3": 1}
    assert stored_table(store, "channel_audience", NEXT, CHANNEL_AUDIENCE).is_empty()
