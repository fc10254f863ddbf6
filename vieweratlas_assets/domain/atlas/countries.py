"""Countries: the land of each community on the map, its borders, and which countries touch.

Belongs here: borders from positions. Not here: positions (map_layout), colors (palette), drawing (drawn_map).

Every channel contributes a Gaussian to the density of its community. A place belongs to the community with the
highest density there, or to the sea if the total density is low. So borders are smooth, neighbors have no gaps
between them, and countries do not overlap.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl
from contourpy import contour_generator
from scipy import ndimage

from vieweratlas_assets.domain.atlas.graph import Floats, Indices, disc_radii

GRID = 620
"""Cells along the longer side of the map."""
SPREAD = 0.42
"""Standard deviation of a Gaussian, in units of the mean distance between two channels."""
MIN_SPREAD, MAX_SPREAD = 0.008, 0.04
"""Limits of the standard deviation, as shares of the map's extent."""
WIDE = 2.2
"""Width of a second Gaussian, relative to the first; it connects channels that lie apart."""
WEAKER = 0.35
"""Weight of the second Gaussian, relative to the first."""
COAST = 2.8
"""Margin of the grid around all channels, in standard deviations of the wide Gaussian."""
REACH = 4.0
"""Radius at which the wide Gaussian is cut off, in its standard deviations."""
LAND = 0.1
"""Density above which a place is land; a single channel of weight 1 has density 1."""
STRAIT = 0.05
"""Two countries touch across a sea narrower than this share of the map's extent."""

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Country:
    """The land of a community.

    Attributes:
        community: number of the community on this day.
        rings: closed borders, (points, 2) each, in units of the map; outer ones counter-clockwise, lakes clockwise.
        anchor: the point inside that is furthest from all borders, x and y.
        room: distance from the anchor to the nearest border.
    """

    community: int
    rings: tuple[Floats, ...]
    anchor: tuple[float, float]
    room: float


@dataclass(frozen=True)
class _Spread:
    """The densities of the communities on a grid of cells.

    Attributes:
        left, low: position of the first cell.
        cell: side of a cell.
        windows: per community, the cells that it reaches and its density there.
        total: sum of all densities.
        best, second: the two highest densities of single communities.
        owner: index of the community with the highest density.
    """

    left: float
    low: float
    cell: float
    windows: list[tuple[tuple[slice, slice], Floats]]
    total: Floats
    best: Floats
    second: Floats
    owner: Indices


class Countries:
    """The countries of a map."""

    def __init__(self, channels: pl.DataFrame) -> None:
        """Take the channels; borders are computed on first use.

        Args:
            channels: columns community (null = no land), viewers, x and y, as in Atlas.channels.
        """
        self.communities: list[int] = channels["community"].drop_nulls().unique().sort().to_list()
        self._place = channels.select("x", "y").to_numpy()
        # Channels without a community have the last index; where they are densest is sea.
        community = channels["community"].fill_null(np.iinfo(np.int32).max)
        self._home = np.searchsorted(np.array(self.communities, np.int64), community.to_numpy())
        self._radius = disc_radii(channels["viewers"])

    @cached_property
    def all(self) -> list[Country]:
        """The country of every community, sorted by community; without land on the grid it has no rings."""
        return [self._country(index) for index in range(len(self.communities))]

    @cached_property
    def touching(self) -> npt.NDArray[np.int64]:
        """Length of the common border of every two countries, in cells, shape (countries, countries); 0 = none."""
        count = len(self.communities)
        if not count:
            return np.zeros((0, 0), np.int64)
        spread = self._spread
        land = (spread.total > LAND) & (spread.owner < count)
        extent = max(float(np.ptp(self._place, axis=0).max()), 1e-9)
        # Each shore extends by half a strait.
        far, nearest = ndimage.distance_transform_edt(~land, return_indices=True)
        owner = np.where(far * spread.cell <= STRAIT * extent / 2, spread.owner[tuple(nearest)], -1)
        lengths = np.zeros(count * count, np.int64)
        for one, other in ((owner[:, 1:], owner[:, :-1]), (owner[1:], owner[:-1])):
            border = (one != other) & (one >= 0) & (other >= 0)
            lengths += np.bincount(one[border] * count + other[border], minlength=count * count)
        square = lengths.reshape(count, count)
        return square + square.T

    @cached_property
    def _spread(self) -> _Spread:
        low, high = self._place.min(axis=0), self._place.max(axis=0)
        extent = max(float((high - low).max()), 1e-3)
        spread = float(np.clip(SPREAD / math.sqrt(len(self._place)), MIN_SPREAD, MAX_SPREAD)) * extent
        around = COAST * WIDE * spread
        left, bottom = low - around
        cell = (extent + 2 * around) / GRID
        shape = tuple(math.ceil(side / cell) + 1 for side in (high - low)[::-1] + 2 * around)
        sigma = spread / cell
        cells = np.round((self._place - (left, bottom)) / cell).astype(int)
        weights = (1 + self._radius / np.median(self._radius)) ** 0.7
        total, best, second = (np.zeros(shape) for _ in range(3))
        owner = np.zeros(shape, np.int64)
        windows = []
        for index in range(int(self._home.max()) + 1):
            members = self._home == index
            window, density = _density(cells[members], weights[members], sigma, shape)
            windows.append((window, density))
            total[window] += density
            wins = density > best[window]
            second[window] = np.maximum(second[window], np.where(wins, best[window], density))
            owner[window][wins] = index
            best[window] = np.where(wins, density, best[window])
        return _Spread(float(left), float(bottom), cell, windows, total, best, second, owner)

    def _country(self, index: int) -> Country:
        spread = self._spread
        window, density = spread.windows[index]
        rivals = np.where(spread.owner[window] == index, spread.second[window], spread.best[window])
        height = np.minimum(density - rivals, spread.total[window] - LAND)
        # A frame of sea closes every border.
        height = np.pad(height, 1, constant_values=-LAND)
        x = spread.left + spread.cell * np.arange(window[1].start - 1, window[1].stop + 1)
        y = spread.low + spread.cell * np.arange(window[0].start - 1, window[0].stop + 1)
        rings = [np.asarray(line, float) for line in contour_generator(x, y, height).lines(0.0)]
        min_area = (3 * spread.cell) ** 2
        (row, column), room = _furthest_inside(height > 0)
        anchor = (float(x[column]), float(y[row]))
        large = tuple(ring for ring in rings if abs(_area(ring)) > min_area)
        return Country(self.communities[index], large, anchor, room * spread.cell)


def _density(
    cells: npt.NDArray[np.int_], weights: Floats, sigma: float, shape: tuple[int, ...]
) -> tuple[tuple[slice, slice], Floats]:
    """The window of the grid that channels reach, and their density there; a single channel of weight 1 has 1."""
    reach = math.ceil(REACH * sigma * WIDE)
    low = np.maximum(cells.min(axis=0) - reach, 0)
    high = np.minimum(cells.max(axis=0) + reach + 1, np.array(shape)[::-1])
    window = (slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0])))
    points = np.zeros((int(high[1] - low[1]), int(high[0] - low[0])))
    np.add.at(points, (cells[:, 1] - low[1], cells[:, 0] - low[0]), weights)
    narrow = ndimage.gaussian_filter(points, sigma, mode="constant")
    wide = ndimage.gaussian_filter(points, sigma * WIDE, mode="constant")
    return window, (narrow + WEAKER * wide) * (2 * math.pi * sigma**2)


def _furthest_inside(land: Mask) -> tuple[tuple[int, int], float]:
    """The cell furthest from the border of the largest piece of a land, and its distance in cells."""
    pieces, count = ndimage.label(land)
    if not count:
        return (0, 0), 0.0
    largest = 1 + int(np.argmax(np.bincount(pieces.ravel())[1:]))
    far = ndimage.distance_transform_edt(pieces == largest)
    row, column = np.unravel_index(int(np.argmax(far)), far.shape)
    return (int(row), int(column)), float(far[row, column])


def _area(ring: Floats) -> float:
    """Signed area of a closed ring (shoelace formula); positive if it runs counter-clockwise."""
    x, y = ring[:, 0], ring[:, 1]
    return 0.5 * float((x[:-1] * y[1:] - x[1:] * y[:-1]).sum())
