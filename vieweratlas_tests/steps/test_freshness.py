"""Whether stored partitions are current: live presence by its raw hours, a graph by its audiences."""

import datetime as dt

import dagster as dg

from vieweratlas_assets.domain.presence.names import PLAIN, ViewerNames
from vieweratlas_assets.steps.freshness import is_live_presence_current, window_fingerprint
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_assets.storage.sealed import PartitionRecord, SealedPartitions
from vieweratlas_tests.lake_factories import DAY, at, put_live, put_raw, run, settings_for, two_groups


def test_live_presence_is_current_until_its_raw_hours_change(store: LocalStore, instance: dg.DagsterInstance) -> None:
    sealed = SealedPartitions(store)
    assert is_live_presence_current(sealed, PLAIN, DAY)
    put_live(store, DAY, two_groups())
    assert is_live_presence_current(sealed, PLAIN, DAY)
    put_raw(store, at(3), {"a": [["ann"]]})
    assert not is_live_presence_current(sealed, PLAIN, DAY)
    assert run(settings_for(store.root), "live", DAY, instance=instance).success
    assert is_live_presence_current(sealed, PLAIN, DAY)
    pseudonyms = ViewerNames(pseudonymous=True, key=b"a key of the tests, 32 bytes long")
    assert not is_live_presence_current(sealed, pseudonyms, DAY)
    put_raw(store, at(3), {"a": [["ann"]]}, name="collector-2")
    assert not is_live_presence_current(sealed, PLAIN, DAY)


def audience(day: dt.date, digest: str, snapshots: int = 1) -> PartitionRecord:
    facts = {"total_snapshots": snapshots}
    return PartitionRecord("channel_audience", day, "computed", facts, {"part-0000.parquet": digest})


def test_a_graph_is_identified_by_the_days_and_files_of_audiences_with_presence() -> None:
    later = DAY + dt.timedelta(days=1)
    window = [audience(DAY, "aa"), audience(later, "bb")]
    fingerprint = window_fingerprint(window)
    assert window_fingerprint([*window, audience(later + dt.timedelta(days=1), "cc", snapshots=0)]) == fingerprint
    others = ([audience(DAY, "aa")], [audience(DAY, "aa"), audience(later, "cc")], window[1:])
    assert fingerprint not in {window_fingerprint(other) for other in others}
