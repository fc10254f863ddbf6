"""The command line as a newcomer meets it: what it prints and refuses, and which files it leaves."""

import datetime as dt
import signal
import time
from pathlib import Path

import pytest

from vieweratlas_assets.domain.schemas import COMMUNITIES
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_assets.storage.sealed import SealedPartitions
from vieweratlas_tests.importers.samples import three_days, vod_path
from vieweratlas_tests.integration.command import Command
from vieweratlas_tests.lake_factories import DAY, put_live, two_groups
from vieweratlas_tests.sealed_records import sealed_table

SMALL = {"VIEWERATLAS_ANALYSIS__MIN_CHANNEL_VIEWERS": "1", "VIEWERATLAS_PARTITIONS__WINDOW_DAYS": "3"}


@pytest.fixture
def command(tmp_path: Path) -> Command:
    return Command(tmp_path)


def test_help_names_the_commands_and_the_lake(command: Command) -> None:
    printed = command.run("--help")
    for name in ("demo", "import", "analyze", "compare", "erase", "prune", "privacy", "dev", "VIEWERATLAS_ROOT"):
        assert name in printed
    assert "vods.csv" in command.run("import", "vod-lake", "--help")


@pytest.mark.parametrize(
    ("arguments", "settings", "message"),
    [
        (["analyze"], {}, "has no presence: import some first"),
        (["analyze", "--date", "2026-03-10"], {}, "no presence in the lake"),
        (["analyze", "--from", "2026-03-10"], {}, "give --date, or --from and --to"),
        (["analyze", "--from", "2026-03-10", "--to", "2026-03-09"], {}, "ends before it begins"),
        (["analyze", "--date", "2017-12-31"], {}, "before the first partition 2018-01-01"),
        (["analyze", "--date", "2026-13-01"], {}, "does not match the format"),
        (
            ["analyze"],
            {"VIEWERATLAS_ANALYSIS__RESOLUTION": "-1"},
            "analysis.resolution is '-1' (variable VIEWERATLAS_ANALYSIS__RESOLUTION): Input should be greater than 0",
        ),
        (["analyze"], {"VIEWERATLAS_ANALISYS__SEED": "1"}, "VIEWERATLAS_ANALISYS__SEED"),
        (["analyze"], {"VIEWERATLAS_ROOT": ""}, "root is '' (variable VIEWERATLAS_ROOT)"),
        (["analyze"], {"VIEWERATLAS_LOG_FILE": "/dev/null/x.log"}, "log_file is '/dev/null/x.log', which cannot be"),
        (["analyze", "rigorus"], {}, "did you mean rigorous?"),
        (["dev"], {"VIEWERATLAS_CONFIG": "none.yaml"}, "none.yaml (variable VIEWERATLAS_CONFIG) cannot be read"),
        (["demo", "--channels", "3"], {}, "channels is 3; allowed"),
        (["compare", "--date", "2026-03-10"], {}, "no imported graph with communities or positions on 2026"),
    ],
)
def test_bad_input_is_one_clear_line(
    command: Command, arguments: list[str], settings: dict[str, str], message: str
) -> None:
    assert message in command.fail(*arguments, **settings)


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


def test_the_settings_in_effect_are_shown(command: Command) -> None:
    printed = command.run("--root", "elsewhere", "config", "show", "rigorous")
    assert "option --root" in printed
    assert "preset rigorous" in printed
    printed = command.fail("config", "validate", VIEWERATLAS_CONFIG="rigorous", RESOLUTION="no", LOGS_DIR="")
    assert printed.count("error ") == 1
    assert "analysis.resolution is 'no' (variable RESOLUTION)" in printed


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


def test_an_import_skips_broken_files_and_is_reported_to_dagster(command: Command) -> None:
    folder = three_days(command.folder / "vods")
    broken = vod_path(folder, "gamma", "502")
    broken.write_bytes(broken.read_bytes()[:100])
    printed = command.run("import", "vod-lake", str(folder))
    assert "channel=gamma/vod=502/part-0000.parquet" in printed
    assert "cut off after 100 bytes" in printed
    days = {"2020-03-01", "2020-03-02", "2020-03-03"}
    assert command.materialized("vod_presence") == command.materialized("vod_catalog") == days
    assert "VODs already there     │ 5" in command.run("import", "vod-lake", str(folder))


def test_an_imported_atlas_is_reported_to_dagster(command: Command) -> None:
    edges = command.folder / "edges.csv"
    edges.write_text("Source,Target,Weight\nA,b,5\nb,a,7\nb,b,9\nc,d,many\n")
    printed = command.run("import", "atlas", "--edges", str(edges), "--date", "2021-02-27")
    assert "edges.csv, row 5: weight is 'many'" in printed
    assert command.materialized("overlap_graph") == {"2021-02-27"}


@pytest.mark.slow
@pytest.mark.long
def test_an_atlas_imported_over_an_analyzed_day_rebuilds_its_products(command: Command) -> None:
    put_live(LocalStore(command.root), DAY, two_groups())
    command.run("analyze", **SMALL)
    edges = command.folder / "edges.csv"
    edges.write_text("source,target,weight\nx,y,5\ny,z,7\n")
    printed = command.run("import", "atlas", "--edges", str(edges), "--date", str(DAY), **SMALL)
    assert "everything that follows from it is rebuilt" in printed
    store = LocalStore(command.root)
    for place in (f"date={DAY}", "latest"):
        results = store.download_json(f"atlas/{place}/analysis_results.json")
        assert sorted(results["partition"]) == ["x", "y", "z"]
    assert results["settings"]["graph"] is None
    assert results["settings"]["detection"]["algorithm"] == "louvain_fast"


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


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_demo_collects_and_recovers_its_planted_communities(command: Command) -> None:
    arguments = ("--root", str(command.root), "demo", "--days", "1")
    elsewhere = {"VIEWERATLAS_ROOT": str(command.folder / "another")}
    printed = command.run(*arguments, **elsewhere)
    assert not (command.folder / "another").exists()
    assert "Chat: the sandbox sent" in printed
    assert ", 0 lost." in " ".join(printed.split())
    index = float(printed.partition("adjusted Rand index ")[2].split()[0])
    assert index >= 0.9
    assert str(command.root) in printed
    assert "community_graph.png" in printed
    sealed = SealedPartitions(LocalStore(command.root))
    communities = sealed_table(sealed, "communities", dt.date(2026, 10, 5), COMMUNITIES)
    assert communities["community"].n_unique() == 12
    for asset in ("channel_roster", "raw_snapshots"):
        assert len(command.materialized(asset)) == 24
    for asset in ("live_presence", "vod_catalog", "vod_presence", "communities"):
        assert command.materialized(asset) == {"2026-10-05"}

    again = command.run(*arguments, **elsewhere)
    assert "already has this made-up Twitch" in again
    assert f"adjusted Rand index {index:.3f}" in again
    refused = command.fail("--root", str(command.root), "demo", "--days", "3")
    assert "has the made-up Twitch of days 1: name another --root" in " ".join(refused.split())
