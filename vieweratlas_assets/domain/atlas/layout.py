"""Positions of channels: a force-directed layout of the overlap graph.

Belongs here: positions by forces alone. Not here: the map of countries (map_layout), drawing (picture, page).
"""

import math

import numpy as np
import polars as pl
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from vieweratlas_assets.domain.atlas.graph import Floats, Indices, backbone, disc_radii, edge_ends
from vieweratlas_assets.domain.schemas import LAYOUT

LINKS_PER_CHANNEL = 8
STEPS = 400
GRAVITY = 0.1
# Repulsion is summed for this many channels at a time, so that the block stays in the CPU cache.
BLOCK = 64
SPREAD_STEPS = 60
# Half the distance between components, relative to the rest distance of linked channels.
MARGIN = 0.5


def force_layout(nodes: pl.DataFrame, edges: pl.DataFrame, *, weight: str, seed: int = 0) -> pl.DataFrame:
    """Place the channels so that those that share viewers are close together.

    Args:
        nodes: schema GRAPH_NODES.
        edges: schema GRAPH_EDGES, between channels of `nodes`.
        weight: the measure of `edges` that attracts (see `usable_weight`).
        seed: seed of the starting positions.

    Returns:
        Schema LAYOUT; the longer side fills 0 to 1, the shorter is centered. A single channel is at (0.5, 0.5).

    Linked channels follow Fruchterman and Reingold (1991) on the backbone of the graph, with a pull to the
    center. Components are packed around the largest one, with unlinked channels outermost. Finally, overlapping
    discs are moved apart.
    """
    nodes = nodes.sort("channel")
    links = backbone(edges, weight=weight, per_channel=LINKS_PER_CHANNEL)
    a, b = edge_ends(nodes["channel"], links)
    place = _simulate(nodes.height, a, b, links["strength"].to_numpy(), seed)
    place = _unit(_pack(rotate_to_landscape(place), _components(nodes.height, a, b)))
    place = _unit(_spread(place, disc_radii(nodes["viewers"])))
    return LAYOUT.conform(pl.DataFrame({"channel": nodes["channel"], "x": place[:, 0], "y": place[:, 1]}))


def _simulate(count: int, a: Indices, b: Indices, strength: Floats, seed: int) -> Floats:
    """Run the spring simulation; the unit of length is the rest distance of two linked channels."""
    angle, distance = np.random.default_rng(seed).random((2, count))
    reach = math.sqrt(max(count, 1))
    place: Floats = (
        reach * np.sqrt(distance)[:, None] * np.column_stack([np.cos(2 * np.pi * angle), np.sin(2 * np.pi * angle)])
    )
    # The mean pull is 1 for every measure; the root keeps weak links effective.
    pull = np.sqrt(strength)
    pull = pull / pull.mean() if pull.sum() > 0 else np.ones_like(pull)
    for step in range(STEPS):
        stretch = place[b] - place[a]
        spring = stretch * (pull * np.hypot(stretch[:, 0], stretch[:, 1]))[:, None]
        force = _repulsion(place) - GRAVITY * place
        for axis in (0, 1):
            force[:, axis] += np.bincount(a, spring[:, axis], count) - np.bincount(b, spring[:, axis], count)
        size = np.maximum(np.hypot(force[:, 0], force[:, 1]), 1e-9)
        # Steps shrink from a tenth of the map to zero: large moves first, then fine adjustment.
        longest = 0.1 * reach * (1 - step / STEPS) ** 2
        place += force * (np.minimum(size, longest) / size)[:, None]
    return place


def _repulsion(place: Floats) -> Floats:
    """The sum over all other channels of (p - q) / |p - q|^2."""
    x, y = place.astype(np.float32).T
    force = np.empty_like(place)
    for start in range(0, len(place), BLOCK):
        rows = slice(start, start + BLOCK)
        dx, dy = x[rows, None] - x, y[rows, None] - y
        inverse = 1 / (dx * dx + dy * dy + np.float32(1e-4))
        force[rows, 0] = np.einsum("ij,ij->i", dx, inverse)
        force[rows, 1] = np.einsum("ij,ij->i", dy, inverse)
    return force


def _spread(place: Floats, radii: Floats) -> Floats:
    """Move overlapping discs apart, smaller ones further, with a gap of the mean radius between them."""
    if len(place) < 2:
        return place
    room = radii + 0.5 * radii.mean()
    for _ in range(SPREAD_STEPS):
        near = cKDTree(place).query_pairs(2 * room.max(), output_type="ndarray")
        near = near[np.lexsort((near[:, 1], near[:, 0]))]
        i, j = near[:, 0], near[:, 1]
        apart = place[j] - place[i]
        distance = np.maximum(np.hypot(apart[:, 0], apart[:, 1]), 1e-9)
        overlap = np.maximum(room[i] + room[j] - distance, 0.0)
        if not overlap.any():
            break
        shift = apart * (overlap / distance / (room[i] ** 2 + room[j] ** 2))[:, None]
        for axis in (0, 1):
            place[:, axis] += 0.5 * np.bincount(j, shift[:, axis] * room[i] ** 2, len(place))
            place[:, axis] -= 0.5 * np.bincount(i, shift[:, axis] * room[j] ** 2, len(place))
    return place


def rotate_to_landscape(place: Floats) -> Floats:
    """Rotate the longest direction to the horizontal, because pictures and screens are wider than high."""
    x, y = (place - place.mean(axis=0)).T if len(place) else place.T
    angle = 0.5 * math.atan2(2 * float((x * y).sum()), float((x * x - y * y).sum()))
    cos, sin = math.cos(angle), math.sin(angle)
    return np.column_stack([cos * x + sin * y, cos * y - sin * x])


def _components(count: int, a: Indices, b: Indices) -> list[Indices]:
    """The channels of every connected component, largest component first."""
    joined = csr_array((np.ones(len(a)), (a, b)), shape=(count, count))
    _, labels = connected_components(joined, directed=False)
    parts = np.split(np.argsort(labels, kind="stable"), np.cumsum(np.bincount(labels))[:-1]) if count else []
    return sorted(parts, key=lambda part: (-len(part), part[0]))


def _pack(place: Floats, parts: list[Indices]) -> Floats:
    """Move the components next to each other, the largest in the middle; a small one may fill a bay of a larger one.

    Components are placed as circles, by falling size, at the first free center of a sunflower spiral. A center is
    always free within twice the root of the sum of the squared radii, because the circles block no larger area.
    """
    middles = [(place[part].min(axis=0) + place[part].max(axis=0)) / 2 for part in parts]
    sizes = [
        float(np.hypot(*(place[part] - middle).T).max()) + MARGIN for part, middle in zip(parts, middles, strict=True)
    ]
    reach = 2 * math.sqrt(sum(size**2 for size in sizes)) + 2 * MARGIN
    turn = np.arange(int(math.pi * (reach / MARGIN) ** 2) + 1)
    angle = turn * math.pi * (3 - math.sqrt(5))
    centers = MARGIN * np.sqrt(turn / math.pi)[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    free = np.full(len(centers), np.inf)
    for which in sorted(range(len(parts)), key=lambda part: -sizes[part]):
        center = centers[np.argmax(free >= sizes[which])]
        place[parts[which]] += center - middles[which]
        free = np.minimum(free, _distance(centers, place[parts[which]]) - MARGIN)
        # No component is smaller than the margin, so a center closer than that stays blocked.
        centers, free = centers[free >= MARGIN], free[free >= MARGIN]
    return place


def _distance(centers: Floats, points: Floats) -> Floats:
    """The distance of every center from the nearest point."""
    distance: Floats
    if len(points) == 1:
        distance = np.hypot(centers[:, 0] - points[0, 0], centers[:, 1] - points[0, 1])
    else:
        distance = cKDTree(points).query(centers)[0]
    return distance


def _unit(place: Floats) -> Floats:
    """Scale and move into the unit square, keeping the aspect."""
    if not len(place):
        return place
    low, high = place.min(axis=0), place.max(axis=0)
    extent = float((high - low).max())
    scaled: Floats = 0.5 + (place - (low + high) / 2) / (extent or 1.0)
    # Rounding errors may exceed the edge by a last digit.
    return np.clip(scaled, 0.0, 1.0)
