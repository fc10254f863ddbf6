"""The Python API: storage, audiences, graphs, detection and drawing."""

import datetime as dt
import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from vieweratlas_assets import api
from vieweratlas_assets.api import get_storage
from vieweratlas_assets.domain.communities import detectors
from vieweratlas_assets.domain.lake import channel_roster, live_presence
from vieweratlas_assets.domain.presence.names import ViewerNames
from vieweratlas_assets.errors import LakeStateError, SettingsError
from vieweratlas_assets.storage.audiences import mark_pruned
from vieweratlas_assets.storage.errors import CorruptObjectError, MissingPartitionError
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_assets.storage.s3 import S3Store
from vieweratlas_assets.storage.sealed import SealedPartitions
from vieweratlas_assets.wiring import plugins
from vieweratlas_tests.lake_factories import DAY, make_audience, put_live


@pytest.fixture(autouse=True)
def _bare(bare_environment: pytest.MonkeyPatch) -> None:
    pass


def test_storage_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert get_storage().root == str(tmp_path / "data")
    monkeypatch.setenv("VIEWERATLAS_ROOT", str(tmp_path / "lake"))
    store = get_storage()
    assert isinstance(store, LocalStore)
    assert store.root == str(tmp_path / "lake")
    assert not list(tmp_path.iterdir())


def test_storage_on_s3_follows_the_older_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in {"STORAGE_TYPE": "s3", "S3_BUCKET": "b", "S3_PREFIX": "p/", "S3_REGION": "eu-west-3"}.items():
        monkeypatch.setenv(name, text)
    store = get_storage()
    assert isinstance(store, S3Store)
    assert store.root == "s3://b/p"
    assert store._client.meta.region_name == "eu-west-3"


def test_storage_follows_the_settings_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(f"root: {tmp_path}/of_file\n")
    monkeypatch.setenv("VIEWERATLAS_CONFIG", str(tmp_path / "a.yaml"))
    assert get_storage().root == f"{tmp_path}/of_file"


def test_storage_without_a_bucket_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE_TYPE", "s3")
    with pytest.raises(SettingsError, match=r"set storage\.s3_bucket"):
        get_storage()


PAIRS = [("alpha", "ann"), ("alpha", "bob"), ("beta", "ann"), ("beta", "bob"), ("gamma", "cem"), ("gamma", "ann")]


def test_pairs_are_a_frame_a_list_or_a_file(tmp_path: Path) -> None:
    frame = pl.DataFrame(PAIRS, schema=["channel", "viewer"], orient="row")
    path = tmp_path / "pairs.csv"
    path.write_text("Username,Channel\n" + "".join(f"{viewer.upper()} , {channel}\n" for channel, viewer in PAIRS))
    for source in (frame, PAIRS, path, str(path), [*PAIRS, ("ALPHA", " Ann ")]):
        audience = api.audience_of(source, day="2026-03-10")
        assert sorted(audience.pairs.rows()) == sorted(PAIRS)
        graph = api.overlap_graph(audience, min_channel_viewers=1)
        shared = graph.edges.select("channel_a", "channel_b", "shared_viewers").rows()
        assert shared == [("alpha", "beta", 2), ("alpha", "gamma", 1), ("beta", "gamma", 1)]
        assert dict(graph.nodes.select("channel", "viewers").iter_rows()) == {"alpha": 2, "beta": 2, "gamma": 2}


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (pl.DataFrame({"channel": ["a"], "name": ["b"]}), "missing column(s) viewer; the frame has channel, name"),
        ([("a", "ann"), ("a", " ")], "1 pair(s) lack a channel or a viewer, the first is number 2"),
        ([("a", "ann"), (None, "bob"), ("b", None)], "2 pair(s) lack a channel or a viewer, the first is number 2"),
        ("none.csv", "none.csv: cannot be read: No such file or directory"),
    ],
)
def test_an_unusable_source_of_pairs_is_refused_with_the_reason(source: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        api.audience_of(source, day="2026-03-10")


def test_facts_about_channels_name_their_communities() -> None:
    about = pl.DataFrame({"channel": ["Alpha", "beta"], "game_name": "Chess", "language": "en"})
    graph = api.overlap_graph(api.audience_of(PAIRS, day="2026-03-10", about=about), min_channel_viewers=1)
    communities = api.detect(graph, resolution_mode="absolute")
    tags = api.tag(graph, communities)
    assert tags["top_game"].to_list() == ["Chess"]
    assert tags["channels_known"].to_list() == [2]
    atlas = api.lay_out(graph, communities, tags, day="2026-03-10")
    assert atlas.channels["game_name"].to_list() == ["Chess", "Chess", None]
    assert api.draw(atlas) == api.draw(atlas)


def test_options_are_settings_with_their_limits() -> None:
    audience = api.audience_of(PAIRS, day="2026-03-10")
    assert api.overlap_graph(audience).nodes.is_empty()
    assert api.overlap_graph(audience, min_channel_viewers=1, overlap_threshold=2).edges.height == 1
    cut = api.overlap_graph(audience, min_channel_viewers=1, max_channels_per_viewer=2, drop_viewers_over_max=True)
    assert cut.edges["shared_viewers"].to_list() == [1]
    with pytest.raises(SettingsError, match=r"overlap_threshold is 0 \(argument\): .*greater than or equal"):
        api.overlap_graph(audience, overlap_threshold=0)
    with pytest.raises(SettingsError, match=r"analysis\.resolutoin.*did you mean analysis\.resolution"):
        api.detect(api.overlap_graph(audience), resolutoin=1)


def test_a_detector_of_a_plugin_is_chosen_by_name(bare_environment: pytest.MonkeyPatch) -> None:
    named = '{"first_letters": "vieweratlas_tests.sample_plugins:FirstLetters"}'
    bare_environment.setattr(detectors, "_registry", dict(detectors._registry))
    bare_environment.setattr(plugins, "_registered", {})
    graph = api.overlap_graph(api.audience_of(PAIRS, day="2026-03-10"), min_channel_viewers=1)
    with pytest.raises(ValueError, match="unknown community detector 'first_letters'"):
        api.detect(graph, algorithm="first_letters")
    bare_environment.setenv("VIEWERATLAS_PLUGINS__COMMUNITY_DETECTORS", named)
    communities = api.detect(graph, algorithm="first_letters", min_community_size=1, weight="shared_viewers")
    assert communities.sizes == (1, 1, 1)


def test_presence_without_an_audience_is_reduced_with_filters_and_opt_outs(
    bare_environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    store = LocalStore(tmp_path / "lake")
    put_live(store, DAY, {"alpha": [["ann", "bob", "nightbot"], ["ann"]], "beta": [["ann", "cem"]]})
    (tmp_path / "out.txt").write_text("viewer cem\n")

    def pairs(**analysis: Any) -> list[tuple[str, str]]:
        return sorted(api.load_audience(store, DAY, DAY, **analysis).pairs.rows())

    assert pairs() == [("alpha", "ann"), ("alpha", "bob"), ("beta", "ann"), ("beta", "cem")]
    assert pairs(min_buckets_per_viewer=2) == [("alpha", "ann")]
    bare_environment.setenv("VIEWERATLAS_PRIVACY__OPT_OUT_FILE", str(tmp_path / "out.txt"))
    assert pairs() == [("alpha", "ann"), ("alpha", "bob"), ("beta", "ann")]
    assert store.list_files() == [live_presence(DAY)]


def test_a_stored_audience_follows_later_opt_outs(bare_environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "lake")
    put_live(store, DAY, {"alpha": [["ann", "bob"]], "beta": [["ann", "cem"]], "gone": [["bob"]]})
    make_audience(tmp_path / "lake", DAY)
    assert api.load_audience(store, DAY).pairs.height == 5
    (tmp_path / "out.txt").write_text("viewer CEM\nchannel gone\n")
    bare_environment.setenv("VIEWERATLAS_PRIVACY__OPT_OUT_FILE", str(tmp_path / "out.txt"))
    audience = api.load_audience(store, DAY)
    assert audience.pairs.rows() == [("alpha", "ann"), ("alpha", "bob"), ("beta", "ann")]
    activity = audience.activity[DAY].select("channel", "viewers", "viewer_minutes")
    assert activity.rows() == [("alpha", 2, 2), ("beta", 1, 1)]


def test_a_stored_audience_is_returned_pseudonymous_if_the_settings_say_so(
    bare_environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    store = LocalStore(tmp_path)
    put_live(store, DAY, {"alpha": [["ann", "bob"]], "beta": [["ann"]]})
    bare_environment.setenv("VIEWERATLAS_PRIVACY__VIEWER_NAMES", "pseudonymous")
    bare_environment.setenv("VIEWERATLAS_PRIVACY__PSEUDONYM_KEY", "a key of the tests, 32 bytes long")
    reduced = api.load_audience(store, DAY)
    make_audience(tmp_path, DAY)
    stored = api.load_audience(store, DAY)
    assert stored.pairs.equals(reduced.pairs)
    assert stored.activity[DAY].equals(reduced.activity[DAY])
    assert stored.pairs["viewer"].str.starts_with("p.").all()


def test_a_viewer_under_both_forms_is_one_person(bare_environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    key, store = "a key of the tests, 32 bytes long", LocalStore(tmp_path)
    pseudonym = ViewerNames(pseudonymous=True, key=key.encode()).stored(pl.Series(["ann"]))[0]
    put_live(store, DAY, {"alpha": [["ann", "bob"], ["ann", pseudonym], [pseudonym]]})
    make_audience(tmp_path, DAY)
    bare_environment.setenv("VIEWERATLAS_PRIVACY__VIEWER_NAMES", "pseudonymous")
    bare_environment.setenv("VIEWERATLAS_PRIVACY__PSEUDONYM_KEY", key)
    audience = api.load_audience(store, DAY)
    assert audience.pairs.height == 2
    assert pseudonym in audience.pairs["viewer"]
    assert audience.activity[DAY].select("viewers", "viewer_minutes").rows() == [(2, 3)]


def test_filters_that_are_not_given_are_the_ones_of_the_stored_audience(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    put_live(store, DAY, {"alpha": [["ann", "bob", "nightbot"], ["ann", "nightbot"]]})
    make_audience(tmp_path, DAY, min_buckets_per_viewer=2)
    assert api.load_audience(store, DAY).pairs["viewer"].to_list() == ["ann"]
    assert api.load_audience(store, DAY, drop_known_bots=False).pairs["viewer"].to_list() == ["ann", "nightbot"]


def test_filters_that_differ_from_the_stored_audience_are_applied_to_the_presence(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    put_live(store, DAY, {"alpha": [["ann", "bob", "nightbot"], ["ann"]]})
    make_audience(tmp_path, DAY)
    assert api.load_audience(store, DAY, min_buckets_per_viewer=1).pairs.height == 2
    assert api.load_audience(store, DAY, min_buckets_per_viewer=2).pairs.rows() == [("alpha", "ann")]
    assert mark_pruned(SealedPartitions(store), DAY)
    assert api.load_audience(store, DAY).pairs.height == 2
    with pytest.raises(LakeStateError, match="2026-03-10 was built with drop_known_bots=True, not False"):
        api.load_audience(store, DAY, drop_known_bots=False)


def test_days_with_presence_are_loaded_and_broken_files_warned_about(tmp_path: Path) -> None:
    store, later = LocalStore(tmp_path), DAY + dt.timedelta(days=2)
    with pytest.raises(MissingPartitionError, match="has no presence from 2026-03-10 to 2026-03-12"):
        api.load_audience(store, DAY, later)
    for day in (DAY, later):
        put_live(store, day, {"alpha": [["ann"]]})
    audience = api.load_audience(store, "2026-03-10", "2026-03-12")
    assert audience.days == [DAY, later]
    assert audience.pairs.height == 2
    assert "ann" not in repr(audience)
    store.upload_bytes(channel_roster(later, 12), b"PAR1 cut off")
    with pytest.warns(UserWarning, match=r"2026-03-12: left out .*part-0000\.parquet"):
        assert api.load_audience(store, DAY, later).pairs.height == 2
    store.upload_bytes(live_presence(later), b"PAR1 cut off")
    with pytest.raises(CorruptObjectError, match=r"none of the 2 file\(s\) of 2026-03-12 can be read"):
        api.load_audience(store, DAY, later)


def test_a_range_that_ends_before_it_begins_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="from 2026-03-12 to 2026-03-10"):
        api.load_audience(LocalStore(tmp_path), "2026-03-12", "2026-03-10")
