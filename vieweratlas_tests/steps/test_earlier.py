"""The earlier day that a day continues: the latest one that knows most of the channels of today."""

import datetime as dt

import polars as pl

from vieweratlas_assets.domain.schemas import COMMUNITIES
from vieweratlas_assets.steps.earlier import DAYS_REMEMBERED, latest_good_day
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_assets.storage.sealed import PartitionRecord, SealedPartitions, table_files
from vieweratlas_tests.lake_factories import DAY

CHANNELS = [f"channel{number}" for number in range(10)]


def seal_communities(store: LocalStore, days_ago: int, clustered: int, others: int = 0) -> None:
    """Seal a day on which some of CHANNELS have a community, and other channels too."""
    names = [*CHANNELS, *(f"other{number}" for number in range(others))]
    labels = [0] * clustered + [None] * (len(CHANNELS) - clustered) + [1] * others
    frame = pl.DataFrame({"channel": names, "community": labels}, schema=COMMUNITIES.schema).sort("channel")
    day = DAY - dt.timedelta(days=days_ago)
    SealedPartitions(store).seal("communities", day, table_files(day, {COMMUNITIES: frame}), facts={"ago": days_ago})


def good_day_ago(store: LocalStore, *refused: int) -> int | None:
    """How many days before DAY the good day is; days of `refused` are not candidates."""

    def may_be(record: PartitionRecord) -> bool:
        return record.facts["ago"] not in refused

    record = latest_good_day(SealedPartitions(store), DAY, pl.Series(CHANNELS), may_be)
    return None if record is None else (DAY - record.day).days


def test_the_latest_earlier_day_that_exists_is_continued(store: LocalStore) -> None:
    assert good_day_ago(store) is None
    for days_ago in (-1, 0, 4, 9):
        seal_communities(store, days_ago, clustered=10)
    assert good_day_ago(store) == 4
    assert good_day_ago(store, 4) == 9
    assert good_day_ago(store, 4, 9) is None


def test_a_day_that_knows_fewer_than_half_of_the_best_day_s_channels_is_skipped(store: LocalStore) -> None:
    seal_communities(store, 2, clustered=10)
    seal_communities(store, 1, clustered=4, others=20)
    assert good_day_ago(store) == 2
    seal_communities(store, 1, clustered=5)
    assert good_day_ago(store) == 1


def test_only_the_last_days_count(store: LocalStore) -> None:
    for days_ago in range(1, DAYS_REMEMBERED + 1):
        seal_communities(store, days_ago, clustered=1)
    seal_communities(store, DAYS_REMEMBERED + 1, clustered=10)
    assert good_day_ago(store) == 1
