"""The margin of the picture: title, legend, disc sizes, how to read the map, provenance.

Belongs here: everything around the map. Not here: the map (drawn_map), its names (names).
"""

import datetime as dt

import polars as pl
from matplotlib.patches import Circle, Rectangle

from vieweratlas_assets.domain.atlas.canvas import Canvas, drawable, font
from vieweratlas_assets.domain.atlas.drawn_map import SMALLEST_DISC, DrawnMap
from vieweratlas_assets.domain.atlas.graph import disc_radii
from vieweratlas_assets.domain.atlas.model import AUDIENCE_NOTE, UNCLUSTERED, Atlas

LEGEND_ROWS = 24
HOW_TO_READ = (
    "Disc area grows with the number of viewers.",
    "Channels stand together when the same people write in both.",
    "Each country is a community that the algorithm found, not a",
    "Twitch category; distances between countries mean little.",
    "Lines join the channels that share the most viewers.",
)
TITLE = "The Twitch Atlas"


def day_text(day: dt.date) -> str:
    """A date for people to read: 28 November 2026."""
    return f"{day.day} {day:%B %Y}"


def short(number: int | None) -> str:
    """A number in few characters: 950, 9,999, 12k, 3.4M."""
    if number is None:
        return "?"
    if number >= 999_500:
        return f"{number / 1e6:.1f}M"
    return f"{number / 1e3:.0f}k" if number >= 10_000 else f"{number:,}"


def counts_text(atlas: Atlas) -> str:
    """The numbers of channels and communities, as text."""
    channels, communities = atlas.nodes.height, atlas.tags.height
    return (
        f"{channels:,} {'channel' if channels == 1 else 'channels'} in {communities:,} "
        f"{'community' if communities == 1 else 'communities'}, by the viewers they share"
    )


def draw_title(canvas: Canvas, atlas: Atlas) -> None:
    """Write title, day and counts at the top left."""
    scale, left = canvas.scale, 64 * canvas.scale
    lines = (
        (f"{TITLE} · {day_text(atlas.day)}", 70, 58, True),
        (counts_text(atlas), 32, 150, False),
        (AUDIENCE_NOTE, 26, 200, False),
    )
    for text, size, below, bold in lines:
        face = font(size * scale, bold=bold)
        y = canvas.height - below * scale
        color = canvas.theme.ink if bold else canvas.theme.dim
        canvas.text(left, y, text, face, va="top", color=color, zorder=9)
        width, height = canvas.size(text, face)
        canvas.taken.append((left, y - height, left + width, y))


def draw_legend(canvas: Canvas, atlas: Atlas, drawn: DrawnMap, left: float) -> None:
    """List the largest communities by viewers, then the sizes, and how to read the map."""
    scale, right = canvas.scale, canvas.width - 64 * canvas.scale
    canvas.taken.append((left - 16 * scale, 0, canvas.width, canvas.height))
    y = canvas.height - 92 * scale
    _heading(canvas, left, y, "COMMUNITIES")
    canvas.text(right, y, "channels · viewers", font(24 * scale), ha="right", va="center", color=canvas.theme.dim)
    rows = _legend_rows(atlas, drawn)
    widest = max((viewers or 0 for _, _, viewers, _ in rows), default=0)
    y -= 32 * scale
    for label, channels, viewers, color in rows:
        y -= 54 * scale
        _legend_row(canvas, (left, right, y), label, f"{channels:,} · {short(viewers)}", color)
        if color and widest:
            length = (right - left - 44 * scale) * (viewers or 0) / widest
            canvas.axes.add_patch(
                Rectangle((left + 44 * scale, y - 23 * scale), length, 5 * scale, color=color, linewidth=0)
            )
    y = _draw_sizes(canvas, atlas, drawn, left, y - 100 * scale)
    _heading(canvas, left, y, "HOW TO READ")
    y -= 14 * scale
    for line in HOW_TO_READ:
        y -= 34 * scale
        canvas.text(left, y, line, font(24 * scale), va="center", color=canvas.theme.dim)


def draw_footer(canvas: Canvas, atlas: Atlas) -> None:
    """Write the provenance at the bottom right."""
    scale = canvas.scale
    face = font(22 * scale)
    text = canvas.cut(
        f"ViewerAtlas · {atlas.provenance} · not affiliated with Twitch", face, canvas.width - 128 * scale
    )
    width, height = canvas.size(text, face)
    right = canvas.width - 64 * scale
    canvas.taken.append((right - width, 30 * scale, right, 30 * scale + height))
    canvas.text(right, 30 * scale, text, face, ha="right", va="bottom", color=canvas.theme.dim, zorder=9)


def _heading(canvas: Canvas, left: float, y: float, text: str) -> None:
    canvas.text(left, y, text, font(27 * canvas.scale, bold=True), va="center", color=canvas.theme.dim)


def _legend_row(canvas: Canvas, at: tuple[float, float, float], label: str, figures: str, color: str | None) -> None:
    (left, right, y), scale = at, canvas.scale
    if color:
        square = Rectangle((left, y - 14 * scale), 28 * scale, 28 * scale, color=color, linewidth=0)
        canvas.axes.add_patch(square)
    face = font(27 * scale)
    number = font(24 * scale)
    room = right - left - 60 * scale - canvas.size(figures, number)[0]
    ink = canvas.theme.ink if color else canvas.theme.dim
    canvas.text(left + 44 * scale, y, canvas.cut(drawable(label), face, room), face, va="center", color=ink)
    canvas.text(right, y, figures, number, ha="right", va="center", color=canvas.theme.dim)


def _legend_rows(atlas: Atlas, drawn: DrawnMap) -> list[tuple[str, int, int | None, str | None]]:
    """Label, channels, viewers and color of the largest communities, all other communities, and the unclustered."""
    ranked = atlas.ranked.sort("viewers", "channels", "community", descending=[True, True, False], nulls_last=True)
    shown, others = ranked.head(LEGEND_ROWS), ranked.slice(LEGEND_ROWS)
    rows: list[tuple[str, int, int | None, str | None]] = [
        (label, channels, viewers, drawn.colors[community])
        for community, label, channels, viewers in shown.select(
            "community", "label", "channels", "viewers"
        ).iter_rows()
    ]
    if others.height:
        text = f"and {others.height} more {'community' if others.height == 1 else 'communities'}"
        rows.append((text, int(others["channels"].sum()), _sum(others["viewers"]), None))
    alone = atlas.channels.filter(atlas.channels["community"].is_null())
    if alone.height:
        rows.append((UNCLUSTERED, alone.height, _sum(alone["viewers"]), drawn.colors[None]))
    return rows


def _sum(viewers: pl.Series) -> int | None:
    """The sum of the known values; None if none is known."""
    return None if viewers.null_count() == viewers.len() else int(viewers.sum())


def _draw_sizes(canvas: Canvas, atlas: Atlas, drawn: DrawnMap, left: float, y: float) -> float:
    """Show three discs with their numbers of viewers, if viewers are known; returns the y of the next section."""
    viewers = atlas.channels["viewers"]
    if not (viewers.fill_null(0) > 0).any():
        return y
    scale, x = canvas.scale, left
    _heading(canvas, left, y, "VIEWERS")
    numbers = _round_numbers(int(viewers.drop_nulls().max()))  # type: ignore[arg-type] # at least one is not null
    # The scale of the discs depends on the viewers of all channels.
    extended = pl.concat([viewers, pl.Series(numbers, dtype=pl.Int64)])
    radii = disc_radii(extended, total=int(viewers.sum()))[-len(numbers) :] * drawn.unit
    y -= 34 * scale + float(radii.max())
    for number, map_radius in zip(numbers, radii.tolist(), strict=True):
        radius = max(map_radius, SMALLEST_DISC * scale)
        canvas.axes.add_patch(Circle((x + radius, y), radius, color=canvas.theme.dim, linewidth=0))
        face = font(24 * scale)
        canvas.text(x + 2 * radius + 12 * scale, y, short(number), face, va="center", color=canvas.theme.dim)
        x += 2 * radius + 44 * scale + canvas.size(short(number), face)[0]
    return y - float(radii.max()) - 60 * scale


def _round_numbers(largest: int) -> list[int]:
    """Three powers of ten up to the largest number."""
    power = 10 ** (len(str(largest)) - 1)
    return sorted({max(power // step, 1) for step in (100, 10, 1)})
