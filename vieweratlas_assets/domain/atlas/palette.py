"""The colours of the atlas, dark and light, and which community bears which.

Belongs here: hex values, choosing among them, how far apart they look. Not here: drawing.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

# Found by a max-min search (2026-11) over sRGB in OKLab (Ottosson 2020), of the smallest difference in normal
# vision (weighted 0.6) and in protanopia, deuteranopia and tritanopia as simulated by Machado et al. 2009
# (severity 1). Smallest OKLab difference of two: 0.14 normal, 0.085 in the others. Each of the first has a contrast
# of at least 3:1 on white, each of the second of 4.6:1 on the dark paper (WCAG 1.4.11 asks for 3:1), and the same
# place has a like hue in both, within 20 degrees.
LIGHT_COLOURS = (
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
DARK_COLOURS = (
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
    """The colours of a picture or page, hex.

    Attributes:
        paper: the background.
        ink: of text; dim: of text that explains. Both have a contrast of at least 7:1 on paper.
        grey: of channels without a community.
        communities: by the number of their colour.
        land: how much of its colour a country's land has.
    """

    name: str
    paper: str
    ink: str
    dim: str
    grey: str
    communities: tuple[str, ...]
    land: float


LIGHT = Theme("light", "#fbfaf7", "#17191e", "#4d5461", "#8b9099", LIGHT_COLOURS, 0.15)
DARK = Theme("dark", "#0b0e13", "#f3f5f8", "#a3adbb", "#7d8592", DARK_COLOURS, 0.13)
THEMES = (DARK, LIGHT)


def choose_colours(
    touching: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64], kept: Mapping[int, int] | None = None
) -> list[int]:
    """Give every community a colour (a place in Theme.communities), unlike those of the countries that it touches.

    Args:
        touching: (communities, communities), above 0 where two countries touch.
        sizes: of the communities; the largest choose first.
        kept: colours by place, of communities that have one already.

    As many communities as there are colours have one each; of more, each takes the colour that none of its neighbors
    has and the fewest others have. Where the neighbors have them all, it takes that of the shortest border.
    """
    colours = dict(kept or {})
    number = len(LIGHT_COLOURS)
    for community in sorted(set(range(len(sizes))) - colours.keys(), key=lambda each: (-sizes[each], each)):
        used = [0] * number
        border = [0] * number
        for other, colour in colours.items():
            used[colour] += 1
            border[colour] += int(touching[community, other])
        colours[community] = min(range(number), key=lambda colour: (border[colour], used[colour], colour))
    return [colours[community] for community in range(len(sizes))]


def community_colours(history: pl.DataFrame, theme: Theme) -> dict[int | None, str]:
    """The colour (hex) of every community, and of the unclustered (None).

    Args:
        history: schema COMMUNITY_HISTORY.
    """
    chosen = history.select("community", "colour").iter_rows()
    return {None: theme.grey, **{community: theme.communities[colour] for community, colour in chosen}}
