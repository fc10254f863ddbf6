"""`analyze` as a person runs it: what it builds, refuses and leaves alone; Dagster is not loaded for nothing."""

import datetime as dt
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_assets.storage.sealed import SealedPartitions
from vieweratlas_tests.integration.command import Command
from vieweratlas_tests.lake_factories import DAY, put_live, two_groups

REPORT = """
import sys
from vieweratlas_assets.cli import main
sys.argv = ["vieweratlas", *sys.argv[1:]]
try:
    main()
finally:
    heavy = {"dagster", "matplotlib", "numba", "scipy"}
    print("LOADED", sorted(heavy & {name.partition(".")[0] for name in sys.modules}))
"""
SMALL = {"VIEWERATLAS_ANALYSIS__MIN_CHANNEL_VIEWERS": "1", "VIEWERATLAS_PARTITIONS__WINDOW_DAYS": "3"}


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ((), 1, "has no presence: import some first"),
        (("--date", "2026-03-10"), 1, "no presence in the lake"),
        (("--from", "2026-03-10", "--to", "2026-03-01"), 1, "the range ends before it begins"),
        (("--outdated",), 0, "No day of the atlas is out of date"),
        (("--outdated", "--force"), 2, "--outdated finds the days itself"),
        (("--from", "2026-03-10"), 2, "give --date, or --from and --to, or neither"),
        (("rigorus",), 1, "rigorus"),
    ],
)
def test_an_analysis_with_nothing_to_do_loads_no_dagster(
    arguments: tuple[str, ...], code: int, message: str, tmp_path: Path
) -> None:
    environment = {**os.environ, "DAGSTER_HOME": str(tmp_path / "home"), "VIEWERATLAS_ROOT": str(tmp_path / "lake")}
    ran = subprocess.run(
        [sys.executable, "-c", REPORT, "analyze", *arguments],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == code, ran.stderr
    assert message in (ran.stdout + ran.stderr).replace("\n", " ")
    assert "LOADED []" in ran.stdout


def test_analyze_takes_the_newest_day_and_builds_the_audiences_it_needs(command: Command) -> None:
    store = LocalStore(command.root)
    for day in (DAY, DAY + dt.timedelta(days=1)):
        put_live(store, day, two_groups())
    printed = command.run("analyze", **SMALL)
    assert "Atlas by day" in printed
    assert str(DAY + dt.timedelta(days=1)) in printed
    assert "2/3" in printed
    assert str(command.root / f"atlas/date={DAY + dt.timedelta(days=1)}/community_graph.png") in printed
    sealed = SealedPartitions(store)
    assert sealed.record("channel_audience", DAY) is not None
    assert sealed.record("overlap_graph", DAY) is None


def test_analyze_takes_a_preset_and_a_file_and_copies_the_products(command: Command) -> None:
    put_live(LocalStore(command.root), DAY, two_groups())
    (command.folder / "own.yaml").write_text("preset: explorer\nstorage:\n  output_dir: for_people\n")
    printed = command.run("analyze", "own.yaml", **SMALL)
    assert f"files to for_people/{DAY}" in printed
    assert f"channel_audience of {DAY} sealed: rows" in printed, "the preset logs every step"
    products = {path.name for path in (command.root / f"atlas/date={DAY}").iterdir() if path.name[0] != "_"}
    copies = {path.name: path.read_bytes() for path in (command.folder / f"for_people/{DAY}").iterdir()}
    assert set(copies) == products
    assert copies["community_graph.png"] == (command.root / f"atlas/date={DAY}/community_graph.png").read_bytes()
    assert b'"resolution": 2.0' in copies["analysis_results.json"]
    logged = (command.folder / "home/vieweratlas.log").read_text()
    assert f"gephi_export of {DAY} sealed" in logged
    everything = (logged + printed).split()
    assert not any(viewer in everything for viewer in ("ann0", "bob7")), "a viewer's name was logged or printed"


def test_a_quiet_analysis_copies_to_the_default_folder_and_logs_only_what_failed(command: Command) -> None:
    put_live(LocalStore(command.root), DAY, two_groups())
    printed = command.run("analyze", **SMALL)
    assert (command.folder / f"community_analysis/{DAY}/community_graph.html").exists()
    assert "sealed" not in printed
    log = command.folder / "home/vieweratlas.log"
    assert not log.exists()
    command.fail("analyze", "--date", "2017-12-31", **SMALL)
    assert "ERROR vieweratlas.shown: 2017-12-31 is before the first partition 2018-01-01" in log.read_text()


def test_a_day_without_data_leaves_earlier_results_untouched(command: Command) -> None:
    store = LocalStore(command.root)
    put_live(store, DAY, two_groups())
    command.run("analyze", **SMALL)
    before = {key: store.download_bytes(key) for key in store.list_files()}
    printed = command.fail("analyze", "--date", "2026-06-01", **SMALL)
    assert "no presence in the lake" in printed
    assert f"its presence reaches from {DAY} to {DAY}" in printed
    assert before == {key: store.download_bytes(key) for key in store.list_files()}


def test_a_range_skips_days_with_an_empty_window_and_names_days_without_presence(command: Command) -> None:
    store = LocalStore(command.root)
    put_live(store, DAY, two_groups())
    first, last = DAY - dt.timedelta(days=2), DAY + dt.timedelta(days=1)
    printed = command.run("analyze", "--from", str(first), "--to", str(last), **SMALL)
    assert f"no presence in the window of {first} to {DAY - dt.timedelta(days=1)}" in printed
    assert f"1 day(s) have no presence of their own: {last}" in printed


def test_broken_presence_is_reported_without_a_traceback(command: Command) -> None:
    store = LocalStore(command.root)
    put_live(store, DAY, two_groups())
    path = command.root / f"curated/presence_snapshots/source=live/date={DAY}/part-0000.parquet"
    path.write_bytes(path.read_bytes()[:300])
    printed = command.fail("analyze", "--date", str(DAY), **SMALL)
    assert "cut off after 300 bytes" in printed
    assert "part-0000.parquet" in printed


def test_a_broken_day_in_the_window_is_reported_and_the_atlas_is_built_from_the_others(command: Command) -> None:
    store = LocalStore(command.root)
    for day in (DAY - dt.timedelta(days=1), DAY, DAY + dt.timedelta(days=1)):
        put_live(store, day, two_groups())
    store.upload_bytes(f"curated/presence_snapshots/source=live/date={DAY}/part-0000.parquet", b"PAR1 broken")
    store.upload_bytes(f"curated/channel_audience/date={DAY - dt.timedelta(days=1)}/_channel_audience.json", b"{")
    printed = command.fail("analyze", **SMALL)
    assert f"failed channel_audience failed for 1 of 3 day(s): {DAY}" in " ".join(printed.split())
    assert "2/3" in printed
    sealed = SealedPartitions(store)
    assert sealed.record("gephi_export", DAY + dt.timedelta(days=1)) is not None


def sealed_assets(sealed: SealedPartitions, day: dt.date) -> dict[str, bool]:
    """Whether each asset of a day is sealed. Reads every file: reading raises if a file is not the sealed one."""
    states = {}
    for asset in (
        "channel_audience",
        "overlap_graph",
        "communities",
        "community_tags",
        "atlas_layout",
        "community_history",
        "gephi_export",
    ):
        record = sealed.record(asset, day)
        states[asset] = record is not None
        if record is not None:
            for key in record.files:
                sealed.file(record, key)
    return states


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.long
def test_a_killed_run_leaves_no_half_partition_and_the_next_completes(command: Command) -> None:
    store = LocalStore(command.root)
    days = [DAY + dt.timedelta(days=n) for n in range(5)]
    for day in days:
        put_live(store, day, two_groups())
    sealed = SealedPartitions(store)
    span = ("--from", str(days[0]), "--to", str(days[-1]))
    states = []
    # Killed in another step each time: a partition is either sealed and whole, or absent.
    for asset in ("channel_audience", "overlap_graph", "communities", "gephi_export"):
        process = command.start("analyze", *span, **SMALL)
        while sealed.record(asset, days[0]) is None and process.poll() is None:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        states.append([sealed_assets(sealed, day) for day in days])
    assert any(not all(state.values()) for run in states for state in run), "no run was cut off"
    command.run("analyze", *span, **SMALL)
    assert all(all(sealed_assets(sealed, day).values()) for day in days)
    untouched = Command(command.folder / "untouched")
    untouched.folder.mkdir()
    for day in days:
        put_live(LocalStore(untouched.root), day, two_groups())
    untouched.run("analyze", *span, **SMALL)
    other = LocalStore(untouched.root)
    assert {key: store.download_bytes(key) for key in store.list_files("atlas/")} == {
        key: other.download_bytes(key) for key in other.list_files("atlas/")
    }
