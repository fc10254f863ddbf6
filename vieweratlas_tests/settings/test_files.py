"""YAML texts: keys with their values and lines."""

import datetime as dt

import pytest
import yaml  # type: ignore[import-untyped]  # PyYAML has no types
from hypothesis import given
from hypothesis import strategies as st

from vieweratlas_assets.settings.dotted_keys import keys
from vieweratlas_assets.settings.files import Entry, SettingsFileError, read_entries

VALUES = st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.text(max_size=5), max_size=3)


def test_every_key_has_its_value_and_its_line() -> None:
    text = "# ours\nroot: here\nanalysis:\n\n  seed: 3\n  weight: jaccard\npartitions: {window_days: 7}\n"
    assert read_entries(text) == [
        Entry("root", "here", 2),
        Entry("analysis.seed", 3, 5),
        Entry("analysis.weight", "jaccard", 6),
        Entry("partitions.window_days", 7, 7),
    ]


@given(st.dictionaries(st.sampled_from(list(keys())), VALUES))
def test_what_yaml_writes_is_read_back(values: dict[str, object]) -> None:
    nested: dict[str, object] = {}
    for key, value in values.items():
        section, _, name = key.rpartition(".")
        if section:
            inner = nested.setdefault(section, {})
            assert isinstance(inner, dict)
            inner[name] = value
        else:
            nested[name] = value
    assert {entry.key: entry.value for entry in read_entries(yaml.safe_dump(nested))} == values


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "null"])
def test_a_text_without_keys_has_no_entries(text: str) -> None:
    entries = read_entries(text)
    assert [entry.key for entry in entries] == []


def test_only_sections_are_opened() -> None:
    text = "analisys:\n  seed: 3\nplugins:\n  visualizers:\n    mine: a:b\nanalysis: 5\nvod:\n"
    assert read_entries(text) == [
        Entry("analisys", {"seed": 3}, 1),
        Entry("plugins.visualizers", {"mine": "a:b"}, 4),
        Entry("analysis", 5, 6),
        Entry("vod", None, 7),
    ]


def test_a_key_that_is_written_twice_has_two_entries() -> None:
    assert read_entries("root: a\nroot: b") == [Entry("root", "a", 1), Entry("root", "b", 2)]


def test_a_section_may_take_the_keys_of_an_anchor() -> None:
    text = "analysis: &ours\n  seed: 3\npartitions:\n  <<: *ours\n  window_days: 7\n"
    assert read_entries(text)[1:] == [Entry("partitions.seed", 3, 2), Entry("partitions.window_days", 7, 5)]


def test_a_date_that_does_not_exist_stays_a_text() -> None:
    text = "partitions:\n  daily_start: 2020-02-{}\n"
    assert [read_entries(text.format(day))[0].value for day in (29, 30)] == [dt.date(2020, 2, 29), "2020-02-30"]
    assert read_entries("partitions:\n  daily_start: !!timestamp soon\n")[0].value == "soon"


@pytest.mark.parametrize("text", ["- a\n- b", "rigorous", "5"])
def test_a_list_or_a_single_value_is_refused(text: str) -> None:
    with pytest.raises(SettingsFileError, match="it holds no settings; write a section"):
        read_entries(text)


@pytest.mark.parametrize("text", ["a: b: c", "root: !!python/object:os.system x", "a: 1\n---\nb: 2", "root: [a"])
def test_a_text_that_is_not_yaml_or_builds_objects_is_refused(text: str) -> None:
    with pytest.raises(yaml.YAMLError):
        read_entries(text)
