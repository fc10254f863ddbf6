"""Visualizers of users, as assets: their files and pictures, and that one that fails stops no other."""

import re
from pathlib import Path

import dagster as dg
import pytest

from vieweratlas_assets.defs.build import build_defs
from vieweratlas_assets.domain.atlas.visualizers import TAKEN_FILES, TAKEN_NAMES
from vieweratlas_assets.settings import PluginSettings, Settings
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_assets.storage.sealed import SealedPartitions
from vieweratlas_tests.dagster_results import latest_metadata, step_failure
from vieweratlas_tests.lake_factories import DAY, TABLES, put_live, run, settings_for, two_groups
from vieweratlas_tests.sealed_records import sealed_record

PLUGINS = "vieweratlas_tests.sample_plugins"


@pytest.fixture
def lake(tmp_path: Path) -> LocalStore:
    store = LocalStore(tmp_path)
    put_live(store, DAY, two_groups())
    return store


def with_visualizers(store: LocalStore, **named: str) -> Settings:
    plugins = PluginSettings(visualizers={name: f"{PLUGINS}:{attribute}" for name, attribute in named.items()})
    return settings_for(store.root).model_copy(update={"plugins": plugins})


def test_files_are_sealed_and_a_png_shows_in_the_ui(lake: LocalStore) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        settings = with_visualizers(lake, names="draw_names", dot="draw_dot")
        assets = (*TABLES, "atlas_names", "atlas_dot")
        assert run(settings, "daily_atlas", DAY, instance=instance, assets=assets).success
        dot = latest_metadata(instance, "atlas_dot")
        names = latest_metadata(instance, "atlas_names")
    sealed = SealedPartitions(lake)
    record = sealed_record(sealed, "atlas_names", DAY)
    assert {key.rpartition("/")[2]: sealed.file(record, key) for key in record.files} == {
        "names.txt": b"a1\na2\na3\nb1\nb2\nb3",
        "names-count.txt": b"6",
    }
    assert "data:image/png;base64," in dot["dot.png"]
    assert names["size_bytes"] == 18


def test_a_visualizer_that_fails_stops_no_other(lake: LocalStore) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        settings = with_visualizers(lake, bad="draw_elsewhere", names="draw_names")
        assets = (*TABLES, "atlas_png", "atlas_bad", "atlas_names")
        result = run(settings, "daily_atlas", DAY, instance=instance, assets=assets)
    failed = [event for event in result.all_events if event.is_step_failure]
    assert [event.step_key for event in failed] == ["atlas_bad"]
    assert "visualizer 'bad' returned a file 'community_graph.png'" in step_failure(result, "atlas_bad")
    assert lake.download_bytes(f"atlas/date={DAY}/community_graph.png").startswith(b"\x89PNG")
    assert lake.exists(f"atlas/date={DAY}/names.txt")
    assert not lake.exists(f"atlas/date={DAY}/_atlas_bad.json")


def test_names_and_files_of_the_product_are_taken(lake: LocalStore) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        assert run(settings_for(lake.root), "daily_atlas", DAY, instance=instance).success
    files = {key.rpartition("/")[2] for key in lake.list_files(f"atlas/date={DAY}/")}
    assert len(files) > 10
    assert {re.split("[.-]", name)[0] for name in files if not name.startswith("_")} <= TAKEN_FILES
    specs = build_defs(settings_for(lake.root)).resolve_all_asset_specs()
    ours = {name for spec in specs if (name := spec.key.to_user_string()).startswith("atlas_")}
    assert ours
    assert {name.removeprefix("atlas_") for name in ours} <= TAKEN_NAMES
