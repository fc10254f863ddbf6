"""The earlier day that the explorer and the site compare a day with."""

import datetime as dt

import dagster as dg
import polars as pl
import pytest

from vieweratlas_assets.domain.schemas import COMMUNITY_HISTORY
from vieweratlas_assets.steps.days_to_explore import earlier_atlas
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_assets.storage.sealed import SealedPartitions, table_files
from vieweratlas_tests.lake_factories import DAY, TABLES, put_live, run, settings_for, two_groups
from vieweratlas_tests.sealed_records import sealed_record

DAYS = [DAY, DAY + dt.timedelta(days=1)]


def compared_day(sealed: SealedPartitions, day: dt.date) -> dt.date | None:
    """The earlier day whose atlas is compared with a day's."""
    earlier = earlier_atlas(sealed, day)
    return None if earlier is None else earlier.day


def test_changes_since_a_day_with_another_history_are_left_out(
    store: LocalStore, instance: dg.DagsterInstance, caplog: pytest.LogCaptureFixture
) -> None:
    settings = settings_for(store.root, window_days=1)
    for day in DAYS:
        put_live(store, day, two_groups())
        assert run(settings, "daily_atlas", day, instance=instance, assets=TABLES).success
    sealed = SealedPartitions(store)
    assert compared_day(sealed, DAYS[1]) == DAYS[0]
    assert compared_day(sealed, DAYS[0]) is None
    record = sealed_record(sealed, "community_history", DAYS[0])
    other = sealed.table(record, COMMUNITY_HISTORY).with_columns(community_id=3 - pl.col("community_id"))
    files = table_files(DAYS[0], {COMMUNITY_HISTORY: other})
    files |= {key: sealed.file(record, key) for key in record.files if key not in files}
    sealed.seal("community_history", DAYS[0], files, facts=record.facts, made_from=record.made_from)
    assert compared_day(sealed, DAYS[1]) is None
    assert "was rebuilt" in caplog.text
