"""Days that continue earlier days: in order, over gaps, and never from days that were rebuilt since."""

import datetime as dt
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from vieweratlas_assets.domain.schemas import COMMUNITIES, COMMUNITY_HISTORY, LAYOUT
from vieweratlas_assets.settings import Settings
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_assets.storage.sealed import SealedPartitions, table_files
from vieweratlas_tests.lake_factories import DAY, TABLES, put_live, run, settings_for, two_groups
from vieweratlas_tests.sealed_records import sealed_record, sealed_table

DAYS = [DAY + dt.timedelta(days=number) for number in (0, 1, 3)]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    store = LocalStore(tmp_path / "lake")
    for day in DAYS:
        put_live(store, day, two_groups())
    return settings_for(store.root, window_days=1)


def history(sealed: SealedPartitions, day: dt.date) -> dict[int, tuple[int, str, int]]:
    """Id, name and color of each community of a day."""
    rows = sealed_table(sealed, "community_history", day, COMMUNITY_HISTORY)
    return {row[0]: row[1:] for row in rows.select("community", "community_id", "name", "colour").iter_rows()}


def continued_day(sealed: SealedPartitions, asset: str, day: dt.date) -> str | None:
    """The earlier day that a day of an asset continues."""
    earlier: str | None = sealed_record(sealed, asset, day).facts["went_on_from"]
    return earlier


def test_a_day_continues_the_latest_day_that_exists(settings: Settings, instance: dg.DagsterInstance) -> None:
    for day in DAYS:
        assert run(settings, "daily_atlas", day, instance=instance, assets=TABLES).success
    sealed = SealedPartitions(LocalStore(settings.root))
    for asset in ("communities", "atlas_layout", "community_history"):
        assert [continued_day(sealed, asset, day) for day in DAYS] == [None, str(DAYS[0]), str(DAYS[1])]
    assert history(sealed, DAYS[0]) == history(sealed, DAYS[1]) == history(sealed, DAYS[2])


def test_a_history_of_communities_that_were_rebuilt_is_skipped(
    settings: Settings, instance: dg.DagsterInstance, caplog: pytest.LogCaptureFixture
) -> None:
    for day in DAYS[:2]:
        assert run(settings, "daily_atlas", day, instance=instance, assets=TABLES).success
    sealed = SealedPartitions(LocalStore(settings.root))
    before = history(sealed, DAYS[0])
    record = sealed_record(sealed, "communities", DAYS[1])
    swapped = sealed.table(record, COMMUNITIES).with_columns(community=(1 - pl.col("community")).cast(pl.Int32))
    files = table_files(DAYS[1], {COMMUNITIES: swapped})
    sealed.seal("communities", DAYS[1], files, facts={**record.facts, "settings": None})
    assert run(settings, "daily_atlas", DAYS[2], instance=instance, assets=TABLES).success
    assert history(sealed, DAYS[2]) == before
    assert continued_day(sealed, "community_history", DAYS[2]) == str(DAYS[0])
    assert f"community_history of {DAYS[1]} describes communities that no longer exist" in caplog.text


def test_a_day_with_an_outage_does_not_interrupt_the_history(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    # On the second day only two channels were collected, and they share no viewer.
    put_live(LocalStore(settings.root), DAYS[1], {"a1": [["ann1", "ann2"]], "b1": [["bob1", "bob2"]]})
    for day in DAYS:
        assert run(settings, "daily_atlas", day, instance=instance, assets=TABLES).success
    sealed = SealedPartitions(LocalStore(settings.root))
    assert sealed_table(sealed, "communities", DAYS[1], COMMUNITIES)["community"].null_count() == 2
    for asset in ("communities", "atlas_layout", "community_history"):
        assert continued_day(sealed, asset, DAYS[2]) == str(DAYS[0])
    assert history(sealed, DAYS[2]) == history(sealed, DAYS[0])
    places = [sealed_table(sealed, "atlas_layout", day, LAYOUT) for day in (DAYS[0], DAYS[2])]
    assert places[0].equals(places[1])
