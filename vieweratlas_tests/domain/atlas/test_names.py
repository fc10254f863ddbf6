"""Names on the map: communities in their countries, channels at their discs, and no name on another."""

import numpy as np
import pytest

from vieweratlas_assets.domain.atlas.canvas import Canvas
from vieweratlas_assets.domain.atlas.drawn_map import DrawnMap, fit_map
from vieweratlas_assets.domain.atlas.names import name_channels, name_communities
from vieweratlas_assets.domain.atlas.palette import DARK
from vieweratlas_tests.domain.atlas.samples import empty_atlas, small_atlas

ATLAS = small_atlas()
EVERYTHING = (0.0, 0.0, 1600.0, 1120.0)


def fitted() -> tuple[Canvas, DrawnMap]:
    canvas = Canvas(1600, 1120, DARK, 0.5)
    return canvas, fit_map(canvas, ATLAS, (20, 40, 1580, 1080))


def texts(canvas: Canvas) -> list[str]:
    return [text.get_text() for text in canvas.axes.texts]


def test_each_community_is_named_in_its_country() -> None:
    canvas, drawn = fitted()
    assert name_communities(canvas, ATLAS, drawn) == 2
    assert [text.replace("\n", " ") for text in texts(canvas)] == ["CHESS", "MUSIC (DE)"]
    lands = {land.country.community: land for land in drawn.lands}
    for community, text, box in zip((0, 1), canvas.axes.texts, canvas.taken, strict=True):
        assert lands[community].path.contains_point(text.get_position())
        assert text.get_position() == pytest.approx(((box[0] + box[2]) / 2, (box[1] + box[3]) / 2))


def test_the_first_names_are_of_the_two_largest_channels_of_each_community() -> None:
    canvas, drawn = fitted()
    assert name_channels(canvas, drawn, 4) == 4
    assert texts(canvas) == ["channel_09", "channel_08", "channel_05", "channel_04"]
    canvas, drawn = fitted()
    assert name_channels(canvas, drawn, 5) == 5
    assert texts(canvas)[4] == "channel_10", "the largest channel has no community"


def test_a_name_stands_next_to_its_disc() -> None:
    canvas, drawn = fitted()
    name_channels(canvas, drawn, 12)
    place = dict(zip(drawn.channels["channel"], zip(drawn.place, drawn.radius, strict=True), strict=True))
    assert len(canvas.taken) == 12
    for text, (left, bottom, right, top) in zip(texts(canvas), canvas.taken, strict=True):
        (x, y), radius = place[text]
        away = np.hypot(max(left - x, 0, x - right), max(bottom - y, 0, y - top))
        assert 0.5 * radius < away < radius + 10


def test_a_name_without_space_is_left_out() -> None:
    canvas, drawn = fitted()
    canvas.taken.append(EVERYTHING)
    assert name_communities(canvas, ATLAS, drawn) == 0
    assert name_channels(canvas, drawn, 12) == 0
    assert texts(canvas) == []
    assert name_communities(canvas, empty_atlas(), drawn) == 0


def test_names_of_channels_avoid_those_of_communities() -> None:
    canvas, drawn = fitted()
    name_communities(canvas, ATLAS, drawn)
    name_channels(canvas, drawn, 12)
    left, bottom, right, top = np.array(canvas.taken).T
    across = np.minimum(right[:, None], right) - np.maximum(left[:, None], left)
    up = np.minimum(top[:, None], top) - np.maximum(bottom[:, None], bottom)
    assert not ((across > 0) & (up > 0) & ~np.eye(len(left), dtype=bool)).any()
