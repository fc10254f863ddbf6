"""Days that go on from one another, as assets: in order, over gaps, and not from what was rebuilt since."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from vieweratlas_assets.domain.schemas import COMMUNITIES, COMMUNITY_HISTORY, LAYOUT
from vieweratlas_assets.domain.tables import Table
from vieweratlas_assets.settings import Settings
from vieweratlas_assets.steps.days_to_explore import earlier_atlas
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_assets.storage.sealed import SealedPartitions, table_files
from vieweratlas_tests.lake_factories import DAY, put_live, run, settings_for, two_groups

DAYS = [DAY + dt.timedelta(days=number) for number in (0, 1, 3)]


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as found:
        yield found


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    store = LocalStore(tmp_path / "lake")
    for day in DAYS:
        put_live(store, day, two_groups())
    return settings_for(store.root, window_days=1)


def history_of(sealed: SealedPartitions, day: dt.date) -> dict[int, tuple[int, str, int]]:
    record = sealed.record("community_history", day)
    assert record is not None
    rows = sealed.table(record, COMMUNITY_HISTORY)
    return {row[0]: row[1:] for row in rows.select("community", "community_id", "name", "colour").iter_rows()}


def went_on_from(sealed: SealedPartitions, asset: str, day: dt.date) -> str | None:
    record = sealed.record(asset, day)
    assert record is not None
    return record.facts["went_on_from"]


def test_days_go_on_from_the_latest_that_is_there(settings: Settings, instance: dg.DagsterInstance) -> None:
    for day in DAYS:
        assert run(settings, "daily_atlas", day, instance=instance).success
    sealed = SealedPartitions(LocalStore(settings.root))
    for asset in ("communities", "atlas_layout", "community_history"):
        assert [went_on_from(sealed, asset, day) for day in DAYS] == [None, str(DAYS[0]), str(DAYS[1])]
    assert history_of(sealed, DAYS[0]) == history_of(sealed, DAYS[1]) == history_of(sealed, DAYS[2])


def test_a_history_of_communities_that_were_made_anew_is_passed_over(
    settings: Settings, instance: dg.DagsterInstance, caplog: pytest.LogCaptureFixture
) -> None:
    for day in DAYS[:2]:
        assert run(settings, "daily_atlas", day, instance=instance).success
    sealed = SealedPartitions(LocalStore(settings.root))
    before = history_of(sealed, DAYS[0])
    record = sealed.record("communities", DAYS[1])
    assert record is not None
    swapped = sealed.table(record, COMMUNITIES).with_columns(community=(1 - pl.col("community")).cast(pl.Int32))
    files = table_files(DAYS[1], {COMMUNITIES: swapped})
    sealed.seal("communities", DAYS[1], files, facts={**record.facts, "settings": None})
    assert run(settings, "daily_atlas", DAYS[2], instance=instance).success
    assert history_of(sealed, DAYS[2]) == before
    assert went_on_from(sealed, "community_history", DAYS[2]) == str(DAYS[0])
    assert f"community_history of {DAYS[1]} describes communities that no longer exist" in caplog.text


def test_a_day_of_an_outage_does_not_cost_what_was_known(settings: Settings, instance: dg.DagsterInstance) -> None:
    # On the second day only two channels were heard, and neither's viewers in the other.
    put_live(LocalStore(settings.root), DAYS[1], {"a1": [["ann1", "ann2"]], "b1": [["bob1", "bob2"]]})
    for day in DAYS:
        assert run(settings, "daily_atlas", day, instance=instance).success
    sealed = SealedPartitions(LocalStore(settings.root))
    assert table_of(sealed, "communities", DAYS[1], COMMUNITIES)["community"].null_count() == 2
    for asset in ("communities", "atlas_layout", "community_history"):
        assert went_on_from(sealed, asset, DAYS[2]) == str(DAYS[0])
    assert history_of(sealed, DAYS[2]) == history_of(sealed, DAYS[0])
    places = [table_of(sealed, "atlas_layout", day, LAYOUT) for day in (DAYS[0], DAYS[2])]
    assert places[0].equals(places[1])


def table_of(sealed: SealedPartitions, asset: str, day: dt.date, table: Table) -> pl.DataFrame:
    record = sealed.record(asset, day)
    assert record is not None
    return sealed.table(record, table)


def test_what_changed_is_not_told_by_the_names_of_another_history(
    settings: Settings, instance: dg.DagsterInstance, caplog: pytest.LogCaptureFixture
) -> None:
    for day in DAYS[:2]:
        assert run(settings, "daily_atlas", day, instance=instance).success
    sealed = SealedPartitions(LocalStore(settings.root))
    assert since(sealed, DAYS[1]) == DAYS[0]
    assert since(sealed, DAYS[0]) is None
    record = sealed.record("community_history", DAYS[0])
    assert record is not None
    other = sealed.table(record, COMMUNITY_HISTORY).with_columns(community_id=3 - pl.col("community_id"))
    files = table_files(DAYS[0], {COMMUNITY_HISTORY: other})
    files |= {key: sealed.file(record, key) for key in record.files if key not in files}
    sealed.seal("community_history", DAYS[0], files, facts=record.facts, made_from=record.made_from)
    assert since(sealed, DAYS[1]) is None
    assert "was rebuilt" in caplog.text


def since(sealed: SealedPartitions, day: dt.date) -> dt.date | None:
    earlier = earlier_atlas(sealed, day)
    return None if earlier is None else earlier.day
