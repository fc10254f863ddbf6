"""The map on a canvas: lands, links and discs.

Belongs here: drawing the map, except names (names). Not here: positions and borders (map_layout, countries).
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from matplotlib.collections import EllipseCollection, LineCollection, PathCollection
from matplotlib.colors import to_rgb, to_rgba
from matplotlib.path import Path

from vieweratlas_assets.domain.atlas.canvas import Box, Canvas
from vieweratlas_assets.domain.atlas.countries import Country
from vieweratlas_assets.domain.atlas.graph import MAX_RADIUS, Floats, Indices, backbone, disc_radii, edge_ends
from vieweratlas_assets.domain.atlas.model import Atlas
from vieweratlas_assets.domain.atlas.palette import community_colors
from vieweratlas_assets.domain.overlap.measures import usable_weight

LINKS_PER_CHANNEL = 4
MAX_LINKS_ACROSS = 1400
SMALLEST_DISC = 2.0
GLOW = ((26.0, 0.035), (14.0, 0.05), (6.0, 0.08))
"""Width and opacity of the strokes along the coast, at scale 1."""
BUNDLING = 0.65
"""How far a link between two countries bends toward their centers."""


@dataclass(frozen=True)
class Land:
    """A country on the canvas.

    Attributes:
        path: the borders, in pixels.
        anchor, room: as in Country, in pixels.
    """

    country: Country
    path: Path
    anchor: tuple[float, float]
    room: float


@dataclass(frozen=True)
class DrawnMap:
    """A map fitted into a box of a canvas.

    Attributes:
        channels: Atlas.channels_by_size; the largest first, so that smaller discs are drawn on top.
        place: positions in pixels, shape (channels, 2).
        radius: radii in pixels.
        colors: hex color by community; None = channels without a community.
        lands: the countries with land.
        unit: pixels per unit of the map.
    """

    channels: pl.DataFrame
    place: Floats
    radius: Floats
    colors: dict[int | None, str]
    lands: tuple[Land, ...]
    unit: float

    def touched_by(self, box: Box) -> np.ndarray:
        """Whether a box overlaps each disc, as a mask."""
        x, y = self.place.T
        across = np.maximum(np.maximum(box[0] - x, x - box[2]), 0)
        up = np.maximum(np.maximum(box[1] - y, y - box[3]), 0)
        touched: np.ndarray = np.hypot(across, up) < self.radius
        return touched


def fit_map(canvas: Canvas, atlas: Atlas, box: Box) -> DrawnMap:
    """Fit the map into a box, as large as possible."""
    channels = atlas.channels_by_size
    place = channels.select("x", "y").to_numpy()
    radius = disc_radii(channels["viewers"])
    countries = [country for country in atlas.countries.all if country.rings]
    outermost = np.vstack(
        [place - MAX_RADIUS, place + MAX_RADIUS, *(ring for country in countries for ring in country.rings)]
    )
    low, high = outermost.min(axis=0), outermost.max(axis=0)
    unit = min((box[2] - box[0]) / (high - low)[0], (box[3] - box[1]) / (high - low)[1])
    middle = np.array([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2])

    def to_pixels(points: Floats) -> Floats:
        moved: Floats = middle + unit * (points - (low + high) / 2)
        return moved

    lands = tuple(
        Land(
            country,
            _path([to_pixels(ring) for ring in country.rings]),
            tuple(to_pixels(np.array(country.anchor)).tolist()),
            country.room * unit,
        )
        for country in countries
    )
    return DrawnMap(
        channels,
        to_pixels(place),
        np.maximum(radius * unit, SMALLEST_DISC * canvas.scale),
        community_colors(atlas.history, canvas.theme),
        lands,
        unit,
    )


def draw_map(canvas: Canvas, atlas: Atlas, drawn: DrawnMap) -> None:
    """Draw lands, links and discs."""
    _draw_lands(canvas, drawn)
    _draw_links(canvas, atlas, drawn)
    _draw_discs(canvas, drawn)


def _path(rings: list[Floats]) -> Path:
    codes = [code for ring in rings for code in (Path.MOVETO, *[Path.LINETO] * (len(ring) - 2), Path.CLOSEPOLY)]
    return Path(np.vstack(rings), codes)


def _draw_lands(canvas: Canvas, drawn: DrawnMap) -> None:
    paths = [land.path for land in drawn.lands]
    colors = [to_rgb(drawn.colors[land.country.community]) for land in drawn.lands]
    for width, opacity in GLOW:
        glow = (*to_rgb(canvas.theme.ink), opacity)
        canvas.axes.add_collection(
            PathCollection(paths, facecolors="none", edgecolors=[glow], linewidths=width * canvas.scale, zorder=0)
        )
    # Paint over the glow inside the borders, so that only the coast glows.
    canvas.axes.add_collection(PathCollection(paths, facecolors=canvas.theme.paper, edgecolors="none", zorder=1))
    canvas.axes.add_collection(
        PathCollection(
            paths,
            facecolors=[(*color, canvas.theme.land) for color in colors],
            edgecolors=[(*color, 0.6) for color in colors],
            linewidths=2.4 * canvas.scale,
            joinstyle="round",
            zorder=2,
        )
    )


def _draw_links(canvas: Canvas, atlas: Atlas, drawn: DrawnMap) -> None:
    """Draw each channel's strongest links: faint arcs within a country, bundled curves across borders."""
    links = backbone(atlas.edges, weight=usable_weight(atlas.edges), per_channel=LINKS_PER_CHANNEL)
    a, b = edge_ends(drawn.channels["channel"], links)
    community = drawn.channels["community"].fill_null(-1).to_numpy()
    strength = links["strength"].to_numpy()
    inside = (community[a] == community[b]) & (community[a] >= 0)
    across = np.flatnonzero(~inside)
    across = across[np.argsort(-strength[across], kind="stable")][:MAX_LINKS_ACROSS]
    shades = np.array([to_rgb(drawn.colors[None if number < 0 else number]) for number in community])
    rank = np.argsort(np.argsort(strength, kind="stable"), kind="stable") / max(len(strength), 1)
    within = np.flatnonzero(inside)
    _add_curves(
        canvas,
        _arcs(drawn.place[a[within]], drawn.place[b[within]]),
        np.column_stack([shades[a[within]], 0.05 + 0.26 * rank[within] ** 2]),
        (0.9 + 2.4 * rank[within] ** 3) * canvas.scale,
    )
    centers = _centers(drawn, community)
    _add_curves(
        canvas,
        _bundled(drawn.place, centers[community], a[across], b[across]),
        np.column_stack([(shades[a[across]] + shades[b[across]]) / 2, np.full(len(across), 0.16)]),
        np.full(len(across), 1.5 * canvas.scale),
    )


def _centers(drawn: DrawnMap, community: Indices) -> Floats:
    """The mean position of each community's channels, by number; the last row, for index -1, is the map's mean."""
    count = int(community.max(initial=-1)) + 1
    centers = np.tile(drawn.place.mean(axis=0), (count + 1, 1))
    for number in range(count):
        if (community == number).any():
            centers[number] = drawn.place[community == number].mean(axis=0)
    return centers


def _arcs(start: Floats, end: Floats) -> Floats:
    """Cubic Bezier curves, shape (links, 4, 2), that bend slightly to one side."""
    along = end - start
    bow = 0.16 * np.column_stack([-along[:, 1], along[:, 0]])
    return np.stack([start, start + 0.3 * along + bow, start + 0.7 * along + bow, end], axis=1)


def _bundled(place: Floats, center: Floats, a: Indices, b: Indices) -> Floats:
    """Cubic Bezier curves; links between the same countries run close together."""
    first, second = ((1 - BUNDLING) * place[end] + BUNDLING * center[end] for end in (a, b))
    return np.stack([place[a], first, second, place[b]], axis=1)


def _add_curves(canvas: Canvas, curves: Floats, colors: Floats, widths: Floats) -> None:
    # As polylines, because matplotlib draws them many times faster than curves.
    t = np.linspace(0, 1, 14)[:, None, None]
    p0, p1, p2, p3 = (curves[:, point][None] for point in range(4))
    points = (1 - t) ** 3 * p0 + 3 * (1 - t) ** 2 * t * p1 + 3 * (1 - t) * t**2 * p2 + t**3 * p3
    canvas.axes.add_collection(
        LineCollection(list(points.transpose(1, 0, 2)), colors=colors, linewidths=widths, capstyle="round", zorder=3)
    )


def _draw_discs(canvas: Canvas, drawn: DrawnMap) -> None:
    colors = [to_rgba(drawn.colors[community]) for community in drawn.channels["community"]]
    for extra, fill, order in ((2.2 * canvas.scale, canvas.theme.paper, 4), (0.0, colors, 5)):
        size = 2 * drawn.radius + extra
        canvas.axes.add_collection(
            EllipseCollection(
                size,
                size,
                np.zeros_like(size),
                units="xy",
                offsets=drawn.place,
                offset_transform=canvas.axes.transData,
                facecolors=fill,
                edgecolors="none",
                zorder=order,
            )
        )
