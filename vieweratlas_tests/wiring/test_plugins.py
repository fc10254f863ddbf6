"""Plug-ins: found, loaded, and refused by name if they do not fit."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from vieweratlas_assets.domain.communities import detectors
from vieweratlas_assets.domain.communities.detection import weighted_graph
from vieweratlas_assets.errors import SettingsError, StorageError
from vieweratlas_assets.settings import AnalysisSettings, PluginSettings, Settings, resolve_settings
from vieweratlas_assets.storage import opening
from vieweratlas_assets.storage.opening import open_store
from vieweratlas_assets.wiring import plugins
from vieweratlas_assets.wiring.plugins import load_plugins, load_visualizers
from vieweratlas_tests import sample_plugins
from vieweratlas_tests.packages import write_package

PLUGINS = "vieweratlas_tests.sample_plugins"
GRAPH = weighted_graph(
    pl.DataFrame({"channel_a": ["a1", "b1", "a1"], "channel_b": ["a2", "b2", "b1"], "shared_viewers": [9, 9, 1]}),
    "shared_viewers",
)


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each test registries of its own."""
    monkeypatch.setattr(opening, "_registry", {})
    monkeypatch.setattr(detectors, "_registry", dict(detectors._registry))
    monkeypatch.setattr(plugins, "_registered", {})


def settings(root: str = "./data", algorithm: str = "leiden", **kinds: dict[str, str]) -> Settings:
    return Settings(
        root=root, analysis=AnalysisSettings(algorithm=algorithm), plugins=PluginSettings.model_validate(kinds)
    )


def refusal(load: Callable[[Settings], object] = load_plugins, **given: Any) -> str:
    """The message with which plug-ins are refused."""
    with pytest.raises(SettingsError) as raised:
        load(settings(**given))
    assert len(raised.value.args) == 1, raised.value.args
    return str(raised.value)


@pytest.mark.parametrize("target", ["KeptLake", "open_lake"])
def test_a_store_is_a_subclass_or_a_function(target: str) -> None:
    load_plugins(settings(storage_backends={"kept": f"{PLUGINS}:{target}"}))
    store = open_store("kept://a/b/")
    assert isinstance(store, sample_plugins.KeptLake)
    assert store.root == "kept://a/b"


@pytest.mark.parametrize("target", ["halves", "detect_communities", "FirstLetters", "OBJECT"])
def test_every_form_of_a_detector_detects_the_same_communities(target: str) -> None:
    load_plugins(settings(community_detectors={"letters": f"{PLUGINS}:{target}"}))
    labels = detectors.community_detector("letters")(GRAPH, resolution=1.0, seed=1)
    assert labels.dtype == np.int64
    assert labels[0] == labels[1] != labels[2] == labels[3]


def test_visualizers_come_sorted_by_name() -> None:
    visualizers = load_visualizers(
        settings(visualizers={"zz": f"{PLUGINS}:draw_names", "aa": f"{PLUGINS}:draw_names"})
    )
    assert list(visualizers.items()) == [("aa", sample_plugins.draw_names), ("zz", sample_plugins.draw_names)]


@pytest.mark.parametrize(
    ("kind", "name", "target", "reason"),
    [
        ("visualizers", "mine", "no_such_package.x:draw", "cannot be imported: No module named 'no_such_package'"),
        ("visualizers", "mine", f"{PLUGINS}:nothing", "vieweratlas_tests.sample_plugins has no 'nothing'"),
        ("visualizers", "mine", f"{PLUGINS}:OBJECT.nothing", "has no 'nothing'; write package.module:attribute"),
        ("visualizers", "mine", f"{PLUGINS}:NUMBER", "it is of type int; expected a function (atlas: Atlas)"),
        ("visualizers", "mine", f"{PLUGINS}:FirstLetters", "it is the class FirstLetters; expected a function"),
        ("visualizers", "png", f"{PLUGINS}:draw_names", "the name 'png' is taken by a product of ViewerAtlas"),
        ("visualizers", "graph_nodes", f"{PLUGINS}:draw_names", "the name 'graph_nodes' is taken"),
        ("community_detectors", "mine", f"{PLUGINS}:NUMBER", "it is of type int; expected a function (graph, *, "),
        ("community_detectors", "mine", f"{PLUGINS}:KeptLake", "it is the class KeptLake; expected a function"),
        ("community_detectors", "mine", f"{PLUGINS}:KeptLake.upload_bytes", "it takes (self, key: str, data: bytes)"),
        ("community_detectors", "leiden", f"{PLUGINS}:halves", "a community detector named 'leiden' is registered"),
        ("storage_backends", "mine", f"{PLUGINS}:NUMBER", "it is of type int; expected a function (root: str)"),
        ("storage_backends", "mine", f"{PLUGINS}:FirstLetters", "it is the class FirstLetters; expected a function"),
        ("storage_backends", "mine", f"{PLUGINS}:Unfinished", "the class Unfinished lacks list_objects"),
        ("storage_backends", "s3", f"{PLUGINS}:open_lake", "a store for s3:// is registered already"),
        ("storage_backends", "my_lake", f"{PLUGINS}:open_lake", "'my_lake' is not a valid scheme"),
    ],
)
def test_a_target_that_is_not_a_plugin_is_refused_by_name(kind: str, name: str, target: str, reason: str) -> None:
    message = refusal(load_plugins, **{kind: {name: target}})
    assert f"plugins.{kind}.{name} = {target}" in message
    assert reason in message


def test_a_module_that_fails_is_reported_with_its_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "fails_on_import.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(tmp_path)
    message = refusal(visualizers={"mine": "fails_on_import:draw"})
    assert "cannot be imported: ZeroDivisionError: division by zero" in message


def test_every_fault_is_reported() -> None:
    with pytest.raises(SettingsError) as raised:
        load_plugins(settings(storage_backends={"aa": "gone:x"}, community_detectors={"bb": "gone:x"}))
    assert len(raised.value.args) == 2


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("open_nothing", "opened mine://x as dict; expected an ObjectStore"),
        ("open_badly", "could not open mine://x: RuntimeError: no key in the keyring"),
    ],
)
def test_a_root_that_does_not_open_is_reported(target: str, message: str) -> None:
    load_plugins(settings(storage_backends={"mine": f"{PLUGINS}:{target}"}))
    with pytest.raises((SettingsError, StorageError)) as raised:
        open_store("mine://x")
    assert message in str(raised.value)
    assert "storage backend 'mine'" in str(raised.value)


def test_settings_can_be_loaded_twice_and_later_settings_win() -> None:
    for target in ("FirstLetters", "FirstLetters", "forgets"):
        load_plugins(settings(community_detectors={"mine": f"{PLUGINS}:{target}"}))
    with pytest.raises(ValueError, match="no community for 1 channel"):
        detectors.community_detector("mine")(GRAPH, resolution=1.0, seed=1)


def test_entry_points_are_known_and_loaded_only_when_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = f"""
        [vieweratlas.storage_backends]
        kept = {PLUGINS}:KeptLake
        broken = gone:x
        [vieweratlas.community_detectors]
        letters = {PLUGINS}:FirstLetters
        broken = gone:x
        [vieweratlas.visualizers]
        names = {PLUGINS}:draw_names
    """
    write_package(tmp_path, "their-atlas", "\n".join(line.strip() for line in text.splitlines()))
    monkeypatch.syspath_prepend(tmp_path)

    load_plugins(settings(root="kept://x", algorithm="letters"))

    assert isinstance(open_store("kept://x"), sample_plugins.KeptLake)
    assert {"letters", "broken"} <= set(detectors.detector_names())
    assert detectors.community_detector("letters")(GRAPH, resolution=1.0, seed=1)[0] == 0
    assert load_visualizers(settings()) == {"names": sample_plugins.draw_names}
    origin = "entry point broken of their-atlas (vieweratlas.{}) = gone:x cannot be imported"
    assert origin.format("community_detectors") in refusal(algorithm="broken")
    assert origin.format("storage_backends") in refusal(root="broken://x")
    with pytest.raises(SettingsError, match="entry point broken of their-atlas"):
        detectors.community_detector("broken")(GRAPH, resolution=1.0, seed=1)


def test_a_name_of_two_plugins_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_package(tmp_path, "their-atlas", f"[vieweratlas.visualizers]\nnames = {PLUGINS}:draw_names\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert set(load_visualizers(settings(visualizers={"names": f"{PLUGINS}:draw_names"}))) == {"names"}

    message = refusal(load_visualizers, visualizers={"names": f"{PLUGINS}:draw_elsewhere"})

    assert "entry point names of their-atlas" in message
    assert f"the name 'names' is taken by plugins.visualizers.names = {PLUGINS}:draw_elsewhere" in message


@pytest.mark.parametrize("line", ["My Map = a:b", "map = a_module_alone"])
def test_an_entry_point_with_a_bad_name_or_target_is_refused(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_package(tmp_path, "their-atlas", f"[vieweratlas.visualizers]\n{line}\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert "of their-atlas" in refusal(load_visualizers)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"mine": "gone"}', "mine is 'gone'; write package.module:attribute, such as my_package.my_module:my_"),
        ('{"mine": 7}', "mine is 7; write package.module:attribute"),
        ("mine=gone:draw", 'write JSON such as {"name": "my_package.my_module:my_function"}'),
        ('["gone:draw"]', "write names, each with its object, such as name: my_package.my_module"),
        ('{"My Map": "a:b"}', "'My Map' is not a valid name: write two or more lowercase letters"),
    ],
)
def test_a_malformed_setting_is_refused(text: str, message: str) -> None:
    with pytest.raises(SettingsError) as raised:
        resolve_settings(environment={"VIEWERATLAS_PLUGINS__VISUALIZERS": text})
    assert "plugins.visualizers is " in str(raised.value)
    assert message in str(raised.value)


def test_without_plugins_no_heavy_library_is_loaded() -> None:
    code = (
        "import sys; from vieweratlas_assets.wiring.plugins import load_plugins; "
        "from vieweratlas_assets.settings import Settings; load_plugins(Settings()); "
        "assert not {'polars', 'networkx', 'dagster'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
