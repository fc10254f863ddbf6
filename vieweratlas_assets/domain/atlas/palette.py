"""The colors of the atlas, dark and light, and their assignment to communities.

Belongs here: hex values, their visual distances, choosing among them. Not here: drawing.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

# From a max-min search (2026-11) over sRGB in OKLab (Ottosson 2020). It maximized the smallest difference in normal
# vision (weighted 0.6) and in protanopia, deuteranopia and tritanopia as simulated by Machado et al. 2009
# (severity 1). The smallest OKLab difference of two colors is 0.14 in normal vision and 0.085 in the others. Light
# colors have a contrast of at least 3:1 on white, dark ones of at least 4.6:1 on the dark paper (WCAG 1.4.11 requires
# 3:1). Colors with the same index have similar hues in both, within 20 degrees.
LIGHT_COLORS = (
    "#2159f4",
    "#d30000",
    "#376f21",
    "#a69037",
    "#009bb1",
    "#ff43a6",
    "#4e00bc",
    "#7a2c43",
    "#9b7aff",
    "#b1007a",
    "#7a4ea6",
    "#a6646f",
)
DARK_COLORS = (
    "#4785c2",
    "#ff853d",
    "#52e099",
    "#ebeb5c",
    "#b8f5f5",
    "#c25c70",
    "#a38fff",
    "#c299a3",
    "#b833ff",
    "#f514b8",
    "#f5adff",
    "#ff0000",
)


@dataclass(frozen=True)
class Theme:
    """The colors of a picture or page, hex.

    Attributes:
        name: "light" or "dark".
        paper: the background.
        ink: color of text.
        dim: color of explanatory text. Both have a contrast of at least 7:1 on paper.
        gray: color of channels without a community.
        communities: colors by index, as in the column `colour` of COMMUNITY_HISTORY.
        land: opacity of a country's color on its land.
    """

    name: str
    paper: str
    ink: str
    dim: str
    gray: str
    communities: tuple[str, ...]
    land: float


LIGHT = Theme("light", "#fbfaf7", "#17191e", "#4d5461", "#8b9099", LIGHT_COLORS, 0.15)
DARK = Theme("dark", "#0b0e13", "#f3f5f8", "#a3adbb", "#7d8592", DARK_COLORS, 0.13)
THEMES = (DARK, LIGHT)


def choose_colors(
    touching: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64], kept: Mapping[int, int] | None = None
) -> list[int]:
    """Give every community a color (an index in Theme.communities) that differs from those of touching countries.

    Args:
        touching: shape (communities, communities); above 0 if two countries touch.
        sizes: sizes of the communities; the largest choose first.
        kept: colors of communities that already have one, by index of the community.

    Up to as many communities as there are colors get distinct colors. Beyond that, each community takes a color that
    no neighbor has and the fewest others have. If its neighbors have all colors, it takes the one with the shortest
    common border.
    """
    colors = dict(kept or {})
    number = len(LIGHT_COLORS)
    for community in sorted(set(range(len(sizes))) - colors.keys(), key=lambda index: (-sizes[index], index)):
        used = [0] * number
        border = [0] * number
        for other, color in colors.items():
            used[color] += 1
            border[color] += int(touching[community, other])
        colors[community] = min(range(number), key=lambda color: (border[color], used[color], color))
    return [colors[community] for community in range(len(sizes))]


def community_colors(history: pl.DataFrame, theme: Theme) -> dict[int | None, str]:
    """The color (hex) of every community, and of unclustered channels (None).

    Args:
        history: schema COMMUNITY_HISTORY.
    """
    chosen = history.select("community", "colour").iter_rows()
    return {None: theme.gray, **{community: theme.communities[index] for community, index in chosen}}
