"""The atlas as a picture: discs, the strongest links, names, a legend.

Belongs here: drawing with matplotlib. Not here: where channels stand (layout), files, the interactive page.
All lengths are pixels of a picture 2400 wide and 1600 high, and are scaled to the size asked for.
"""

import io
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import polars as pl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import EllipseCollection, LineCollection
from matplotlib.colors import to_rgba, to_rgba_array
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, get_font
from matplotlib.patheffects import withStroke
from PIL import Image

from vieweratlas_assets.domain.atlas.model import (
    AUDIENCE_NOTE,
    MAX_RADIUS,
    UNCLUSTERED,
    Atlas,
    Floats,
    backbone,
    disc_radii,
    edge_ends,
    printable,
)
from vieweratlas_assets.domain.atlas.palette import INK_DARK, INK_DIM, PAPER, UNCLUSTERED_GREY, community_colours
from vieweratlas_assets.domain.overlap.measures import usable_weight

WIDTH, HEIGHT = 2400, 1600
# The fonts that matplotlib ships, by file: the machine's own fonts must not change the picture.
FONTS = {
    False: Path(matplotlib.get_data_path(), "fonts/ttf/DejaVuSans.ttf"),
    True: Path(matplotlib.get_data_path(), "fonts/ttf/DejaVuSans-Bold.ttf"),
}
MISSING_GLYPH = "\N{WHITE SQUARE}"
SMALLEST_TEXT = 9.0

LINKS_PER_CHANNEL = 4
NAMED_COMMUNITIES = 24
NAMED_CHANNELS = 170
LEGEND_ROWS = 24
LEGEND_WIDTH = 520
PREVIEW_LIMIT_BYTES = 60_000

HOW_TO_READ = (
    "Disc area grows with the number of viewers.",
    "Lines join channels that share the most viewers.",
    "Channels that stand together share viewers; distances",
    "between communities mean little.",
)

Box = tuple[float, float, float, float]


@dataclass
class _Canvas:
    """A sheet whose coordinates are its pixels, y upwards, and the boxes that labels already take."""

    width: int
    height: int
    taken: list[Box] = field(default_factory=list)

    def __post_init__(self) -> None:
        # The hundredth keeps matplotlib, which rounds down, from losing a pixel. At 72 dpi a point is a pixel.
        self.figure = Figure(figsize=((self.width + 0.01) / 72, (self.height + 0.01) / 72), dpi=72, facecolor=PAPER)
        self.agg = FigureCanvasAgg(self.figure)
        self.axes = self.figure.add_axes((0, 0, 1, 1))
        self.axes.set_axis_off()
        self.axes.set_xlim(0, self.width)
        self.axes.set_ylim(0, self.height)
        self.scale = min(self.width / WIDTH, self.height / HEIGHT)

    def size(self, text: str, font: FontProperties) -> tuple[float, float]:
        """Return width and height of a text of one or more lines."""
        renderer = self.agg.get_renderer()
        lines = text.split("\n")
        widths = [renderer.get_text_width_height_descent(line, font, ismath=False)[0] for line in lines]
        return max(widths), font.get_size_in_points() * 1.15 * len(lines)

    def cut(self, text: str, font: FontProperties, width: float) -> str:
        """Shorten a text of one line until it is no wider than `width`."""
        while len(text) > 1 and self.size(text, font)[0] > width:
            text = text.rstrip("…")[:-1] + "…"
        return text

    def text(self, x: float, y: float, text: str, font: FontProperties, **style: Any) -> None:
        """Write a text, dollar signs and all; with `halo` (px) on an outline of paper."""
        halo = style.pop("halo", 0.0)
        effects = [withStroke(linewidth=halo, foreground=PAPER)] if halo else []
        self.axes.text(
            x, y, text, fontproperties=font, parse_math=False, path_effects=effects, linespacing=1.0, **style
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


@dataclass(frozen=True)
class _Discs:
    """Every channel as it is drawn: the largest first, so that smaller ones lie on top."""

    names: list[str]
    communities: list[int | None]
    x: Floats
    y: Floats
    radius: Floats
    colours: list[str]


def draw_png(atlas: Atlas, *, width_px: int = WIDTH, height_px: int = HEIGHT) -> bytes:
    """Draw the atlas as a PNG of the given size; the same atlas gives the same bytes.

    Names may hold any text; characters that the font lacks are drawn as a square.
    """
    with matplotlib.rc_context():
        # A matplotlibrc of the machine must not change the picture.
        matplotlib.rcdefaults()
        canvas = _Canvas(width_px, height_px)
        _draw_title(canvas, atlas)
        if atlas.nodes.is_empty():
            font = _font(60 * canvas.scale, bold=True)
            canvas.text(width_px / 2, height_px / 2, "No channels", font, ha="center", va="center", color=INK_DIM)
            return canvas.png()
        colours = community_colours(atlas.tags)
        discs = _place_discs(canvas, atlas, colours)
        _draw_legend(canvas, atlas, colours)
        _draw_links(canvas, atlas, discs)
        _draw_discs(canvas, discs)
        _name_communities(canvas, atlas, discs, colours)
        _name_channels(canvas, discs)
        return canvas.png()


def preview_png(png: bytes, width_px: int = 480) -> bytes:
    """Shrink a picture to a preview under 60,000 bytes, for the Dagster UI.

    Args:
        png: the picture.
        width_px: width of the preview; a picture too busy for the limit comes out narrower.
    """
    with Image.open(io.BytesIO(png)) as picture:
        full = picture.convert("RGB")
    while True:
        height_px = max(1, round(full.height * width_px / full.width))
        small = full.resize((width_px, height_px), Image.Resampling.LANCZOS)
        stream = io.BytesIO()
        # Maximum coverage keeps the colours of the communities, of which the default makes shades of paper.
        small.quantize(128, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(stream, "PNG", optimize=True)
        if stream.tell() < PREVIEW_LIMIT_BYTES:
            return stream.getvalue()
        width_px = width_px * 4 // 5


def _font(size: float, *, bold: bool = False) -> FontProperties:
    return FontProperties(fname=FONTS[bold], size=max(size, SMALLEST_TEXT))


def _drawable(text: str, *, bold: bool = False, longest: int = 32) -> str:
    """Return a text that the font can draw, cut to a number of characters."""
    face = get_font(FONTS[bold])
    shown = printable(text).strip()
    shown = shown if len(shown) <= longest else shown[: longest - 1] + "…"
    return "".join(letter if face.get_char_index(ord(letter)) else MISSING_GLYPH for letter in shown)


def _draw_title(canvas: _Canvas, atlas: Atlas) -> None:
    scale, top = canvas.scale, canvas.height
    communities = atlas.channels["community"].drop_nulls().n_unique()
    counts = (
        f"{atlas.nodes.height:,} {_plural(atlas.nodes.height, 'channel', 'channels')} in "
        f"{communities:,} {_plural(communities, 'community', 'communities')}, by the viewers they share"
    )
    lines = ((f"ViewerAtlas · {atlas.day.isoformat()}", 48, 44, True), (counts, 26, 110, False))
    for text, size, below, bold in (*lines, (AUDIENCE_NOTE, 22, 150, False)):
        font = _font(size * scale, bold=bold)
        y = top - below * scale
        canvas.text(48 * scale, y, text, font, va="top", color=INK_DARK if bold else INK_DIM)
        width, height = canvas.size(text, font)
        canvas.taken.append((48 * scale, y - height, 48 * scale + width, y))


def _plural(count: int, one: str, many: str) -> str:
    return one if count == 1 else many


def _place_discs(canvas: _Canvas, atlas: Atlas, colours: dict[int | None, str]) -> _Discs:
    """Fit the map into the sheet beside the legend and below the title."""
    channels = atlas.channels_by_size
    scale = canvas.scale
    width, height = canvas.width - (LEGEND_WIDTH + 96) * scale, canvas.height - 216 * scale
    x, y = channels["x"].to_numpy(), channels["y"].to_numpy()
    across, up = (float(np.ptp(values)) + 2 * MAX_RADIUS for values in (x, y))
    unit = min(width / across, height / up, max(width, height))
    return _Discs(
        names=channels["channel"].to_list(),
        communities=channels["community"].to_list(),
        x=48 * scale + width / 2 + unit * (x - (x.min() + x.max()) / 2),
        y=24 * scale + height / 2 + unit * (y - (y.min() + y.max()) / 2),
        radius=np.maximum(unit * disc_radii(channels["viewers"]), 1.5),
        colours=[colours.get(community, UNCLUSTERED_GREY) for community in channels["community"]],
    )


def _draw_links(canvas: _Canvas, atlas: Atlas, discs: _Discs) -> None:
    """Draw each channel's strongest links, in the community's colour where both ends are of one."""
    links = backbone(atlas.edges, weight=usable_weight(atlas.edges), per_channel=LINKS_PER_CHANNEL)
    links = links.sort("strength", maintain_order=True)
    a, b = edge_ends(pl.Series(discs.names), links)
    place = np.column_stack([discs.x, discs.y])
    inside = [
        discs.communities[i] is not None and discs.communities[i] == discs.communities[j]
        for i, j in zip(a, b, strict=True)
    ]
    shades = [
        to_rgba(discs.colours[i], 0.26) if same else to_rgba(INK_DIM, 0.13) for i, same in zip(a, inside, strict=True)
    ]
    canvas.axes.add_collection(
        LineCollection(
            list(np.stack([place[a], place[b]], axis=1)), colors=shades, linewidths=max(1.1 * canvas.scale, 0.4)
        )
    )


def _draw_discs(canvas: _Canvas, discs: _Discs) -> None:
    size = 2 * discs.radius
    canvas.axes.add_collection(
        EllipseCollection(
            size,
            size,
            np.zeros_like(size),
            units="xy",
            offsets=np.column_stack([discs.x, discs.y]),
            offset_transform=canvas.axes.transData,
            facecolors=to_rgba_array(discs.colours),
            edgecolors=PAPER,
            linewidths=max(1.2 * canvas.scale, 0.3),
            zorder=3,
        )
    )


def _name_communities(canvas: _Canvas, atlas: Atlas, discs: _Discs, colours: dict[int | None, str]) -> None:
    """Write the names of the largest communities, each where it hides the least."""
    ranked = atlas.tags.sort("channels", "community", descending=[True, False]).head(NAMED_COMMUNITIES)
    communities = np.array([-1 if community is None else community for community in discs.communities])
    for community, label, channels in ranked.select("community", "label", "channels").iter_rows():
        members = communities == community
        if not members.any():
            continue
        font = _font(float(np.clip(14 + 1.8 * math.sqrt(channels), 19, 36)) * canvas.scale, bold=True)
        text = _in_lines(_drawable(label, bold=True, longest=48))
        width, height = canvas.size(text, font)
        spot = _quietest_spot(canvas, discs, members, (width, height))
        if spot is None:
            continue
        canvas.taken.append((spot[0] - width / 2, spot[1] - height / 2, spot[0] + width / 2, spot[1] + height / 2))
        darker = tuple(0.62 * part for part in to_rgba(colours[community])[:3])
        canvas.text(*spot, text, font, ha="center", va="center", color=darker, halo=6 * canvas.scale, zorder=6)


def _quietest_spot(
    canvas: _Canvas, discs: _Discs, members: np.ndarray, size: tuple[float, float]
) -> tuple[float, float] | None:
    """Search a spiral around the community's middle for the free place that covers the least disc."""
    middle = np.median(discs.x[members]), np.median(discs.y[members])
    reach = 1.3 * float(np.percentile(np.hypot(discs.x[members] - middle[0], discs.y[members] - middle[1]), 80))
    reach = max(reach, size[0])
    best: tuple[float, tuple[float, float]] | None = None
    for step in range(160):
        turn, out = step * math.pi * (3 - math.sqrt(5)), reach * math.sqrt(step / 160)
        x, y = float(middle[0] + out * math.cos(turn)), float(middle[1] + out * math.sin(turn))
        box = (x - size[0] / 2, y - size[1] / 2, x + size[0] / 2, y + size[1] / 2)
        if not canvas.is_free(box):
            continue
        hidden = float((discs.radius[_touched(discs, box)] ** 2).sum())
        cost = hidden + 0.8 * out**2 / max(reach, 1.0)
        if best is None or cost < best[0]:
            best = (cost, (x, y))
    return best[1] if best else None


def _name_channels(canvas: _Canvas, discs: _Discs) -> None:
    """Write the names of channels beside their discs: two of every community, then by size, where there is room."""
    seen: dict[int | None, int] = {}
    first: list[int] = []
    rest: list[int] = []
    for index, community in enumerate(discs.communities):
        seen[community] = seen.get(community, 0) + 1
        (first if community is not None and seen[community] <= 2 else rest).append(index)
    named = 0
    for index in (first + rest)[: 6 * NAMED_CHANNELS]:
        if named == NAMED_CHANNELS:
            break
        named += _name_channel(canvas, discs, index)


def _name_channel(canvas: _Canvas, discs: _Discs, index: int) -> bool:
    """Write one name in the first of eight places where it covers no label and no larger disc."""
    scale, radius = canvas.scale, discs.radius[index]
    font = _font(float(np.clip(9 * scale + 0.42 * radius, 13 * scale, 24 * scale)))
    text = _drawable(discs.names[index])
    width, height = canvas.size(text, font)
    for right, up in ((0, -1), (0, 1), (1, 0), (-1, 0), (0.75, -0.75), (-0.75, -0.75), (0.75, 0.75), (-0.75, 0.75)):
        x = discs.x[index] + right * (radius + width / 2 + 2 * scale)
        y = discs.y[index] + up * (radius + height / 2)
        box = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
        larger = _touched(discs, box) & (discs.radius > max(radius, 5 * scale))
        if canvas.is_free(box) and not larger.any():
            canvas.taken.append(box)
            canvas.text(x, y, text, font, ha="center", va="center", color=INK_DARK, halo=4 * scale, zorder=7)
            return True
    return False


def _touched(discs: _Discs, box: Box) -> np.ndarray:
    """Say of every disc whether a box covers some of it."""
    across = np.maximum(np.maximum(box[0] - discs.x, discs.x - box[2]), 0)
    up = np.maximum(np.maximum(box[1] - discs.y, discs.y - box[3]), 0)
    touched: np.ndarray = np.hypot(across, up) < discs.radius
    return touched


def _in_lines(text: str, longest: int = 16) -> str:
    """Break a name into two lines at the space nearest to its middle, if it is long."""
    spaces = [place for place, letter in enumerate(text) if letter == " "]
    if len(text) <= longest or not spaces:
        return text
    middle = min(spaces, key=lambda place: abs(place - len(text) / 2))
    return text[:middle] + "\n" + text[middle + 1 :]


def _draw_legend(canvas: _Canvas, atlas: Atlas, colours: dict[int | None, str]) -> None:
    """List the largest communities with their number of channels, and how to read the map."""
    scale = canvas.scale
    left, right = canvas.width - (LEGEND_WIDTH + 48) * scale, canvas.width - 48 * scale
    canvas.taken.append((left - 12 * scale, 0, canvas.width, canvas.height))
    y = canvas.height - 60 * scale
    canvas.text(left, y, "COMMUNITIES", _font(20 * scale, bold=True), va="center", color=INK_DIM)
    canvas.text(right, y, "channels", _font(20 * scale), ha="right", va="center", color=INK_DIM)
    for label, count, colour in _legend_rows(atlas, colours):
        y -= 46 * scale
        if colour:
            canvas.axes.scatter([left + 12 * scale], [y], s=(22 * scale) ** 2, color=colour, linewidths=0)
        font = _font(22 * scale)
        short = canvas.cut(label, font, right - left - 120 * scale)
        canvas.text(left + 38 * scale, y, short, font, va="center", color=INK_DARK if colour else INK_DIM)
        canvas.text(right, y, f"{count:,}", font, ha="right", va="center", color=INK_DIM)
    y -= 30 * scale
    for line in HOW_TO_READ:
        y -= 30 * scale
        canvas.text(left, y, line, _font(18 * scale), va="center", color=INK_DIM)


def _legend_rows(atlas: Atlas, colours: dict[int | None, str]) -> list[tuple[str, int, str | None]]:
    """Return (label, channels, colour) of the largest communities, of the others together, of the unclustered."""
    ranked = atlas.tags.sort("channels", "community", descending=[True, False])
    shown, others = ranked.head(LEGEND_ROWS), ranked.slice(LEGEND_ROWS)
    rows: list[tuple[str, int, str | None]] = [
        (_drawable(label), channels, colours[community])
        for community, label, channels in shown.select("community", "label", "channels").iter_rows()
    ]
    if others.height:
        text = f"and {others.height} more {_plural(others.height, 'community', 'communities')}"
        rows.append((text, int(others["channels"].sum()), None))
    unclustered = atlas.channels["community"].null_count()
    if unclustered:
        rows.append((UNCLUSTERED, unclustered, UNCLUSTERED_GREY))
    return rows
