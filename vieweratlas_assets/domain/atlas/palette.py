"""The colours of the atlas, on a light background.

Belongs here: hex values, and which community bears which. Not here: drawing.
"""

import polars as pl

PAPER = "#fbfaf7"
INK_DARK = "#17191e"
INK_DIM = "#5d6573"
UNCLUSTERED_GREY = "#8b9099"

# Found by a max-min search (2026-11) over sRGB in OKLab (Ottosson 2020), of the smallest difference in normal
# vision (weighted 0.6) and in protanopia, deuteranopia and tritanopia as simulated by Machado et al. 2009
# (severity 1). Smallest OKLab difference of two: 0.145 normal, 0.085 in the others. Each has a contrast of at
# least 3:1 on white (WCAG 1.4.11).
COMMUNITY_COLOURS = (
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


def community_colours(tags: pl.DataFrame) -> dict[int | None, str]:
    """Give every community a colour (hex), and the unclustered (None) the neutral grey.

    Args:
        tags: schema COMMUNITY_TAGS.

    The colours go by rank: most channels first, ties by community; past the twelfth they begin again.
    """
    ranked = tags.sort("channels", "community", descending=[True, False])["community"]
    colours: dict[int | None, str] = {None: UNCLUSTERED_GREY}
    for rank, community in enumerate(ranked):
        colours[community] = COMMUNITY_COLOURS[rank % len(COMMUNITY_COLOURS)]
    return colours
