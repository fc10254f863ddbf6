"""A sheet to draw on, its fonts, and the places that labels take.

Belongs here: pixels, fonts, texts, free places. Not here: what is drawn (picture, names, margin, card).
"""

import io
import logging
import unicodedata
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, fontManager, get_font
from matplotlib.patheffects import withStroke

from vieweratlas_assets.domain.atlas.model import printable
from vieweratlas_assets.domain.atlas.palette import Theme

FONTS = resources.files("vieweratlas_assets.domain.atlas").joinpath("fonts")
TEXT, TITLE = "ViewerAtlas Text", "ViewerAtlas Title"
FALLBACKS = ("ViewerAtlas CJK", "ViewerAtlas Emoji", "DejaVu Sans")
MISSING = "·"
"""In place of what no font has."""
# Selectors, joiners, tags and shades of skin: they change the sign before them in ways that cannot be drawn here.
_JOINERS = {0x200D, 0xFE0E, 0xFE0F, *range(0x1F3FB, 0x1F400), *range(0xE0020, 0xE0080)}
LINE_HEIGHT = 1.15

Box = tuple[float, float, float, float]
"""Left, bottom, right, top, in pixels."""


@cache
def _faces() -> list[Any]:
    """The fonts in the order in which they are asked for a letter; matplotlib knows them from then on."""
    # matplotlib looks through the machine's fonts and warns of what it cannot read.
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    paths = [Path(str(each)) for each in sorted(FONTS.iterdir(), key=str) if each.name.endswith((".otf", ".ttf"))]
    for path in paths:
        fontManager.addfont(path)
    shipped = {get_font(path).family_name: get_font(path) for path in paths}
    dejavu = get_font(Path(matplotlib.get_data_path(), "fonts/ttf/DejaVuSans.ttf"))
    return [shipped[TEXT], *(shipped[name] for name in FALLBACKS[:-1]), dejavu]


def font(size: float, *, bold: bool = False) -> FontProperties:
    """A font of so many pixels; letters that it lacks come from those behind it."""
    _faces()
    return FontProperties(family=[TITLE if bold else TEXT, *FALLBACKS], size=size)


def drawable(text: str, *, longest: int = 40) -> str:
    """A text that can be drawn on one line, cut to a number of characters."""
    kept = [letter for letter in unicodedata.normalize("NFC", printable(text)) if ord(letter) not in _JOINERS]
    shown = "".join(kept).strip()
    shown = shown if len(shown) <= longest else shown[: longest - 1] + "…"
    return "".join(
        letter if any(face.get_char_index(ord(letter)) for face in _faces()) else MISSING for letter in shown
    )


@dataclass
class Canvas:
    """A sheet whose coordinates are its pixels, y upwards, and the boxes that labels take already.

    Attributes:
        scale: how large things are drawn, 1 on a sheet as large as that of the picture.
    """

    width: int
    height: int
    theme: Theme
    scale: float
    taken: list[Box] = field(default_factory=list)

    def __post_init__(self) -> None:
        # The hundredth keeps matplotlib, which rounds down, from losing a pixel. At 72 dpi a point is a pixel.
        size = ((self.width + 0.01) / 72, (self.height + 0.01) / 72)
        self.figure = Figure(figsize=size, dpi=72, facecolor=self.theme.paper)
        self.agg = FigureCanvasAgg(self.figure)
        self.axes = self.figure.add_axes((0, 0, 1, 1))
        self.axes.set_axis_off()
        self.axes.set_xlim(0, self.width)
        self.axes.set_ylim(0, self.height)

    def size(self, text: str, face: FontProperties) -> tuple[float, float]:
        """Width and height of a text of one or more lines."""
        renderer = self.agg.get_renderer()
        lines = text.split("\n")
        widths = [renderer.get_text_width_height_descent(line, face, ismath=False)[0] for line in lines]
        return max(widths), face.get_size_in_points() * LINE_HEIGHT * len(lines)

    def cut(self, text: str, face: FontProperties, width: float) -> str:
        """Shorten a text of one line until it is no wider than `width`."""
        while len(text) > 1 and self.size(text, face)[0] > width:
            text = text.rstrip("…")[:-1] + "…"
        return text

    def text(self, x: float, y: float, text: str, face: FontProperties, **style: Any) -> None:
        """Write a text, dollar signs and all; with `halo` (px) on an outline of paper."""
        halo = style.pop("halo", 0.0)
        effects = [withStroke(linewidth=halo, foreground=self.theme.paper)] if halo else []
        self.axes.text(
            x, y, text, fontproperties=face, parse_math=False, path_effects=effects, linespacing=1.0, **style
        )

    def is_free(self, box: Box) -> bool:
        """Whether a box lies on the sheet and touches no label."""
        if box[0] < 0 or box[1] < 0 or box[2] > self.width or box[3] > self.height:
            return False
        left, bottom, right, top = np.array(self.taken).reshape(-1, 4).T
        return not ((box[0] < right) & (box[2] > left) & (box[1] < top) & (box[3] > bottom)).any()

    def png(self) -> bytes:
        """Encode the sheet, without the program's name and version."""
        stream = io.BytesIO()
        self.agg.print_png(stream, metadata={"Software": None})
        return stream.getvalue()
