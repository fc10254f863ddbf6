"""The margin: numbers and dates for people, the legend, and a footer that fits."""

import datetime as dt
from dataclasses import replace
from functools import cache

import pytest

from vieweratlas_assets.domain.atlas import margin
from vieweratlas_assets.domain.atlas.canvas import Canvas
from vieweratlas_assets.domain.atlas.drawn_map import fit_map
from vieweratlas_assets.domain.atlas.margin import (
    counts_text,
    day_text,
    draw_footer,
    draw_legend,
    draw_title,
    short,
)
from vieweratlas_assets.domain.atlas.model import Atlas
from vieweratlas_assets.domain.atlas.palette import DARK
from vieweratlas_assets.domain.schemas import COMMUNITIES, COMMUNITY_TAGS, GRAPH_EDGES, GRAPH_NODES, LAYOUT
from vieweratlas_tests.domain.atlas.samples import ATLASES, atlas_of, bare_atlas, empty_atlas, small_atlas, table


def texts(canvas: Canvas) -> list[str]:
    return [text.get_text() for text in canvas.axes.texts]


def legend_of(atlas: Atlas) -> list[str]:
    canvas = Canvas(1600, 1120, DARK, 0.5)
    draw_legend(canvas, atlas, fit_map(canvas, atlas, (20, 40, 1200, 1000)), 1220)
    return texts(canvas)


@cache
def crowded(communities: int) -> Atlas:
    """Communities of one channel each; the last one has most viewers."""
    names = [f"c{number:02}" for number in range(communities)]
    numbers = list(range(communities))
    return atlas_of(
        table(GRAPH_NODES, channel=names, viewers=[100 * (number + 1) for number in numbers]),
        GRAPH_EDGES.empty(),
        table(COMMUNITIES, channel=names, community=numbers),
        table(
            COMMUNITY_TAGS,
            community=numbers,
            label=[f"Label {number}" for number in numbers],
            channels=[1] * communities,
            viewers=[100 * (number + 1) for number in numbers],
        ),
        table(
            LAYOUT, channel=names, x=[number % 6 / 5 for number in numbers], y=[number // 6 / 5 for number in numbers]
        ),
    )


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (None, "?"),
        (0, "0"),
        (950, "950"),
        (9_999, "9,999"),
        (10_000, "10k"),
        (12_499, "12k"),
        (999_499, "999k"),
        (999_500, "1.0M"),
        (3_440_000, "3.4M"),
    ],
)
def test_a_number_is_shown_in_few_characters(number: int | None, shown: str) -> None:
    assert short(number) == shown


def test_a_day_and_its_counts_are_written_for_people() -> None:
    assert day_text(dt.date(2026, 3, 9)) == "9 March 2026"
    assert counts_text(small_atlas()) == "12 channels in 2 communities, by the viewers they share"
    assert counts_text(crowded(1)) == "1 channel in 1 community, by the viewers they share"
    assert counts_text(empty_atlas()) == "0 channels in 0 communities, by the viewers they share"


def test_the_title_keeps_its_place_free_of_labels() -> None:
    canvas = Canvas(1600, 1120, DARK, 0.5)
    draw_title(canvas, small_atlas())
    assert len(canvas.taken) == len(canvas.axes.texts) == 3
    assert texts(canvas)[0] == "The Twitch Atlas · 22 November 2026"
    assert not any(canvas.is_free(box) for box in canvas.taken)


def test_the_legend_lists_the_communities_with_most_viewers_and_sums_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(margin, "LEGEND_ROWS", 3)
    listed = legend_of(crowded(6))
    labels = [text for text in listed if text.startswith(("Label", "and "))]
    assert labels == ["Label 5", "Label 4", "Label 3", "and 3 more communities"]
    assert listed[listed.index("Label 5") + 1] == "1 · 600"
    assert listed[listed.index("and 3 more communities") + 1] == "3 · 600"
    monkeypatch.setattr(margin, "LEGEND_ROWS", 5)
    assert "and 1 more community" in legend_of(crowded(6))


def test_the_legend_shows_disc_sizes_only_if_viewers_are_known() -> None:
    listed = legend_of(small_atlas())
    sizes = listed[listed.index("VIEWERS") + 1 : listed.index("HOW TO READ")]
    assert sizes == ["100", "1,000", "10k"]
    assert listed[listed.index("Unclustered") + 1] == "2 · 11k"
    unknown = legend_of(bare_atlas(["a", "b"]))
    assert "VIEWERS" not in unknown
    assert unknown[unknown.index("Unclustered") + 1] == "2 · ?"


@pytest.mark.parametrize("provenance", ["chat of 30 days", "days " * 60])
def test_the_footer_fits_the_canvas(provenance: str) -> None:
    canvas = Canvas(800, 560, DARK, 0.25)
    draw_footer(canvas, replace(ATLASES["small"](), provenance=provenance))
    [written] = texts(canvas)
    assert written.startswith(f"ViewerAtlas · {provenance[:10]}")
    assert written.endswith("…") is (len(provenance) > 100)
    [box] = canvas.taken
    assert box[0] >= 16
    assert box[2] == 800 - 16
