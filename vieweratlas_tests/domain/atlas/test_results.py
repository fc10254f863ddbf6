import json
from collections.abc import Callable
from typing import Any

import pytest

from vieweratlas_assets.domain.atlas.model import Atlas
from vieweratlas_assets.domain.atlas.results import analysis_results
from vieweratlas_tests.domain.atlas.samples import (
    ATLASES,
    DAY,
    HOSTILE,
    empty_atlas,
    hostile_atlas,
    shuffled,
    small_atlas,
)

every_atlas = pytest.mark.parametrize("make", ATLASES.values(), ids=ATLASES.keys())


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")


def _read(atlas: Atlas) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(analysis_results(atlas, {}), parse_constant=_refuse)
    return document


@every_atlas
def test_row_order_does_not_matter(make: Callable[[], Atlas]) -> None:
    assert analysis_results(shuffled(make()), {}) == analysis_results(make(), {})


@every_atlas
def test_every_channel_is_in_the_partition_once(make: Callable[[], Atlas]) -> None:
    atlas = make()
    document = _read(atlas)
    assert list(document) == ["date", "settings", "statistics", "communities", "partition"]
    assert document["date"] == DAY.isoformat()
    assert list(document["partition"].items()) == sorted(atlas.communities.iter_rows())
    for community in document["communities"]:
        members = [channel for channel, number in document["partition"].items() if number == community["community"]]
        assert community["members"] == members


def test_communities_have_their_tags() -> None:
    atlas = small_atlas()
    communities = _read(atlas)["communities"]
    assert [(each["community"], each["label"], len(each["members"])) for each in communities] == [
        (0, "Chess", 6),
        (1, "Music (de)", 4),
    ]
    assert [{name: each[name] for name in atlas.tags.columns} for each in communities] == atlas.tags.to_dicts()


def test_unclustered_channels_are_null() -> None:
    partition = _read(small_atlas())["partition"]
    assert [channel for channel, number in partition.items() if number is None] == ["channel_10", "channel_11"]


def test_hostile_names_are_read_back_and_stay_readable() -> None:
    document = _read(hostile_atlas())
    assert set(document["partition"]) == set(HOSTILE)
    assert [each["label"] for each in document["communities"]] == list(HOSTILE[1:6])
    assert "emoji 😀👩‍👩‍👧 flag 🇩🇪".encode() in analysis_results(hostile_atlas(), {})


def test_statistics_and_settings_are_separate_by_step() -> None:
    steps: dict[str, dict[str, Any] | None] = {
        "graph": {"density": 0.5},
        "detection": {"modularity": None, "settings": {"seed": 1}},
        "tagging": None,
    }
    document = json.loads(analysis_results(empty_atlas(), steps))
    assert document["statistics"] == {"graph": {"density": 0.5}, "detection": {"modularity": None}, "tagging": None}
    assert document["settings"] == {"graph": None, "detection": {"seed": 1}, "tagging": None}
    assert (document["communities"], document["partition"]) == ([], {})


def test_the_file_ends_with_one_newline() -> None:
    text = analysis_results(small_atlas(), {})
    assert text.endswith(b"}\n")
    assert not text.endswith(b"\n\n")


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_numbers_that_json_lacks_are_refused(number: float) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        analysis_results(small_atlas(), {"graph": {"density": number}})
