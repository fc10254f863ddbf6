"""Sealed audiences that change: a viewer is erased from them, or they outlive their presence."""

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.presence.names import PLAIN
from vieweratlas_assets.domain.schemas import CHANNEL_ACTIVITY, CHANNEL_AUDIENCE
from vieweratlas_assets.settings import AnalysisSettings
from vieweratlas_assets.steps.audience import audience_of_day
from vieweratlas_assets.storage.audiences import (
    ASSET,
    PRUNED,
    QUALITY_REPORT,
    erase_from_audience,
    is_pruned,
    mark_pruned,
)
from vieweratlas_assets.storage.errors import CorruptObjectError
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_assets.storage.sealed import PartitionRecord, SealedPartitions, table_files
from vieweratlas_tests.sealed_records import sealed_record, sealed_table
from vieweratlas_tests.storage.filled_days import DAY, put_catalog, put_vod

KEY = lake.channel_audience(DAY)
RECORD = lake.partition_record(ASSET, DAY)
NOBODY = frozenset({"nobody", "an", "anna_"})


def seal(folder: Path, *viewers: str) -> SealedPartitions:
    """A lake whose day has one VOD of alpha, in which these viewers wrote, one of beta, and its audience."""
    sealed = SealedPartitions(LocalStore(folder))
    put_vod(sealed.store, "alpha", "1", *viewers)
    put_vod(sealed.store, "beta", "2", *(viewer for viewer in viewers if viewer != "bob"), "cid")
    put_catalog(sealed.store, DAY, ("alpha", "1"), ("beta", "2"))
    result = audience_of_day(sealed, AnalysisSettings(min_channel_viewers=1), PLAIN, DAY)
    files = table_files(DAY, result.tables)
    files |= {lake.atlas_file(DAY, name): data for name, data in result.products.items()}
    sealed.seal(ASSET, DAY, files, facts=result.facts, made_from=result.made_from)
    return sealed


@pytest.fixture
def sealed(tmp_path: Path) -> SealedPartitions:
    return seal(tmp_path / "lake", "ann", "bob", "anna")


def contents(sealed: SealedPartitions) -> dict[str, bytes]:
    return {key: sealed.store.download_bytes(key) for key in sealed.store.list_files()}


def pairs(sealed: SealedPartitions) -> list[tuple[str, str]]:
    return sealed_table(sealed, ASSET, DAY, CHANNEL_AUDIENCE).select("channel", "viewer").rows()


def test_an_audience_without_a_viewer_equals_one_in_which_the_viewer_never_wrote(
    sealed: SealedPartitions, tmp_path: Path
) -> None:
    assert erase_from_audience(sealed, DAY, frozenset({"ann", "no form of it"})) == 2
    other = seal(tmp_path / "other", "bob", "anna")
    record, never = (sealed_record(each, ASSET, DAY) for each in (sealed, other))
    assert pairs(sealed) == [("alpha", "anna"), ("alpha", "bob"), ("beta", "anna"), ("beta", "cid")]
    assert (record.facts, record.files) == (never.facts, never.files)
    assert sealed_table(sealed, ASSET, DAY, CHANNEL_ACTIVITY).equals(
        sealed_table(other, ASSET, DAY, CHANNEL_ACTIVITY)
    )
    report = sealed.store.download_json(lake.atlas_file(DAY, QUALITY_REPORT))
    assert report == other.store.download_json(lake.atlas_file(DAY, QUALITY_REPORT))
    # It is out of date, and will be recomputed.
    assert record.made_from == "" != never.made_from
    assert not sealed.store.exists(lake.erasing_record(DAY))


def test_a_dry_run_counts_the_pairs_and_changes_nothing(sealed: SealedPartitions) -> None:
    before = contents(sealed)
    assert erase_from_audience(sealed, DAY, frozenset({"ann", "cid"}), dry_run=True) == 3
    assert erase_from_audience(sealed, DAY, NOBODY) == 0
    assert contents(sealed) == before


def test_a_day_without_an_audience_has_no_pairs(sealed: SealedPartitions) -> None:
    tomorrow = DAY + dt.timedelta(days=1)
    assert erase_from_audience(sealed, tomorrow, frozenset({"ann"})) == 0
    assert (mark_pruned(sealed, tomorrow), is_pruned(sealed, tomorrow)) == (False, False)


def test_an_audience_whose_presence_was_pruned_stays_so_when_a_viewer_is_erased(sealed: SealedPartitions) -> None:
    assert not is_pruned(sealed, DAY)
    before = sealed_record(sealed, ASSET, DAY)
    assert mark_pruned(sealed, DAY)
    assert is_pruned(sealed, DAY)
    marked = sealed_record(sealed, ASSET, DAY)
    assert (marked.files, marked.facts, marked.made_from) == (before.files, before.facts, PRUNED)
    erase_from_audience(sealed, DAY, frozenset({"ann"}))
    assert is_pruned(sealed, DAY)


def cut_the_record(sealed: SealedPartitions, record: PartitionRecord) -> None:
    sealed.store.delete(RECORD)


def change_the_audience(sealed: SealedPartitions, record: PartitionRecord) -> None:
    rows = sealed.table(record, CHANNEL_AUDIENCE).filter(pl.col("viewer") != "bob")
    sealed.store.upload_parquet(KEY, rows, CHANNEL_AUDIENCE)


@pytest.mark.parametrize("damage", [cut_the_record, change_the_audience])
def test_an_audience_that_no_record_proves_is_deleted_with_its_figures(
    sealed: SealedPartitions, damage: Callable[[SealedPartitions, PartitionRecord], None]
) -> None:
    damage(sealed, sealed_record(sealed, ASSET, DAY))
    assert erase_from_audience(sealed, DAY, frozenset({"ann"})) == 2
    assert not any(sealed.store.exists(key) for key in (KEY, RECORD, lake.channel_activity(DAY)))


def test_a_damaged_record_is_reported_and_does_not_count_as_pruned(sealed: SealedPartitions) -> None:
    sealed.store.upload_bytes(RECORD, json.dumps({"made_from": PRUNED}).encode())
    assert not is_pruned(sealed, DAY)
    with pytest.raises(CorruptObjectError, match="is not the record of a partition"):
        erase_from_audience(sealed, DAY, frozenset({"ann"}))
