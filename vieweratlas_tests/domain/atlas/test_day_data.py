"""The packed day: it holds what the tables hold, and the same tables give the same bytes."""

import gzip
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from matplotlib.path import Path

from vieweratlas_assets.domain.atlas.day_data import LINKS_PER_CHANNEL, NONE, DayBlock, day_data, read_day
from vieweratlas_assets.domain.atlas.graph import disc_radii
from vieweratlas_assets.domain.atlas.model import printable
from vieweratlas_assets.domain.atlas.palette import DARK, LIGHT
from vieweratlas_tests.domain.atlas.samples import (
    ATLASES,
    bare_atlas,
    edges_between,
    packed_day,
    shuffled,
    small_atlas,
)
from vieweratlas_tests.domain.atlas.test_changes import earlier


def block_of(name: str) -> DayBlock:
    return read_day(packed_day(name))


@pytest.mark.parametrize("name", ATLASES)
def test_a_packed_day_holds_its_channels_and_links(name: str) -> None:
    atlas, block = ATLASES[name](), block_of(name)
    assert block.head["channels"] == [printable(channel) for channel in atlas.channels["channel"]]
    ends = [[block.head["channels"][at] for at in block.columns[end]] for end in ("a", "b")]
    edges = atlas.edges.select("channel_a", "channel_b").rows()
    assert list(zip(*ends, strict=True)) == [(printable(a), printable(b)) for a, b in edges]


@pytest.mark.parametrize("name", [name for name in ATLASES if name != "hostile"])
def test_row_order_does_not_matter(name: str) -> None:
    assert day_data(shuffled(ATLASES[name]())) == packed_day(name)


def test_a_column_holds_the_values_of_every_channel() -> None:
    atlas, block = small_atlas(), block_of("small")
    columns = block.columns
    assert columns["viewers"].tolist() == [*range(1000, 11_001, 1000), NONE["u4"]]
    assert columns["community"].tolist() == [0] * 6 + [1] * 4 + [NONE["u2"]] * 2
    assert columns["game"].tolist() == columns["language"].tolist() == [0] * 11 + [NONE["u2"]]
    assert (block.head["games"], block.head["languages"]) == (["Chess"], ["English"])
    for name, exact in (("x", atlas.channels["x"]), ("radius", disc_radii(atlas.channels["viewers"]))):
        assert columns[name].tolist() == np.asarray(exact, np.float32).tolist()


def test_communities_come_largest_first_with_their_colors_and_land() -> None:
    communities = block_of("small").head["communities"]
    assert [(one["name"], one["id"], one["channels"], one["since"]) for one in communities] == [
        ("Chess", 1, 6, "2026-11-22"),
        ("Music (de)", 2, 4, "2026-11-22"),
    ]
    assert communities[1]["colours"] == [DARK.communities[1], LIGHT.communities[1]]
    for one in communities:
        x, y, room = one["anchor"]
        lands = [Path(np.reshape(ring, (-1, 2))) for ring in one["rings"]]
        assert sum(land.contains_point((x, y)) for land in lands) == 1
        assert room > 0


@pytest.mark.parametrize("name", ATLASES)
def test_the_box_holds_all_lands_and_channels(name: str) -> None:
    block = block_of(name)
    left, bottom, right, top = block.head["box"]
    rings = [np.reshape(ring, (-1, 2)) for one in block.head["communities"] for ring in one["rings"]]
    points = np.vstack([np.column_stack([block.columns["x"], block.columns["y"]]), *rings])
    # Borders, places and the box are rounded.
    assert ((points >= np.array([left, bottom]) - 1e-3) & (points <= np.array([right, top]) + 1e-3)).all()


def test_figures_of_the_earlier_day_are_known_new_or_unknown() -> None:
    without = block_of("small").columns
    assert set(without["rank_before"]) == {NONE["u4"]}
    columns = read_day(day_data(small_atlas(), earlier())).columns
    # The first channel is new.
    assert columns["rank_before"].tolist() == [0, *range(10, 0, -1), 11]
    assert columns["viewers_before"].tolist() == [NONE["u4"], *range(50, 501, 50), 7]


def test_scores_are_tenths_within_16_bits() -> None:
    edges = edges_between([("a", "b"), ("a", "c"), ("b", "c")], overlap_z=[-5000.0, 3.26, None])
    atlas = replace(bare_atlas(["a", "b", "c"]), edges=edges.with_columns(shared_viewers=pl.lit(1, pl.Int64)))
    block = read_day(day_data(atlas))
    assert block.columns["score"].tolist() == [-32_767, 33, NONE["i2"]]
    assert block.columns["shared"].tolist() == [1, 1, 1]


def test_only_the_strongest_links_of_each_channel_are_drawn() -> None:
    hub = [f"c{number}" for number in range(8)]
    pairs = [(a, b) for a in hub for b in hub if a < b]
    atlas = replace(bare_atlas(hub), edges=edges_between(pairs, shared_viewers=list(range(1, len(pairs) + 1))))
    columns = read_day(day_data(atlas)).columns
    drawn = columns["drawn"] == 1
    ends = np.concatenate([columns["a"][drawn], columns["b"][drawn]])
    assert np.bincount(ends, minlength=8).min() == LINKS_PER_CHANNEL
    assert 0 < drawn.sum() < len(pairs)
    assert columns["strength"][drawn].mean() > columns["strength"][~drawn].mean()


@pytest.mark.parametrize("name", ATLASES)
def test_every_column_lies_within_the_block_at_a_multiple_of_four(name: str) -> None:
    raw = gzip.decompress(packed_day(name))
    entries = block_of(name).head["columns"]
    assert all(at % 4 == 0 for _, _, at, _ in entries)
    assert max(at + count * int(kind[1]) for _, kind, at, count in entries) <= len(raw)


def test_a_block_has_no_time_of_writing() -> None:
    # Bytes 4 to 7 of gzip.
    assert packed_day("small")[4:8] == bytes(4)
