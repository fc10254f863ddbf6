import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vieweratlas_assets.domain.atlas.palette import (
    DARK,
    DARK_COLOURS,
    LIGHT,
    LIGHT_COLOURS,
    THEMES,
    Theme,
    choose_colours,
    community_colours,
)
from vieweratlas_assets.domain.schemas import COMMUNITY_HISTORY
from vieweratlas_tests.domain.atlas.samples import table

# Machado et al. 2009, severity 1, on linear RGB; the identity is normal vision.
VISIONS = {
    "normal": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}


def _linear(colour: str) -> np.ndarray:
    srgb = np.frombuffer(bytes.fromhex(colour[1:]), dtype=np.uint8) / 255
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def _oklab(linear: np.ndarray) -> np.ndarray:
    cones = np.array(
        [
            [0.4122214708, 0.5363325363, 0.0514459929],
            [0.2119034982, 0.6806995451, 0.1073969566],
            [0.0883024619, 0.2817188376, 0.6299787005],
        ]
    )
    lab = np.array(
        [
            [0.2104542553, 0.793617785, -0.0040720468],
            [1.9779984951, -2.428592205, 0.4505937099],
            [0.0259040371, 0.7827717662, -0.808675766],
        ]
    )
    return lab @ np.cbrt(cones @ np.clip(linear, 0, 1))


def _contrast(colour: str, paper: str) -> float:
    """WCAG 2: (lighter + 0.05) / (darker + 0.05)."""
    light, dark = sorted((float(_linear(each) @ [0.2126, 0.7152, 0.0722]) for each in (colour, paper)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("colours", [LIGHT_COLOURS, DARK_COLOURS])
def test_twelve_colours_stay_apart_in_four_kinds_of_vision(colours: tuple[str, ...]) -> None:
    assert len(set(colours)) == 12
    for vision, matrix in VISIONS.items():
        seen = [_oklab(np.clip(matrix @ _linear(colour), 0, 1)) for colour in colours]
        nearest = min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2))
        assert nearest > (0.14 if vision == "normal" else 0.084), vision


@pytest.mark.parametrize("theme", THEMES)
def test_texts_and_colours_stand_out_from_the_paper(theme: Theme) -> None:
    assert min(_contrast(theme.ink, theme.paper), _contrast(theme.dim, theme.paper)) >= 7
    assert min(_contrast(colour, theme.paper) for colour in (*theme.communities, theme.grey)) >= 3


def test_a_colour_has_a_like_hue_in_both_themes() -> None:
    for light, dark in zip(LIGHT_COLOURS, DARK_COLOURS, strict=True):
        hues = [np.degrees(np.arctan2(*_oklab(_linear(colour))[:0:-1])) for colour in (light, dark)]
        assert abs((hues[0] - hues[1] + 180) % 360 - 180) <= 21


def test_a_community_bears_the_colour_of_its_history() -> None:
    history = table(COMMUNITY_HISTORY, community=[0, 1], community_id=[7, 3], name=["a", "b"], colour=[4, 11])
    assert community_colours(history, DARK) == {None: DARK.grey, 0: DARK_COLOURS[4], 1: DARK_COLOURS[11]}
    assert community_colours(COMMUNITY_HISTORY.empty(), LIGHT) == {None: LIGHT.grey}


def test_up_to_twelve_communities_have_a_colour_each() -> None:
    nobody = np.zeros((12, 12), np.int64)
    assert choose_colours(nobody, np.arange(12)[::-1]) == list(range(12))
    everybody = np.ones((12, 12), np.int64)
    assert sorted(choose_colours(everybody, np.arange(12))) == list(range(12))


@given(st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_countries_that_touch_differ_and_kept_colours_stay(count: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    # A planar map of countries: each touches few.
    touching = np.zeros((count, count), np.int64)
    for one in range(1, count):
        for other in generator.choice(one, size=min(one, 5), replace=False):
            touching[one, other] = touching[other, one] = generator.integers(1, 50)
    sizes = generator.integers(2, 99, count)
    colours = choose_colours(touching, sizes)
    assert set(colours) <= set(range(12))
    degrees = (touching > 0).sum(axis=0)
    for one, other in zip(*np.nonzero(touching), strict=True):
        if degrees[one] < 12 and degrees[other] < 12:
            assert colours[one] != colours[other]
    kept = {
        int(each): int(generator.integers(12)) for each in generator.choice(count, size=count // 2, replace=False)
    }
    again = choose_colours(touching, sizes, kept)
    assert {each: again[each] for each in kept} == kept
