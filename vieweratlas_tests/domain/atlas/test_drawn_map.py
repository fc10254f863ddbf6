"""The map on a canvas: it fills its box, and every disc and link is drawn where it belongs."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from matplotlib.collections import EllipseCollection, LineCollection, PathCollection
from matplotlib.colors import to_rgba

from vieweratlas_assets.domain.atlas.canvas import Box, Canvas
from vieweratlas_assets.domain.atlas.drawn_map import SMALLEST_DISC, DrawnMap, draw_map, fit_map
from vieweratlas_assets.domain.atlas.graph import MAX_RADIUS
from vieweratlas_assets.domain.atlas.palette import DARK
from vieweratlas_tests.domain.atlas.samples import ATLASES, bare_atlas, small_atlas

BOX = (40.0, 30.0, 340.0, 210.0)


def canvas() -> Canvas:
    return Canvas(400, 240, DARK, 0.5)


@cache
def fitted(name: str) -> DrawnMap:
    return fit_map(canvas(), ATLASES[name](), BOX)


@pytest.mark.parametrize("name", [name for name in ATLASES if name not in ("empty", "hostile")])
def test_the_map_fills_its_box_in_one_direction_and_keeps_its_shape(name: str) -> None:
    drawn = fitted(name)
    edge = MAX_RADIUS * drawn.unit
    borders = [land.path.vertices for land in drawn.lands]
    points = np.vstack([drawn.place - edge, drawn.place + edge, *borders])
    low, high = points.min(axis=0), points.max(axis=0)
    assert (low >= np.array(BOX[:2]) - 1e-6).all()
    assert (high <= np.array(BOX[2:]) + 1e-6).all()
    assert min(300 - (high - low)[0], 180 - (high - low)[1]) == pytest.approx(0, abs=1e-6)
    assert (low + high) / 2 == pytest.approx(np.array([190, 120]))
    exact = ATLASES[name]().channels_by_size.select("x", "y").to_numpy() * drawn.unit
    assert drawn.place - drawn.place[0] == pytest.approx(exact - exact[0])


def test_discs_come_largest_first_and_the_smallest_stay_visible() -> None:
    drawn = fitted("small")
    assert drawn.channels["channel"][0] == "channel_10"
    assert (np.diff(drawn.radius) <= 0).all()
    assert drawn.radius.min() == SMALLEST_DISC * 0.5
    assert {land.country.community for land in drawn.lands} == {0, 1}
    assert drawn.colors == {0: DARK.communities[0], 1: DARK.communities[1], None: DARK.gray}


@pytest.mark.parametrize(
    ("box", "touched"),
    [
        ((-1, -1, 1, 1), [True, False]),
        # The corner at (3, 4) is 5 px away: it touches a disc of 5.1 px and not one of 5 px.
        ((3, 4, 9, 9), [True, False]),
        ((4, 4, 9, 9), [False, False]),
        ((-9, 5.05, 9, 9), [True, False]),
        ((-9, 5.15, 9, 9), [False, False]),
        ((102, 100, 104, 104), [False, True]),
        ((-500, -500, 500, 500), [True, True]),
    ],
)
def test_a_box_touches_the_discs_that_it_overlaps(box: Box, touched: list[bool]) -> None:
    place = np.array([[0.0, 0.0], [100.0, 100.0]])
    drawn = replace(fitted("small"), place=place, radius=np.array([5.1, 5.0]))
    assert drawn.touched_by(box).tolist() == touched


def test_every_disc_is_drawn_in_the_color_of_its_community() -> None:
    one, drawn = canvas(), fitted("small")
    draw_map(one, small_atlas(), drawn)
    _, discs = [each for each in one.axes.collections if isinstance(each, EllipseCollection)]
    assert np.asarray(discs.get_offsets()).tolist() == drawn.place.tolist()
    colors = {tuple(color) for color in np.asarray(discs.get_facecolor())}
    assert colors == {to_rgba(color) for color in (*DARK.communities[:2], DARK.gray)}
    lands = [each for each in one.axes.collections if isinstance(each, PathCollection)]
    assert {len(each.get_paths()) for each in lands} == {2}


def test_links_join_discs_within_and_across_countries() -> None:
    one, drawn = canvas(), fitted("small")
    draw_map(one, small_atlas(), drawn)
    links = [each.get_segments() for each in one.axes.collections if isinstance(each, LineCollection)]
    # The ring of twelve channels has 5 + 3 links in its two communities.
    assert [len(segments) for segments in links] == [8, 4]
    places = {tuple(np.round(place, 6)) for place in drawn.place}
    for segment in (segment for segments in links for segment in segments):
        assert {tuple(np.round(segment[0], 6)), tuple(np.round(segment[-1], 6))} <= places


def test_a_map_without_links_and_communities_is_drawn() -> None:
    one, atlas = canvas(), bare_atlas(["lonely"])
    drawn = fit_map(one, atlas, BOX)
    draw_map(one, atlas, drawn)
    assert drawn.place.tolist() == [[190.0, 120.0]]
    assert drawn.lands == ()
