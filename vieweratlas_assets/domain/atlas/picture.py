"""The atlas as pictures: one to print, and a card for link previews.

Belongs here: the arrangement of a picture. Not here: its parts (drawn_map, names, margin).
"""

import io

import matplotlib
from PIL import Image

from vieweratlas_assets.domain.atlas.canvas import Canvas, font
from vieweratlas_assets.domain.atlas.drawn_map import draw_map, fit_map
from vieweratlas_assets.domain.atlas.margin import TITLE, day_text, draw_footer, draw_legend, draw_title
from vieweratlas_assets.domain.atlas.model import AUDIENCE_NOTE, Atlas
from vieweratlas_assets.domain.atlas.names import name_channels, name_communities
from vieweratlas_assets.domain.atlas.palette import DARK, Theme

WIDTH, HEIGHT = 3200, 2240
CARD_WIDTH, CARD_HEIGHT = 1200, 630
"""The size for link previews: https://ogp.me, 1.91 to 1."""
LEGEND_WIDTH = 700
NAMED_CHANNELS = 180
NAMED_ON_CARD = 24
PREVIEW_LIMIT_BYTES = 60_000


def draw_png(atlas: Atlas, theme: Theme = DARK, *, width_px: int = WIDTH, height_px: int = HEIGHT) -> bytes:
    """Draw the atlas as a PNG of the given size; the same atlas gives the same bytes.

    Names may contain any text; characters that no font has are drawn as a dot.
    """
    with matplotlib.rc_context():
        # The machine's matplotlibrc must not change the picture.
        matplotlib.rcdefaults()
        canvas = Canvas(width_px, height_px, theme, min(width_px / WIDTH, height_px / HEIGHT))
        draw_title(canvas, atlas)
        draw_footer(canvas, atlas)
        if _is_empty(canvas, atlas):
            return canvas.png()
        scale = canvas.scale
        left = canvas.width - (LEGEND_WIDTH + 64) * scale
        drawn = fit_map(canvas, atlas, (40 * scale, 80 * scale, left - 40 * scale, canvas.height - 170 * scale))
        draw_legend(canvas, atlas, drawn, left)
        draw_map(canvas, atlas, drawn)
        name_communities(canvas, atlas, drawn)
        name_channels(canvas, drawn, NAMED_CHANNELS)
        return canvas.png()


def draw_card(atlas: Atlas, theme: Theme = DARK) -> bytes:
    """Draw a card of 1200 x 630 pixels for link previews: the map, the day, and the names of the communities."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        canvas = Canvas(CARD_WIDTH, CARD_HEIGHT, theme, 0.6)
        for text, size, y, bold in (
            (TITLE, 54, 560, True),
            (day_text(atlas.day), 34, 492, False),
            (f"{atlas.nodes.height:,} channels", 26, 430, False),
            (f"{atlas.tags.height:,} communities", 26, 392, False),
            ("by the viewers they share", 26, 354, False),
            (AUDIENCE_NOTE.partition(",")[0], 17, 44, False),
        ):
            color = canvas.theme.ink if bold else canvas.theme.dim
            canvas.text(48, y, text, font(size, bold=bold), va="center", color=color, zorder=9)
        if _is_empty(canvas, atlas):
            return canvas.png()
        canvas.taken.append((0, 0, 560, CARD_HEIGHT))
        drawn = fit_map(canvas, atlas, (560, 16, CARD_WIDTH - 16, CARD_HEIGHT - 16))
        draw_map(canvas, atlas, drawn)
        name_communities(canvas, atlas, drawn)
        name_channels(canvas, drawn, NAMED_ON_CARD)
        return canvas.png()


def preview_png(png: bytes, width_px: int = 480) -> bytes:
    """Shrink a picture to a preview under 60,000 bytes, for the Dagster UI.

    Args:
        png: the picture.
        width_px: width of the preview; it becomes narrower if the file would exceed the limit.
    """
    with Image.open(io.BytesIO(png)) as picture:
        full = picture.convert("RGB")
    while True:
        height_px = max(1, round(full.height * width_px / full.width))
        small = full.resize((width_px, height_px), Image.Resampling.LANCZOS)
        stream = io.BytesIO()
        # Maximum coverage keeps the colors of the communities; the default method turns them into shades of paper.
        small.quantize(128, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(stream, "PNG", optimize=True)
        preview = stream.getvalue()
        if len(preview) < PREVIEW_LIMIT_BYTES:
            return preview
        width_px = width_px * 4 // 5


def _is_empty(canvas: Canvas, atlas: Atlas) -> bool:
    """Whether the atlas has no channels; the canvas then says so."""
    if atlas.nodes.is_empty():
        face = font(80 * canvas.scale, bold=True)
        middle = canvas.width / 2, canvas.height / 2
        canvas.text(*middle, "No channels", face, ha="center", va="center", color=canvas.theme.dim)
    return atlas.nodes.is_empty()
