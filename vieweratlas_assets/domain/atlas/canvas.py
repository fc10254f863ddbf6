"""A canvas to draw on, its fonts, and the boxes that labels occupy.

Belongs here: pixels, fonts, texts, free boxes. Not here: what is drawn (picture, drawn_map, names, margin).
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
"""Drawn for characters that no font has."""
# Selectors, joiners, tags and skin tones: they modify the previous character in ways that cannot be drawn here.
_JOINERS = {0x200D, 0xFE0E, 0xFE0F, *range(0x1F3FB, 0x1F400), *range(0xE0020, 0xE0080)}
LINE_HEIGHT = 1.15

Box = tuple[float, float, float, float]
"""Left, bottom, right, top, in pixels."""


@cache
def _faces() -> list[Any]:
    """The fonts, in the order in which a character is looked up; also registers them with matplotlib."""
    # matplotlib scans the machine's fonts and warns of those it cannot read.
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    paths = [Path(str(file)) for file in sorted(FONTS.iterdir(), key=str) if file.name.endswith((".otf", ".ttf"))]
    for path in paths:
        fontManager.addfont(path)
    shipped = {get_font(path).family_name: get_font(path) for path in paths}
    dejavu = get_font(Path(matplotlib.get_data_path(), "fonts/ttf/DejaVuSans.ttf"))
    return [shipped[TEXT], *(shipped[name] for name in FALLBACKS[:-1]), dejavu]


def font(size: float, *, bold: bool = False) -> FontProperties:
    """A font of `size` pixels; characters that it lacks come from the fallback fonts."""
    _faces()
    return FontProperties(family=[TITLE if bold else TEXT, *FALLBACKS], size=size)


def drawable(text: str, *, longest: int = 40) -> str:
    """The text in a form that can be drawn on one line, truncated to `longest` characters."""
    kept = [letter for letter in unicodedata.normalize("NFC", printable(text)) if ord(letter) not in _JOINERS]
    shown = "".join(kept).strip()
    shown = shown if len(shown) <= longest else shown[: longest - 1] + "…"
    return "".join(
        letter if any(face.get_char_index(ord(letter)) for face in _faces()) else MISSING for letter in shown
    )


@dataclass
class Canvas:
    """A canvas with pixel coordinates, y upward, and the boxes that labels occupy.

    Attributes:
        scale: scale of everything drawn; 1 for a canvas of the picture's size.
        taken: boxes that labels occupy.
    """

    width: int
    height: int
    theme: Theme
    scale: float
    taken: list[Box] = field(default_factory=list)

    def __post_init__(self) -> None:
        # matplotlib rounds down: the extra hundredth keeps it from losing a pixel. At 72 dpi, a point is a pixel.
        size = ((self.width + 0.01) / 72, (self.height + 0.01) / 72)
        self.figure = Figure(figsize=size, dpi=72, facecolor=self.theme.paper)
        self.agg = FigureCanvasAgg(self.figure)
        self.axes = self.figure.add_axes((0, 0, 1, 1))
        self.axes.set_axis_off()
        self.axes.set_xlim(0, self.width)
        self.axes.set_ylim(0, self.height)

    def size(self, text: str, face: FontProperties) -> tuple[float, float]:
        """Width and height of a text of one or more lines."""
        renderer = self.agg.get_renderer()  # type: ignore[no-untyped-call] # matplotlib has no annotation here
        lines = text.split("\n")
        widths = [renderer.get_text_width_height_descent(line, face, ismath=False)[0] for line in lines]
        return max(widths), face.get_size_in_points() * LINE_HEIGHT * len(lines)

    def cut(self, text: str, face: FontProperties, width: float) -> str:
        """Shorten a one-line text until it is at most `width` wide."""
        while len(text) > 1 and self.size(text, face)[0] > width:
            text = text.rstrip("…")[:-1] + "…"
        return text

    def text(self, x: float, y: float, text: str, face: FontProperties, **style: Any) -> None:
        """Write a text literally, also with dollar signs; `halo` (px) adds an outline in the color of the paper."""
        halo = style.pop("halo", 0.0)
        effects = [withStroke(linewidth=halo, foreground=self.theme.paper)] if halo else []
        self.axes.text(
            x, y, text, fontproperties=face, parse_math=False, path_effects=effects, linespacing=1.0, **style
        )

    def is_free(self, box: Box) -> bool:
        """Whether a box lies on the canvas and overlaps no label."""
        if box[0] < 0 or box[1] < 0 or box[2] > self.width or box[3] > self.height:
            return False
        left, bottom, right, top = np.array(self.taken).reshape(-1, 4).T
        return not ((box[0] < right) & (box[2] > left) & (box[1] < top) & (box[3] > bottom)).any()

    def png(self) -> bytes:
        """Encode the canvas as PNG, without the program's name and version."""
        stream = io.BytesIO()
        self.agg.print_png(stream, metadata={"Software": None})  # type: ignore[no-untyped-call] # matplotlib
        return stream.getvalue()
