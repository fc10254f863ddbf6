import itertools

import numpy as np

from vieweratlas_assets.domain.atlas.palette import (
    COMMUNITY_COLOURS,
    UNCLUSTERED_GREY,
    community_colours,
)
from vieweratlas_assets.domain.schemas import COMMUNITY_TAGS
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


def test_twelve_colours_stay_apart_in_four_kinds_of_vision() -> None:
    assert len(set(COMMUNITY_COLOURS)) == 12
    for vision, matrix in VISIONS.items():
        seen = [_oklab(np.clip(matrix @ _linear(colour), 0, 1)) for colour in COMMUNITY_COLOURS]
        nearest = min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2))
        assert nearest > (0.14 if vision == "normal" else 0.084), vision


def test_every_colour_stands_out_from_white() -> None:
    for colour in (*COMMUNITY_COLOURS, UNCLUSTERED_GREY):
        assert 1.05 / (_linear(colour) @ [0.2126, 0.7152, 0.0722] + 0.05) > 3, colour


def test_colours_go_by_rank_and_begin_again() -> None:
    tags = table(
        COMMUNITY_TAGS, community=list(range(14)), label=[str(n) for n in range(14)], channels=[5] * 13 + [9]
    )
    colours = community_colours(tags)
    assert colours[13] == COMMUNITY_COLOURS[0] and colours[0] == COMMUNITY_COLOURS[1]
    assert colours[11] == COMMUNITY_COLOURS[0] and colours[None] == UNCLUSTERED_GREY
    assert community_colours(tags.reverse()) == colours


def test_without_communities_there_is_only_grey() -> None:
    assert community_colours(COMMUNITY_TAGS.empty()) == {None: UNCLUSTERED_GREY}
