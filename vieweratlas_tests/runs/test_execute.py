"""An analysis of days with raw snapshots: outdated live presence is built first, then the days that need it."""

import datetime as dt
from collections.abc import Iterator

import dagster as dg
import pytest

from vieweratlas_assets.domain.presence.names import PLAIN
from vieweratlas_assets.domain.schemas import CHANNEL_AUDIENCE
from vieweratlas_assets.runs.execute import execute
from vieweratlas_assets.runs.plan import NothingToAnalyzeError, newest_day, plan_analysis
from vieweratlas_assets.steps.freshness import is_live_presence_current
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_assets.storage.sealed import SealedPartitions
from vieweratlas_assets.wiring.lake import open_lake
from vieweratlas_tests.lake_factories import DAY, at, put_live, put_raw, settings_for, small_pictures, two_groups
from vieweratlas_tests.sealed_records import sealed_table

DAYS = [DAY + dt.timedelta(days=number) for number in range(5)]


@pytest.fixture(autouse=True)
def _small_pictures() -> Iterator[None]:
    with small_pictures():
        yield


def viewers(store: LocalStore, day: dt.date) -> set[str]:
    return set(sealed_table(SealedPartitions(store), "channel_audience", day, CHANNEL_AUDIENCE)["viewer"])


def test_days_of_the_window_with_raw_hours_get_their_live_presence_first(
    store: LocalStore, instance: dg.DagsterInstance
) -> None:
    for day in DAYS:
        put_raw(store, at(5, day=day), two_groups())
    settings = settings_for(store.root)
    assert newest_day(open_lake(settings_for(store.root))) == DAYS[4]

    plan = plan_analysis(settings, open_lake(settings), DAYS[4], DAYS[4])

    assert plan.live == plan.audience == tuple(DAYS[2:])
    assert execute(settings, open_lake(settings), plan, instance) == []
    assert [is_live_presence_current(SealedPartitions(store), PLAIN, day) for day in DAYS] == [
        False,
        False,
        True,
        True,
        True,
    ]
    assert len(viewers(store, DAYS[4])) == 16
    again = plan_analysis(settings, open_lake(settings), DAYS[4], DAYS[4])
    assert (again.live, again.audience) == ((), (DAYS[4],))


def test_newer_raw_hours_rebuild_live_presence_and_audience(store: LocalStore, instance: dg.DagsterInstance) -> None:
    settings = settings_for(store.root)
    for day in DAYS[:3]:
        put_raw(store, at(5, day=day), two_groups())
    execute(settings, open_lake(settings), plan_analysis(settings, open_lake(settings), DAYS[0], DAYS[2]), instance)
    put_raw(store, at(6, day=DAYS[1]), {"a1": [["zoe"]]})

    plan = plan_analysis(settings, open_lake(settings), DAYS[2], DAYS[2])

    assert (plan.live, plan.audience) == ((DAYS[1],), (DAYS[1], DAYS[2]))
    assert execute(settings, open_lake(settings), plan, instance) == []
    assert "zoe" in viewers(store, DAYS[1])


def test_presence_without_raw_hours_needs_no_live_presence(store: LocalStore, instance: dg.DagsterInstance) -> None:
    put_live(store, DAY, two_groups())
    plan = plan_analysis(settings_for(store.root), open_lake(settings_for(store.root)), DAY, DAY)
    assert (plan.live, plan.audience) == ((), (DAY,))


def test_unreadable_raw_hours_are_reported_and_the_other_days_are_built(
    store: LocalStore, instance: dg.DagsterInstance
) -> None:
    settings = settings_for(store.root)
    for day in DAYS[:2]:
        put_raw(store, at(5, day=day), two_groups())
    broken = put_raw(store, at(5, day=DAYS[0]), two_groups())
    store.upload_bytes(broken, b"PAR1 broken")

    failures = execute(
        settings, open_lake(settings), plan_analysis(settings, open_lake(settings), DAYS[1], DAYS[1]), instance
    )

    assert len(failures) == 1
    assert f"{DAYS[0]}: none of the 1 raw object(s)" in failures[0]
    assert len(viewers(store, DAYS[1])) == 16
    assert SealedPartitions(store).record("gephi_export", DAYS[1]) is not None


def test_a_lake_with_only_notes_of_an_import_has_nothing_to_analyze(store: LocalStore) -> None:
    store.upload_bytes("raw/snapshots/_imported/import-live/000001.parquet", b"")
    with pytest.raises(NothingToAnalyzeError, match="has no presence: import some first"):
        newest_day(open_lake(settings_for(store.root)))
