"""The examples of docs/plugins.md, run as a reader runs them: by settings file and as an installed package."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml  # type: ignore[import-untyped]

from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.communities.detection import weighted_graph
from vieweratlas_assets.domain.schemas import COMMUNITIES
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_assets.storage.sealed import SealedPartitions
from vieweratlas_tests.integration.command import Command
from vieweratlas_tests.lake_factories import DAY, put_live, two_groups
from vieweratlas_tests.packages import write_package
from vieweratlas_tests.pages import blocks, write_modules
from vieweratlas_tests.sealed_records import sealed_record

SMALL = {"VIEWERATLAS_ANALYSIS__MIN_CHANNEL_VIEWERS": "1", "VIEWERATLAS_PARTITIONS__WINDOW_DAYS": "3"}
DEMO = ("demo", "--channels", "72", "--viewers", "2000", "--days", "2")


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """The command, in a folder with the modules and the settings file of the page."""
    write_modules("plugins.md", tmp_path)
    [settings] = blocks("plugins.md", "yaml")
    (tmp_path / "atlas.yaml").write_text(settings)
    return Command(tmp_path)


def with_modules(command: Command, **settings: str) -> dict[str, str]:
    """Environment variables that make the modules of the page importable."""
    path = os.pathsep.join([str(command.folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {"PYTHONPATH": path, **SMALL, **settings}


def install(folder: Path) -> None:
    """Install the page's package in a folder, as pip would."""
    [text] = blocks("plugins.md", "toml")
    groups = tomllib.loads(text)["project"]["entry-points"]
    lines = [
        line
        for group, points in groups.items()
        for line in (f"[{group}]", *(f"{name} = {target}" for name, target in points.items()))
    ]
    write_package(folder, "my_atlas", "\n".join(lines))


def test_both_ways_of_the_page_name_the_same_plugins() -> None:
    [settings], [text] = blocks("plugins.md", "yaml"), blocks("plugins.md", "toml")
    groups = tomllib.loads(text)["project"]["entry-points"]
    named = {group.removeprefix("vieweratlas."): points for group, points in groups.items()}
    assert named == yaml.safe_load(settings)["plugins"]


def test_the_store_of_the_page_passes_check_store(command: Command) -> None:
    ran = subprocess.run(
        [sys.executable, "check_my_lake.py"],
        cwd=command.folder,
        env=os.environ | with_modules(command),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")


def test_the_page_s_label_propagation_detects_the_planted_groups(command: Command) -> None:
    module: dict[str, Any] = {}
    exec((command.folder / "my_atlas/propagation.py").read_text(), module)
    inside = [(f"{group}{one}", f"{group}{two}", 9) for group in "abc" for two in range(6) for one in range(two)]
    across = [("a0", "b0", 1), ("b1", "c0", 1)]
    edges = pl.DataFrame([*inside, *across], schema=["channel_a", "channel_b", "shared_viewers"], orient="row")
    graph = weighted_graph(edges, "shared_viewers")
    for seed in range(3):
        labels = module["propagate"](graph, resolution=1.0, seed=seed).tolist()
        assert labels == module["propagate"](graph, resolution=1.0, seed=seed).tolist()
        assert len({labels[n] for n in (0, 6, 12)}) == 3
        assert labels == [labels[6 * (n // 6)] for n in range(18)]


@pytest.mark.slow
def test_a_detector_and_a_visualizer_by_settings_file(command: Command) -> None:
    put_live(LocalStore(command.root), DAY, two_groups())

    printed = command.run("analyze", "atlas.yaml", "--date", str(DAY), **with_modules(command))

    sealed = SealedPartitions(LocalStore(command.root))
    record = sealed_record(sealed, "communities", DAY)
    assert record.facts["settings"]["algorithm"] == "greedy", printed
    communities = sealed.table(record, COMMUNITIES)
    assert communities.rows() == [("a1", 0), ("a2", 0), ("a3", 0), ("b1", 1), ("b2", 1), ("b3", 1)]
    drawn = sealed_record(sealed, "atlas_sizes", DAY)
    [key] = drawn.files
    assert key == f"atlas/date={DAY}/sizes.svg"
    svg = sealed.file(drawn, key)
    assert svg.startswith(b"<svg")
    assert svg.count(b"<rect") == 2
    assert LocalStore(command.root).download_bytes("atlas/latest/sizes.svg") == svg
    assert (command.folder / f"community_analysis/{DAY}/sizes.svg").read_bytes() == svg


@pytest.mark.slow
@pytest.mark.long
def test_a_demo_on_the_page_s_store_equals_the_demo_in_a_folder(command: Command) -> None:
    install(command.folder)
    settings = with_modules(command, VIEWERATLAS_ANALYSIS__ALGORITHM="greedy")
    other = f"sqlite://{command.folder}/lake.db"
    command.run(*DEMO, "--root", other, **settings, DAGSTER_HOME=str(command.folder / "other_home"))
    module: dict[str, Any] = {}
    exec((command.folder / "my_atlas/sqlite_lake.py").read_text(), module)
    in_folder, in_sqlite = LocalStore(command.root), module["SqliteLake"](other)
    # Two demos never collect exactly the same: the second starts from what the first has collected.
    for collected in ("raw/", "sandbox/", lake.VOD_PRESENCE, lake.VOD_CATALOG, lake.CHANNEL_ROSTER):
        for key in in_sqlite.list_files(collected):
            in_folder.upload_bytes(key, in_sqlite.download_bytes(key))

    command.run(*DEMO, "--root", str(command.root), **settings)

    keys = in_folder.list_files()
    assert in_sqlite.list_files() == keys
    assert len(keys) > 60
    assert sum(key.endswith("/sizes.svg") for key in keys) == 3
    differing = [key for key in keys if in_folder.download_bytes(key) != in_sqlite.download_bytes(key)]
    # The fingerprints of these records hold versions of files, which differ between stores.
    assert {key.rpartition("/")[2] for key in differing} == {"_channel_audience.json", "_live_presence.json"}
    for key in differing:
        one, two = in_folder.download_json(key), in_sqlite.download_json(key)
        assert one.pop("made_from") != two.pop("made_from")
        assert one == two


def test_an_installed_package_shows_in_the_asset_graph(command: Command) -> None:
    install(command.folder)
    code = (
        "import json; from vieweratlas_assets.definitions import defs; "
        "node = defs.resolve_asset_graph().get(__import__('dagster').AssetKey('atlas_sizes')); "
        "jobs = [job.name for job in defs.jobs if node.key in "
        "defs.resolve_job_def(job.name).asset_layer.selected_asset_keys]; "
        "parents = sorted(key.to_user_string() for key in node.parent_keys); "
        "print(json.dumps([node.description, node.group_name, parents, jobs]))"
    )
    environment = command.environment(**with_modules(command))
    ran = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=command.folder, stdout=subprocess.PIPE, check=True
    )
    description, group, parents, jobs = json.loads(ran.stdout.splitlines()[-1])
    assert (description, group) == ("The channels of each community, as bars.", "atlas")
    assert parents == ["atlas_layout", "communities", "community_history", "community_tags", "overlap_graph"]
    assert jobs == ["overlap_and_atlas", "atlas", "daily_atlas"]


def test_help_imports_no_plugin(command: Command) -> None:
    (command.folder / "loud.py").write_text("raise SystemExit('imported')\n")
    write_package(command.folder, "loud", "[vieweratlas.visualizers]\nother = loud:draw\n")
    named = with_modules(command, VIEWERATLAS_PLUGINS__VISUALIZERS='{"loud": "loud:draw"}')
    assert "analyze" in command.run("--help", **named)
    assert "CONFIG" in command.run("analyze", "--help", **named)


@pytest.mark.parametrize(
    ("arguments", "named", "message"),
    [
        (["analyze"], {"VISUALIZERS": '{"mine": "gone:draw"}'}, "plugins.visualizers.mine = gone:draw cannot be"),
        (
            ["config", "validate"],
            {"STORAGE_BACKENDS": '{"s3": "my_atlas.sqlite_lake:SqliteLake"}'},
            "a store for s3:// is registered already; choose another name",
        ),
        (
            ["--root", "sqlite:///no/such/folder/lake.db", "analyze"],
            {},
            "unable to open database file; check the path",
        ),
    ],
)
def test_a_bad_plugin_is_one_clear_line(
    command: Command, arguments: list[str], named: dict[str, str], message: str
) -> None:
    install(command.folder)
    variables = {f"VIEWERATLAS_PLUGINS__{kind}": text for kind, text in named.items()}
    assert message in command.fail(*arguments, **with_modules(command, COLUMNS="500", **variables))


def test_a_detector_with_a_wrong_result_fails_its_day_by_name(command: Command) -> None:
    put_live(LocalStore(command.root), DAY, two_groups())
    (command.folder / "nonsense.py").write_text("def detect_communities(graph):\n    return {'a1': 0}, 0.5\n")
    named = {"VIEWERATLAS_PLUGINS__COMMUNITY_DETECTORS": '{"mine": "nonsense:detect_communities"}', "COLUMNS": "500"}

    settings = with_modules(command, VIEWERATLAS_ANALYSIS__ALGORITHM="mine", **named)
    printed = command.fail("analyze", "--date", str(DAY), **settings)

    assert "community detector 'mine' returned no community for 5 channel(s): a2, a3, b1, …" in printed


def test_every_block_of_the_page_is_run_by_a_test(tmp_path: Path) -> None:
    assert write_modules("plugins.md", tmp_path) == [
        "my_atlas/sqlite_lake.py",
        "check_my_lake.py",
        "my_atlas/detectors.py",
        "my_atlas/propagation.py",
        "my_atlas/sizes.py",
    ]
    assert len(blocks("plugins.md", "python")) == 5
