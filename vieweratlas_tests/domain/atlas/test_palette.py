import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vieweratlas_assets.domain.atlas.palette import (
    DARK,
    DARK_COLORS,
    LIGHT,
    LIGHT_COLORS,
    THEMES,
    Theme,
    choose_colors,
    community_colors,
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


def _linear(color: str) -> np.ndarray:
    srgb = np.frombuffer(bytes.fromhex(color[1:]), dtype=np.uint8) / 255
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
    values: np.ndarray = lab @ np.cbrt(cones @ np.clip(linear, 0, 1))
    return values


def _contrast(color: str, paper: str) -> float:
    """WCAG 2: (lighter + 0.05) / (darker + 0.05)."""
    light, dark = sorted((float(_linear(each) @ [0.2126, 0.7152, 0.0722]) for each in (color, paper)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("colors", [LIGHT_COLORS, DARK_COLORS])
def test_twelve_colors_are_distinct_in_four_kinds_of_vision(colors: tuple[str, ...]) -> None:
    assert len(set(colors)) == 12
    for vision, matrix in VISIONS.items():
        seen = [_oklab(np.clip(matrix @ _linear(color), 0, 1)) for color in colors]
        nearest = min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2))
        assert nearest > (0.14 if vision == "normal" else 0.084), vision


@pytest.mark.parametrize("theme", THEMES)
def test_texts_and_colors_contrast_with_the_paper(theme: Theme) -> None:
    assert min(_contrast(theme.ink, theme.paper), _contrast(theme.dim, theme.paper)) >= 7
    assert min(_contrast(color, theme.paper) for color in (*theme.communities, theme.gray)) >= 3


def test_a_color_has_a_similar_hue_in_both_themes() -> None:
    for light, dark in zip(LIGHT_COLORS, DARK_COLORS, strict=True):
        hues = [np.degrees(np.arctan2(*_oklab(_linear(color))[:0:-1])) for color in (light, dark)]
        assert abs((hues[0] - hues[1] + 180) % 360 - 180) <= 21


def test_a_community_has_the_color_of_its_history() -> None:
    history = table(COMMUNITY_HISTORY, community=[0, 1], community_id=[7, 3], name=["a", "b"], colour=[4, 11])
    assert community_colors(history, DARK) == {None: DARK.gray, 0: DARK_COLORS[4], 1: DARK_COLORS[11]}
    assert community_colors(COMMUNITY_HISTORY.empty(), LIGHT) == {None: LIGHT.gray}


def test_up_to_twelve_communities_have_distinct_colors() -> None:
    nobody = np.zeros((12, 12), np.int64)
    assert choose_colors(nobody, np.arange(12)[::-1]) == list(range(12))
    everybody = np.ones((12, 12), np.int64)
    assert sorted(choose_colors(everybody, np.arange(12))) == list(range(12))


@given(st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_touching_countries_differ_and_kept_colors_stay(count: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    # A planar map of countries: each touches few others.
    touching = np.zeros((count, count), np.int64)
    for one in range(1, count):
        for other in generator.choice(one, size=min(one, 5), replace=False):
            touching[one, other] = touching[other, one] = generator.integers(1, 50)
    sizes = generator.integers(2, 99, count)
    colors = choose_colors(touching, sizes)
    assert set(colors) <= set(range(12))
    degrees = (touching > 0).sum(axis=0)
    for one, other in zip(*np.nonzero(touching), strict=True):
        if degrees[one] < 12 and degrees[other] < 12:
            assert colors[one] != colors[other]
    kept = {
        int(each): int(generator.integers(12)) for each in generator.choice(count, size=count // 2, replace=False)
    }
    again = choose_colors(touching, sizes, kept)
    assert {each: again[each] for each in kept} == kept
