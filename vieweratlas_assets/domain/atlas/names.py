"""Names on the map: communities first, then channels; no name covers another.

Belongs here: positions of names. Not here: choosing names of communities (communities.history), the canvas (canvas).
"""

import numpy as np
from matplotlib.colors import to_rgb

from vieweratlas_assets.domain.atlas.canvas import Box, Canvas, drawable, font
from vieweratlas_assets.domain.atlas.drawn_map import DrawnMap, Land
from vieweratlas_assets.domain.atlas.model import Atlas

SMALLEST_NAME, LARGEST_NAME = 20.0, 60.0
"""Font sizes of communities, in pixels at scale 1."""
SMALLEST_LABEL, LARGEST_LABEL = 15.5, 35.0
"""Font sizes of channels, in pixels at scale 1."""
ACROSS, UP = np.linspace(0.12, 0.88, 13), np.linspace(0.08, 0.92, 17)
SAMPLES = np.stack(np.meshgrid(np.linspace(-0.5, 0.5, 5), np.linspace(-0.5, 0.5, 3)), axis=-1).reshape(-1, 2)
"""Points of a name's box that are checked for lying in its country, in units of the box."""
INSIDE = 0.87
"""Share of these points that must lie in the country."""
MAX_LINES = 3
SLOTS = ((0, -1), (0, 1), (1, 0), (-1, 0), (0.75, -0.75), (-0.75, -0.75), (0.75, 0.75), (-0.75, 0.75))


def name_communities(canvas: Canvas, atlas: Atlas, drawn: DrawnMap) -> int:
    """Write the names of communities into their countries, each where it hides the least; returns the number."""
    lands = {land.country.community: land for land in drawn.lands}
    named = 0
    for community, label in atlas.ranked.select("community", "label").iter_rows():
        if community in lands:
            named += _name_community(canvas, drawn, lands[community], drawable(label, longest=48).upper())
    return named


def _name_community(canvas: Canvas, drawn: DrawnMap, land: Land, name: str) -> bool:
    full = float(np.clip(0.2 * land.room, SMALLEST_NAME * canvas.scale, LARGEST_NAME * canvas.scale))
    for size in (full, 0.8 * full, 0.65 * full):
        face = font(max(size, 0.7 * SMALLEST_NAME * canvas.scale), bold=True)
        spots = [_best_spot(canvas, drawn, land, canvas.size(text, face)) for text in _broken(name)]
        choices = [(spot[0] + 40 * lines, lines, spot) for lines, spot in enumerate(spots) if spot is not None]
        if not choices:
            continue
        _, lines, (_, x, y) = min(choices)
        text = _broken(name)[lines]
        width, height = canvas.size(text, face)
        canvas.taken.append((x - width / 2, y - height / 2, x + width / 2, y + height / 2))
        shade = 0.45 * np.array(to_rgb(drawn.colors[land.country.community])) + 0.55 * np.array(
            to_rgb(canvas.theme.ink)
        )
        canvas.text(x, y, text, face, ha="center", va="center", color=tuple(shade), halo=8 * canvas.scale, zorder=8)
        return True
    return False


def _broken(name: str) -> list[str]:
    """The name on one line, and on two or more lines of about the same length."""
    words = name.split(" ")
    broken = []
    for lines in range(1, min(MAX_LINES, len(words)) + 1):
        parts: list[list[str]] = [[]]
        for word in words:
            if sum(map(len, parts[-1])) >= 0.85 * len(name) / lines and len(parts) < lines:
                parts.append([])
            parts[-1].append(word)
        # A line break replaces the separator between two parts of a name.
        broken.append("\n".join(" ".join(part).strip(" ·") for part in parts))
    return broken


def _best_spot(
    canvas: Canvas, drawn: DrawnMap, land: Land, size: tuple[float, float]
) -> tuple[float, float, float] | None:
    """The free place in a country where a box covers the least area of discs: its cost, x and y."""
    corners = np.asarray(land.path.vertices)
    low, high = corners.min(axis=0), corners.max(axis=0)
    spots = np.stack(np.meshgrid(ACROSS, UP), axis=-1).reshape(-1, 2) * (high - low) + low
    spots = np.vstack([spots, land.anchor])
    points = (spots[:, None] + SAMPLES * size).reshape(-1, 2)
    inside = land.path.contains_points(points).reshape(len(spots), -1).mean(axis=1)
    best: tuple[float, float, float] | None = None
    for (x, y), share in zip(spots.tolist(), inside.tolist(), strict=True):
        box = (x - size[0] / 2, y - size[1] / 2, x + size[0] / 2, y + size[1] / 2)
        if share < INSIDE or not canvas.is_free(box):
            continue
        hidden = float((drawn.radius[drawn.touched_by(box)] ** 2).sum())
        away = ((x - land.anchor[0]) ** 2 + (y - land.anchor[1]) ** 2) / max(land.room, 1.0) ** 2
        cost = hidden + (4000 * (1 - share) + 150 * away) * canvas.scale**2
        if best is None or cost < best[0]:
            best = (cost, x, y)
    return best


def name_channels(canvas: Canvas, drawn: DrawnMap, most: int) -> int:
    """Write the names of channels next to their discs: two per community first, then by size, if there is space.

    Returns:
        The number of names.
    """
    seen: dict[int | None, int] = {}
    first: list[int] = []
    rest: list[int] = []
    for index, community in enumerate(drawn.channels["community"]):
        seen[community] = seen.get(community, 0) + 1
        (first if community is not None and seen[community] <= 2 else rest).append(index)
    named = 0
    for index in (first + rest)[: 6 * most]:
        if named == most:
            break
        named += _name_channel(canvas, drawn, index)
    return named


def _name_channel(canvas: Canvas, drawn: DrawnMap, index: int) -> bool:
    """Write a name at the first of eight positions where it covers no label and no larger disc."""
    scale, radius = canvas.scale, float(drawn.radius[index])
    face = font(float(np.clip(12.8 * scale + 0.42 * radius, SMALLEST_LABEL * scale, LARGEST_LABEL * scale)))
    text = drawable(drawn.channels["name"][index])
    width, height = canvas.size(text, face)
    for right, up in SLOTS:
        x = drawn.place[index, 0] + right * (radius + width / 2 + 3 * scale)
        y = drawn.place[index, 1] + up * (radius + height / 2)
        box: Box = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
        larger = drawn.touched_by(box) & (drawn.radius > max(radius, 7 * scale))
        larger[index] = False
        if canvas.is_free(box) and not larger.any():
            canvas.taken.append(box)
            canvas.text(
                x, y, text, face, ha="center", va="center", color=canvas.theme.ink, halo=5.5 * scale, zorder=9
            )
            return True
    return False
