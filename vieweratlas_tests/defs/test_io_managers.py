"""The lake's IO manager with a user's own assets: single days, ranges, windows."""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from vieweratlas_assets.defs.io_managers import LakeIOManager
from vieweratlas_assets.domain import lake
from vieweratlas_assets.storage.errors import MissingPartitionError
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_assets.storage.sealed import AssetDays, SealedPartitions
from vieweratlas_tests.lake_factories import DAY
from vieweratlas_tests.sealed_records import sealed_record

DAILY = dg.DailyPartitionsDefinition("2026-03-01")
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
DAYS = [DAY + dt.timedelta(days=n) for n in range(4)]
pytestmark = pytest.mark.filterwarnings("ignore::dagster.BetaWarning")


def day_frame(day: str) -> pl.DataFrame:
    return pl.DataFrame({"day": [day], "number": [int(day[-2:])]})


@dg.asset(partitions_def=DAILY, io_manager_key="lake", backfill_policy=dg.BackfillPolicy.single_run())
def numbers(context: dg.AssetExecutionContext) -> dict[str, pl.DataFrame]:
    return {key: day_frame(key) for key in context.partition_keys}


@dg.asset(partitions_def=DAILY, io_manager_key="lake")
def number(context: dg.AssetExecutionContext) -> pl.DataFrame:
    return day_frame(context.partition_key)


@dg.asset(partitions_def=DAILY, io_manager_key="lake", backfill_policy=dg.BackfillPolicy.single_run())
def wrong(context: dg.AssetExecutionContext) -> dict[str, pl.DataFrame]:
    return {"2026-03-01": day_frame("2026-03-01")}


def materialize(
    assets: Sequence[dg.AssetsDefinition],
    root: Path,
    first: dt.date,
    last: dt.date,
    instance: dg.DagsterInstance,
    selection: Sequence[dg.AssetKey] | None = None,
) -> dg.ExecuteInProcessResult:
    job = dg.Definitions(assets=assets, resources={"lake": LakeIOManager(root=str(root))})
    tags = {
        "dagster/asset_partition_range_start": str(first),
        "dagster/asset_partition_range_end": str(last),
    }
    job_def = job.resolve_implicit_global_asset_job_def()
    return job_def.execute_in_process(instance=instance, tags=tags, run_config=QUIET, asset_selection=selection)


def test_a_frame_is_sealed_as_its_day(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    job = dg.Definitions(assets=[number], resources={"lake": LakeIOManager(root=str(tmp_path))})
    job.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=instance, partition_key=str(DAY), run_config=QUIET
    )
    store = LocalStore(tmp_path)
    assert sealed_record(SealedPartitions(store), "number", DAY).facts == {"rows": 1}
    stored = pl.read_parquet(tmp_path / lake.atlas_file(DAY, "number.parquet"), hive_partitioning=False)
    assert stored.equals(day_frame(str(DAY)))


def test_a_range_is_sealed_as_one_partition_per_day(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    assert materialize([numbers], tmp_path, DAYS[0], DAYS[-1], instance).success
    sealed = SealedPartitions(LocalStore(tmp_path))
    assert [sealed.record("numbers", day) is not None for day in DAYS] == [True] * 4
    assert instance.get_materialized_partitions(dg.AssetKey("numbers")) == {str(day) for day in DAYS}


def test_frames_of_days_outside_the_run_are_refused(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    with pytest.raises(dg.DagsterInvariantViolationError, match="returned frames for 2026-03-01; its partitions are"):
        materialize([wrong], tmp_path, DAYS[0], DAYS[1], instance)
    assert LocalStore(tmp_path).list_files() == []


def window_reader(seen: dict[dt.date, list[dt.date]], window_days: int) -> dg.AssetsDefinition:
    mapping = dg.TimeWindowPartitionMapping(start_offset=1 - window_days, allow_nonexistent_upstream_partitions=True)

    @dg.asset(
        partitions_def=DAILY,
        ins={"numbers": dg.AssetIn(partition_mapping=mapping, input_manager_key="lake")},
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def reader(context: dg.AssetExecutionContext, numbers: AssetDays) -> None:
        for key in context.partition_keys:
            day = dt.date.fromisoformat(key)
            seen[day] = [record.day for record in numbers.window(day, window_days)]
        assert numbers.record(DAYS[1]) is None
        with pytest.raises(MissingPartitionError, match="numbers of 2026-03-11 does not exist"):
            numbers.file(DAYS[1], "numbers.parquet")

    return reader


def test_a_window_sees_the_days_that_exist_and_no_others(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    for day in (DAYS[0], DAYS[2]):
        materialize([numbers], tmp_path, day, day, instance)
    seen: dict[dt.date, list[dt.date]] = {}
    assets = [numbers, window_reader(seen, 3)]
    result = materialize(assets, tmp_path, DAYS[1], DAYS[3], instance, selection=[dg.AssetKey("reader")])
    assert result.success
    assert seen == {DAYS[1]: [DAYS[0]], DAYS[2]: [DAYS[0], DAYS[2]], DAYS[3]: [DAYS[2]]}


def test_a_window_is_shorter_near_the_first_partition(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    first = dt.date(2026, 3, 1)
    materialize([numbers], tmp_path, first, first, instance)
    seen: dict[dt.date, list[dt.date]] = {}

    @dg.asset(
        partitions_def=DAILY,
        ins={
            "numbers": dg.AssetIn(
                partition_mapping=dg.TimeWindowPartitionMapping(
                    start_offset=-29, allow_nonexistent_upstream_partitions=True
                ),
                input_manager_key="lake",
            )
        },
    )
    def reader(numbers: AssetDays) -> None:
        seen[first] = [record.day for record in numbers.window(first, 30)]

    assert materialize([numbers, reader], tmp_path, first, first, instance, selection=[dg.AssetKey("reader")]).success
    assert seen == {first: [first]}
